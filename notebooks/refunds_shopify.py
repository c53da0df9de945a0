import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Refunds against Shopify")

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
    shop.header("refunds_shopify")
    return


@app.cell
def _(link, shop):
    currency = nb.choice(link, "currency", shop.currencies(), "Currency", None)
    kinds = nb.choice(
        link,
        "class",
        shop.values(
            "select distinct match_class from marts.recon_refund where severity is not null order by 1"
        ),
        "Break",
        "all",
    )
    nb.Filters(currency=currency, kinds=kinds)
    return currency, kinds


@app.cell
def _(shop):
    shop.without(
        "shopify_refunds",
        "Loop's refunds are compared with Loop's own parts alone; whether the cash left is `unverifiable`.",
    )
    return


@app.cell
def _(currency, kinds, shop):
    _kind = f" and match_class = {nb.literal(kinds.value)}" if kinds.value else ""
    scatter = shop.figure(
        "Due against paid",
        "A point is a return, or a refund that no return explains. On the line Loop's cash and Shopify's are equal; below"
        " it too little went back, above it too much. At most 1,000 points, breaks first.",
        f"""
        select match_class, coalesce(return_id, entity) as return_or_refund, coalesce(due, 0) as due,
            coalesce(paid, amount, 0) as paid, difference, currency, level
        from marts.recon_refund
        where currency = {nb.literal(currency.value)} and (due <> 0 or paid <> 0 or match_class = 'extra_in_shopify')
            and (refund_id is null or match_class = 'extra_in_shopify'){_kind}
        order by severity nulls last, abs(coalesce(difference, 0)) desc
        limit 1000
        """,
        draw=lambda rows: diagrams.scatter(
            rows,
            "due",
            "paid",
            (f"due by Loop, {currency.value}", f"paid by Shopify, {currency.value}"),
            "Cash due by Loop against cash paid by Shopify, per return",
            colour="match_class",
        ),
        shows_table=False,
        empty="No cash was due or paid in this currency.",
    )
    scatter
    return (scatter,)


@app.cell
def _(currency, shop):
    aged = shop.figure(
        "What does not match, and since when",
        "Open breaks by days since they were first seen; the count stands beside the signed sum, since +5 and -5 net to 0.",
        f"""
        select age_bucket, break_type, count(*) as breaks, sum(amount) as signed_sum, any_value(currency) as currency,
            min(age_days) as youngest
        from marts.open_breaks
        where recon = 'recon_refund' and currency = {nb.literal(currency.value)}
        group by age_bucket, break_type
        order by youngest, break_type
        """,
        draw=lambda rows: drawings.columns(
            rows,
            "age_bucket",
            "breaks",
            "breaks",
            "Open refund breaks by age, parted by class",
            colour="break_type",
            title="days since first seen",
        ),
        empty="No refund break is open in this currency.",
    )
    aged
    return (aged,)


@app.cell
def _(currency, shop):
    causes = shop.figure(
        "Why",
        "The causes that the rules found, most breaks first. The share of `unknown` is what nobody has looked at.",
        f"""
        select coalesce(root_cause, 'unknown') as cause, break_type, count(*) as breaks, sum(amount) as signed_sum,
            any_value(currency) as currency
        from marts.open_breaks
        where recon = 'recon_refund' and currency = {nb.literal(currency.value)}
        group by all
        order by breaks desc, cause
        """,
        draw=lambda rows: drawings.bars(
            rows, "breaks", "cause", "breaks", "Refund breaks by cause", colour="break_type"
        ),
        empty="No refund break is open in this currency.",
    )
    causes
    return (causes,)


@app.cell
def _(shop):
    ladder = shop.figure(
        "How each refund was matched",
        "First by Shopify's id of the refund, then by the exact amount on the order, then by the sum of the order. What is"
        " left is open, waits, or is a break. All currencies: these are counts.",
        """
        select case level when 1 then '1 by id' when 2 then '2 by exact amount' when 3 then '3 by sum of the order'
                else 'left' end as step, match_class, count(*) as entities
        from marts.recon_refund
        group by all
        order by step, entities desc
        """,
        draw=lambda rows: drawings.bars(
            rows,
            "entities",
            "step",
            "returns and refunds",
            "Returns and refunds by the step that matched them",
            colour="match_class",
            order=["1 by id", "2 by exact amount", "3 by sum of the order", "left"],
        ),
        empty="There is no return yet.",
    )
    ladder
    return (ladder,)


@app.cell
def _(currency, kinds, shop):
    _kind = f" and match_class = {nb.literal(kinds.value)}" if kinds.value else ""
    candidates = shop.figure(
        "Money that left, or may leave, twice or wrongly",
        "Every break of this currency, the worst first: paid early, paid on a dead return and over-refunded are money gone"
        " or about to go. Pick one to see its story.",
        f"""
        select return_id, refund_id, match_class, severity, due, paid, difference, currency, state, order_id, closed_at,
            paid_at, root_cause
        from marts.recon_refund
        where severity is not null and currency = {nb.literal(currency.value)}{_kind}
        order by severity, abs(coalesce(difference, 0)) desc, entity
        """,
        period=f"breaks of now, {currency.value}, {kinds.value or 'all classes'}",
        select="single",
        empty="Every refund of this currency is explained.",
    )
    candidates_table = candidates.table
    candidates
    return candidates, candidates_table


@app.cell
def _(candidates_table, shop):
    shop.story(nb.picked(candidates_table, "return_id"), "the table above")
    return


@app.cell
def _(shop):
    outside = shop.figure(
        "Who refunds outside Loop?",
        "Refunds on orders with a return that no return explains, by payment method, and whether their note names Loop. Who"
        " pressed the button is not in the extract.",
        """
        select refunds.gateway_name, case when refunds.is_noted_by_loop then 'names Loop'
                when refunds.is_noted_by_loop is null then 'no note' else 'another note' end as note,
            left_over.currency, count(distinct left_over.refund_id) as refunds, sum(refunds.transaction_amount) as paid
        from marts.recon_refund as left_over
        join staging.stg_ext_shopify_refunds as refunds on refunds.refund_id = left_over.refund_id
        where left_over.match_class = 'extra_in_shopify'
        group by all
        order by refunds desc
        """,
        empty="No refund was made outside Loop on an order with a return.",
    )
    outside
    return (outside,)


@app.cell
def _(shop):
    asked = shop.requests(
        "Ask for a look",
        "Returns whose refund is wrong, in all currencies; a flag on an open one stops the second payment.",
        """
        select return_id, 'refund: ' || break_type || coalesce(', ' || left_ref, '')
            || coalesce(' against ' || right_ref, '') as reason, severity, amount, currency, age_days
        from marts.open_breaks
        where recon = 'recon_refund' and return_id is not null and status = 'open'
        order by severity, abs(coalesce(amount, 0)) desc, return_id
        """,
        empty="No refund break is open: nothing to ask for.",
    )
    asked
    return (asked,)


if __name__ == "__main__":
    app.run()
