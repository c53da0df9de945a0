import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Products, reasons, people")

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
    shop.header("products_people")
    return


@app.cell
def _(link, shop):
    currency = nb.choice(link, "currency", shop.currencies(), "Currency", None)
    days = shop.span(link)
    nb.Filters(days=days, currency=currency)
    return currency, days


@app.cell
def _(currency, days):
    where = (
        f"period between date_trunc('month', {nb.literal(days.value[0])}) and {nb.literal(days.value[1])}"
        f" and currency = {nb.literal(currency.value)}"
    )
    period = f"whole months, returns made {days.value[0]:%Y-%m} to {days.value[1]:%Y-%m}, {currency.value}"
    return period, where


@app.cell
def _(period, shop, where):
    reasons = shop.figure(
        "Why does it come back?",
        "Units of the 20 SKUs that come back most, by reason: a mix of what came back."
        " With fewer than 30 units of a SKU read nothing into its row.",
        f"""
        with units as (
            select sku, parent_reason, sum(units)::bigint as units from marts.prod_sku_reason where {where} group by all
        ),
        most as (
            select sku, sum(units) as sku_units from units group by sku order by sku_units desc, sku limit 20
        )
        select units.sku, units.parent_reason, units.units, units.units / most.sku_units as units_share
        from units join most using (sku)
        order by most.sku_units desc, units.sku, units.parent_reason
        """,
        period=period,
        draw=lambda rows: drawings.heat(
            rows,
            "parent_reason",
            "sku",
            "units",
            "units",
            "Units that came back by SKU and reason",
            words="units",
        ),
        shows_table=False,
        empty="Nothing came back in these months.",
    )
    reasons
    return (reasons,)


@app.cell
def _(period, shop, where):
    intervals = shop.figure(
        "How sure is a reason's share?",
        "The share of each reason over all SKUs, with its 95 % interval (Wilson): where two intervals overlap, the order may"
        " be chance.",
        f"""
        with units as (
            select parent_reason, sum(units)::bigint as units, sum(amount) as amount, sum(bad_units)::bigint as bad_units
            from marts.prod_sku_reason where {where} group by all
        ),
        shares as (
            select *, (sum(units) over ())::bigint as all_units, units / sum(units) over () as units_share from units
        )
        select parent_reason, units, all_units, units_share,
            (units_share + 1.9208 / all_units - 1.96 * sqrt(units_share * (1 - units_share) / all_units
                + 0.9604 / (all_units * all_units))) / (1 + 3.8416 / all_units) as share_low,
            (units_share + 1.9208 / all_units + 1.96 * sqrt(units_share * (1 - units_share) / all_units
                + 0.9604 / (all_units * all_units))) / (1 + 3.8416 / all_units) as share_high,
            amount, bad_units
        from shares
        order by units desc, parent_reason
        """,
        period=period,
        draw=lambda rows: diagrams.ranges(
            rows,
            "parent_reason",
            ("share_low", "units_share", "share_high"),
            "share of the units that came back",
            "Share of each reason with its 95 percent interval",
            percent=True,
        ),
        empty="Nothing came back in these months.",
    )
    intervals
    return (intervals,)


@app.cell
def _(period, shop, where):
    rates = shop.figure(
        "What share of what was sold comes back?",
        "Units that came back in a month against units sold in it, the 30 highest rates; what comes back is partly of earlier"
        " sales. Only where the extract `shopify_order_lines` covers the month, and 30 units or more were sold.",
        f"""
        with skus as (
            select period, sku, any_value(sku_units) as came_back, any_value(sold_units) as sold, any_value(currency) as currency
            from marts.prod_sku_reason where {where} group by period, sku
        )
        select period, sku, came_back, sold, came_back / sold as rate_share, currency
        from skus
        where sold >= 30
        order by rate_share desc, period, sku
        limit 30
        """,
        period=period,
        empty="No SKU of these months is known to have sold 30 units: `shopify_order_lines` is absent, or does not cover them.",
    )
    rates
    return (rates,)


