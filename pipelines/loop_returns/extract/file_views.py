"""Which rows of the files are the table: those of each key's newest load, in SQL of DuckDB's dialect.

Snapshot -> live() -> views of the work file; transpiled -> views of a distributed engine

A return's children are those that came with its newest version: a child that vanished came with no file, and
is in none. The history keeps the first sight of each version.
"""

from __future__ import annotations

from collections.abc import Sequence

from loop_returns.api import fields
from loop_returns.extract.file_store import LOAD_ID

WINDOWS = "pull_windows"
WINDOW_LOAD = "window_load_id"
"""In the files of `pull_windows`: the load that holds the window's last row, the table's `_dlt_load_id`."""
GONE = "gone"
"""The status that takes a window out of the record."""
_KEYS = {
    "return_history": ("return_id", "version_key"),
    WINDOWS: ("run_id", "endpoint", "pass", "window_from", "window_to"),
    "webhook_events": fields.WEBHOOK_EVENT_KEY,
    "webhook_counters": fields.WEBHOOK_COUNTER_KEY,
    "return_details": fields.RETURN_DETAIL_KEY,
}


def stored(table: str) -> dict[str, str]:
    """Columns of a table's files, with their types: those of the table, and the load."""
    types = {name: fields.SQL_TYPES[column.type] for name, column in fields.raw_columns()[table].items()}
    return types | ({WINDOW_LOAD: "varchar"} if table == WINDOWS else {}) | {LOAD_ID: "varchar"}


def shown(table: str, json: str = "json") -> str:
    """The select list that makes the table's columns of what is stored; `json`: the engine's type for it."""
    types = {name: json if of == "json" else of for name, of in stored(table).items()}
    columns = [f'cast(rows."{name}" as {of}) as "{name}"' for name, of in types.items()]
    if table == WINDOWS:
        columns = [each for each in columns if WINDOW_LOAD not in each and LOAD_ID not in each]
        columns.append(f"cast(rows.{WINDOW_LOAD} as varchar) as {LOAD_ID}")
    return ", ".join(columns)


def live(table: str, source: str, owners: str, columns: str) -> str:
    """The rows of a table that count.

    Args:
        table: Raw table.
        source: What to read after `from`: its files, or an empty relation.
        owners: The same of `returns`, by which its children live.
        columns: Select list over `rows`.
    """
    spec = fields.TABLES.get(table)
    is_child = spec is not None and bool(spec.array)
    key: Sequence[str] = spec.primary_key if spec else _KEYS[table]
    ours, theirs = (("return_id",), ("id",)) if is_child else (key, key)
    newest = "min" if table == "return_history" else "max"
    same = " and ".join(f'rows."{one}" = newest."{other}"' for one, other in zip(ours, theirs, strict=True))
    listed = ", ".join(f'"{name}"' for name in theirs)
    condition = "where rows.is_removed is null" if is_child else ""
    if table == WINDOWS:
        condition = f"where rows.status <> '{GONE}'"
    origin = owners if is_child else source
    return (
        f"select {columns} from {source} as rows inner join ("
        f"select {listed}, {newest}({LOAD_ID}) as load from {origin} group by {listed}"
        f") as newest on {same} and rows.{LOAD_ID} = newest.load {condition}"
    )


def empty(table: str) -> str:
    """A relation with a table's stored columns and no row; JSON is text, as in the files."""
    types = {name: of.replace("json", "varchar") for name, of in stored(table).items()}
    columns = ", ".join(f'cast(null as {of}) as "{name}"' for name, of in types.items())
    return f"(select {columns} where 1 = 0)"
