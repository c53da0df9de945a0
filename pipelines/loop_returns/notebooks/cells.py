"""How a value looks: one way for the page, the static export and the Jupyter notebook.

Money with its cents and no currency sign (the currency stands in a column beside it), shares as percent,
counts with thousands parted by commas, times in UTC to the minute; numbers stand right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from html import escape
from typing import Any

import pyarrow as pa

Row = dict[str, Any]
NOTHING = "–"  # noqa: RUF001 # an en dash says that there is no value
_CENT = Decimal("0.01")


def shown(name: str, value: Any) -> str:  # noqa: ANN401 # whatever a column holds
    """A value of the column `name` in the words of a table.

    >>> from decimal import Decimal
    >>> shown("amount", Decimal("-1234.5000")), shown("processed_share", 0.9871), shown("returns", 1200)
    ('-1,234.50', '98.7 %', '1,200')
    >>> shown("tolerance", Decimal("0.0050")), shown("days_p50", 2.35), shown("carrier", None) == NOTHING
    ('0.0050', '2.4', True)
    """
    if value is None or value != value:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | Decimal) and is_share(name):
        return f"{float(value) * 100:.1f} %"
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and value.as_tuple().exponent == 0:
            return f"{value:,}"
        return f"{value:,.2f}" if value == value.quantize(_CENT) else f"{value:,.4f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


def is_share(name: str) -> bool:
    """Whether a column holds shares, 0 to 1, by its name."""
    return name.endswith(("share", "_low", "_high")) and not name.startswith("expected")


def numeric(table: pa.Table) -> list[str]:
    """The columns that hold numbers."""
    kinds = pa.types
    return [
        field.name
        for field in table.schema
        if kinds.is_integer(field.type) or kinds.is_floating(field.type) or kinds.is_decimal(field.type)
    ]


def formats(table: pa.Table) -> dict[str, str | Callable[..., Any]]:
    """What marimo's table calls on each value, by column."""

    def of(name: str) -> Callable[..., Any]:
        return lambda value: shown(name, value)

    return {name: of(name) for name in table.column_names}


def plain(table: pa.Table) -> list[Row]:
    """Rows as a chart takes them: money as a float to draw with, times as ISO text."""
    return [{name: _drawn(value) for name, value in row.items()} for row in table.to_pylist()]


def _drawn(value: Any) -> Any:  # noqa: ANN401 # whatever a column holds
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value


def html_table(table: pa.Table, tips: Mapping[str, str], most: int = 100) -> str:
    """A table that needs no script; at most so many rows, and says so."""
    right = set(numeric(table))
    rows = table.slice(0, most).to_pylist()
    head = "".join(
        _cell("th", name, name, right, f' scope="col"{_tip(tips.get(name))}') for name in table.column_names
    )
    body = "".join(
        "<tr>"
        + "".join(_cell("td", name, shown(name, value), right) for name, value in row.items())
        + "</tr>"
        for row in rows
    )
    left_out = table.num_rows - len(rows)
    note = f"<p>The first {len(rows):,} of {table.num_rows:,} rows.</p>" if left_out else ""
    return (
        f'<div class="scrolls"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}'
    )


def _cell(tag: str, name: str, text: str, right: set[str], more: str = "") -> str:
    side = ' class="n"' if name in right else ""
    return f"<{tag}{side}{more}>{escape(text)}</{tag}>"


def _tip(text: str | None) -> str:
    return f' title="{escape(text)}"' if text else ""
