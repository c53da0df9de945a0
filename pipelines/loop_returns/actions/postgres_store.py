"""A ledger's rows in Postgres, in a schema of their own: for several hosts, and for runners without a disk.

Every transaction takes one lock first, so that they follow one another as SQLite's do, and ends with
`synchronous_commit`. The lock is an advisory one: that of a row would cost every loser a write to the disk.
The connection is not pooled by transaction: `search_path` and the lease live in the session. Who may write
what: docs/actions.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from loop_returns.actions.store import TABLES, VERSION, WAIT_SECONDS, other_version, told
from loop_returns.errors import LoopReturnsError, UsageError

if TYPE_CHECKING:
    import psycopg2.extensions

SCHEMA = "ledger"
_WHERE = "Postgres"
_WORDS = {
    "text": 'text collate "C"',
    "number": "bigint",
    "serial": "bigint generated always as identity",
    "rowid": ", rowid bigint generated always as identity",
}
_STAY = """
create function events_stay() returns trigger language plpgsql as $$
begin raise exception 'events are append-only' using errcode = 'integrity_constraint_violation'; end $$;
create trigger events_stay before update or delete or truncate on events
    for each statement execute function events_stay()
"""
# A run that is stopped inside a transaction must not hold up the others for ever: the server ends it.
_SESSION = f"""
set search_path = {{schema}}; set lock_timeout = '{2 * WAIT_SECONDS}s';
set idle_in_transaction_session_timeout = '{WAIT_SECONDS}s'
"""
_BEGIN = """
begin isolation level read committed; set local synchronous_commit = on;
select pg_advisory_xact_lock(hashtextextended(current_schema() || ' of loop-returns', 0))
"""
# A restore, and a standby that takes over, begin a new timeline; a dump goes into another system.
_ORIGIN = """
select system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as origin
from pg_control_system()
"""
_ALIVE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": WAIT_SECONDS * 1000,
}


class PostgresStore:
    """A connection of its own; several hosts may have one.

    Args:
        dsn: libpq URI; a secret, in no message.
        schema: Of the ledger, a plain lower-case name; made with its tables when it is not there.

    Raises:
        LoopReturnsError: No connection, no right to make the tables, or another version of this program did.
        UsageError: The URI cannot be read.
    """

    def __init__(self, dsn: str, schema: str = SCHEMA) -> None:
        self.database = _connect(dsn, schema)
        with _failures():
            if not _is_made(self.database, schema):
                _make(self.database, schema)
            self.origin = _origin(self.database)
        found = self.rows("select value from control where name = 'version'")[0]["value"]
        if found != str(VERSION):
            raise other_version(found)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """Ask."""
        with _failures(), self.database.cursor() as cursor:
            cursor.execute(_placed(sql), tuple(values))
            return list(cursor.fetchall())

    def change(self, sql: str, values: Sequence[object] = ()) -> int:
        """Write; number of rows that it met."""
        with _failures(), self.database.cursor() as cursor:
            cursor.execute(_placed(sql), tuple(values))
            return int(cursor.rowcount)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; durable when it ends well. When the commit's answer is lost, it may be either."""
        self.change(_BEGIN)
        try:
            yield
            self.change("commit")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        from psycopg2 import Error

        try:
            self.database.rollback()
        except Error:
            self.database.close()

    @contextmanager
    def lease(self) -> Iterator[bool]:
        """An advisory lock of this session."""
        name = "hashtextextended(current_schema() || ' of loop-returns, apply', 0)"
        is_ours = bool(self.rows(f"select pg_try_advisory_lock({name}) as won")[0]["won"])
        try:
            yield is_ours
        finally:
            if is_ours and not self.database.closed:
                self.rows(f"select pg_advisory_unlock({name})")

    def close(self) -> None:
        """End the session, and with it its lease."""
        self.database.close()


def has_ledger(dsn: str, schema: str = SCHEMA) -> bool:
    """Whether there is a ledger; makes none."""
    database = _connect(dsn, schema)
    try:
        with _failures():
            return _is_made(database, schema)
    finally:
        database.close()


def _connect(dsn: str, schema: str) -> psycopg2.extensions.connection:
    try:
        import psycopg2
        from psycopg2.extras import RealDictCursor
    except ImportError as error:
        raise LoopReturnsError(
            "the driver of Postgres is not installed", hint="pip install 'loop-returns[postgres]'"
        ) from error
    try:
        with told(_WHERE, psycopg2.Error, but=(psycopg2.ProgrammingError,)):
            database = psycopg2.connect(dsn, cursor_factory=RealDictCursor, **_ALIVE)
            database.autocommit = True
            with database.cursor() as cursor:
                cursor.execute(_SESSION.format(schema=schema))
            return database
    except psycopg2.ProgrammingError:  # libpq repeats the URI, and with it the password
        raise UsageError(
            "the credentials of Postgres are no libpq URI", hint="postgresql://user:password@host/database"
        ) from None


def _is_made(database: psycopg2.extensions.connection, schema: str) -> bool:
    with database.cursor() as cursor:
        cursor.execute("select to_regclass(%s) is not null as is_made", (f"{schema}.control",))
        return bool(cursor.fetchall()[0]["is_made"])


def _make(database: psycopg2.extensions.connection, schema: str) -> None:
    origin = _origin(database)
    with database.cursor() as cursor:
        cursor.execute("begin; select pg_advisory_xact_lock(hashtextextended('loop-returns ledger', 0))")
        if not _is_made(database, schema):  # another process may have been first
            cursor.execute(f"create schema if not exists {schema}")
            for statement in TABLES:
                cursor.execute(statement.format_map(_WORDS))
            cursor.execute(_STAY)
            cursor.execute(
                "insert into control values ('epoch', %s), ('version', %s), ('origin', %s)",
                (secrets.token_hex(16), str(VERSION), origin),
            )
        cursor.execute("commit")


def _origin(database: psycopg2.extensions.connection) -> str:
    from psycopg2 import DatabaseError, OperationalError

    try:
        with database.cursor() as cursor:
            cursor.execute(_ORIGIN)
            return str(cursor.fetchall()[0]["origin"])
    except OperationalError:
        raise
    except DatabaseError:  # a service that is no whole Postgres, or does not let its users ask
        return ""


@cache
def _placed(sql: str) -> str:
    return sql.replace("?", "%s")


def _failures() -> AbstractContextManager[None]:
    from psycopg2 import Error, IntegrityError

    return told(_WHERE, Error, but=(IntegrityError,))
