"""Bars, columns, squares and lines, from rows as `cells.plain` gives them; diagrams.py has the rest.

Every chart has a description, which is its text for people who do not see it; every axis says its unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from loop_returns.notebooks.cells import Row
from loop_returns.notebooks.charts import CALM, PALETTE, SHADES, Chart, data

STEP = 26
"""Height of a bar or a row, in pixels."""
WALLS = 6
MOST_LABELS = 16
"""More names than these on a slanted axis, and some are left out."""


def tooltip(rows: Sequence[Row]) -> list[alt.Tooltip]:
    """All columns of a row, numbers with two decimals at most."""
    first = rows[0] if rows else {}
    return [_tip(name, next((row[name] for row in rows if row[name] is not None), None)) for name in first]


def _tip(name: str, value: Any) -> alt.Tooltip:  # noqa: ANN401 # whatever a column holds
    if isinstance(value, float):
        return alt.Tooltip(field=name, type="quantitative", format=",.2f")
    if isinstance(value, int) and not isinstance(value, bool):
        return alt.Tooltip(field=name, type="quantitative", format=",")
    return alt.Tooltip(field=name, type="nominal")


def colours(rows: Sequence[Row], field: str) -> alt.Color:
    """Colours by a name: what is no break is grey, whatever else is there has a colour of its own."""
    found = {str(row[field]) for row in rows if row[field] is not None}
    names = sorted(found, key=lambda name: (name in CALM, name))
    free = iter(PALETTE * (1 + len(names) // len(PALETTE)))
    scale = alt.Scale(domain=names, range=[CALM[name] if name in CALM else next(free) for name in names])
    return alt.Color(field=field, type="nominal", scale=scale, legend=None)  # charts.legend shows it


def _ticks(rows: Sequence[Row], field: str) -> alt.Axis:
    """Counts have no halves."""
    counts = all(isinstance(row[field], int | None) for row in rows)
    return alt.Axis(tickMinStep=1, format=",d") if counts else alt.Axis()


def _slanted(names: Sequence[str]) -> alt.Axis:
    return alt.Axis(labelAngle=-35, labelOverlap=len(names) > MOST_LABELS)


def bars(
    rows: list[Row],
    length: str,
    name: str,
    unit: str,
    says: str,
    *,
    colour: str | None = None,
    order: Sequence[str] | str = "-x",
) -> Chart:
    """Bars side by side, a name at each; parts of another colour are stacked."""
    chart = alt.Chart(data(rows), description=says).mark_bar()
    encoded = chart.encode(
        x=alt.X(field=length, type="quantitative", title=unit, axis=_ticks(rows, length)),
        y=alt.Y(field=name, type="nominal", sort=order, title=None),
        tooltip=tooltip(rows),
    )
    if colour:
        encoded = encoded.encode(color=colours(rows, colour))
    drawn: Chart = encoded.properties(width="container", height=alt.Step(STEP))
    return drawn


def columns(
    rows: list[Row],
    along: str,
    height: str,
    unit: str,
    says: str,
    *,
    colour: str | None = None,
    order: Sequence[str] | None = None,
    title: str | None = None,
) -> Chart:
    """Columns in a given order: buckets, months, steps; parts of another colour are stacked."""
    names = list(dict.fromkeys(row[along] for row in rows))
    chart = alt.Chart(data(rows), description=says)
    # Few columns would be as wide as walls.
    marked = chart.mark_bar(size=36) if len(names) < WALLS else chart.mark_bar()
    sort = list(order or names)
    across = alt.X(field=along, type="ordinal", sort=sort, title=title, axis=_slanted(names))
    up = alt.Y(field=height, type="quantitative", title=unit, axis=_ticks(rows, height))
    encoded = marked.encode(x=across, y=up, tooltip=tooltip(rows))
    if colour:
        encoded = encoded.encode(color=colours(rows, colour))
    drawn: Chart = encoded.properties(width="container", height=260)
    return drawn


def heat(
    rows: list[Row],
    across: str,
    down: str,
    value: str,
    unit: str,
    says: str,
    *,
    domain: tuple[float, float] | None = None,
    words: str | None = None,
    percent: bool = False,
    order: Sequence[str] | None = None,
) -> Chart:
    """Squares from light (few) to dark (many), with their number in words where `words` names a column.

    `order` is that of the names across; left out, they ascend. Down it is that of the rows.
    """
    names = list(order or sorted({str(row[across]) for row in rows}))
    base = alt.Chart(data(rows), description=says).encode(
        x=alt.X(field=across, type="ordinal", sort=names, title=None, axis=_slanted(names)),
        y=alt.Y(field=down, type="ordinal", sort=None, title=None),
    )
    scale = alt.Scale(scheme=SHADES, domain=list(domain)) if domain else alt.Scale(scheme=SHADES)
    legend = alt.Legend(title=unit, format=".0%" if percent else ",.0f", gradientLength=110)
    squares = base.mark_rect(stroke="white").encode(
        color=alt.Color(field=value, type="quantitative", scale=scale, legend=legend), tooltip=tooltip(rows)
    )
    chart: Any = squares
    if words:
        middle = (domain[0] + domain[1]) / 2 if domain else _middle(rows, value)
        ink = alt.condition(f"datum['{value}'] > {middle}", alt.value("white"), alt.value("black"))
        text = alt.Text(field=words, type="nominal")
        chart = squares + base.mark_text(fontSize=11).encode(text=text, color=ink)
    drawn: Chart = chart.properties(width="container", height=alt.Step(STEP))
    return drawn


def _middle(rows: list[Row], value: str) -> float:
    found = [row[value] for row in rows if row[value] is not None] or [0]
    return float(min(found) + max(found)) / 2


def lines(
    rows: list[Row],
    along: str,
    up: str,
    titles: tuple[str, str],
    says: str,
    *,
    colour: str | None = None,
    percent: bool = False,
    steps: bool = False,
    temporal: bool = False,
) -> Chart:
    """Lines over time or over a threshold; `steps` for a share that holds until the next point."""
    axis = alt.Axis(format=".0%") if percent else alt.Axis()
    encoded = (
        alt.Chart(data(rows), description=says)
        .mark_line(point=not steps, interpolate="step-after" if steps else "linear")
        .encode(
            x=alt.X(field=along, type="temporal" if temporal else "quantitative", title=titles[0]),
            y=alt.Y(field=up, type="quantitative", title=titles[1], axis=axis),
            tooltip=tooltip(rows),
        )
    )
    if colour:
        dashes = alt.StrokeDash(field=colour, type="nominal", legend=None)
        encoded = encoded.encode(color=colours(rows, colour), strokeDash=dashes)
    drawn: Chart = encoded.properties(width="container", height=260)
    return drawn
