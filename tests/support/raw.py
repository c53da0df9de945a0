"""Raw tables without dlt and without the API: a DuckDB file with given rows in `loop_raw`.

`make_raw(path, returns=[...], asn=[...], windows=[...])` -> the file that `warehouse.marts.build` reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import orjson

from loop_returns.api.fields import SQL_TYPES, Column, raw_columns

Row = Mapping[str, Any]

WITHOUT_LOAD_ID = "pull_windows"


def make_raw(
    path: Path,
    *,
    returns: Sequence[Row] = (),
    asn: Sequence[Row] = (),
    windows: Sequence[Row] = (),
    **children: Sequence[Row],
) -> Path:
    """Create (or replace) all tables of `loop_raw` in a DuckDB file.

    Args:
        path: The file; it is created when it does not exist.
        returns: Rows of `loop_raw.returns`; a column that a row leaves out is null.
        asn: Rows of `loop_raw.advanced_shipping_notices`.
        windows: Rows of `loop_raw.pull_windows`.
        children: Rows of the other tables, by table name: `returns__line_items=[...]`.

    Returns:
        `path`.
    """
    rows = {"returns": returns, "advanced_shipping_notices": asn, "pull_windows": windows, **children}
    with duckdb.connect(str(path)) as db:
        db.execute("set TimeZone = 'UTC'")
        db.execute("create schema if not exists loop_raw")
        for table, columns in raw_columns().items():
            _create(db, table, columns)
            _insert(db, table, columns, rows.pop(table, ()))
    assert not rows, f"no such raw table: {sorted(rows)}"
    return path


def _create(db: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Column]) -> None:
    listed = [f'"{name}" {SQL_TYPES[column.type]}' for name, column in columns.items()]
    if table != WITHOUT_LOAD_ID:
        listed.append("_dlt_load_id varchar")
    db.execute(f'create or replace table loop_raw."{table}" ({", ".join(listed)})')


def _insert(
    db: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Column], rows: Iterable[Row]
) -> None:
    for row in rows:
        unknown = set(row) - set(columns)
        assert not unknown, f"no such column in {table}: {sorted(unknown)}"
        names = ", ".join(f'"{name}"' for name in row)
        places = ", ".join("?" for _ in row)
        values = [_value(columns[name], value) for name, value in row.items()]
        db.execute(f'insert into loop_raw."{table}" ({names}) values ({places})', values)


def _value(column: Column, value: object) -> object:
    """JSON columns take objects as they are; everything else is DuckDB's to cast."""
    return orjson.dumps(value).decode() if column.type == "json" and value is not None else value
