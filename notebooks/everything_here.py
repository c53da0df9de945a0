import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Is everything here?")

with app.setup:
    import marimo as mo

    from loop_returns import notebooks as nb
    from loop_returns.notebooks import charts, diagrams, drawings


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
    shop.header("everything_here")
    return


@app.cell
def _(link, shop):
    days = shop.span(link)
    source = nb.choice(
        link,
        "source",
        {"the list": "returns", "the shipping notices": "advanced_shipping_notices"},
        "Source",
        "both",
    )
    nb.Filters(days=days, source=source)
    return days, source


@app.cell
def _(days, shop, source):
    _which = f"and endpoint = {nb.literal(source.value)}" if source.value else ""
    _period = f"days {days.value[0]} to {days.value[1]}, by update in the list, by creation in the notices"

    def draw_coverage(rows):
        return diagrams.classes_by_day(
            rows,
            "day",
            "what",
            "match_class",
            {"covered": charts.SKY, "partial": charts.ORANGE, "hole": charts.RED},
            "Each day by source and state: read completely, in part, or not at all",
        )

    coverage = shop.figure(
        "Which days were read?",
        "Each square is a day of one source and one set of states. A default call of Loop's list hides"
        " cancelled and in-review returns, so these are read by passes of their own.",
        f"""
        select day, endpoint || ': ' || pass as what, match_class, covered_share, row_count, complete_windows,
            planned_windows
        from marts.recon_coverage
        where day between {nb.literal(days.value[0])} and {nb.literal(days.value[1])} {_which}
        order by what, day
        """,
        period=_period,
        draw=draw_coverage,
        shows_table=False,
        empty="Nothing was asked for in these days.",
    )
    coverage
    return (coverage,)


@app.cell
def _(coverage, shop):
    _days = coverage.rows.to_pylist()
    _open = [row for row in _days if row["match_class"] != "covered"]
    nb.Note(
        f"{len(_open):,} of {len(_days):,} days are not covered: `loop-returns run --from DAY` reads them again."
        if _open
        else f"All {len(_days):,} days are covered, in each pass.",
        kind="warn" if _open else "info",
    )
    return


@app.cell
def _(days, shop):
    presence = shop.figure(
        "Which source knows the return?",
        "A return should stand in the list and in the shipping notices; a webhook tells of it where they are"
        " received. `not_comparable` and `timing` are no breaks: a return without a parcel, a young one.",
        f"""
        select case when list_state is not null then 'list' else 'no list' end
            || case when coalesce(asn_lines, 0) > 0 then ' + notices' else ', no notices' end
            || case when coalesce(webhook_deliveries, 0) > 0 then ' + webhooks' else ', no webhook' end as known_to,
            match_class, count(*) as returns
        from marts.recon_endpoint
        where updated_at is null or {nb.between("updated_at", days.value)}
        group by all
        order by returns desc
        """,
        period=f"returns last changed {days.value[0]} to {days.value[1]}",
        draw=lambda rows: drawings.bars(
            rows,
            "returns",
            "known_to",
            "returns",
            "Returns by the sources that know them, parted by class",
            colour="match_class",
        ),
        empty="No return changed in these days.",
    )
    presence
    return (presence,)


@app.cell
def _(days, shop):
    apart = shop.figure(
        "Where the sources differ",
        "Returns, and notice lines that fit no return. Pick one to see its story.",
        f"""
        select return_id, match_class, severity, list_state, asn_state, webhook_state, list_lines, asn_lines,
            amount, currency, updated_at, entity
        from marts.recon_endpoint
        where severity is not null and (updated_at is null or {nb.between("updated_at", days.value)})
        order by severity, match_class, updated_at
        """,
        period=f"returns last changed {days.value[0]} to {days.value[1]}",
        select="single",
        empty="The sources agree on every return of these days.",
    )
    apart_table = apart.table
    apart
    return apart, apart_table


@app.cell
def _(apart_table, shop):
    shop.story(nb.picked(apart_table, "return_id"), "the table above")
    return


@app.cell
def _(days, shop):
    _order = ["at once", "under 1 h", "1-2 h", "2-6 h", "6-24 h", "1-2 d", "over 2 d"]
    lags = shop.figure(
        "How late do the others come?",
        "From the making of a return to its first shipping notice and to its first webhook. Settings allow 24 hours"
        " for a notice and 2 for a webhook before an absence is a break: what stands beyond that is late.",
        f"""
        with made as (
            select return_id, created_at from staging.stg_returns where {nb.between("created_at", days.value)}
        ),
        told as (
            select 'shipping notice' as source, made.created_at, min(notice.created_at) as told_at
            from made
            join staging.stg_notice_returns as placed using (return_id)
            join staging.stg_shipping_notices as notice
                on notice.asn_id = placed.asn_id and notice.line_item_id = placed.line_item_id
            group by made.return_id, made.created_at
            union all
            select 'webhook', made.created_at, min(event.received_at)
            from made join staging.stg_webhook_events as event using (return_id)
            group by made.return_id, made.created_at
        ),
        hours as (
            select source, epoch(told_at - created_at) / 3600 as hours from told where told_at is not null
        )
        select source,
            case when hours < 0.02 then 'at once' when hours < 1 then 'under 1 h' when hours < 2 then '1-2 h'
                when hours < 6 then '2-6 h' when hours < 24 then '6-24 h' when hours < 48 then '1-2 d'
                else 'over 2 d' end as lag,
            count(*) as returns
        from hours
        group by all
        order by source, min(hours)
        """,
        period=f"returns made {days.value[0]} to {days.value[1]}",
        draw=lambda rows: drawings.columns(
            rows,
            "lag",
            "returns",
            "returns",
            "Returns by the time from their making to the first notice or webhook",
            colour="source",
            order=_order,
            title="lag",
        ),
        empty="No notice and no webhook came in these days.",
    )
    lags
    return (lags,)


@app.cell
def _(shop):
    hypotheses = shop.figure(
        "Is the notice's id the return's id?",
        "Loop does not document it. Measured, not assumed: the share of the rows on which it holds. The marts join by the"
        " line, whatever this says.",
        """
        select subject, result, share, finding_count, evidence
        from marts.data_quality
        where check_id = 'asn_hypothesis'
        order by subject
        """,
        empty="There is no shipping notice to measure it on.",
    )
    hypotheses
    return (hypotheses,)


@app.cell
def _(shop):
    drift = shop.figure(
        "What changed in Loop's answers?",
        "Fields that nobody knows, values that did not fit, words that are new. Nothing is dropped by it:"
        " `unknown_fields` and `unfit_values` keep them.",
        """
        select checks.check_id, checks.subject, checks.result, checks.finding_count, checks.evidence
        from marts.data_quality as checks
        where checks.result <> 'ok'
        order by checks.result = 'block' desc, checks.result = 'warn' desc, checks.finding_count desc
        """,
        empty="Every check is ok.",
    )
    drift
    return (drift,)


@app.cell
def _(shop):
    asked = shop.requests(
        "Ask for a look",
        "Returns on which the sources differ; most are healed by reading the days again, so pick what stays.",
        """
        select return_id, 'the sources differ: ' || break_type || coalesce(', ' || left_ref, '')
            || coalesce(' against ' || right_ref, '') as reason, severity, amount, currency, age_days
        from marts.open_breaks
        where recon = 'recon_endpoint' and return_id is not null and status = 'open'
        order by severity, age_days desc, return_id
        """,
        empty="The sources agree: nothing to ask for.",
    )
    asked
    return (asked,)


if __name__ == "__main__":
    app.run()
