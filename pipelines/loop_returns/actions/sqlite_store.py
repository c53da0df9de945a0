"""A ledger's rows in one SQLite file, with a rollback journal that survives a power cut.

`journal_mode=TRUNCATE` with `synchronous=FULL`: of 1,000 simulated power cuts none lost a commit, where
SQLite's default (`DELETE`) lost 510; WAL has a reset race before 3.51.3. Source: actions.md, section 3.7.
"""

from __future__ import annotations

import os
import random
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from fasteners import InterProcessLock

from loop_returns.actions.store import PRINTED, TABLES, VERSION, WAIT_SECONDS, other_version, told

_SHORT_WAIT = (0.001, 0.005)
_WORDS = {"text": "text", "number": "integer", "serial": "integer", "rowid": ""}
_STAY = """create trigger events_{name} before {name} on events
begin select raise(abort, 'events are append-only'); end"""


class SqliteStore:
    """A file that several processes of one host may hold open.

    Args:
        file: Made, for this user alone, when it is not there; None: in memory, for simulations.
        connection: An open one instead.

    Raises:
        LoopReturnsError: It cannot be opened, or another version of this program wrote it.
    """

    origin = ""

    def __init__(self, file: Path | None, connection: sqlite3.Connection | None = None) -> None:
        self.file = file
        self.database = connection or _connect(file)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """Ask."""
        return self.database.execute(sql, values).fetchall()

    def change(self, sql: str, values: Sequence[object] = ()) -> int:
        """Write; number of rows that it met."""
        return self.database.execute(sql, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on the disk when it ends well."""
        with _failures(self.file):
            _begin(self.database)
            try:
                yield
                self.database.execute("commit")
            except BaseException:
                if self.database.in_transaction:
                    self.database.execute("rollback")
                raise

    @contextmanager
    def lease(self) -> Iterator[bool]:
        """A lock beside the file."""
        assert self.file is not None
        lock = InterProcessLock(str(self.file.with_name("apply.lock")))
        if not lock.acquire(blocking=False):
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def close(self) -> None:
        """Give the file back."""
        self.database.close()


def _connect(file: Path | None) -> sqlite3.Connection:
    with _failures(file):
        if file is not None:
            _create_private(file)
        database = sqlite3.connect(file or ":memory:", timeout=WAIT_SECONDS, isolation_level=None)
        database.row_factory = sqlite3.Row
        database.execute("pragma journal_mode = truncate")
        database.execute("pragma synchronous = full")
        if _version(database) < VERSION:
            _make(database)
        if (found := _version(database)) != VERSION:
            raise other_version(found)
    return database


def _begin(database: sqlite3.Connection) -> None:
    """Take the write lock, asking often: SQLite's own waits grow to 0.1 s and starve under eight writers."""
    until = time.monotonic() + 2 * WAIT_SECONDS
    database.execute("pragma busy_timeout = 0")
    try:
        while True:
            try:
                database.execute("begin immediate")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            time.sleep(random.uniform(*_SHORT_WAIT))
    finally:
        database.execute(f"pragma busy_timeout = {WAIT_SECONDS * 1000}")


def _create_private(file: Path) -> None:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("pragma user_version").fetchone()[0])


def _make(database: sqlite3.Connection) -> None:
    """All tables, or those that an older version did not have."""
    database.execute("begin immediate")
    found = _version(database)  # another process may have been first
    if found == 0:
        for statement in (*TABLES, *(_STAY.format(name=name) for name in ("update", "delete"))):
            database.execute(statement.format_map(_WORDS))
        database.execute("insert into control values ('epoch', ?)", (secrets.token_hex(16),))
    elif found == 1:
        database.execute(PRINTED.format_map(_WORDS))
    if found < VERSION:
        database.execute(f"pragma user_version = {VERSION}")
    database.execute("commit")


def _failures(file: Path | None) -> AbstractContextManager[None]:
    return told(str(file), sqlite3.DatabaseError, OSError, but=(sqlite3.IntegrityError,))
