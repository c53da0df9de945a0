import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="One return, all evidence")

with app.setup:
    import altair as alt
    import marimo as mo

    from loop_returns import notebooks as nb
    from loop_returns.notebooks import charts


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
    shop.header("one_return")
    return


@app.cell
def _(link):
    asked_for, ask_for = mo.state(link.get("return_id"))

    def choose(number):
        link.set("return_id", number)
        ask_for(number)

    return asked_for, choose


@app.cell
def _(asked_for, choose):
    return_id = nb.text("Return (RMA number)", asked_for(), choose)
    nb.Filters(return_id=return_id)
    return (return_id,)


@app.cell
def _(choose, shop):
    worst = shop.figure(
        "Where to begin: the worst open breaks",
        "Type a number above, or pick a row. Severity 1 is the worst; amounts are signed.",
        """
        select return_id, severity, recon, break_type, amount, currency, age_days, owner, status
        from marts.open_breaks
        where return_id is not null
        order by severity, abs(coalesce(amount, 0)) desc, break_key
        limit 200
        """,
        select="single",
        on_pick=lambda row: choose(row["return_id"]),
        empty="There is no open break. Type a return's number above.",
    )
    worst
    return (worst,)


@app.cell
def _(asked_for, worst):
    chosen = asked_for() or (worst.rows["return_id"][0].as_py() if worst.rows.num_rows else None)
    _how = "" if asked_for() else ", the worst one, since none was chosen"
    nb.Note(f"Shown below: return **{chosen}**{_how}." if chosen else "No return was chosen.")
    return (chosen,)


@app.cell
def _(chosen, shop):
    this = nb.literal(chosen)
    facts = shop.figure(
        "What Loop says it is",
        "The current version of the return in the list.",
        f"""
        select return_id, state, outcome, outcome_derived, type, method_type, order_name, currency,
            return_total, label_status, carrier, created_at, updated_at, edited_at
        from staging.stg_returns
        where return_id = {this}
        """,
        empty="The list does not know this return; other sources may.",
    )
    facts
    return facts, this


@app.cell
def _(chosen, shop, this):
    def draw_story(rows):
        return (
            alt.Chart(charts.data(rows), description=f"Events of return {chosen} by source and time")
            .mark_point(filled=True, size=90, opacity=0.85)
            .encode(
                x=alt.X("happened_at:T", title="when, UTC"),
                y=alt.Y("source:N", title=None, sort=None),
                color=alt.Color("source:N", legend=None),
                tooltip=["happened_at:T", "source:N", "event:N", "detail:N", "amount:Q", "currency:N"],
            )
            .properties(width="container", height=alt.Step(26))
        )

    story = shop.figure(
        "What happened, in time order",
        "Snapshots, webhooks, scans, receipts, refunds, breaks, decisions and actions. A point is an event: point"
        " at it for its words.",
        f"select happened_at, source, event, detail, amount, currency from marts.explain({this})",
        period="the whole life of the return",
        draw=draw_story,
        empty="No source knows this return.",
    )
    story
    return (story,)


@app.cell
def _(shop, this):
    money = shop.figure(
        "Money: promised, carried out, paid",
        "Three different things, never filled one from another. *Promised* is what Loop's list says is owed;"
        " *carried out* is the part that Loop says it has done; *paid* is what another system shows.",
        f"""
        with this_return as (
            select * from staging.stg_returns where return_id = {this}
        ),
        paid as (
            select return_id, paid from marts.recon_refund where return_id = {this} and refund_id is null
        ),
        cards as (
            select loop_return_id, sum(initial_value)::decimal(18, 4) as issued
            from staging.stg_ext_shopify_gift_cards where loop_return_id = {this} group by all
        )
        select 'cash' as component, refund as promised,
            case when refund_processed_at is not null then refund end as carried_out,
            paid.paid as paid, currency
        from this_return left join paid using (return_id)
        union all
        select 'store credit', gift_card, case when gift_card_processed_at is not null then gift_card end,
            cards.issued, currency
        from this_return left join cards on loop_return_id = return_id
        union all
        select 'exchange', exchange_credit_total,
            case when exchange_processed_at is not null then exchange_credit_total end, null, currency
        from this_return
        union all
        select 'upsell, paid by the customer', upsell, null, null, currency from this_return
        union all
        select 'fee kept by the merchant', handling_fee, null, null, currency from this_return
        """,
        empty="The list does not know this return, so nothing is promised.",
    )
    money
    return (money,)


@app.cell
def _(shop, this):
    identities = shop.figure(
        "Does it foot?",
        "Each money identity that applies to this return. The residual is left minus right; only an enforced"
        " identity can be a break.",
        f"""
        select identity_id, statement, match_class, amount as residual, left_amount, right_amount, tolerance,
            currency, mode
        from marts.recon_money join staging.seed_identities using (identity_id)
        where return_id = {this}
        order by match_class = 'matched', identity_id
        """,
        empty="No identity applies to it.",
    )
    identities
    return (identities,)


@app.cell
def _(shop, this):
    goods = shop.figure(
        "The goods, item by item",
        "What should come back against what the warehouse counted. Without its receipts nothing is counted here.",
        f"""
        select item, expected_units, received_units, missing_units, surplus_units, bad_units, first_received_at
        from marts.recon_receipt_lines
        where return_id = {this}
        order by item
        """,
        empty="No item of it is known.",
    )
    goods
    return (goods,)


@app.cell
def _(shop, this):
    breaks = shop.figure(
        "Breaks, open and cleared",
        "What did not reconcile, since when, and when it was cleared.",
        f"""
        select recon, break_type, severity, amount, currency, left_ref, right_ref, root_cause, first_seen_at,
            cleared_at, break_key
        from marts.break_ledger
        where return_id = {this}
        order by cleared_at is not null, first_seen_at
        """,
        period="all runs so far",
        empty="It never had a break.",
    )
    breaks
    return (breaks,)


@app.cell
def _(shop, this):
    items = shop.figure(
        "Rules and requests",
        "What the rules would ask for, and what was asked for by a rule that is on or by a person.",
        f"""
        select 'rule' as by_whom, rule_id as who, action, mode as status, reason, amount_at_stake as amount,
            currency, as_of as asked_at
        from marts.flag_candidates where return_id = {this}
        union all
        select 'request', requested_by, action, status, reason, amount, currency, requested_at
        from ops.flagged_items where return_id = {this}
        order by asked_at
        """,
        empty="No rule picks it, and nobody asked for anything.",
    )
    items
    return (items,)


@app.cell
def _(shop, this):
    asked = shop.requests(
        "Ask for an action",
        "The open breaks of this return as a reason; the first one becomes the note at Loop.",
        f"""
        select return_id, recon || ': ' || break_type || coalesce(', ' || left_ref, '')
            || coalesce(' against ' || right_ref, '') as reason, amount, currency, severity
        from marts.open_breaks
        where return_id = {this}
        union all
        select return_id, 'a person wants to look at it', null, currency, null
        from staging.stg_returns
        where return_id = {this}
        order by severity nulls last, reason
        """,
        empty="The list does not know this return: nothing can be asked for.",
    )
    asked
    return (asked,)


if __name__ == "__main__":
    app.run()
