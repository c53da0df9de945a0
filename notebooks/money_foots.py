import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Does the money foot?")

with app.setup:
    import marimo as mo

    from loop_returns import notebooks as nb
    from loop_returns.notebooks import diagrams, drawings


@app.cell
def given():
    link = nb.Link(mo.query_params())
    published = nb.published()
    return link, published


@app.cell
def _(published):
    shop = nb.opened(published)
    return (shop,)


@app.cell
def _(shop):
    shop.header("money_foots")
    return


@app.cell
def _(link, shop):
    days = shop.span(link)
    currency = nb.choice(link, "currency", shop.currencies(), "Currency", None)
    outcome = nb.choice(
        link,
        "outcome",
        shop.values("select distinct outcome_derived from marts.recon_money order by 1"),
        "Outcome",
        "all",
    )
    nb.Filters(days=days, currency=currency, outcome=outcome)
    return currency, days, outcome


@app.cell
def _(currency, days, outcome):
    _outcome = f" and outcome_derived = {nb.literal(outcome.value)}" if outcome.value else ""
    where = f"{nb.between('created_at', days.value)} and currency = {nb.literal(currency.value)}{_outcome}"
    period = f"returns made {days.value[0]} to {days.value[1]}, {currency.value or 'no currency'}" + (
        f", outcome {outcome.value}" if outcome.value else ""
    )
    return period, where


@app.cell
def _(period, shop, where):
    matrix = shop.figure(
        "Which identities hold, for which outcomes?",
        "The share of the returns on which an identity holds within tolerance; the number is how many were judged."
        " C1 to C3 are certain and enforced; the G forms are guesses of how the total splits, and only returns with a"
        " gift card, a fee, an upsell or shipping tell them apart.",
        f"""
        select identity_id, outcome_derived as outcome, count(*) as returns,
            sum(case when match_class = 'matched' then 1 else 0 end)::bigint as holding,
            avg(case when match_class = 'matched' then 1.0 else 0 end) as holding_share,
            sum(case when is_informative then 1 else 0 end)::bigint as informative
        from marts.recon_money
        where {where}
        group by all
        order by identity_id, outcome
        """,
        period=period,
        draw=lambda rows: drawings.heat(
            rows,
            "outcome",
            "identity_id",
            "holding_share",
            "share on which it holds",
            "Share of returns on which each identity holds, by outcome",
            domain=(0, 1),
            words="returns",
            percent=True,
        ),
        empty="No identity was judged on such a return.",
    )
    matrix
    return (matrix,)


@app.cell
def _(shop):
    profile = shop.figure(
        "What could be enforced?",
        "All months, all currencies. `enforce` is a suggestion from 50 informative returns on, of which 99 % hold; a"
        " person edits `[identity]` in loop.toml.",
        """
        select identity_id, grade, statement, sum(row_count)::bigint as returns,
            sum(informative_count)::bigint as informative, sum(informative_holding_count)::bigint as informative_holding,
            sum(informative_holding_count) / nullif(sum(informative_count), 0) as informative_share,
            string_agg(distinct suggestion, ', ' order by suggestion) as suggestions
        from marts.recon_identity_profile join staging.seed_identities using (identity_id)
        group by all
        order by identity_id
        """,
        period="all months",
        empty="No return was judged yet.",
    )
    profile
    return (profile,)


@app.cell
def _(period, shop, where):
    _order = ["over 100", "10-100", "1-10", "0.10-1", "0.01-0.10", "under 0.01"]
    residuals = shop.figure(
        "Where do the residuals cluster?",
        "Residuals other than zero, each step ten times the one before. Many of one size point at a fee or a rounding"
        " rule; a few large ones at single mistakes.",
        f"""
        select case when abs(amount) >= 100 then 'over 100' when abs(amount) >= 10 then '10-100'
                when abs(amount) >= 1 then '1-10' when abs(amount) >= 0.1 then '0.10-1'
                when abs(amount) >= 0.01 then '0.01-0.10' else 'under 0.01' end as size,
            case when amount > 0 then 'left side larger' else 'right side larger' end as sign,
            mode, count(*) as residuals, sum(amount) as signed_sum, any_value(currency) as currency
        from marts.recon_money
        where {where} and amount <> 0
        group by all
        order by max(abs(amount)) desc
        """,
        period=period,
        draw=lambda rows: drawings.columns(
            rows,
            "size",
            "residuals",
            "residuals",
            "Residuals by size in steps of ten, parted by sign",
            colour="sign",
            order=_order,
            title="absolute residual",
        ),
        empty="Every identity holds to the cent.",
    )
    residuals
    return (residuals,)


