import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="What did the machine do?")

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
    shop.header("actions_done")
    return


@app.cell
def _(link, shop):
    action = nb.choice(
        link,
        "action",
        shop.values("select distinct action from marts.action_outcome order by 1"),
        "Action",
        "all",
    )
    nb.Filters(action=action)
    return (action,)


@app.cell
def _(action):
    where = f"action = {nb.literal(action.value)}" if action.value else "true"
    return (where,)


@app.cell
def _(shop, where):
    outcomes = shop.figure(
        "What became of each action",
        "One row per attempt. `confirmed` means that a later read of Loop shows it; a process that is confirmed is still only"
        " promised in money.",
        f"""
        select match_class, action, count(*) as attempts, sum(amount) as amount, currency, min(started_at) as first_at,
            max(changed_at) as last_at
        from marts.action_outcome
        where {where}
        group by match_class, action, currency
        order by attempts desc, match_class
        """,
        period="all actions so far",
        draw=lambda rows: drawings.bars(
            rows, "attempts", "match_class", "attempts", "Attempts by what became of them", colour="action"
        ),
        empty="No action was approved yet.",
    )
    outcomes
    return (outcomes,)


@app.cell
def _(shop, where):
    flow = shop.figure(
        "The way through the states",
        "How many actions went from one state (down) to the next (across). `NEW` is before the first.",
        f"""
        select coalesce(event.from_state, 'NEW') as from_state, event.to_state, count(*) as changes
        from ops.action_events as event
        join ops.actions as actions using (action_key)
        where {where} and event.to_state is not null
        group by all
        order by from_state, to_state
        """,
        period="all actions so far",
        draw=lambda rows: drawings.heat(
            rows,
            "to_state",
            "from_state",
            "changes",
            "changes",
            "Changes from one state to the next",
            words="changes",
        ),
        empty="No action has changed its state yet.",
    )
    flow
    return (flow,)


@app.cell
def _(shop, where):
    times = shop.figure(
        "How long until it was seen to be done",
        "From the written intent to the confirmation, of the attempts that are confirmed.",
        f"""
        with minutes as (
            select action, epoch(changed_at - started_at) / 60 as minutes
            from marts.action_outcome where match_class = 'confirmed' and {where}
        )
        select case when minutes < 1 then 'under 1 min' when minutes < 5 then '1-5 min' when minutes < 15 then '5-15 min'
                when minutes < 60 then '15-60 min' else 'over 1 h' end as took, action, count(*) as attempts,
            quantile_cont(minutes, 0.5) as minutes_p50
        from minutes
        group by all
        order by min(minutes)
        """,
        period="all actions so far",
        draw=lambda rows: drawings.columns(
            rows,
            "took",
            "attempts",
            "attempts",
            "Confirmed attempts by the time until they were seen to be done",
            colour="action",
            order=["under 1 min", "1-5 min", "5-15 min", "15-60 min", "over 1 h"],
        ),
        empty="No action is confirmed yet.",
    )
    times
    return (times,)


@app.cell
def _(shop, where):
    refused = shop.figure(
        "What Loop refused, and what nobody knows",
        "Reasons as the ledger has them. A parked action waits for a person: `loop-returns resolve KEY --applied` or"
        " `--not-applied`, with `--reason`.",
        f"""
        select match_class, state, reason, count(*) as attempts, max(changed_at) as last_at, min(action_key) as one_of_them
        from marts.action_outcome
        where match_class in ('refused', 'unknown', 'diverted', 'contradicted', 'unconfirmed', 'drift') and {where}
        group by all
        order by attempts desc, last_at desc
        """,
        period="all actions so far",
        empty="Nothing was refused, and nothing is in doubt.",
    )
    refused
    return (refused,)


@app.cell
def _(shop):
    money = shop.figure(
        "Did the money follow?",
        "Returns whose `process` is confirmed, against Shopify's cash. `missing_in_shopify` beyond its grace is a process that"
        " did not pay.",
        """
        select refund.match_class, count(*) as returns, sum(refund.due) as due, sum(refund.paid) as paid, refund.currency
        from marts.action_outcome as done
        join marts.recon_refund as refund on refund.return_id = done.return_id and refund.refund_id is null
        where done.match_class = 'confirmed' and done.action = 'process'
        group by all
        order by returns desc
        """,
        period="all confirmed processes so far",
        empty="No process is confirmed yet.",
    )
    money
    return (money,)


@app.cell
def _(shop):
    weeks = shop.figure(
        "The rules' scorecard, week by week",
        "The share of a rule's requests that people approved, by the week in which it asked. A rule may go on by itself only"
        " while this stays high.",
        """
        select week, rule_id, currency, requested, decided, approved, approved_share, approved_low, confirmed, refused,
            contradicted, later_breaks, minutes_to_decision, reject_notes
        from marts.rule_scorecard
        order by week, rule_id
        """,
        period="all weeks",
        draw=lambda rows: drawings.lines(
            rows,
            "week",
            "approved_share",
            ("week", "approved share"),
            "Approved share of each rule's requests per week",
            colour="rule_id",
            percent=True,
            temporal=True,
        ),
        empty="No rule has asked for anything yet: requests by hand are not in the scorecard.",
    )
    weeks
    return (weeks,)


@app.cell
def _(shop, where):
    attempts = shop.figure(
        "Each attempt",
        "The newest first. Pick one to see the story of its return.",
        f"""
        select return_id, action, match_class, state, reason, return_state, actor, rule_id, amount, currency, started_at,
            changed_at, action_key
        from marts.action_outcome
        where {where}
        order by changed_at desc, action_key
        """,
        period="all actions so far",
        select="single",
        empty="No action was approved yet.",
    )
    attempts_table = attempts.table
    attempts
    return attempts, attempts_table


@app.cell
def _(attempts_table, shop):
    shop.story(nb.picked(attempts_table, "return_id"), "the table above")
    return


@app.cell
def _(shop):
    parked = shop.figure(
        "What waits for a person's verdict",
        "Parked actions, and the command that settles each; look at the return in the Loop admin first.",
        """
        select action_key, return_id, action, state, answer_code, updated_at,
            'loop-returns resolve ' || action_key || ' --applied --reason "..."' as if_it_was_done,
            'loop-returns resolve ' || action_key || ' --not-applied --reason "..."' as if_it_was_not
        from ops.actions
        where state in ('PARKED', 'IN_DOUBT', 'CONFLICT')
        order by updated_at
        """,
        empty="Nothing is parked.",
    )
    parked
    return (parked,)


@app.cell
def _(shop):
    asked = shop.requests(
        "Ask for a look",
        "Returns on which an action did not end as it should.",
        """
        select return_id, action || ': ' || match_class || coalesce(', ' || reason, '') as reason, severity, amount, currency
        from marts.action_outcome
        where severity is not null
        order by severity, changed_at desc, return_id
        """,
        empty="Every action ended as it should.",
    )
    asked
    return (asked,)


if __name__ == "__main__":
    app.run()
