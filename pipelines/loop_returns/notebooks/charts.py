"""Charts: one look for all, colours that a colour-blind person can tell apart, and SVG without a browser."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from html import escape
from typing import Any, Final

import altair as alt
import vl_convert

# Okabe and Ito's palette, in an order in which neighbours differ in lightness too.
BLUE, ORANGE, GREEN, RED, SKY, PINK = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
YELLOW, BLACK, GREY = "#F0E442", "#000000", "#6B7280"
PALETTE = [BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, BLACK]
CALM = {
    **dict.fromkeys(("matched", "attributed", "within", "confirmed", "settled"), "#C4C8CF"),
    **dict.fromkeys(("pending", "pending_not_processed", "not_due_yet", "timing", "waiting"), "#9CA3AF"),
    **dict.fromkeys(("not_comparable", "unverifiable", "not_sent"), "#6B7280"),
}
"""Classes that are no break: in greys, so that the colours are left to what is wrong."""
SHADES: Final = "blues"
"""A scale from few (light) to many (dark) that reads the same without colour, and on paper."""
SVG_WIDTH = 760

Chart = alt.Chart | alt.LayerChart | alt.HConcatChart | alt.VConcatChart | alt.FacetChart


_LABEL: dict[str, Any] = {
    "labelFontSize": 12,
    "titleFontSize": 12,
    "labelLimit": 260,
    "titleFontWeight": "normal",
}


@alt.theme.register("loop_returns", enable=True)
def _theme() -> alt.theme.ThemeConfig:
    config: Any = {
        "padding": {"left": 5, "top": 5, "bottom": 5, "right": 14},
        "font": "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif",
        "view": {"continuousWidth": 600, "continuousHeight": 260, "stroke": None},
        "range": {"category": PALETTE, "heatmap": {"scheme": SHADES}, "ramp": {"scheme": SHADES}},
        "axis": _LABEL | {"gridColor": "#E5E7EB", "domainColor": GREY, "tickColor": GREY},
        "legend": _LABEL | {"orient": "top", "direction": "horizontal"},
        "header": _LABEL,
        "bar": {"color": BLUE},
        "point": {"filled": True, "size": 50},
    }
    return {"config": config}


def data(rows: list[dict[str, Any]]) -> alt.InlineData:
    """Rows for a chart; they stand in it, so that it needs nothing else."""
    return alt.InlineData(values=rows)


def legend(chart: Chart) -> str:
    """The names of a chart's colours as HTML that wraps on a phone, where a drawn legend would be cut off."""
    square = "display:inline-block;width:.75em;height:.75em;margin-right:.35em;background:"
    items = "".join(
        '<li style="display:inline-block;margin-right:1rem">'
        f'<span aria-hidden="true" style="{square}{colour}"></span>{escape(name)}</li>'
        for name, colour in dict(_named_colours(chart.to_dict())).items()
    )
    return f'<ul style="list-style:none;margin:0;padding:0;font-size:.85rem">{items}</ul>' if items else ""


def _named_colours(spec: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 # any part of a chart's JSON
    for key, part in spec.items() if isinstance(spec, dict) else enumerate(spec):
        if key == "color" and isinstance(part, dict) and "range" in (part.get("scale") or {}):
            yield from zip(part["scale"]["domain"], part["scale"]["range"], strict=True)
        elif isinstance(part, dict | list) and key not in ("data", "datasets"):
            yield from _named_colours(part)


def svg(chart: Chart) -> str:
    """A chart as SVG of a fixed width, for pages without scripts; its ids are its own in a page of many."""
    spec = chart.to_dict()
    if spec.get("width") == "container":
        spec["width"] = SVG_WIDTH - 120
    drawn: str = vl_convert.vegalite_to_svg(spec)
    own = f"c{hashlib.sha256(drawn.encode()).hexdigest()[:8]}-"
    drawn = re.sub(r'((?:\s(?:xlink:)?(?:id|href)="#?)|url\(#)(?=[a-z])', rf"\1{own}", drawn)
    words = escape(str(spec.get("description", "")))
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1)