@app.cell
def _(currency, days, outcome, period, shop):
    _outcome = f" and outcome_derived = {nb.literal(outcome.value)}" if outcome.value else ""
    waterfall = shop.figure(
        "From the goods to what the customer gets",
        "All returns of the selection added up: goods, less discount, plus tax, is the return's total; below it what Loop"
        " promises. `not explained` is what the four parts do not add up to.",
        f"""
        with sums as (
            select coalesce(sum(return_product_total), 0) as product, coalesce(sum(return_discount_total), 0) as discount,
                coalesce(sum(return_tax_total), 0) as tax, coalesce(sum(return_total), 0) as total,
                coalesce(sum(refund), 0) as cash, coalesce(sum(gift_card), 0) as credit,
                coalesce(sum(exchange_credit_total), 0) as exchange, coalesce(sum(handling_fee), 0) as fee
            from staging.stg_returns
            where {nb.between("created_at", days.value)} and currency = {nb.literal(currency.value)}{_outcome}
        )
        select 1 as place, 'goods' as step, 0::decimal(18, 4) as from_amount, product as to_amount, 'sum' as kind from sums
        union all select 2, 'discount', product, product - discount, 'down' from sums
        union all select 3, 'tax', product - discount, product - discount + tax, 'up' from sums
        union all select 4, 'return total', 0, total, 'sum' from sums
        union all select 5, 'cash', total, total - cash, 'down' from sums
        union all select 6, 'store credit', total - cash, total - cash - credit, 'down' from sums
        union all select 7, 'exchange', total - cash - credit, total - cash - credit - exchange, 'down' from sums
        union all select 8, 'fee', total - cash - credit - exchange, total - cash - credit - exchange - fee, 'down' from sums
        union all select 9, 'not explained', 0, total - cash - credit - exchange - fee, 'sum' from sums
        order by place
        """,
        period=period,
        draw=lambda rows: diagrams.waterfall(
            rows,
            "Waterfall from the value of the goods over discount and tax to cash, credit, exchange and fee",
            f"{currency.value}",
        ),
    )
    waterfall
    return (waterfall,)


@app.cell
def _(period, shop, where):
    largest = shop.figure(
        "The 20 largest residuals",
        "Enforced ones first: only they are breaks. Pick one to see its story.",
        f"""
        select return_id, identity_id, statement, match_class, amount as residual, currency, left_amount, right_amount,
            root_cause, mode
        from marts.recon_money join staging.seed_identities using (identity_id)
        where {where} and match_class <> 'matched'
        order by match_class = 'amount_break' desc, abs(coalesce(amount, 0)) desc, return_id, identity_id
        limit 20
        """,
        period=period,
        select="single",
        empty="Every identity holds within tolerance.",
    )
    largest_table = largest.table
    largest
    return largest, largest_table


@app.cell
def _(largest_table, shop):
    shop.story(nb.picked(largest_table, "return_id"), "the 20 largest")
    return


@app.cell
def _(shop):
    asked = shop.requests(
        "Ask for a look",
        "Every return whose own amounts do not add up, in all currencies: a flag holds an open one before it pays.",
        """
        select return_id, 'amounts do not add up: ' || string_agg(split_part(entity, ':', 3) || ' by ' ||
            cast(cast(amount as decimal(18, 2)) as text), ', ' order by entity) as reason,
            min(severity) as severity, any_value(currency) as currency, max(age_days) as age_days
        from marts.open_breaks
        where recon = 'recon_money' and status = 'open'
        group by return_id
        order by severity, return_id
        """,
        empty="Every return foots: nothing to ask for.",
    )
    asked
    return (asked,)


if __name__ == "__main__":
    app.run()
