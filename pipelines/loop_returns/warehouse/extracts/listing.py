"""What there is to say about the extracts: which are here, how many rows, and what one wants.

loop.toml, the published file -> listed() -> `loop-returns extracts`; tables.py -> template() -> `--template`
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from loop_returns import terminal
from loop_returns.errors import UsageError
from loop_returns.warehouse.extracts.columns import WANTED
from loop_returns.warehouse.extracts.sources import Source
from loop_returns.warehouse.extracts.tables import EXTRACTS

Figures = dict[str, Any]
_REGISTER = "select name, is_present, rows, rejected, newest_at, read_at from loop.ext.extracts"


def listed(found: Mapping[str, Source], published: Path) -> list[Figures]:
    """One entry per extract that can be.

    Keys: `name`, `source`, `is_present`, `rows`, `rejected`, `newest_at`, `read_at`.

    Args:
        found: What loop.toml names.
        published: The published file; what it holds is what the last build read.
    """
    known = _register(published)
    nothing = {"is_present": False, "rows": 0, "rejected": 0, "newest_at": None, "read_at": None}
    return [
        {"name": name, "source": found[name].label if name in found else None, **known.get(name, nothing)}
        for name in EXTRACTS
    ]


def _register(published: Path) -> dict[str, Figures]:
    if not published.exists():
        return {}
    with duckdb.connect() as database:
        path = str(published).replace("'", "''")
        database.execute(f"set TimeZone = 'UTC'; attach '{path}' as loop (read_only)")
        try:
            rows = database.execute(_REGISTER)
        except duckdb.CatalogException:  # written before there were extracts
            return {}
        names = [each[0] for each in rows.description or ()]
        return {row[0]: dict(zip(names, row, strict=True)) for row in rows.fetchall()}


def listed_text(entries: list[Figures]) -> str:
    """The same for people."""
    rows = [
        (
            one["name"],
            "read" if one["is_present"] else "configured" if one["source"] else "absent",
            f"{one['rows']:,}" if one["is_present"] else "",
            f"{one['rejected']:,}" if one["is_present"] else "",
            f"{one['newest_at']:%Y-%m-%d %H:%M}" if one["newest_at"] else "",
            one["source"] or "",
        )
        for one in entries
    ]
    header = ("extract", "state", "rows", "rejected", "newest, UTC", "source")
    told = terminal.table(header, rows, right=(2, 3))
    more = "What one wants: loop-returns extracts --template NAME. What was refused, and why: ext.rejects"
    return f"{told}\n\n{more}"


def template(name: str) -> Figures:
    """What an extract wants: `name`, `row`, `key`, `csv_header`, `loop_toml`, `columns`.

    Raises:
        UsageError: No extract is called so.
    """
    if name not in EXTRACTS:
        raise UsageError(f"no extract is called {name}", hint="known: " + ", ".join(EXTRACTS))
    extract = EXTRACTS[name]
    first = next(iter(extract.columns))
    return {
        "name": name,
        "row": extract.text,
        "key": list(extract.key),
        "csv_header": ",".join(extract.columns),
        "loop_toml": (
            f'[extracts.{name}]\npath = "exports/{name}*.csv"\n'
            f'# columns = {{ {first} = "their name of it" }}\n# timezone = "America/New_York"'
        ),
        "columns": [
            {
                "name": column,
                "is_required": one.is_required,
                "written_as": WANTED[one.kind],
                "meaning": one.text,
                "personal": one.personal,
            }
            for column, one in extract.columns.items()
        ],
    }


def template_text(wanted: Figures) -> str:
    """The same for people: what can be copied stands alone on its lines."""
    columns = [
        (one["name"], "required" if one["is_required"] else "", f"{one['meaning']} ({one['written_as']})")
        for one in wanted["columns"]
    ]
    return "\n".join(
        [
            f"# One row per {wanted['row']}. Key: {', '.join(wanted['key'])}",
            "",
            "# The header of the file:",
            wanted["csv_header"],
            "",
            "# In loop.toml:",
            wanted["loop_toml"],
            "",
            "# The columns:",
            terminal.table(("column", "", "meaning (how it is written)"), columns),
        ]
    )
