"""The marts that classify: one entry writes a mart's blocks in marts.breaks and marts.run_control.

A new mart is one entry here, and `rows: []` in the unit tests of those two models. The keys of an entry;
`row` is the mart's row (or, in a population, the table's):

class_column  the column that holds exactly one class a row; `match_class` when left out
quiet         classes that are no break; a mart without this key makes no breaks at all
owner         who looks at its breaks
entity        names what the break is about, over all runs
left_ref, right_ref, evidence   what either side says; stable facts, no ages
root_cause    SQL of the cause; the column of that name when left out
break_amount  SQL of the money of the break; the column `amount` when left out
rows          what is counted of a row; the row when left out, a sum where a row stands for several
population    (table, rows, amount, condition): what the mart must explain, counted from its inputs and
              never from itself; left out where marts.run_control counts them in SQL of its own
"""

from collections.abc import Iterable

from sqlglot import exp, parse_one
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

PROMISED = "coalesce(row.refund, 0) + coalesce(row.gift_card, 0) + coalesce(row.exchange_credit_total, 0)"
IS_LIVE = "row.state in (select state from staging.seed_return_states where is_live)"
# Cash, store credit and exchange of each live return.
PARTS_OWED = ("staging.stg_returns", "3", PROMISED, IS_LIVE)

HAS_EXCHANGE = "row.return_id in (select return_id from staging.stg_exchanges)"

ADJUSTED = """(
    select o.currency, o.discount as amount
    from staging.stg_ext_shopify_orders as o
    where o.cancelled_at is null and o.order_id in (
        select e.exchange_order_id
        from staging.stg_exchanges as e
        inner join staging.stg_returns as r on r.return_id = e.return_id
        where e.exchange_order_id <> coalesce(r.provider_order_id, '')
    )
    union all
    select r.currency, r.gift_card as amount
    from staging.stg_returns as r
    where r.gift_card > 0 and (r.state = 'closed' or (
        not r.gift_card_processed_at is null and not coalesce(r.state, '') in ('cancelled', 'expired')
    ))
)"""

