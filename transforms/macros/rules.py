"""What the rules share: limits per currency, and instants as text for the evidence."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def limit_of(evaluator: MacroEvaluator, currency: exp.Expression, limits: exp.Expression) -> str:
    """The limit in this currency, of texts such as `USD=150`; null in a currency that has none."""
    named = [each.name.partition("=") for each in limits.expressions]
    cases = " ".join(f"when '{name}' then {limit}" for name, _, limit in named)
    return f"case {currency.sql()} {cases} end" if cases else "cast(null as decimal(18, 4))"


@macro()
def utc_text(evaluator: MacroEvaluator, instant: exp.Expression) -> str:
    """An instant as text, UTC, whole seconds: the same in every session."""
    return f"strftime({instant.sql()} at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ')"
