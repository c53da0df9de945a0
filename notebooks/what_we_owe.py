import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="What do we owe?")

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
    shop.header("what_we_owe")
    return


@app.cell
def _(link, shop):
    currency = nb.choice(link, "currency", shop.currencies(), "Currency", None)
    component = nb.choice(link, "component", ["cash", "store_credit", "exchange"], "Component", None)
    month = nb.choice(
        link,
        "month",
        [
            f"{each:%Y-%m}"
            for each in shop.values("select distinct month from marts.fin_liability order by 1 desc")
        ],
        "Month",
        None,
    )
    nb.Filters(currency=currency, component=component, month=month)
    return component, currency, month


@app.cell
def _(currency, shop):
    ageing = shop.figure(
        "What is owed now, by age and stage",
        "What returns in open or review promise, as Loop says it: cash, store credit and exchange together. A return in"
        " review may be carried out in part, so `least` is the lower end.",
        f"""
        select age_bucket, stage, count(*) as returns, sum(amount) as amount, sum(amount_least) as least,
            any_value(currency) as currency, min(days_since_created) as youngest
        from marts.fin_open_returns
        where currency = {nb.literal(currency.value)}
        group by age_bucket, stage
        order by youngest, stage
        """,
        draw=lambda rows: drawings.columns(
            rows,
            "age_bucket",
            "amount",
            f"{currency.value} owed",
            "Money owed on open returns by age and stage",
            colour="stage",
            title="days since the return was made",
        ),
        empty="No return of this currency is open.",
    )
    ageing
    return (ageing,)


@app.cell
def _(component, currency, month, shop):
    _first = f"{month.value}-01" if month.value else "1970-01-01"
    _where = (
        f"month = date '{_first}' and currency = {nb.literal(currency.value)}"
        f" and component = {nb.literal(component.value)}"
    )
    forward = shop.figure(
        "What moved it",
        "Opening and movements give the closing exactly, or the build fails. `processed` means closed at Loop, not paid.",
        f"""
        with this as (
            select * from marts.fin_liability where {_where}
        )
        select 1 as place, 'opening' as step, 0::decimal(18, 4) as from_amount, opening as to_amount, 'sum' as kind from this
        union all select 2, 'created', opening, opening + created, 'up' from this
        union all select 3, 'edited', opening + created, opening + created + edited,
            case when edited < 0 then 'down' else 'up' end from this
        union all select 4, 'reopened', opening + created + edited, opening + created + edited + reopened, 'up' from this
        union all select 5, 'processed', opening + created + edited + reopened,
            opening + created + edited + reopened - processed, 'down' from this
        union all select 6, 'cancelled', opening + created + edited + reopened - processed,
            opening + created + edited + reopened - processed - cancelled, 'down' from this
        union all select 7, 'expired and others', opening + created + edited + reopened - processed - cancelled,
            closing - control, 'down' from this
        union all select 8, 'closing', 0, closing, 'sum' from this
        order by place
        """,
        period=f"{month.value or 'no month'}, {component.value}, {currency.value}",
        draw=lambda rows: diagrams.waterfall(
            rows, "Waterfall from the opening to the closing liability of the month", f"{currency.value}"
        ),
        empty="Nothing was owed in this month, currency and component.",
    )
    forward
    return (forward,)


@app.cell
def _(component, currency, shop):
    months = shop.figure(
        "Month by month",
        "The same for every month; `control` must be 0. `assumed_created`: first seen when it had ended.",
        f"""
        select month, currency, component, opening, created, edited, reopened, processed, cancelled, expired,
            left_otherwise, closing, control, closing_returns, assumed_created
        from marts.fin_liability
        where currency = {nb.literal(currency.value)} and component = {nb.literal(component.value)}
        order by month desc
        """,
        period="all months since the first return",
        empty="Nothing was ever owed in this currency and component.",
    )
    months
    return (months,)


