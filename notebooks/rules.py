import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Rules before they act")

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
    shop.header("rules")
    return


@app.cell
def _(link):
    dials = {
        "still open N days after delivery -> process": "delivered",
        "label never scanned for N days -> cancel": "unused",
        "in transit for N days without an end -> chase": "stalled",
        "return worth N or more -> flag": "value",
    }
    dial = nb.choice(link, "dial", dials, "What if", None)
    nb.Filters(dial=dial)
    return (dial,)


@app.cell
def _(dial, shop):
    _as_of = "(select max(as_of) from marts.run_control)"
    _days = "select unnest([1, 2, 3, 4, 5, 7, 10, 14, 21, 28, 45, 60]) as threshold"
    _made = f"created_at between {_as_of} - interval 120 day and {_as_of} - interval 30 day"
    _dials = {
        "delivered": f"""
            select threshold.threshold, sla.return_id, sla.state = 'closed' as was_right
            from marts.ops_sla as sla, ({_days}) as threshold
            where {_made} and delivered_at is not null
                and coalesce(closed_at, as_of) > delivered_at + to_days(threshold.threshold::int)""",
        "unused": f"""
            select threshold.threshold, sla.return_id, sla.state in ('cancelled', 'expired') as was_right
            from marts.ops_sla as sla, ({_days}) as threshold
            where {_made} and carrier <> 'none'
                and coalesce(first_scan_at, closed_at, as_of) > created_at + to_days(threshold.threshold::int)""",
        "stalled": f"""
            select threshold.threshold, sla.return_id, delivered_at is null as was_right
            from marts.ops_sla as sla, ({_days}) as threshold
            where {_made} and first_scan_at is not null
                and coalesce(delivered_at, as_of) > first_scan_at + to_days(threshold.threshold::int)""",
        "value": f"""
            select threshold.threshold, returns.return_id, returns.return_id in (
                select return_id from marts.break_ledger where return_id is not null) as was_right
            from staging.stg_returns as returns,
                (select unnest([50, 100, 150, 200, 250, 300, 400, 500, 750, 1000]) as threshold) as threshold
            where {_made} and return_total >= threshold.threshold""",
    }
    right = {
        "delivered": "people closed it in the end",
        "unused": "it was cancelled or expired in the end",
        "stalled": "it was never delivered",
        "value": "a break was seen on it",
    }[dial.value]
    curve = shop.figure(
        "What would this threshold have picked last quarter?",
        f"Each threshold on returns that had at least 30 days to end. *Right* means: {right}. A lower threshold"
        " picks more and is right less often: choose where the precision is worth the work.",
        f"""
        select threshold, count(distinct return_id) as picked, sum(was_right::int)::bigint as was_right,
            avg(was_right::int) as right_share
        from ({_dials[dial.value].strip()}) as picks
        group by threshold
        order by threshold
        """,
        period="returns made 120 to 30 days before the build's present",
        draw=lambda rows: diagrams.picked_and_right(
            rows,
            "threshold",
            "picked",
            "was_right",
            "right_share",
            ("threshold N", "returns picked (blue: right)"),
            "Returns picked by each threshold, and how many of them were right",
        ),
        empty="No return of that time would have been picked by any threshold.",
    )
    curve
    return (curve,)


@app.cell
def _(shop):
    volume = shop.figure(
        "What the rules pick now",
        "A rule in `shadow` asks for nothing: it shows what it would ask for. Exempt returns are counted apart.",
        """
        select rule_id, mode, action, count(*) as picks, sum(is_exempt::int)::bigint as exempt,
            count(*) filter (severity <= 2) as severe
        from marts.flag_candidates
        group by all
        order by picks desc, rule_id
        """,
        draw=lambda rows: drawings.bars(
            rows, "picks", "rule_id", "returns", "Returns picked by each rule, by the action", colour="action"
        ),
        empty="No rule picks anything now.",
    )
    volume
    return (volume,)


@app.cell
def _(shop):
    overlap = shop.figure(
        "Which rules pick the same return?",
        "On the diagonal a rule's own picks; beside it what it shares with another. Two rules that always agree are one.",
        """
        select one.rule_id as rule_id, other.rule_id as also, count(*) as returns
        from marts.flag_candidates as one
        join marts.flag_candidates as other using (return_id)
        group by all
        order by rule_id, also
        """,
        draw=lambda rows: drawings.heat(
            rows,
            "also",
            "rule_id",
            "returns",
            "returns",
            "Returns picked by both of two rules",
            words="returns",
        ),
        shows_table=False,
        empty="No rule picks anything now.",
    )
    overlap
    return (overlap,)


@app.cell
def _(shop):
    calendar = shop.figure(
        "When the facts arose",
        "Picks of now by the week in which Loop last changed the return: old weeks are a queue that nobody clears.",
        """
        select strftime(date_trunc('week', expect_updated_at), '%Y-%m-%d') as week, rule_id, count(*) as returns
        from marts.flag_candidates
        group by all
        order by week, rule_id
        """,
        period="picks of now; weeks begin on Monday, UTC",
        draw=lambda rows: drawings.heat(
            rows,
            "week",
            "rule_id",
            "returns",
            "returns",
            "Picks by the week of the return's last change",
            words="returns",
        ),
        shows_table=False,
        empty="No rule picks anything now.",
    )
    calendar
    return (calendar,)


@app.cell
def _(shop):
    scores = shop.figure(
        "What people said so far",
        "Precision against people: requests of rules, decided and approved, with the 95 % interval. `later_breaks` are"
        " breaks first seen after the action was confirmed.",
        """
        select rule_id, sum(requested)::bigint as requested, sum(decided)::bigint as decided,
            sum(approved)::bigint as approved, sum(approved) / nullif(sum(decided), 0) as approved_share,
            sum(confirmed)::bigint as confirmed, sum(refused)::bigint as refused,
            sum(contradicted)::bigint as contradicted, sum(later_breaks)::bigint as later_breaks
        from marts.rule_scorecard
        group by all
        order by rule_id
        """,
        period="all weeks",
        empty="No rule has asked for anything yet: they are in shadow.",
    )
    scores
    return (scores,)


@app.cell
def _(shop):
    blind = shop.figure(
        "Twenty to judge blind",
        "A sample that stays the same until the facts change, without the rule's name, its reason or its action. Pick one, read"
        " its story, say what you would do; the rule's own word stands in the table below.",
        """
        select return_id, expect_state as state, expect_outcome as outcome, amount_at_stake as amount, currency, evidence
        from marts.flag_candidates
        where not is_exempt
        order by md5(evidence_hash)
        limit 20
        """,
        select="single",
        empty="No rule picks anything now.",
    )
    blind_table = blind.table
    blind
    return blind, blind_table


@app.cell
def _(blind_table, shop):
    shop.story(nb.picked(blind_table, "return_id"), "the sample")
    return


@app.cell
def _(shop):
    asked = shop.requests(
        "Ask for what the rules would ask for",
        "Picks of rules that name an action, the worst first; tasks for people have no action and are left out. Pick the"
        " rows of one action, and choose it below.",
        """
        select return_id, rule_id || ': ' || reason as reason, action, severity, amount_at_stake as amount, currency, mode
        from marts.flag_candidates
        where action <> 'none' and not is_exempt
        order by action, severity, amount_at_stake desc nulls last, return_id
        """,
        empty="No rule would ask for anything now.",
    )
    asked
    return (asked,)


if __name__ == "__main__":
    app.run()
