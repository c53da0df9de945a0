"""Diagrams of one kind of question: due against paid, what moved a sum, how sure a figure is.

Each is made of rows as `cells.plain` gives them, and says in its description what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt

from loop_returns.notebooks.cells import Row
from loop_returns.notebooks.charts import BLUE, GREEN, GREY, ORANGE, Chart, data
from loop_returns.notebooks.drawings import STEP, colours, tooltip


def scatter(
    rows: list[Row], across: str, up: str, titles: tuple[str, str], says: str, *, colour: str
) -> Chart:
    """Two amounts of each return against each other, with the line on which they are equal."""
    most = max([float(row[name] or 0) for row in rows for name in (across, up)] or [1.0]) or 1.0
    line = alt.Chart(data([{"a": 0, "b": 0}, {"a": most, "b": most}])).mark_line(
        color=GREY, strokeDash=[4, 4], strokeWidth=1
    )
    points = (
        alt.Chart(data(rows), description=says)
        .mark_point(filled=True, size=60, opacity=0.75)
        .encode(
            x=alt.X(field=across, type="quantitative", title=titles[0]),
            y=alt.Y(field=up, type="quantitative", title=titles[1]),
            color=colours(rows, colour),
            shape=alt.Shape(field=colour, type="nominal", legend=None),
            tooltip=tooltip(rows),
        )
    )
    drawn = line.encode(x="a:Q", y="b:Q") + points
    sized: Chart = drawn.properties(width="container", height=340, description=says)
    return sized


def waterfall(rows: list[Row], says: str, unit: str) -> Chart:
    """Steps from one sum to the next: rows of step, from_amount, to_amount, kind (sum, up, down)."""
    order = list(dict.fromkeys(row["step"] for row in rows))
    kinds = alt.Scale(domain=["sum", "up", "down"], range=[BLUE, GREEN, ORANGE])
    drawn: Chart = (
        alt.Chart(data(rows), description=says)
        .mark_bar(size=34)
        .encode(
            x=alt.X(field="step", type="ordinal", sort=order, title=None, axis=alt.Axis(labelAngle=-35)),
            y=alt.Y(field="from_amount", type="quantitative", title=unit),
            y2=alt.Y2(field="to_amount"),
            color=alt.Color(field="kind", type="nominal", scale=kinds, legend=None),
            tooltip=tooltip(rows),
        )
        .properties(width="container", height=300)
    )
    return drawn


def classes_by_day(
    rows: list[Row], day: str, down: str, kind: str, colour_of: Mapping[str, str], says: str
) -> Chart:
    """A square per day and row, coloured by its class."""
    scale = alt.Scale(domain=list(colour_of), range=list(colour_of.values()))
    axis = alt.Axis(format="%-d %b", labelOverlap=True)
    drawn: Chart = (
        alt.Chart(data(rows), description=says)
        .mark_rect()
        .encode(
            x=alt.X(field=day, type="temporal", timeUnit="yearmonthdate", title="day, UTC", axis=axis),
            y=alt.Y(field=down, type="nominal", title=None),
            color=alt.Color(field=kind, type="nominal", scale=scale, legend=None),
            tooltip=tooltip(rows),
        )
        .properties(width="container", height=alt.Step(STEP))
    )
    return drawn


def ranges(
    rows: list[Row],
    name: str,
    ends: tuple[str, str, str],
    unit: str,
    says: str,
    *,
    colour: str | None = None,
    percent: bool = False,
) -> Chart:
    """A bar from the lower to the upper end, and a tick between: `ends` are low, middle, high."""
    low, middle, high = ends
    axis = alt.Axis(format=".0%") if percent else alt.Axis()
    base = alt.Chart(data(rows), description=says).encode(
        y=alt.Y(field=name, type="nominal", sort=None, title=None), tooltip=tooltip(rows)
    )
    bars = base.mark_bar(height=10, opacity=0.6).encode(
        x=alt.X(field=low, type="quantitative", title=unit, axis=axis), x2=alt.X2(field=high)
    )
    if colour:
        bars = bars.encode(color=colours(rows, colour))
    ticks = base.mark_tick(color="black", thickness=2, size=16).encode(
        x=alt.X(field=middle, type="quantitative")
    )
    drawn: Chart = (bars + ticks).properties(width="container", height=alt.Step(STEP), description=says)
    return drawn


def pairs(rows: list[Row], length: str, name: str, kind: str, unit: str, says: str) -> Chart:
    """Two or more bars beside each other at each name."""
    drawn: Chart = (
        alt.Chart(data(rows), description=says)
        .mark_bar()
        .encode(
            x=alt.X(field=length, type="quantitative", title=unit),
            y=alt.Y(field=name, type="nominal", sort=None, title=None),
            yOffset=alt.YOffset(field=kind, type="nominal"),
            color=colours(rows, kind),
            tooltip=tooltip(rows),
        )
        .properties(width="container", height=alt.Step(STEP))
    )
    return drawn


def run_chart(rows: list[Row], along: str, up: str, middle: str, titles: tuple[str, str], says: str) -> Chart:
    """A share per week as points, and the overall share as a line."""
    base = alt.Chart(data(rows), description=says).encode(
        x=alt.X(field=along, type="temporal", title=titles[0])
    )
    share = alt.Axis(format=".0%")
    points = base.mark_line(point=True).encode(
        y=alt.Y(field=up, type="quantitative", title=titles[1], axis=share), tooltip=tooltip(rows)
    )
    line = base.mark_line(color=GREY, strokeDash=[4, 4]).encode(y=alt.Y(field=middle, type="quantitative"))
    drawn: Chart = (line + points).properties(width="container", height=240, description=says)
    return drawn


def picked_and_right(
    rows: list[Row], along: str, picked: str, right: str, share: str, titles: tuple[str, str], says: str
) -> Chart:
    """How many a threshold picks in grey, how many of them were right in blue, and their share in words."""
    base = alt.Chart(data(rows), description=says).encode(
        x=alt.X(field=along, type="ordinal", title=titles[0], axis=alt.Axis(labelAngle=0)),
        tooltip=tooltip(rows),
    )
    ticks = alt.Axis(tickMinStep=1, format=",d")
    whole = base.mark_bar(color="#D1D5DB", size=36).encode(
        y=alt.Y(field=picked, type="quantitative", title=titles[1], axis=ticks)
    )
    part = base.mark_bar(color=BLUE, size=36).encode(y=alt.Y(field=right, type="quantitative"))
    words = base.mark_text(dy=-8).encode(
        y=alt.Y(field=picked, type="quantitative"),
        text=alt.Text(field=share, type="quantitative", format=".0%"),
    )
    drawn: Chart = (whole + part + words).properties(width="container", height=240, description=says)
    return drawn


def lorenz(rows: list[Row], across: str, up: str, titles: tuple[str, str], says: str) -> Chart:
    """The curve of a share over a share, and the diagonal of equality."""
    even = alt.Chart(data([{"a": 0, "b": 0}, {"a": 1, "b": 1}])).mark_line(
        color=GREY, strokeDash=[4, 4], strokeWidth=1
    )
    percent = alt.Axis(format=".0%")
    curve = (
        alt.Chart(data(rows), description=says)
        .mark_line()
        .encode(
            x=alt.X(field=across, type="quantitative", title=titles[0], axis=percent),
            y=alt.Y(field=up, type="quantitative", title=titles[1], axis=percent),
            tooltip=tooltip(rows),
        )
    )
    drawn: Chart = (even.encode(x="a:Q", y="b:Q") + curve).properties(
        width="container", height=300, description=says
    )
    return drawn