@app.cell
def _(component, currency, shop):
    triangle = shop.figure(
        "How fast it runs off",
        "Of what the returns of a month promised at its end, the share that is still owed so many months later. The last"
        " square of each row is today's month, not complete.",
        f"""
        with versions as (
            select return_id, valid_from, valid_to, is_live, {component.value} as amount,
                date_trunc('month', created_at)::date as made, as_of
            from marts.return_versions
            where currency = {nb.literal(currency.value)}
        ),
        ends as (
            select distinct made, later.months,
                least((made + to_months(later.months + 1))::timestamptz, as_of) as at
            from versions, (select unnest(range(0, 12)) as months) as later
            where made + to_months(later.months) <= as_of
        ),
        owed as (
            select ends.made, ends.months, sum(versions.amount) as owed
            from ends
            join versions on versions.made = ends.made and versions.is_live and versions.valid_from <= ends.at
                and (versions.valid_to is null or versions.valid_to > ends.at)
            group by all
        ),
        based as (
            select made, months, owed, first_value(owed) over (partition by made order by months) as base from owed
        )
        select strftime(made, '%Y-%m') as made_in, months || ' months later' as age, owed,
            owed / nullif(base, 0) as owed_share, round(100 * owed / nullif(base, 0))::int || ' %' as percent
        from based
        order by made, months
        """,
        period=f"all months, {component.value}, {currency.value}",
        draw=lambda rows: drawings.heat(
            rows,
            "age",
            "made_in",
            "owed_share",
            "share still owed",
            "Share of what each month's returns promised that is still owed, by months since",
            domain=(0, 1),
            words="percent",
            percent=True,
            order=[f"{later} months later" for later in range(12)],
        ),
        shows_table=False,
        empty="No return of this currency was live at a month's end.",
    )
    triangle
    return (triangle,)


@app.cell
def _(component, currency, shop):
    tornado = shop.figure(
        "What is to be expected of it, and how sure that is",
        "What is owed times the share of earlier returns of the same stage and age that were closed in the end. The bar runs"
        " from the lower to the upper end of the 95 % interval; with fewer than 30 earlier returns (`too_few`) it is the"
        " whole range. A number and a method, not a booking.",
        f"""
        select stage || ', ' || age_bucket || ' days' as part, match_class, open_returns, amount, processed_share,
            expected_low, expected_amount, expected_high, currency, ended_returns
        from marts.fin_liability_expected
        where currency = {nb.literal(currency.value)} and component = {nb.literal(component.value)} and amount <> 0
        order by expected_high - expected_low desc, part
        limit 20
        """,
        draw=lambda rows: diagrams.ranges(
            rows,
            "part",
            ("expected_low", "expected_amount", "expected_high"),
            f"{currency.value} to be expected",
            "Expected part of what is owed, lower and upper end, by stage and age",
            colour="match_class",
        ),
        empty="Nothing is owed in this currency and component.",
    )
    tornado
    return (tornado,)


@app.cell
def _(shop):
    shop.without("shopify_gift_cards", "what is left on store credit cannot be said.")
    return


@app.cell
def _(shop):
    cards = shop.figure(
        "Store credit that is out",
        "Cards that Shopify's extract shows, by the month of issue: what was spent, what is left. Untouched ones are candidates"
        " for breakage; the amount booked is the accountant's decision.",
        """
        select month as issued_in, currency, cards, issued, topped_up, redeemed, balance, expired_balance, disabled_balance,
            unknown_balance, untouched_cards, untouched_amount, control
        from marts.gift_card_liability
        order by issued_in desc, currency
        """,
        period="all cards of the extract",
        empty="No card is in the extract.",
    )
    cards
    return (cards,)


@app.cell
def _(shop):
    promised = shop.figure(
        "Store credit that was promised and not issued, or issued otherwise",
        "Loop's promise against Shopify's cards: missing, doubled, of another amount. All currencies, each by itself.",
        """
        select entity, return_id, match_class, severity, amount, issued, difference, currency, state, due_at, issued_at
        from marts.recon_store_credit
        where severity is not null
        order by severity, abs(coalesce(difference, 0)) desc, entity
        """,
        empty="Every card is the one that was promised, or there is no extract to compare with.",
    )
    promised
    return (promised,)


@app.cell
def _(currency, shop):
    owed = shop.figure(
        "The largest open returns",
        "Pick one to see its story.",
        f"""
        select return_id, stage, state, amount, amount_least, currency, cash_due, credit_due, exchange_due,
            days_since_created, days_since_delivered, receipt_class
        from marts.fin_open_returns
        where currency = {nb.literal(currency.value)}
        order by amount desc nulls last, return_id
        limit 100
        """,
        select="single",
        empty="No return of this currency is open.",
    )
    owed_table = owed.table
    owed
    return owed, owed_table


@app.cell
def _(owed_table, shop):
    shop.story(nb.picked(owed_table, "return_id"), "the largest open returns")
    return


@app.cell
def _(shop):
    asked = shop.requests(
        "Ask for an action",
        "Returns whose goods are here or delivered, and that still owe: the oldest first, all currencies.",
        """
        select return_id, 'owes for ' || days_since_created || ' days, goods ' || stage as reason, amount, currency,
            stage, days_since_created
        from marts.fin_open_returns
        where state = 'open' and (stage = 'delivered' or receipt_class = 'received_not_processed')
        order by days_since_created desc, return_id
        """,
        action="process",
        empty="No open return has its goods delivered.",
    )
    asked
    return (asked,)


if __name__ == "__main__":
    app.run()