MARTS = {
    "recon_endpoint": {
        "quiet": "'matched', 'timing', 'not_comparable'",
        "owner": "data",
        "entity": "row.entity",
        "left_ref": """
            case
                when row.list_state is null then 'not in the list'
                when row.match_class = 'line_count_break' then cast(row.list_lines as text) || ' lines'
                when row.match_class = 'label_break' then coalesce(row.list_label_status, 'no label')
                else row.list_state
            end""",
        "right_ref": """
            case
                when row.match_class = 'missing_in_webhook' then 'no webhook'
                when row.match_class = 'webhook_state_break' then coalesce(row.webhook_state, 'no state')
                when row.asn_id is null and row.list_state is null then 'named by a webhook'
                when row.asn_id is null then 'not in the notices'
                when row.match_class = 'line_count_break' then cast(row.asn_lines as text) || ' lines'
                when row.match_class = 'label_break' then coalesce(row.asn_label_status, 'no label')
                when row.match_class = 'asn_orphan' then 'line ' || row.line_item_id
                else coalesce(row.asn_state, 'no state')
            end""",
        "evidence": """
            'list_lines=' || cast(coalesce(row.list_lines, 0) as text)
            || ' asn_lines=' || cast(coalesce(row.asn_lines, 0) as text)
            || ' asn_id=' || coalesce(row.asn_id, '-') || ' line=' || coalesce(row.line_item_id, '-')""",
    },
    "recon_money": {
        "quiet": "'matched', 'observed'",
        "owner": "finance",
        "entity": "'return:' || row.return_id || ':' || row.identity_id",
        "left_ref": "cast(row.left_amount as text)",
        "right_ref": "cast(row.right_amount as text)",
        "evidence": "'identity=' || row.identity_id || ' tolerance=' || cast(row.tolerance as text)",
    },
    "recon_receipt": {
        "quiet": "'matched', 'pending', 'derived_receipt', 'not_comparable'",
        "owner": "ops",
        "entity": "'return:' || row.return_id",
        "left_ref": "row.state",
        "right_ref": "coalesce(row.label_status, 'no label')",
        "evidence": """
            'units=' || cast(row.expected_units as text) || ' bad_units=' || cast(row.bad_units as text)
            || ' received=' || coalesce(cast(row.received_units as text), '-')
            || ' delivered_at='
            || coalesce(cast(cast(row.carrier_delivered_at at time zone 'UTC' as date) as text), '-')""",
        "population": (
            "staging.stg_returns",
            "1",
            PROMISED,
            "true",
        ),
    },
    "recon_refund": {
        "quiet": """
            'matched', 'not_due_yet', 'timing', 'attributed', 'policy_no_refund', 'not_comparable',
            'unverifiable'""",
        "owner": "finance",
        "entity": "row.entity",
        "break_amount": "row.difference",
        "left_ref": "'due ' || cast(row.due as text)",
        "right_ref": "'paid ' || cast(row.paid as text)",
        "evidence": """
            'order=' || coalesce(row.order_id, '-') || ' promised=' || cast(row.amount as text)
            || ' state=' || coalesce(row.state, '-')
            || ' refunds_shown=' || coalesce(cast(row.refunds_shown as text), '-')""",
        "population": ("staging.stg_returns", "1", "coalesce(row.refund, 0)", "true"),
    },
    "recon_erp": {
        "quiet": "'matched', 'timing', 'unverifiable'",
        "owner": "finance",
        "entity": "'return:' || row.return_id",
        "break_amount": "coalesce(row.difference, row.amount)",
        "left_ref": """
            coalesce(row.state, 'no state')
            || ', due ' || cast(case when row.due > 0 then row.due else row.upsell_due end as text)""",
        "right_ref": """
            case
                when row.match_class in ('rma_missing', 'rma_duplicate')
                then cast(row.authorisations as text) || ' authorisations'
                when row.match_class in ('receipt_but_loop_open', 'closed_no_receipt')
                then cast(row.item_receipts as text) || ' item receipts'
                else 'booked '
                || cast(cast(coalesce(row.memo_amount, row.deposit_amount, 0) as decimal(18, 4)) as text)
            end""",
        "evidence": """
            'authorisations=' || cast(row.authorisations as text)
            || ' item_receipts=' || cast(row.item_receipts as text)
            || ' memos=' || coalesce(cast(row.memo_amount as text), '-')
            || ' deposits=' || coalesce(cast(row.deposit_amount as text), '-')""",
        "population": ("staging.stg_returns", "1", "coalesce(row.refund, 0)", "true"),
    },
    "recon_exchange": {
        "quiet": "'matched', 'pending_not_processed', 'timing', 'unverifiable'",
        "owner": "customer care",
        "entity": "'return:' || row.return_id",
        "break_amount": "row.difference",
        "left_ref": """
            cast(row.due_units as text) || ' new items, '
            || cast(row.waiting_units as text) || ' out of stock'""",
        "right_ref": """
            case
                when row.match_class = 'count_break'
                then cast(row.shopify_returns as text) || ' of ' || cast(row.loop_returns as text)
                    || ' exchanges'
                when row.match_class = 'duplicate_order'
                then 'order of ' || cast(row.sharing_returns as text) || ' returns'
                when row.found_at is null then 'no order'
                else coalesce(row.exchange_order_name, row.shopify_return_id, '-')
            end""",
        "evidence": """
            'mode=' || row.mode || ' order=' || coalesce(row.order_id, '-')
            || ' exchange_order=' || coalesce(row.exchange_order_id, '-')
            || ' missing=' || coalesce(cast(row.missing_units as text), '-')
            || ' surplus=' || coalesce(cast(row.surplus_units as text), '-')""",
        "population": ("staging.stg_returns", "1", "row.exchange_total", HAS_EXCHANGE),
    },
    "recon_exchange_clearing": {
        "rows": "sum(row.returns)",
        "population": ("staging.stg_returns", "1", "row.exchange_credit_total", HAS_EXCHANGE),
    },
    "recon_store_credit": {
        "quiet": """
            'matched', 'not_due_yet', 'timing', 'attributed', 'not_comparable', 'unverifiable'""",
        "owner": "finance",
        "entity": "row.entity",
        "break_amount": "row.difference",
        "left_ref": """
            case
                when row.entity like 'card:%' then 'no promise' else 'credit ' || cast(row.amount as text)
            end""",
        "right_ref": "'issued ' || cast(row.issued as text)",
        "evidence": """
            'cards=' || cast(row.card_count as text) || ' first=' || coalesce(row.gift_card_id, '-')
            || ' bonus=' || cast(row.bonus_amount as text) || ' state=' || coalesce(row.state, '-')""",
        "population": (
            "(select currency, gift_card as amount from staging.stg_returns where gift_card > 0"
            " union all select currency, initial_value as amount from staging.stg_loop_gift_cards)",
            "1",
            "row.amount",
            "true",
        ),
    },
    "gift_card_liability": {
        "rows": "sum(row.cards)",
        "population": ("staging.stg_loop_gift_cards", "1", "row.initial_value", "true"),
    },
    "recon_upsell": {
        "quiet": """
            'matched', 'not_due_yet', 'timing', 'attributed', 'not_comparable', 'unverifiable'""",
        "owner": "finance",
        "entity": "row.entity",
        "break_amount": "row.difference",
        "left_ref": """
            case
                when row.entity like 'charge:%' then 'no upsell' else 'upsell ' || cast(row.amount as text)
            end""",
        "right_ref": "'charged ' || cast(row.charged as text)",
        "evidence": """
            'charges=' || cast(row.charge_count as text) || ' first=' || coalesce(row.charge_id, '-')
            || ' refunded=' || cast(row.refunded as text) || ' fee=' || cast(row.fee as text)
            || ' state=' || coalesce(row.state, '-')""",
        "population": (
            "(select currency, coalesce(upsell, 0) as amount from staging.stg_returns"
            " where upsell > 0 or exchange_credit_total > 0"
            " union all select currency, amount from staging.stg_ext_stripe_charges"
            " where status = 'succeeded' and (not loop_return_id is null or named_order in"
            " (select order_name from staging.stg_returns"
            " union all select exchange_order_name from staging.stg_exchanges)))",
            "1",
            "row.amount",
            "true",
        ),
    },
    "fin_sales_adjustment": {
        "quiet": "'matched', 'timing', 'in_day', 'unverifiable'",
        "owner": "finance",
        "entity": "row.entity",
        "break_amount": "row.difference",
        "rows": "sum(row.sources)",
        "left_ref": "'net sales ' || cast(row.net_sales as text)",
        "right_ref": "'reported ' || coalesce(cast(row.reported_net_sales as text), 'nothing')",
        "evidence": """
            'discounts=' || cast(row.discounts as text) || ' returns=' || cast(row.returns as text)
            || ' reported_discounts=' || coalesce(cast(row.reported_discounts as text), '-')
            || ' reported_returns=' || coalesce(cast(row.reported_returns as text), '-')""",
        "population": (ADJUSTED, "1", "row.amount", "true"),
    },
    "fin_open_returns": {"class_column": "stage"},
    "fin_liability": {"rows": "sum(row.net_returns)", "population": PARTS_OWED},
    "fin_liability_expected": {"rows": "sum(row.open_returns)", "population": PARTS_OWED},
    "fin_liability_uninitiated": {
        "rows": "sum(row.orders)",
        "population": (
            "staging.stg_ext_shopify_orders",
            "1",
            "row.total",
            "row.cancelled_at is null and coalesce(row.source_name, '') <> '1662707'",
        ),
    },
    "ops_sla": {"population": ("staging.stg_returns", "1", "row.refund", "true")},
    "fin_label_cost": {
        "quiet": "'matched', 'timing', 'not_used', 'unverifiable', 'duplicate'",
        "owner": "ops",
        "entity": "'label:' || row.return_id || ':' || cast(row.label_no as text)",
        "left_ref": "coalesce(cast(row.amount as text), 'no rate')",
        "right_ref": "coalesce(cast(row.invoice_amount as text), 'not billed')",
        "evidence": """
            'tracking=' || coalesce(row.tracking_number, '-') || ' label=' || cast(row.label_no as text)""",
    },
    "prod_sku_reason": {
        "rows": "sum(row.units)",
        "population": (
            "(select r.currency, coalesce(l.price, 0) - coalesce(l.discount, 0) as amount"
            " from staging.stg_return_lines as l"
            " inner join staging.stg_returns as r on r.return_id = l.return_id"
            " where not r.created_at is null)",
            "1",
            "row.amount",
            "true",
        ),
    },
    "prod_size_exchange": {
        "rows": "sum(row.units)",
        "population": (
            "(select r.currency, coalesce(e.price, 0) - coalesce(e.discount, 0) as amount"
            " from staging.stg_exchanges as e"
            " inner join staging.stg_returns as r on r.return_id = e.return_id"
            " where coalesce(r.state, '') <> 'cancelled')",
            "1",
            "row.amount",
            "true",
        ),
    },
    "risk_returner": {
        "rows": "sum(row.returns)",
        "population": (
            "staging.stg_returns",
            "1",
            "row.return_total",
            "coalesce(row.state, '') <> 'cancelled'",
        ),
    },
    "action_outcome": {
        "quiet": """
            'waiting', 'pending', 'confirmed', 'refused', 'drift', 'not_sent', 'expired'""",
        "owner": "ops",
        "entity": "'action:' || row.action_key || ':' || cast(row.attempt as text)",
        "left_ref": "row.action || ' ' || row.state",
        "right_ref": "coalesce(row.return_state, 'not read back')",
        "root_cause": "'unknown'",
        "evidence": """
            'rule=' || coalesce(row.rule_id, '-') || ' request=' || coalesce(row.flagged_item_id, '-')""",
    },
}


