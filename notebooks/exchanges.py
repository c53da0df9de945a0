import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Exchanges")

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
    shop.header("exchanges")
    return


@app.cell
def _(link, shop):
    currency = nb.choice(link, "currency", shop.currencies(), "Currency", None)
    mode = nb.choice(
        link, "mode", shop.values("select distinct mode from marts.recon_exchange order by 1"), "Mode", "all"
    )
    nb.Filters(currency=currency, mode=mode)
    return currency, mode


@app.cell
def _(currency, mode):
    _mode = f" and mode = {nb.literal(mode.value)}" if mode.value else ""
    where = f"currency = {nb.literal(currency.value)}{_mode}"
    return (where,)


@app.cell
def _(shop):
    shop.without("shopify_orders", "whether an exchange became an order is `unverifiable`.")
    return


@app.cell
def _(shop):
    modes = shop.figure(
        "Exchange orders of their own, or lines on the original order?",
        "`order` is Loop's older way, an exchange order per exchange; `native` adds the items to the original order. One"
        " shop can have both. `unknown` says that no extract shows which. All currencies: these are counts.",
        """
        select mode, match_class, count(*) as returns
        from marts.recon_exchange
        group by all
        order by mode, returns desc
        """,
        draw=lambda rows: drawings.bars(
            rows,
            "returns",
            "mode",
            "returns with an exchange",
            "Returns with an exchange by mode, parted by class",
            colour="match_class",
        ),
        empty="No return has an exchange.",
    )
    modes
    return (modes,)


@app.cell
def _(currency, shop):
    flow = shop.figure(
        "Where the returned value goes",
        "The value of returns that are not cancelled or expired, by what the customer gets, and how it splits: cash leaves,"
        " exchange and store credit stay with the shop.",
        f"""
        with values_of as (
            select coalesce(outcome_derived, 'none') as outcome, refund, gift_card, exchange_credit_total, currency
            from staging.stg_returns
            where currency = {nb.literal(currency.value)} and state not in ('cancelled', 'expired')
        )
        select outcome, 'cash' as goes_into, sum(refund) as amount, any_value(currency) as currency, count(*) as returns
        from values_of group by outcome
        union all
        select outcome, 'store credit', sum(gift_card), any_value(currency), count(*) from values_of group by outcome
        union all
        select outcome, 'exchange', sum(exchange_credit_total), any_value(currency), count(*) from values_of group by outcome
        order by outcome, goes_into
        """,
        period="all returns",
        draw=lambda rows: drawings.bars(
            rows,
            "amount",
            "outcome",
            f"{currency.value} promised",
            "Value promised by outcome, parted into cash, exchange and store credit",
            colour="goes_into",
        ),
        empty="No return of this currency is live or closed.",
    )
    flow
    return (flow,)


@app.cell
def _(currency, shop, where):
    scatter = shop.figure(
        "Loop's exchange against Shopify's order",
        "A point is a return whose exchange is seen on an order: its new items after discount and tax, on both sides. On the"
        " line they are equal. At most 1,000 points, breaks first.",
        f"""
        with sums as (
            select return_id, sum(due_total) as due, sum(ordered_total) as ordered
            from marts.recon_exchange_lines group by return_id
        )
        select exchange.match_class, exchange.return_id, sums.due, sums.ordered, exchange.difference, exchange.currency,
            exchange.mode
        from marts.recon_exchange as exchange
        join sums using (return_id)
        where {where} and sums.ordered is not null
        order by exchange.severity nulls last, exchange.return_id
        limit 1000
        """,
        draw=lambda rows: diagrams.scatter(
            rows,
            "due",
            "ordered",
            (f"due by Loop, {currency.value}", f"on Shopify's order, {currency.value}"),
            "Value of the new items by Loop against the same on Shopify's order",
            colour="match_class",
        ),
        shows_table=False,
        empty="No exchange of this currency is seen on an order.",
    )
    scatter
    return (scatter,)


@app.cell
def _(currency, shop):
    clearing = shop.figure(
        "Does the credit clear?",
        "Exchange credit that returns gave, by the month in which their chain began, and what orders used of it. An exchange of"
        " an exchange is in the month of the first. The open balance of an old month must be 0.",
        f"""
        select month, match_class, returns, chains, credit_granted, credit_used, credit_unverified, open_balance, currency,
            open_returns, oldest_open_at, control
        from marts.recon_exchange_clearing
        where currency = {nb.literal(currency.value)}
        order by month
        """,
        period="all months, by the first return of a chain",
        draw=lambda rows: drawings.columns(
            [row | {"month": row["month"][:7]} for row in rows],
            "month",
            "open_balance",
            f"{currency.value} not cleared",
            "Open balance of the exchange credit by month",
            colour="match_class",
            title="month in which the chain began",
        ),
        empty="No exchange of this currency gave credit.",
    )
    clearing
    return (clearing,)


@app.cell
def _(shop, where):
    broken = shop.figure(
        "Missing, doubled or different",
        "The worst first. Pick one to see its story.",
        f"""
        select return_id, match_class, severity, mode, state, amount, difference, currency, exchange_order_name, due_units,
            missing_units, waiting_units, surplus_units, sharing_returns, closed_at, found_at
        from marts.recon_exchange
        where severity is not null and {where}
        order by severity, abs(coalesce(difference, 0)) desc, return_id
        """,
        select="single",
        empty="Every exchange of this currency became what it should.",
    )
    broken_table = broken.table
    broken
    return broken, broken_table


@app.cell
def _(broken_table, shop):
    shop.story(nb.picked(broken_table, "return_id"), "the table above")
    return


@app.cell
def _(shop):
    shop.without("stripe_charges", "whether an upsell was collected is `unverifiable`.")
    return


@app.cell
def _(shop):
    upsell = shop.figure(
        "Was the upsell collected?",
        "What customers owe for dearer new items; Stripe charges it through Loop, not Shopify. `charged` is what came in,"
        " `fee` what Stripe keeps of it. Each currency by itself.",
        """
        select match_class, currency, count(*) as returns, sum(amount) as upsell, sum(charged) as charged,
            sum(refunded) as refunded, sum(fee) as fee
        from marts.recon_upsell
        where starts_with(entity, 'return:') and amount > 0
        group by all
        order by currency, returns desc, match_class
        """,
        empty="No return has an upsell.",
    )
    upsell
    return (upsell,)


@app.cell
def _(shop):
    asked = shop.requests(
        "Ask for a look",
        "Exchanges that are missing, doubled or different, and upsells that were not collected, in all currencies.",
        """
        select return_id, replace(recon, 'recon_', '') || ': ' || break_type || coalesce(', ' || left_ref, '')
            || coalesce(' against ' || right_ref, '') as reason, severity, amount, currency, age_days
        from marts.open_breaks
        where recon in ('recon_exchange', 'recon_upsell') and status = 'open' and return_id is not null
        order by severity, abs(coalesce(amount, 0)) desc, return_id
        """,
        empty="Every exchange became what it should.",
    )
    asked
    return (asked,)


if __name__ == "__main__":
    app.run()
