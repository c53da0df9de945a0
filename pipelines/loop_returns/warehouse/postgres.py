"""Postgres behind the same door as DuckDB: statements in DuckDB's dialect, carried over by sqlglot.

    statement (DuckDB) -> carried() (cached) -> psycopg2 -> server
    Arrow table -> register() -> CSV -> COPY -> temporary table, which statements read as on DuckDB

Each statement commits by itself unless `begin` opened a transaction, as on DuckDB. After a change `fetchone`
gives the number of rows that it met, as DuckDB's does. What sqlglot cannot carry over (`insert by name`,
`semi join`, lists as parameters) is not written in this package.
"""

from __future__ import annotations

import io
import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

from loop_returns.errors import KeyRefusedError, LoopReturnsError

if TYPE_CHECKING:
    import psycopg2.extensions
    import pyarrow as pa

NAME = "loop-returns"
_MARK = "\x01"  # stands for the % of a placeholder while the other % are doubled
_REFUSED = re.compile(r"authentication failed|no password supplied|pg_hba\.conf|role .* does not exist")
_NULL_BYTE, _SUBSTITUTE = b"\x00", "\N{REPLACEMENT CHARACTER}".encode()
_TYPES = {
    "string": "text",
    "large_string": "text",
    "bool": "boolean",
    "int64": "bigint",
    "double": "double precision",
    "date32[day]": "date",
}


class Carried(NamedTuple):
    """A statement in Postgres' dialect, and whether it has parameters."""

    sql: str
    has_parameters: bool


@lru_cache(maxsize=1024)
def carried(sql: str) -> Carried:
    """Carry statements over from DuckDB's dialect, with `?` or `$name` for parameters.

    `create or replace table`, which Postgres lacks, drops and creates.

    >>> carried("select a from t where b = ? and c like '%x'").sql
    "SELECT a FROM t WHERE b = %s AND c LIKE '%%x'"
    """
    import sqlglot
    from sqlglot import exp

    told, has_parameters = [], False
    for statement in sqlglot.parse(sql, read="duckdb"):
        if statement is None:
            continue
        # Once SQLMesh is imported, sqlglot reads `$name` as a Parameter.
        for place in list(statement.find_all(exp.Placeholder, exp.Parameter)):
            has_parameters = True
            name = place.name if isinstance(place, exp.Parameter) else place.this
            place.replace(exp.Var(this=f"{_MARK}({name})s" if name else f"{_MARK}s"))
        if isinstance(statement, exp.Create) and statement.kind == "TABLE" and statement.args.get("replace"):
            named = statement.find(exp.Table)
            assert named is not None
            told.append(f"DROP TABLE IF EXISTS {named.sql('postgres')}")
            statement.set("replace", False)
        told.append(statement.sql("postgres"))
    text = "; ".join(told)
    return Carried(text.replace("%", "%%").replace(_MARK, "%") if has_parameters else text, has_parameters)


class Postgres:
    """A connection as `place.Connection` describes it.

    Args:
        connection: Of psycopg2, in autocommit; whoever opened it closes it.
    """

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        from psycopg2.extras import register_default_json

        register_default_json(connection, loads=str)  # json comes as text, as from DuckDB
        self._connection = connection
        self._cursor = connection.cursor()

    def execute(self, query: str, parameters: object = None) -> Self:
        """Run statements; the last one's rows are fetched."""
        sql, has_parameters = carried(query)
        self._cursor.execute(sql, parameters if has_parameters else None)
        return self

    def executemany(self, query: str, parameters: object = None) -> Self:
        """Run one statement once per row of parameters, some hundred to a message."""
        from psycopg2.extras import execute_batch

        execute_batch(self._cursor, carried(query).sql, parameters or (), page_size=500)
        return self

    def native(self, query: str) -> Self:
        """Run statements in Postgres' own dialect, without parameters."""
        self._cursor.execute(query)
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; after a change the number of rows that it met."""
        if self._cursor.description is None:
            return (self._cursor.rowcount,)
        row: tuple[Any, ...] | None = self._cursor.fetchone()
        return row

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        return self._cursor.fetchall() if self._cursor.description else []

    @property
    def description(self) -> Sequence[Any] | None:
        """The columns of the last result."""
        found: Sequence[Any] | None = self._cursor.description
        return found

    def begin(self) -> Self:
        """Begin a transaction."""
        self._cursor.execute("begin")
        return self

    def commit(self) -> Self:
        """End the transaction; what it did lasts."""
        self._cursor.execute("commit")
        return self

    def rollback(self) -> Self:
        """End the transaction; what it did is gone. A connection that is gone has nothing to take back."""
        if not self._connection.closed:
            self._cursor.execute("rollback")
        return self

    def register(self, view_name: str, python_object: object) -> Self:
        """Copy an Arrow table into a temporary table of this connection."""
        import pyarrow as pa

        assert isinstance(python_object, pa.Table)
        typed = ", ".join(f'"{field.name}" {_type(field.type)}' for field in python_object.schema)
        self._cursor.execute(f'drop table if exists "{view_name}"; create temp table "{view_name}" ({typed})')
        return self.copy(f'"{view_name}"', python_object)

    def unregister(self, view_name: str) -> Self:
        """Drop the temporary table; with its connection it is gone anyway."""
        if not self._connection.closed:
            self._cursor.execute(f'drop table if exists "{view_name}"')
        return self

    def copy(self, name: str, table: pa.Table) -> Self:
        """Append an Arrow table's rows to a table, quoted as Postgres wants it, by COPY."""
        columns = ", ".join(f'"{column}"' for column in table.column_names)
        if table.num_rows:
            self._cursor.copy_expert(f"copy {name} ({columns}) from stdin (format csv)", _csv(table))
        return self

    def copy_out(self, query: str, file: IO[bytes]) -> Self:
        """Write what a `copy ... to stdout` of Postgres' own dialect gives into a file of bytes."""
        self._cursor.copy_expert(query, file)
        return self


