"""Where the tables are, and the one door to them: a DuckDB file that runs write, or a Postgres database.

settings -> Place -> opened() -> Connection -> statements in DuckDB's dialect

Every module that writes takes a `Place` and writes its SQL once; `postgres` carries it over.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self


class Connection(Protocol):
    """The part of DuckDB's connection that this package uses; a DuckDB connection is one."""

    def execute(self, query: str, parameters: object = None) -> Self:
        """Run one statement in DuckDB's dialect, with `?` or `$name` for its parameters."""

    def executemany(self, query: str, parameters: object = None) -> Self:
        """Run one statement once per row of parameters."""

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; after a change, as DuckDB says it, how many rows it met."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""

    @property
    def description(self) -> Sequence[Any] | None:
        """The columns of the last result, each with its name first."""

    def begin(self) -> Self:
        """Begin a transaction; outside of one each statement is its own."""

    def commit(self) -> Self:
        """Make all of it last."""

    def rollback(self) -> Self:
        """Take all of it back."""

    def register(self, view_name: str, python_object: object) -> Self:
        """Let statements read an Arrow table by this name."""

    def unregister(self, view_name: str) -> Self:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tables are.

    Attributes:
        file: DuckDB's work file; with Postgres nothing but a name below the folder of scratch files.
        dsn: A libpq URI of Postgres, its password in it: never printed; empty: DuckDB.
    """

    file: Path
    dsn: str = field(default="", repr=False)

    @property
    def is_postgres(self) -> bool:
        """Whether it is a database on a server."""
        return bool(self.dsn)

    @property
    def name(self) -> str:
        """What it is called in messages: the file, or the database at its host; never a password."""
        if not self.dsn:
            return str(self.file)
        from loop_returns.warehouse import postgres

        return postgres.name(self.dsn)

    def exists(self) -> bool:
        """Whether there is anything to open; a database on a server is taken to be there."""
        return self.is_postgres or self.file.exists()

    @contextmanager
    def opened(self) -> Iterator[Connection]:
        """A connection, UTC; each statement its own transaction unless `begin` opened one.

        Raises:
            LoopReturnsError: The server cannot be reached, or lacks the database.
            KeyRefusedError: The server refuses user or password.
        """
        if self.dsn:
            from loop_returns.warehouse import postgres

            with postgres.connected(self.dsn) as connection:
                yield connection
            return
        import duckdb

        with duckdb.connect(str(self.file)) as database:
            database.execute("set timezone = 'UTC'")
            yield database


def has(connection: Connection, schema: str, table: str) -> bool:
    """Whether a table, or a view, is there."""
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    return found is not None and found[0] > 0


def in_own_words(connection: Connection, sql: str) -> Connection:
    """Run statements that are in the engine's own dialect: what SQLMesh wrote for it."""
    native: Callable[[str], Connection] = getattr(connection, "native", connection.execute)
    return native(sql)


def engine_errors() -> tuple[type[Exception], ...]:
    """What DuckDB raises, and psycopg2 where it is in use."""
    import duckdb

    psycopg2 = sys.modules.get("psycopg2")
    return (duckdb.Error, psycopg2.Error) if psycopg2 else (duckdb.Error,)