@macro()
def break_rows(evaluator: MacroEvaluator) -> exp.Expression:
    """Every break of every mart, in one shape. A row with a severity is a break."""
    return _united(
        f"""
        select
            '{name}' as recon,
            '{mart["owner"]}' as owner,
            {mart["entity"]} as entity,
            row.return_id,
            row.{mart.get("class_column", "match_class")} as break_type,
            row.severity,
            {_break_amount(mart)} as amount,
            row.currency,
            {mart["left_ref"]} as left_ref,
            {mart["right_ref"]} as right_ref,
            {mart.get("root_cause", "row.root_cause")} as root_cause,
            {mart["evidence"]} as evidence
        from marts.{name} as row
        where not row.severity is null
        """
        for name, mart in MARTS.items()
        if "quiet" in mart
    )


@macro()
def class_rows(evaluator: MacroEvaluator) -> exp.Expression:
    """Rows and money of every class of every mart, and of every type of marts.breaks, per currency."""
    classes = {
        name: (mart.get("class_column", "match_class"), mart.get("rows", "count(*)"))
        for name, mart in MARTS.items()
    }
    return _united(
        f"""
        select
            '{name}' as mart,
            row.{column} as match_class,
            coalesce(row.currency, 'XXX') as currency,
            {rows} as row_count,
            sum(coalesce(row.amount, 0)) as amount
        from marts.{name} as row
        group by row.{column}, coalesce(row.currency, 'XXX')
        """
        for name, (column, rows) in {**classes, "breaks": ("break_type", "count(*)")}.items()
    )


@macro()
def population_rows(evaluator: MacroEvaluator) -> exp.Expression:
    """What the marts must explain, of those that say so here; breaks are counted by class, not severity."""
    counted = [(name, *mart["population"]) for name, mart in MARTS.items() if "population" in mart]
    breaks = [
        ("breaks", f"marts.{name}", "1", _break_amount(mart), f"not row.match_class in ({mart['quiet']})")
        for name, mart in MARTS.items()
        if "quiet" in mart
    ]
    return _united(
        f"""
        select '{name}' as mart, row.currency, {rows} as row_count, {amount} as amount
        from {table} as row
        where {condition}
        """
        for name, table, rows, amount, condition in counted + breaks
    )


def _break_amount(mart: dict[str, object]) -> object:
    return mart.get("break_amount", "row.amount")


def _united(selects: Iterable[str]) -> exp.Expression:
    return parse_one(" union all ".join(selects), dialect="duckdb")
