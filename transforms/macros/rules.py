"""What the rules share: their list, limits per currency, and instants as text for the evidence."""

from sqlglot import exp, parse_one
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

RULES = (
    "R01_received_process",
    "R02_delivered_open_process",
    "R03_short_receipt",
    "R04_bad_grade",
    "R05_delivered_not_received",
    "R06_unexpected_item",
    "R07_money_break_open",
    "R08_high_value",
    "R09_label_never_used",
    "R10_duplicate_line",
    "R11_dead_return_received",
    "R12_paid_never_shipped",
    "R13_returner_risk",
    "R14_instant_overdue",
    "R15_stalled",
    "R16_review_waiting",
    "R17_keep_item_waiting",
    "R18_over_refund",
    "R19_erp_received",
    "R20_paid_early",
    "R21_processed_not_paid",
)
"""A new rule: its file, its row in seeds/rules.csv, its settings, its name here and in flag_candidates."""

_JSON = "cast(to_json(_value_) as text)"
_JSON_OF_SPARK = (  # it writes objects alone, without what is null: `{"v":...}`, or `{}`
    "case when not _value_ is null"
    " then regexp_replace(substring(to_json(named_struct('v', _value_)), 6), '[}]$', '') end"
)


@macro()
def rule_picks(evaluator: MacroEvaluator) -> exp.Expression:
    """What each rule picks."""
    picks = (f"select '{rule}' as rule_id, * from rules.{rule.lower()}" for rule in RULES)
    return parse_one(" union all ".join(picks), dialect="duckdb")


@macro()
def limit_of(evaluator: MacroEvaluator, currency: exp.Expression, limits: exp.Expression) -> str:
    """The limit in this currency, of texts such as `USD=150`; null in a currency that has none."""
    named = [each.name.partition("=") for each in limits.expressions]
    cases = " ".join(f"when '{name}' then {limit}" for name, _, limit in named)
    return f"case {currency.sql()} {cases} end" if cases else "cast(null as decimal(18, 4))"


@macro()
def utc_text(evaluator: MacroEvaluator, instant: exp.Expression) -> str:
    """An instant as text, UTC, whole seconds: the same in every session."""
    utc = f"{instant.sql()} at time zone 'UTC'"  # in two parts: Postgres reads an ordinal, `TH`, in TTHH
    return f"strftime({utc}, '%Y-%m-%d') || 'T' || strftime({utc}, '%H:%M:%S') || 'Z'"


@macro()
def evidence(evaluator: MacroEvaluator, *facts: exp.Expression) -> str:
    """`@evidence('name', value, ...)`: a JSON object as text, to the letter the same on every engine."""
    pairs = zip(facts[::2], facts[1::2], strict=True)
    spelled = _JSON_OF_SPARK if evaluator.gateway == "spark" else _JSON
    told = (
        f"'\"{name.name}\":' || coalesce({spelled.replace('_value_', value.sql('duckdb'))}, 'null')"
        for name, value in pairs
    )
    return "cast('{' || " + " || ',' || ".join(told) + " || '}' as text)"
