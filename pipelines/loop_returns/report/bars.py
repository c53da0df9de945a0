"""Bars for the cells of a table: drawings of figures that stand beside them, scaled within a currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from loop_returns.report.document import Bar, Part, Style
from loop_returns.report.published import Figures

SHORTEST = 0.008
"""A part that is there is seen, however small its share."""


def scales(found: Iterable[Figures], *names: str) -> dict[str, Decimal]:
    """The largest absolute value of these columns, per currency."""
    largest: dict[str, Decimal] = {}
    for each in found:
        values = [abs(each[name] or Decimal(0)) for name in names]
        largest[each["currency"]] = max(largest.get(each["currency"], Decimal(0)), *values)
    return largest


def diverging(one: Figures, scale: Mapping[str, Decimal]) -> Bar:
    """Minus to the left, plus to the right of the middle."""
    whole = scale[one["currency"]]
    minus, plus = (_half(one[side], whole) for side in ("minus", "plus"))
    parts = [Part(0.5 - minus, minus, "minus")] if minus else []
    parts += [Part(0.5, plus, "plus")] if plus else []
    return Bar(f"minus {-one['minus']:,.2f}, plus {one['plus']:,.2f}", tuple(parts), axis=0.5)


def _half(amount: Decimal, whole: Decimal) -> float:
    return max(SHORTEST, float(abs(amount) / whole) / 2) if amount and whole else 0.0


def stacked(label: str, values: Sequence[tuple[Style, int]], whole: int) -> Bar:
    """Parts side by side, as shares of `whole`."""
    parts, at = [], 0.0
    for style, value in values:
        if value and whole:
            parts.append(Part(at, value / whole, style))
            at += value / whole
    return Bar(label, tuple(parts))


def simple(label: str, value: Decimal, whole: Decimal, style: Style = "plus") -> Bar:
    """One part from the left."""
    length = max(SHORTEST, float(value / whole)) if value > 0 and whole else 0.0
    return Bar(label, (Part(0.0, length, style),) if length else ())


def strip(one: Figures) -> Bar:
    """The days of a pass from the first to the last: those that were not read completely stand out."""
    days, first = max(1, one["days"]), one["first_day"]
    parts = [Part(0.0, 1.0, "covered")]
    for each in one["uncovered"]:
        start = (each["day"] - first).days / days
        length = min(max(SHORTEST, 1 / days), 1 - start)
        parts.append(Part(start, length, "hole" if each["is_hole"] else "partly"))
    return Bar(f"{one['covered']:,} of {one['days']:,} days read completely", tuple(parts))
