"""Days between two instants: whole ones, and working days by UTC date and seeds/calendar.csv."""

from collections.abc import Iterable
from datetime import date

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

A_MONDAY = 4
"""1970-01-05, in days since 1970-01-01."""


@macro()
def business_days(
    evaluator: MacroEvaluator,
    start: exp.Expression,
    end: exp.Expression,
    destination: exp.Expression,
) -> str:
    """Working days from the day of `start`, inclusive, to the day of `end`, exclusive.

    `destination` is the warehouse whose days of seeds/calendar.csv count, before those that name none.
    """
    calendar = evaluator.var("calendar") or []
    days = [f"floor({_seconds(evaluator, instant)} / 86400)" for instant in (end, start)]
    spans = [_since_monday(day) + _exceptions(calendar, day, destination) for day in days]
    return f"({spans[0]} - ({spans[1]}))"


@macro()
def whole_days(evaluator: MacroEvaluator, start: exp.Expression, end: exp.Expression) -> str:
    """Whole days that went by from `start` to `end`; negative when `end` lies before."""
    return f"floor(({_seconds(evaluator, end)} - {_seconds(evaluator, start)}) / 86400)"


def _seconds(evaluator: MacroEvaluator, instant: exp.Expression) -> str:
    """Since 1970-01-01, with microseconds: DuckDB takes seven times as long to bring an instant to UTC."""
    if evaluator.gateway == "spark":
        return f"cast(cast({instant.sql()} as timestamptz) as double)"
    return f"epoch({instant.sql()})"


def _since_monday(day: str) -> str:
    """Days from Monday to Friday before a day, a number since 1970-01-01."""
    since = f"({day} - {A_MONDAY})"
    return f"(floor({since} / 7.0) * 5 + least({since} - 7 * floor({since} / 7.0), 5))"


def _exceptions(calendar: Iterable[str], day: str, destination: exp.Expression) -> str:
    """What the days before a day differ by from Monday to Friday; nothing where no day differs."""
    named: dict[str, dict[str, bool]] = {"": {}}
    for entry in calendar:
        named_day, is_working, where = entry.split("|")
        named.setdefault(where, {})[named_day] = is_working == "true"
    sums = {where: _sum({**named[""], **days}, day) for where, days in named.items()}
    others = "".join(f" when '{where}' then {sums[where] or 0}" for where in sums if where)
    if others:
        return f" + (case {destination.sql()}{others} else {sums[''] or 0} end)"
    return f" + ({sums['']})" if sums[""] else ""


def _sum(days: dict[str, bool], day: str) -> str:
    terms = []
    for text, is_working in sorted(days.items()):
        exception = date.fromisoformat(text)
        if is_working != (exception.weekday() < 5):
            sign = "+" if is_working else "-"
            number = (exception - date(1970, 1, 1)).days
            terms.append(f"{sign} cast({day} > {number} as int)")
    return " ".join(terms)
