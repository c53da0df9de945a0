"""The extracts on Postgres: read into a DuckDB file beside the work files, carried over where they differ.

loop.toml -> reading -> extracts.duckdb -> carry() -> ext.NAME, ext.rejects, ext.extracts of Postgres

A table of the warehouse itself that is an extract goes the other way first, as a CSV file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import duckdb

from loop_returns.errors import UsageError
from loop_returns.warehouse import postgres
from loop_returns.warehouse.extracts import tables
from loop_returns.warehouse.extracts.columns import SCHEMA
from loop_returns.warehouse.extracts.sources import Source
from loop_returns.warehouse.place import Connection, Place

_REGISTER = f"select * from {SCHEMA}.extracts order by name"
_EXPORT = "copy (select * from {}) to stdout (format csv, header)"


def carry(scratch: duckdb.DuckDBPyConnection, place: Place) -> None:
    """Bring the tables of `ext` in Postgres to what the scratch file has, one transaction per extract.

    Args:
        scratch: What was read; the register says of each extract what it was read from, and when.
        place: The database; the caller is its one writer.
    """
    with place.opened() as database:
        tables.ensure(database)
        known = _register(database)
        for name, row in _register(scratch).items():
            if known.get(name) != row:
                _replace(scratch, database, name)


def _register(connection: Connection) -> dict[str, tuple[Any, ...]]:
    return {row[0]: tuple(row) for row in connection.execute(_REGISTER).fetchall()}


def _replace(scratch: duckdb.DuckDBPyConnection, database: Connection, name: str) -> None:
    parts = ((name, "true"), ("rejects", f"name = '{name}'"), ("extracts", f"name = '{name}'"))
    for table, condition in parts:
        found = scratch.execute(f'select * from {SCHEMA}."{table}" where {condition}')
        database.register(f"arrived_{table}", found.to_arrow_table())
    database.begin()
    try:
        for table, condition in parts:
            columns = ", ".join(f'"{column}"' for column in tables.tables()[table][1])
            database.execute(f'delete from {SCHEMA}."{table}" where {condition}')
            database.execute(
                f'insert into {SCHEMA}."{table}" ({columns}) select {columns} from arrived_{table}'
            )
        database.commit()
    except BaseException:
        database.rollback()
        raise
    finally:
        for table, _ in parts:
            database.unregister(f"arrived_{table}")


@contextmanager
def exported(source: Source, place: Place) -> Iterator[Source]:
    """A source that is a table of this Postgres, as a file until the end; any other source as it is.

    Raises:
        UsageError: The table cannot be read.
    """
    if not place.is_postgres or source.path or source.database:
        yield source
        return
    import psycopg2

    file = place.file.with_name(f"{source.table}.csv")
    file.touch(mode=0o600)  # it may hold personal data, until it was read
    with postgres.connected(place.dsn) as database, file.open("wb") as opened:
        try:
            database.copy_out(_EXPORT.format(source.table), opened)
        except psycopg2.ProgrammingError as error:
            raise UsageError(
                f"{source.table} of [extracts.{source.name}] cannot be read",
                cause=str(error).splitlines()[0],
                hint="without `database` it is a table of the warehouse itself",
            ) from error
    try:
        yield replace(source, path=str(file))
    finally:
        file.unlink()