def _type(arrow: pa.DataType) -> str:
    name = str(arrow)
    if name.startswith("timestamp"):
        return "timestamptz"
    return name.replace("decimal128", "numeric") if name.startswith("decimal128") else _TYPES[name]


def _csv(table: pa.Table) -> io.BytesIO:
    """As Postgres reads it: a null is empty, an empty text is quoted.

    Postgres holds no U+0000 in a text: U+FFFD takes its place.
    """
    import pyarrow as pa
    import pyarrow.csv

    plain = [
        column.cast(pa.string()) if pa.types.is_decimal(column.type) else column for column in table.columns
    ]
    # pyarrow 26 writes memory that is not its own for a table with an empty chunk: one chunk, one batch.
    whole = pa.table(plain, names=table.column_names).combine_chunks()
    how = pyarrow.csv.WriteOptions(include_header=False, batch_size=whole.num_rows, quoting_style="needed")
    file = io.BytesIO()
    pyarrow.csv.write_csv(whole, file, how)
    if _NULL_BYTE in file.getbuffer().tobytes():
        file = io.BytesIO(file.getvalue().replace(_NULL_BYTE, _SUBSTITUTE))
    file.seek(0)
    return file


@contextmanager
def connected(dsn: str) -> Iterator[Postgres]:
    """A connection, UTC, closed at the end; a transaction that is still open then is taken back.

    Raises:
        LoopReturnsError: psycopg2 is not installed, or the server cannot be reached or lacks the database.
        KeyRefusedError: The server refuses user or password.
    """
    connection = connect(dsn)
    try:
        yield Postgres(connection)
    finally:
        connection.close()


def connect(dsn: str) -> psycopg2.extensions.connection:
    """A connection of psycopg2 in autocommit, UTC, named by host and process; errors as `connected`."""
    try:
        import psycopg2
    except ImportError as error:
        raise LoopReturnsError(
            "Postgres needs psycopg2, which is not installed", hint="pip install 'loop-returns[postgres]'"
        ) from error
    try:
        connection = psycopg2.connect(dsn, application_name=f"{NAME} {os.getpid()}@{socket.gethostname()}")
    except psycopg2.Error as error:
        raise _refused(dsn, str(error)) from None
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
    return connection


def _refused(dsn: str, text: str) -> LoopReturnsError:
    cause = " ".join(text.split())[:300]
    if not text.startswith(
        "connection to "
    ):  # libpq quotes what it cannot read: maybe a part of the password
        return _unusable()
    if _REFUSED.search(text):
        return KeyRefusedError(
            "Postgres refuses this user",
            cause=cause,
            hint="DESTINATION__POSTGRES__CREDENTIALS, or its parts __USERNAME and __PASSWORD",
        )
    return LoopReturnsError(
        "Postgres cannot be reached",
        cause=f"{name(dsn)}: {cause}",
        hint="DESTINATION__POSTGRES__CREDENTIALS names host, port and database; nothing was changed",
    )


def _unusable() -> LoopReturnsError:
    return LoopReturnsError(
        "the address of Postgres cannot be read",
        hint="postgresql://USER:PASSWORD@HOST:5432/DATABASE; a password's @ is %40 there, its / is %2F",
    )


def name(dsn: str) -> str:
    """Database and host of an address, without user and password.

    >>> name("postgresql://ann:secret@db.example:5433/shop?connect_timeout=15")
    'Postgres database shop at db.example:5433'
    """
    from urllib.parse import parse_qs, unquote, urlsplit

    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    host = query.get("host", [parts.netloc.rpartition("@")[2]])[0]
    return f"Postgres database {unquote(parts.path.lstrip('/'))} at {host}"
