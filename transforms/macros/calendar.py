"""Days between two instants: whole ones, and working days by UTC date and seeds/calendar.csv."""

from collections.abc import Iterable
from datetime import date

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

A_MONDAY = "1970-01-05"
_DAYS, _DAYS_OF_SPARK = "({0} - {1})", "date_diff('day', {1}, {0})"


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
    days = _DAYS_OF_SPARK if evaluator.gateway == "spark" else _DAYS
    spans = [
        _since_monday(instant, days) + _exceptions(calendar, instant, destination) for instant in (end, start)
    ]
    return f"({spans[0]} - ({spans[1]}))"


@macro()
def whole_days(evaluator: MacroEvaluator, start: exp.Expression, end: exp.Expression) -> str | exp.Expression:
    """Whole days that went by from `start` to `end`; negative when `end` lies before.

    Both are taken to UTC first: DuckDB takes 25 times as long for the difference of two times with a zone.
    """
    if evaluator.gateway == "spark":
        ends = [
            exp.Anonymous(this="unix_micros", expressions=[exp.cast(at, "timestamptz")])
            for at in (end, start)
        ]
        gone = exp.Paren(this=exp.Sub(this=ends[0], expression=ends[1]))
        return exp.Floor(this=exp.Div(this=gone, expression=exp.Literal.number(86_400_000_000)))
    spans = [f"{instant.sql()} at time zone 'UTC'" for instant in (end, start)]
    return f"floor(extract(epoch from ({spans[0]} - {spans[1]})) / 86400)"


def _since_monday(instant: exp.Expression, spelled: str) -> str:
    days = spelled.format(f"cast({instant.sql()} at time zone 'UTC' as date)", f"cast('{A_MONDAY}' as date)")
    return f"(floor({days} / 7.0) * 5 + least({days} - 7 * floor({days} / 7.0), 5))"


def _exceptions(calendar: Iterable[str], instant: exp.Expression, destination: exp.Expression) -> str:
    """What the days before the instant differ by from Monday to Friday; nothing where no day differs."""
    named: dict[str, dict[str, bool]] = {"": {}}
    for entry in calendar:
        day, is_working, where = entry.split("|")
        named.setdefault(where, {})[day] = is_working == "true"
    sums = {where: _sum({**named[""], **days}, instant) for where, days in named.items()}
    others = "".join(f" when '{where}' then {sums[where] or 0}" for where in sums if where)
    if others:
        return f" + (case {destination.sql()}{others} else {sums[''] or 0} end)"
    return f" + ({sums['']})" if sums[""] else ""


def _sum(days: dict[str, bool], instant: exp.Expression) -> str:
    terms = []
    for day, is_working in sorted(days.items()):
        if is_working != (date.fromisoformat(day).weekday() < 5):
            sign = "+" if is_working else "-"
            is_past = f"cast({instant.sql()} at time zone 'UTC' as date) > cast('{day}' as date)"
            terms.append(f"{sign} cast({is_past} as int)")
    return " ".join(terms)
