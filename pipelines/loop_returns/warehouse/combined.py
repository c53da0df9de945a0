"""The marts of every shop in one file, `_data/all.duckdb`: the same tables with a first column `shop`.

published file of each shop -> union by name -> all.duckdb, replaced whole

Nothing is computed here, so nothing is added up: a row is a row of one shop, in its currency. `marts.shops`
says of when each shop's rows are, and that those of a failed one are its last published ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from fasteners import InterProcessLock

from loop_returns.errors import DatabaseLockedError, LoopReturnsError
from loop_returns.warehouse import dictionary, ops_tables
from loop_returns.warehouse.workfile import replacing

NAME = "all.duckdb"
SCHEMAS = ("marts", ops_tables.SCHEMA)
SHOPS = "marts.shops"
_LOCK_SECONDS = 60
_SHOP = "Shop of loop.toml, [shops.NAME]; the first part of every key"
_LAST_READ = "select max(finished_at) from {}.loop_raw.pull_windows where status = 'complete'"
_COLUMNS = {
    "shop": ("text", _SHOP),
    "state": (
        "text",
        "published; failed: the last run was, its rows are older; missing: no rows",
    ),
    "as_of": ("timestamptz", "Present of the build that its rows are of, UTC; null: no rows"),
    "published_at": ("timestamptz", "When its rows were published, UTC; null: never"),
    "last_read_at": ("timestamptz", "When the last window was read from Loop, as its rows know it, UTC"),
    "run_started_at": ("timestamptz", "When the last `run --all` began with it, UTC; null: there was none"),
    "exit_code": ("integer", "How that run ended; 0: all held"),
    "error": ("text", "What it said when it failed"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One shop: its published file, and how its last `run --all` ended, if there was one."""

    shop: str
    published: Path
    exit_code: int | None = None
    error: str = ""
    run_started_at: datetime | None = None

    @property
    def alias(self) -> str:
        """What its file is called where it is attached."""
        return f"shop_{self.shop}"

    def published_at(self) -> datetime | None:
        """When its rows were published; None: never."""
        return (
            datetime.fromtimestamp(self.published.stat().st_mtime, UTC) if self.published.exists() else None
        )

    def state(self) -> str:
        """`published`, `failed` (its last run did, and published nothing) or `missing`."""
        at, began = self.published_at(), self.run_started_at
        if at is None:
            return "missing"
        return "failed" if self.exit_code and began and began > at else "published"


def combine(file: Path, parts: Sequence[Part]) -> dict[str, int]:
    """Put the published marts of every shop into one file, whole or not at all.

    Args:
        file: It takes the place of this one; an open reader keeps the old one.
        parts: The shops; one without a published file gives no rows, and a row in `marts.shops` that says so.

    Returns:
        Rows per table.

    Raises:
        LoopReturnsError: No shop has published anything, or a file cannot be read.
        DatabaseLockedError: Another one is at work, and does not end.
    """
    if not any(part.published.exists() for part in parts):
        raise LoopReturnsError("no shop has published anything yet", hint="loop-returns run --all")
    lock = InterProcessLock(str(file.with_suffix(".lock")))
    if not lock.acquire(timeout=_LOCK_SECONDS):
        raise DatabaseLockedError("another process is combining the shops", hint="wait for it to end")
    try:
        with replacing(file) as half, duckdb.connect(str(half)) as database:
            database.execute("set timezone = 'UTC'")
            rows = _fill(database, parts)
    except duckdb.Error as error:
        raise LoopReturnsError("the shops cannot be combined", cause=str(error).splitlines()[0]) from error
    finally:
        lock.release()
    return rows


def _fill(database: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> dict[str, int]:
    held = [part for part in parts if part.published.exists()]
    for part in held:
        database.execute(f"attach {_quoted(str(part.published))} as {part.alias} (read_only)")
    for schema in SCHEMAS:
        database.execute(f"create schema {schema}")
    rows = {}
    for name, shops in _tables(database, held).items():
        database.execute(_union(name, shops))
        rows[name] = int(_one(database, f"select count(*) from {name}"))
        text, columns = _described(database, name, shops)
        _comment(database, name, f"{text}; of every shop", {**columns, "shop": _SHOP})
    _shops(database, parts)
    text, columns = _described(database, dictionary.OWN, held)
    for part in held:
        database.execute(f"detach {part.alias}")
    _dictionary(database)
    _comment(database, dictionary.OWN, text, columns)
    return rows


def _tables(database: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> dict[str, list[Part]]:
    """Every table of the schemas, with the shops that have it."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        for schema, table in database.execute(
            f"select schema_name, table_name from duckdb_tables() where database_name = '{part.alias}'"
            f" and schema_name in {SCHEMAS} order by all"
        ).fetchall():
            found.setdefault(f"{schema}.{table}", []).append(part)
    return {name: shops for name, shops in found.items() if name != dictionary.OWN}


def _union(name: str, parts: Sequence[Part]) -> str:
    each = (f"select '{part.shop}' as shop, * from {part.alias}.{name}" for part in parts)
    return f"create table {name} as {' union all by name '.join(each)}"


def _described(
    database: duckdb.DuckDBPyConnection, name: str, parts: Sequence[Part]
) -> tuple[str, dict[str, str]]:
    """What the shops' own comments say of a table and its columns, the first one that says something."""
    schema, table = name.split(".")
    columns: dict[str, str] = {}
    text = ""
    for part in parts:
        where = f"database_name = '{part.alias}' and schema_name = '{schema}' and table_name = '{table}'"
        text = text or _one(database, f"select coalesce(max(comment), '') from duckdb_tables() where {where}")
        said = database.execute(
            f"select column_name, comment from duckdb_columns() where {where} and comment is not null"
        ).fetchall()
        columns = {**dict(said), **columns}
    return text, columns


def _comment(database: duckdb.DuckDBPyConnection, name: str, text: str, columns: Mapping[str, str]) -> None:
    database.execute(f"comment on table {name} is {_quoted(text)}")
    for column, meaning in columns.items():
        database.execute(f'comment on column {name}."{column}" is {_quoted(meaning)}')


def _shops(database: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> None:
    typed = ", ".join(f"{name} {kind}" for name, (kind, _) in _COLUMNS.items())
    database.execute(f"create table {SHOPS} ({typed})")
    for part in parts:
        as_of = read_at = None
        if part.published.exists():
            as_of = _one(database, f"select max(as_of) from {part.alias}.marts.run_control")
            read_at = _one(database, _LAST_READ.format(part.alias))
        values = [part.shop, part.state(), as_of, part.published_at(), read_at, part.run_started_at]
        database.execute(
            f"insert into {SHOPS} select {', '.join('?' * len(_COLUMNS))}",
            [*values, part.exit_code, part.error or None],
        )
    text = "One row per shop: of when its rows are, and whether its last run failed"
    _comment(database, SHOPS, text, {name: meaning for name, (_, meaning) in _COLUMNS.items()})


def _dictionary(database: duckdb.DuckDBPyConnection) -> None:
    """What each column of this file means, from its own comments."""
    database.execute(
        f"create table {dictionary.OWN} as select schema_name as table_schema, table_name, column_name,"
        " data_type, coalesce(comment, '') as description from duckdb_columns()"
        f" where database_name = current_catalog() and schema_name in {SCHEMAS}"
        " order by schema_name, table_name, column_index"
    )


def _one(database: duckdb.DuckDBPyConnection, sql: str) -> Any:  # noqa: ANN401 # whatever the column holds
    found = database.execute(sql).fetchone()
    return found[0] if found else None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
