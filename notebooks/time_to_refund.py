import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Time to refund")

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
    shop.header("time_to_refund")
    return


@app.cell
def _(link, shop):
    days = shop.span(link)
    outcome = nb.choice(
        link,
        "outcome",
        shop.values("select distinct outcome from marts.ops_sla order by 1"),
        "Outcome",
        "all",
    )
    carrier = nb.choice(
        link,
        "carrier",
        shop.values("select distinct carrier from marts.ops_sla order by 1"),
        "Carrier",
        "all",
    )
    nb.Filters(days=days, outcome=outcome, carrier=carrier)
    return carrier, days, outcome


@app.cell
def _(carrier, days, outcome):
    _more = (f" and outcome = {nb.literal(outcome.value)}" if outcome.value else "") + (
        f" and carrier = {nb.literal(carrier.value)}" if carrier.value else ""
    )
    where = f"{nb.between('created_at', days.value)}{_more}"
    period = f"returns made {days.value[0]} to {days.value[1]}" + "".join(
        f", {each.value}" for each in (outcome, carrier) if each.value
    )
    return period, where


@app.cell
def _(period, shop, where):
    segments = shop.figure(
        "Where do the days go?",
        "Calendar days of each part of the way, over the returns on which both ends are known; half of them take no longer"
        " than p50, nine of ten no longer than p90. `closed` counts only where a notice or a webhook tells it.",
        f"""
        with ways as (
            select *, case when is_closed_exact then closed_at end as exact_closed_at
            from marts.ops_sla where match_class <> 'not_comparable' and {where}
        ),
        parts as (
            select 1 as place, 'made to first scan' as part, epoch(first_scan_at - created_at) / 86400 as days from ways
            union all select 2, 'first scan to delivered', epoch(delivered_at - first_scan_at) / 86400 from ways
            union all select 3, 'delivered to counted', epoch(received_at - delivered_at) / 86400 from ways
            union all select 4, 'counted or delivered to closed', epoch(exact_closed_at - clock_start_at) / 86400 from ways
            union all select 5, 'closed to refunded', epoch(refunded_at - exact_closed_at) / 86400 from ways
            union all select 6, 'made to closed, all of it', epoch(exact_closed_at - created_at) / 86400 from ways
        )
        select place, part, 'p50' as percentile, quantile_cont(days, 0.5) as days, count(days) as returns
        from parts where days >= 0 group by all
        union all
        select place, part, 'p90', quantile_cont(days, 0.9), count(days) from parts where days >= 0 group by all
        order by place, percentile
        """,
        period=period,
        draw=lambda rows: diagrams.pairs(
            rows,
            "days",
            "part",
            "percentile",
            "calendar days",
            "Median and 90th percentile of the days of each part of the way",
        ),
        empty="No way of these returns is known from end to end.",
    )
    segments
    return (segments,)


@app.cell
def _(period, shop, where):
    runs = shop.figure(
        "Breaches week by week",
        "By the week in which the return was made: the share beyond a target among those judged. The line in the middle"
        " is the whole selection's share.",
        f"""
        with weeks as (
            select date_trunc('week', created_at)::date as week,
                sum((match_class in ('breach', 'open_breach', 'refund_overdue'))::int)::bigint as breaches,
                sum((match_class in ('breach', 'open_breach', 'refund_overdue', 'within', 'open'))::int)::bigint as judged
            from marts.ops_sla where {where} group by all
        )
        select week, breaches, judged, breaches / nullif(judged, 0) as breach_share,
            sum(breaches) over () / nullif(sum(judged) over (), 0) as overall_share
        from weeks
        order by week
        """,
        period=f"{period}; weeks begin on Monday",
        draw=lambda rows: diagrams.run_chart(
            rows,
            "week",
            "breach_share",
            "overall_share",
            ("week in which the return was made", "share beyond a target"),
            "Share of returns beyond a target, per week, with the overall share",
        ),
        empty="No return was made in these days.",
    )
    runs
    return (runs,)


@app.cell
def _(period, shop, where):
    sure = shop.figure(
        "How sure is that?",
        "Censored returns are not closed yet: their days are a lower bound, and they are in no percentile."
        " `unverifiable` ones are closed, but no exact source says when.",
        f"""
        select match_class, count(*) as returns, sum(is_censored::int)::bigint as censored,
            sum(is_closed_exact::int)::bigint as closed_exactly,
            count(*) / sum(count(*)) over () as returns_share
        from marts.ops_sla
        where {where}
        group by all
        order by returns desc
        """,
        period=period,
        draw=lambda rows: drawings.bars(
            rows, "returns", "match_class", "returns", "Returns by class of their time to refund"
        ),
        empty="No return was made in these days.",
    )
    sure
    return (sure,)


@app.cell
def _(period, shop, where):
    next_week = shop.figure(
        "Who breaches, and who is next?",
        "Open returns whose clock runs, the longest first: those beyond the target, then those that will be within a week"
        " if nobody closes them. Targets are `[sla_business_days]` in loop.toml. Pick one to see its story.",
        f"""
        select return_id, match_class, days_to_close as business_days, state, outcome, carrier, destination_id, amount,
            currency, clock_start_at, clock_start_source
        from marts.ops_sla
        where match_class in ('open_breach', 'open', 'refund_overdue') and clock_start_at is not null and {where}
        order by match_class = 'open', days_to_close desc nulls last, return_id
        """,
        period=period,
        select="single",
        empty="No clock runs: nothing that is open has been delivered or counted.",
    )
    next_table = next_week.table
    next_week
    return next_table, next_week


@app.cell
def _(next_table, shop):
    shop.story(nb.picked(next_table, "return_id"), "the table above")
    return


@app.cell
def _(shop):
    asked = shop.requests(
        "Ask for an action",
        "Open returns beyond their target; `process` pays them, `flag` holds them for a look.",
        """
        select return_id, 'waits for ' || cast(days_to_close as decimal(18, 1)) || ' business days since '
            || clock_start_source || ' said it arrived' as reason, days_to_close as business_days, amount, currency
        from marts.ops_sla
        where match_class = 'open_breach' and state = 'open'
        order by days_to_close desc, return_id
        """,
        action="process",
        empty="No open return is beyond its target.",
    )
    asked
    return (asked,)


if __name__ == "__main__":
    app.run()
