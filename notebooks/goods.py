import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Where are the goods?")

with app.setup:
    import marimo as mo

    from loop_returns import notebooks as nb
    from loop_returns.notebooks import drawings


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
    shop.header("goods")
    return


@app.cell
def _(link, shop):
    days = shop.span(link)
    carrier = nb.choice(
        link,
        "carrier",
        shop.values("select distinct carrier from marts.ops_sla where carrier <> 'none' order by 1"),
        "Carrier",
        "all",
    )
    nb.Filters(days=days, carrier=carrier)
    return carrier, days


@app.cell
def _(carrier, days, shop):
    _carrier = f" and sla.carrier = {nb.literal(carrier.value)}" if carrier.value else ""
    where = f"{nb.between('sla.created_at', days.value)}{_carrier}"
    period = f"returns made {days.value[0]} to {days.value[1]}" + (
        f", {carrier.value}" if carrier.value else ""
    )
    shop.without("receipts", "nothing is known to be received; the carrier's `delivered` is not a receipt.")
    return period, where


@app.cell
def _(period, shop, where):
    funnel = shop.figure(
        "How far are they?",
        "Returns that have come at least so far. `delivered` is the carrier's word, `counted` the warehouse's; a return"
        " without a parcel is left out.",
        f"""
        with parcels as (
            select receipt.return_id, receipt.stage, receipt.received_units, receipt.carrier_delivered_at, sla.state
            from marts.recon_receipt as receipt
            join marts.ops_sla as sla using (return_id)
            where receipt.match_class <> 'not_comparable' and {where}
        )
        select 1 as place, 'made' as step, count(*) as returns from parcels
        union all select 2, 'label made', count(*) from parcels where stage >= 1
        union all select 3, 'scanned', count(*) from parcels where stage between 3 and 5
        union all select 4, 'delivered', count(*) from parcels where carrier_delivered_at is not null or stage = 5
        union all select 5, 'counted', count(*) from parcels where received_units > 0
        union all select 6, 'closed', count(*) from parcels where state = 'closed'
        order by place
        """,
        period=period,
        draw=lambda rows: drawings.bars(
            rows,
            "returns",
            "step",
            "returns",
            "Returns by how far the goods have come",
            order=[row["step"] for row in rows],
        ),
    )
    funnel
    return (funnel,)


@app.cell
def _(period, shop, where):
    classes = shop.figure(
        "What is wrong, and where",
        "The class of each return by the furthest scan of its label. `pending` and `matched` are no breaks.",
        f"""
        select receipt.match_class, case receipt.stage when 0 then '0 no label' when 1 then '1 label made'
                when 2 then '2 handed in' when 3 then '3 in transit' when 4 then '4 out for delivery'
                when 5 then '5 delivered' when 6 then '6 failed' else 'unknown' end as scan, count(*) as returns
        from marts.recon_receipt as receipt
        join marts.ops_sla as sla using (return_id)
        where {where}
        group by all
        order by receipt.match_class, scan
        """,
        period=period,
        draw=lambda rows: drawings.heat(
            rows,
            "scan",
            "match_class",
            "returns",
            "returns",
            "Returns by class and by the furthest scan",
            words="returns",
        ),
        empty="No return was made in these days.",
    )
    classes
    return (classes,)


@app.cell
def _(period, shop, where):
    survival = shop.figure(
        "How long until a return is closed, by carrier",
        "The share that is still not closed so many days after it was made (Kaplan and Meier). Returns that are open now"
        " count as long as they have lasted, so the curve is not bent by them; cancelled and expired ones end uncounted.",
        f"""
        with lives as (
            select sla.carrier, sla.state = 'closed' as is_closed, greatest(0, ceil(epoch(
                case when sla.state = 'closed' then sla.closed_at
                    when sla.state in ('open', 'review') then sla.as_of else returns.updated_at end
                - sla.created_at) / 86400))::int as days
            from marts.ops_sla as sla
            join staging.stg_returns as returns using (return_id)
            where sla.carrier <> 'none' and {where}
        ),
        by_day as (
            select carrier, days, count(*) as leaving, sum(is_closed::int)::bigint as closed
            from lives where days is not null group by all
        ),
        at_risk as (
            select carrier, days, closed, sum(leaving) over (partition by carrier order by days desc) as returns_at_risk
            from by_day
        )
        select carrier, days, returns_at_risk::bigint as returns_at_risk, closed,
            exp(sum(case when closed >= returns_at_risk then -100 else ln(1 - closed / returns_at_risk) end)
                over (partition by carrier order by days)) as still_open_share
        from at_risk
        order by carrier, days
        """,
        period=period,
        draw=lambda rows: drawings.lines(
            rows,
            "days",
            "still_open_share",
            ("days since the return was made", "share not closed"),
            "Share of returns not closed by days since they were made, per carrier",
            colour="carrier",
            percent=True,
            steps=True,
        ),
        shows_table=False,
        empty="No return with a carrier was made in these days.",
    )
    survival
    return (survival,)


