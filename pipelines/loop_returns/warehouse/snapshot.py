"""The published file of a warehouse in Postgres: a copy of its tables as they are at one moment.

    tables -> COPY, one repeatable-read transaction -> CSV -> DuckDB, exact types -> the published file
    sqlmesh.loop_returns_published: which publication is the last, and whether the marts are whole

So everything that reads opens one DuckDB file, whatever the destination, and never asks the server. Whoever
published last is told by the marker; a reader elsewhere takes the snapshot anew when its file is another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple
from uuid import uuid4

import duckdb

from loop_returns.errors import LoopReturnsError
from loop_returns.warehouse import dictionary, late_bound, mart_script
from loop_returns.warehouse.mart_project import STATE, connection_settings
from loop_returns.warehouse.place import Connection, Place, has, in_own_words
from loop_returns.warehouse.postgres import Postgres

TABLE = f"{STATE}.loop_returns_published"
TYPES = {
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "double precision": "double",
    "real": "float",
    "jsonb": "json",
} | {name: name for name in ("boolean", "smallint", "integer", "bigint", "date", "json")}
"""Postgres' type -> DuckDB's, but for `numeric(p, s)`."""

_DECIMAL = re.compile(r"numeric\((\d+),(\d+)\)")
_PRECISION = re.compile(r"\(\d+\)")
_MOST_DIGITS = 38
_NULL = r"\N"

_LINE_BYTES = 64 * 1024 * 1024
"""Most that one row may be as CSV: a webhook's body or a return's labels are some kilobytes."""

_HOW = (
    f"header = false, auto_detect = false, parallel = false, nullstr = '{_NULL}', allow_quoted_nulls = false,"
    f" max_line_size = {_LINE_BYTES}, buffer_size = {2 * _LINE_BYTES}"
)
"""As Postgres writes CSV: a null bare, a text in quotes, whatever is in it."""

Column = tuple[str, str, str, str, str | None]
"""Schema, table, name, type and comment."""
Columns = Mapping[str, str]
"""Name -> type, as Postgres calls it."""

_OWN: Mapping[str, Columns] = {
    TABLE: {"publication": "text", "published_at": "timestamp with time zone", "is_whole": "boolean"},
    mart_script.TABLE: {"digest": "text"},
}
"""What readers want to know of a publication, and of the models and settings that it was built with."""


class Marker(NamedTuple):
    """The last publication: its name, and whether the marts were whole since."""

    publication: str
    is_whole: bool


def withdraw(connection: Connection) -> None:
    """A build begins: until the next publication the marts may be half of one and half of another."""
    _ensure(connection)
    connection.execute(f"update {TABLE} set is_whole = false")


def announce(connection: Connection) -> None:
    """The marts are whole: from now on readers want this publication."""
    _ensure(connection)
    connection.begin()
    connection.execute(f"delete from {TABLE}")
    connection.execute(f"insert into {TABLE} select '{uuid4()}', current_timestamp, true")
    connection.commit()


def _ensure(connection: Connection) -> None:
    connection.execute(f"create schema if not exists {STATE}")
    connection.execute(
        f"create table if not exists {TABLE}"
        " (publication varchar, published_at timestamptz, is_whole boolean)"
    )


def marker(connection: Connection) -> Marker | None:
    """The last publication of a warehouse, or the one that a published file is; None: there is none."""
    if not has(connection, *TABLE.split(".")):
        return None
    row = connection.execute(f"select publication, is_whole from {TABLE}").fetchone()
    return Marker(*row) if row else None


def is_current(place: Place, file: Path) -> bool:
    """Whether a published file is the last publication.

    Raises:
        LoopReturnsError: It is not there, and none can be made now; or the server does not answer.
    """
    with place.opened() as connection:
        last = marker(connection)
    if last and last.is_whole:
        return _publication(file) == last.publication
    if last and not file.exists():
        raise LoopReturnsError(
            "nothing whole is published",
            cause=f"a build is at work in {place.name}, or the last one did not come to its end",
            hint="wait for it, or run `loop-returns build`",
        )
    return True  # a file of an earlier publication stays until the next one; or nothing was ever published


def _publication(file: Path) -> str:
    if not file.exists():
        return ""
    try:
        with duckdb.connect(str(file), read_only=True) as database:
            found = marker(database)
    except duckdb.Error:
        return ""  # not a file of ours: it is replaced
    return found.publication if found else ""


def take(place: Place, file: Path) -> None:
    """Copy the warehouse's tables into a new DuckDB file, as they are at one moment.

    Args:
        place: A Postgres database.
        file: Is made; beside it, a file of CSV holds one table at a time.

    Raises:
        LoopReturnsError: The server does not answer.
    """
    with _moment(place) as connection, duckdb.connect(str(file)) as database:
        for name, value in connection_settings(file).items():
            database.execute(f"set {name} = '{_quoted(value)}'")
        found = dictionary.columns(connection)
        own = [(name, columns) for name, columns in _OWN.items() if has(connection, *name.split("."))]
        for name, columns in [*_tables(found), *own]:
            _copy(connection, database, name, columns, file.parent)
        late_bound.install(database)
        dictionary.describe(database, _described(dictionary.tables(connection), found))
        database.execute("checkpoint")


@contextmanager
def _moment(place: Place) -> Iterator[Connection]:
    """A connection that sees the tables as they are now, until the block ends."""
    with place.opened() as connection:
        in_own_words(connection, "begin isolation level repeatable read, read only")
        yield connection


def copy(
    connection: Connection, database: duckdb.DuckDBPyConnection, tables: Iterable[str], folder: Path
) -> None:
    """Copy some tables into a DuckDB database as a Postgres connection sees them.

    Args:
        connection: To Postgres.
        database: Has none of them yet.
        tables: `schema.name` of each.
        folder: For a file of CSV at a time.
    """
    found = dict(_tables(dictionary.columns(connection)))
    for name in tables:
        _copy(connection, database, name, found[name], folder)


def _tables(found: Iterable[Column]) -> Iterator[tuple[str, Columns]]:
    """Each table with its columns; the views of `compat` are made of them again."""
    for (schema, table), columns in groupby(found, lambda column: (column[0], column[1])):
        if schema != late_bound.SCHEMA:
            yield f"{schema}.{table}", {name: kind for _, _, name, kind, _ in columns}


def _copy(
    connection: Connection,
    database: duckdb.DuckDBPyConnection,
    table: str,
    columns: Columns,
    folder: Path,
) -> None:
    """Make one table with its rows, through a file of CSV in a folder."""
    names = ", ".join(f'"{name}"' for name in columns)
    types = {name: duckdb_type(kind) for name, kind in columns.items()}
    texts = ", ".join(f'"{name}"' for name, kind in types.items() if kind in ("varchar", "json"))
    quotes = f", force_quote ({texts})" if texts else ""
    with NamedTemporaryFile(dir=folder, suffix=".csv") as rows:
        query = f"copy (select {names} from {table}) to stdout (format csv, null '{_NULL}'{quotes})"
        assert isinstance(connection, Postgres)
        connection.copy_out(query, rows)
        rows.flush()
        typed = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
        database.execute(f"create schema if not exists {table.partition('.')[0]}")
        database.execute(f"create table {table} ({typed})")
        database.execute(
            f"insert into {table} from read_csv('{_quoted(rows.name)}', columns = {types}, {_HOW})"
        )


def duckdb_type(kind: str) -> str:
    """DuckDB's type for one of Postgres, as `format_type` says it; what it lacks comes as text, unharmed.

    >>> duckdb_type("numeric(18,4)"), duckdb_type("timestamp(6) with time zone"), duckdb_type("inet")
    ('decimal(18,4)', 'timestamptz', 'varchar')
    """
    if number := _DECIMAL.fullmatch(kind):
        return f"decimal({number[1]},{number[2]})" if int(number[1]) <= _MOST_DIGITS else "varchar"
    return TYPES.get(_PRECISION.sub("", kind), "varchar")


def _described(
    tables: Iterable[tuple[str, str, str | None]], columns: Iterable[Column]
) -> dict[str, dictionary.Described]:
    """What the comments of the warehouse say."""
    texts: dict[str, dict[str, str]] = {}
    for schema, table, name, _, comment in columns:
        if comment:
            texts.setdefault(f"{schema}.{table}", {})[name] = comment
    said = {f"{schema}.{table}": comment for schema, table, comment in tables if comment}
    return {name: dictionary.Described(text, texts.get(name, {})) for name, text in said.items()}


def _quoted(text: str) -> str:
    return text.replace("'", "''")
