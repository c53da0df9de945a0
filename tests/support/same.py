"""Whether two DuckDB files say the same: every column of every table, its type, its comment, its rows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

SCHEMAS = ("loop_raw", "staging", "rules", "marts", "ops", "ext", "compat")
_COLUMNS = f"""
    select schema_name || '.' || table_name, column_name, data_type, comment from duckdb_columns()
    where database_name = '{{file}}' and schema_name in {SCHEMAS} and not starts_with(table_name, '_dlt')
"""
_BEGUN = "select min(started_at) from {file}.loop_raw.pull_windows"
_TABLES = f"""
    select schema_name || '.' || table_name, comment from duckdb_tables()
    where database_name = '{{file}}' and schema_name in {SCHEMAS} and not starts_with(table_name, '_dlt')
    union all
    select schema_name || '.' || view_name, comment from duckdb_views()
    where database_name = '{{file}}' and schema_name in {SCHEMAS}
"""


class Compared(NamedTuple):
    """What was looked at, and what was found.

    Attributes:
        columns: Table, column, type and comment that are in one file alone.
        comments: Table and comment that are in one file alone.
        rows: Rows that were compared.
        different: Table -> a row that is in the one file alone, a row that is in the other alone.
    """

    columns: list[Any]
    comments: list[Any]
    rows: int
    different: dict[str, tuple[Any, Any]]


def compared(one: Path, other: Path, leave_out: Collection[str] = ()) -> Compared:
    """Compare two files; an instant of the runs that made them is any instant of the runs.

    Args:
        one: What is expected.
        other: What was found.
        leave_out: Tables, or `table.column`, or columns of any table, whose values are not compared.
    """
    with duckdb.connect() as database:
        database.execute("set timezone = 'UTC'")
        for name, file in (("one", one), ("other", other)):
            database.execute(f"attach '{file}' as {name} (read_only)")
        columns, comments = (
            [set(database.execute(query.format(file=file)).fetchall()) for file in ("one", "other")]
            for query in (_COLUMNS, _TABLES)
        )
        named: dict[str, list[str]] = {}
        for table, column, *_ in sorted(columns[0] & columns[1]):
            if not {table, column, f"{table}.{column}"} & set(leave_out):
                named.setdefault(table, []).append(f'"{column}"')
        begun = [database.execute(_BEGUN.format(file=file)).fetchall()[0][0] for file in ("one", "other")]
        rows, different = 0, {}
        for table, shown in named.items():
            both = [
                database.execute(f"select {', '.join(shown)} from {file}.{table}").fetchall()
                for file in ("one", "other")
                if not table.startswith("compat.")  # its views name no catalog
            ]
            if both:
                rows += len(both[0])
                if difference := _difference(*both, min(begun)):
                    different[table] = difference
    return Compared(
        sorted(columns[0] ^ columns[1], key=repr),
        sorted(comments[0] ^ comments[1], key=repr),
        rows,
        different,
    )


def _difference(one: list[Any], other: list[Any], begun: datetime) -> tuple[Any, Any] | None:
    left, right = (sorted(repr(_timeless(row, begun)) for row in rows) for rows in (one, other))
    if left == right:
        return None
    return next(iter(sorted({*left} - {*right})), None), next(iter(sorted({*right} - {*left})), None)


def _timeless(row: tuple[Any, ...], begun: datetime) -> list[Any]:
    now = datetime.now(UTC)
    return ["now" if isinstance(value, datetime) and begun <= value <= now else value for value in row]