@app.cell
def _(period, shop, where):
    received = shop.figure(
        "How long from delivered to counted, by carrier",
        "Days from the carrier's delivery to the first unit counted; what is delivered and not counted yet is not in it,"
        " but in the last column.",
        f"""
        select sla.carrier, count(*) as delivered, count(sla.received_at) as counted,
            quantile_cont(epoch(sla.received_at - sla.delivered_at) / 86400, 0.5) as days_p50,
            quantile_cont(epoch(sla.received_at - sla.delivered_at) / 86400, 0.9) as days_p90,
            sum((receipt.match_class = 'delivered_not_received')::int)::bigint as overdue
        from marts.ops_sla as sla
        join marts.recon_receipt as receipt using (return_id)
        where sla.delivered_at is not null and {where}
        group by all
        order by overdue desc, delivered desc
        """,
        period=period,
        empty="Nothing was delivered in these days.",
    )
    received
    return (received,)


@app.cell
def _(period, shop, where):
    docks = shop.figure(
        "Which dock is behind?",
        "Returns that a warehouse first counted, per week; a week without a number was empty.",
        f"""
        select strftime(date_trunc('week', sla.received_at), '%Y-%m-%d') as week, 'warehouse ' || sla.destination_id as dock,
            count(*) as returns
        from marts.ops_sla as sla
        where sla.received_at is not null and {where}
        group by all
        order by week, dock
        """,
        period=f"{period}; weeks begin on Monday",
        draw=lambda rows: drawings.heat(
            rows,
            "week",
            "dock",
            "returns",
            "returns",
            "Returns counted by warehouse and week",
            words="returns",
        ),
        shows_table=False,
        empty="No warehouse counted a unit of these returns.",
    )
    docks
    return (docks,)


@app.cell
def _(period, shop, where):
    short = shop.figure(
        "Units missing, too many or bad",
        "Item by item, the most missing first. Pick one to see its story.",
        f"""
        select line.return_id, line.item, line.expected_units, line.received_units, line.missing_units,
            line.surplus_units, line.bad_units, receipt.match_class, sla.carrier, receipt.state
        from marts.recon_receipt_lines as line
        join marts.recon_receipt as receipt using (return_id)
        join marts.ops_sla as sla using (return_id)
        where receipt.match_class in ('short_receipt', 'over_receipt', 'unexpected_item', 'bad_grade',
                'received_on_dead_return', 'delivered_not_received')
            and (line.missing_units > 0 or line.surplus_units > 0 or line.bad_units > 0
                or receipt.match_class in ('received_on_dead_return', 'bad_grade'))
            and {where}
        order by line.missing_units desc nulls last, line.return_id, line.item
        """,
        period=period,
        select="single",
        empty="Every unit that was counted is the one that was expected.",
    )
    short_table = short.table
    short
    return short, short_table


@app.cell
def _(shop, short_table):
    shop.story(nb.picked(short_table, "return_id"), "the table above")
    return


@app.cell
def _(shop):
    asked = shop.requests(
        "Ask for an action",
        "Goods that are missing, wrong or bad, of returns that are still live: a flag holds them before they pay.",
        """
        select breaks.return_id, 'goods: ' || breaks.break_type || coalesce(', ' || breaks.left_ref, '')
            || coalesce(' against ' || breaks.right_ref, '') as reason, breaks.severity, breaks.amount, breaks.currency,
            breaks.age_days
        from marts.open_breaks as breaks
        join staging.stg_returns as returns using (return_id)
        where breaks.recon = 'recon_receipt' and breaks.status = 'open' and returns.state in ('open', 'review')
            and breaks.break_type <> 'received_not_processed'
        order by breaks.severity, abs(coalesce(breaks.amount, 0)) desc, breaks.return_id
        """,
        empty="No goods of a live return are missing or wrong.",
    )
    asked
    return (asked,)


if __name__ == "__main__":
    app.run()
