"""The 95 % interval of a share (Wilson): honest when there are few. Null when there are none."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

Z = 1.96


@macro()
def wilson_low(evaluator: MacroEvaluator, hits: exp.Expression, total: exp.Expression) -> str:
    """Lower end of the interval of `hits / total`."""
    return _end(hits, total, "-")


@macro()
def wilson_high(evaluator: MacroEvaluator, hits: exp.Expression, total: exp.Expression) -> str:
    """Upper end of the interval of `hits / total`."""
    return _end(hits, total, "+")


def _end(hits: exp.Expression, total: exp.Expression, sign: str) -> str:
    n = f"nullif(cast({total.sql()} as double), 0)"
    share = f"({hits.sql()} / {n})"
    spread = f"{Z} * sqrt({share} * (1 - {share}) / {n} + {Z * Z} / (4 * {n} * {n}))"
    return f"least(1, greatest(0, ({share} + {Z * Z} / (2 * {n}) {sign} {spread}) / (1 + {Z * Z} / {n})))"