@app.cell
def _(currency, shop):
    def in_order(rows):
        known = list(dict.fromkeys(row["from_size"] for row in rows))
        return known + sorted({row["to_size"] for row in rows} - set(known))

    sizes = shop.figure(
        "Which size do they want instead?",
        "What came back (down) against what was wanted instead (across), within one product, by the last word of the variant. Many more on one side of the"
        " diagonal: the product runs small or large. The 15 most frequent sizes.",
        f"""
        with wanted as (
            select regexp_extract(from_size, '[^ -]+$') as from_size, regexp_extract(to_size, '[^ -]+$') as to_size,
                direction, sum(units)::bigint as units
            from marts.prod_size_exchange
            where match_class = 'same_product' and currency = {nb.literal(currency.value)}
            group by 1, 2, 3
        ),
        most as (
            select from_size as size, sum(units) as units from wanted group by all order by units desc, size limit 15
        ),
        ranked as (
            select most.size, coalesce(ranks.rank, 99) as rank
            from most left join staging.seed_size_ranks as ranks
                on ranks.size = lower(most.size)
        )
        select wanted.from_size, wanted.to_size, wanted.direction, wanted.units
        from wanted join ranked on ranked.size = wanted.from_size
        order by ranked.rank, wanted.from_size, wanted.to_size
        """,
        period="all returns that were not cancelled",
        draw=lambda rows: drawings.heat(
            rows,
            "to_size",
            "from_size",
            "units",
            "units",
            "Units exchanged within a product by the size that came back and the size that was wanted",
            words="units",
            order=in_order(rows),
        ),
        empty="No exchange within a product was made in this currency.",
    )
    sizes
    return (sizes,)


@app.cell
def _(currency, shop):
    lorenz = shop.figure(
        "How much of the value is on few customers?",
        "Customers from the smallest to the largest by value returned. The further the curve hangs below the diagonal, the"
        " fewer customers make most of the value. A customer is a hash; without `pii_key` there is none.",
        f"""
        with customers as (
            select amount, row_number() over (order by amount, customer) as place, count(*) over () as n,
                sum(amount) over () as total
            from marts.risk_returner
            where customer <> 'none' and currency = {nb.literal(currency.value)} and amount > 0
        ),
        curve as (
            select place / n as customers_share, sum(amount) over (order by place) / total as value_share, place, n
            from customers
        )
        select customers_share, value_share::double as value_share from curve
        where place % greatest(1, (n / 200)::int) = 0 or place = n
        order by customers_share
        """,
        period=f"all returns, {currency.value}, cancelled ones left out",
        draw=lambda rows: diagrams.lorenz(
            rows,
            "customers_share",
            "value_share",
            ("share of customers", "share of the value returned"),
            "Lorenz curve of the value returned per customer",
        ),
        shows_table=False,
        empty="No customer is known: e-mails are not kept, not even as a hash (`pii_key`).",
    )
    lorenz
    return (lorenz,)


@app.cell
def _(currency, shop):
    signals = shop.figure(
        "Who deserves a look?",
        "Customers, hashed, with a signal, the most signals first. Each signal is a reason to read the evidence, never to refuse"
        " anything; whether you may profile customers is yours to settle first. Pick one to see the returns.",
        f"""
        select match_class, left(customer, 12) as customer, signals, signal_count, score, returns, units, amount, amount_90d,
            currency, refund_only_share, return_rate, outside_refunds, returns_per_order, variants_per_product, bad_returns, undelivered_paid, kept_items
        from marts.risk_returner
        where signal_count > 0 and customer <> 'none' and currency = {nb.literal(currency.value)}
        order by match_class = 'look' desc, signal_count desc, score desc, amount desc
        limit 200
        """,
        period="all returns, cancelled ones left out",
        select="single",
        empty="No customer of this currency shows a signal.",
    )
    signals_table = signals.table
    signals
    return signals, signals_table


@app.cell
def _(currency, shop, signals_table):
    _customer = nb.picked(signals_table, "customer")
    (
        shop.figure(
            f"The returns of customer {_customer}",
            "The evidence behind the signals, the newest first.",
            f"""
            select return_id, state, outcome, order_name, return_total, refund, gift_card, currency, label_status, method_type,
                created_at
            from staging.stg_returns
            where starts_with(customer, {nb.literal(_customer)}) and currency = {nb.literal(currency.value)}
            order by created_at desc
            """,
            period="all returns",
        )
        if _customer
        else nb.Note("Pick a customer above: the returns behind the signals stand here.")
    )
    return


@app.cell
def _(shop):
    asked = shop.requests(
        "Ask for a look",
        "Open returns of customers whose class is `look`: a person should see the evidence before they are paid.",
        """
        select returns.return_id, 'customer signals: ' || risk.signals as reason, risk.score, returns.return_total as amount,
            returns.currency
        from marts.risk_returner as risk
        join staging.stg_returns as returns
            on returns.customer = risk.customer and returns.currency = risk.currency
        where risk.match_class = 'look' and returns.state in ('open', 'review')
        order by risk.score desc, returns.return_id
        """,
        empty="No open return belongs to a customer that a person should look at.",
    )
    asked
    return (asked,)


if __name__ == "__main__":
    app.run()
