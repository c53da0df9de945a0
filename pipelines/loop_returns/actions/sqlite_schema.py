"""The tables of the SQLite ledger, and its connection: a rollback journal that survives a power cut.

`journal_mode=TRUNCATE` with `synchronous=FULL`: of 1,000 simulated power cuts none lost a commit, where
SQLite's default (`DELETE`) lost 510; WAL has a reset race before 3.51.3. Source: actions.md, section 3.7.
"""

from __future__ import annotations

import os
import random
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loop_returns.actions.states import TERMINAL
from loop_returns.errors import LoopReturnsError

VERSION = 1
WAIT_SECONDS = 30.0
_SHORT_WAIT = (0.001, 0.005)
_ENDED = ", ".join(f"'{state}'" for state in sorted(TERMINAL))
SCHEMA = f"""
create table control(name text primary key, value text) without rowid;
create table plans(
    digest text primary key, created_at text not null, created_by text not null, settings text not null,
    rows integer not null, sums text not null
);
create table decisions(
    id integer primary key, flagged_item_id text not null, decision text not null, decided_by text not null,
    decided_at text not null, evidence_hash text, plan_digest text, row_digest text, note text, until text
);
create index decisions_row on decisions(row_digest);
create table actions(
    action_key text primary key, return_id text not null, action text not null, state text not null,
    version integer not null, attempt integer not null, tries integer not null, owner text, intent_at text,
    amount text, currency text, plan_digest text not null, flagged_item_id text not null,
    http_status integer, answer_code text, evidence text not null, row text not null,
    approvers text not null, approved_at text not null, answer_at text, read_at text, not_before text,
    updated_at text not null
);
create unique index one_live_action_per_return on actions(return_id) where state not in ({_ENDED});
create index actions_state on actions(state);
create table events(
    seq integer primary key, at text not null, run_id text not null, actor text not null,
    action_key text not null, from_state text not null, to_state text not null, reason text not null,
    evidence text not null, prev_hash text not null, hash text not null
);
create index intents on events(at) where to_state = 'INTENT';
create trigger events_stay before update on events begin select raise(abort, 'events are append-only'); end;
create trigger events_last before delete on events begin select raise(abort, 'events are append-only'); end;
"""


def connect(file: Path | None) -> sqlite3.Connection:
    """Open the ledger, and make it if it is not there; None is one in memory, for simulations.

    Raises:
        LoopReturnsError: It cannot be opened, or another version of this program wrote it.
    """
    with failures(file):
        if file is not None:
            _create_private(file)
        database = sqlite3.connect(file or ":memory:", timeout=WAIT_SECONDS, isolation_level=None)
        database.row_factory = sqlite3.Row
        database.execute("pragma journal_mode = truncate")
        database.execute("pragma synchronous = full")
        if _version(database) == 0:
            _make(database)
        if _version(database) != VERSION:
            raise LoopReturnsError(
                "the action ledger was written by another version of loop-returns",
                cause=f"it has version {_version(database)}, this one knows {VERSION}",
                hint="install the version that wrote it",
            )
    return database


def begin(database: sqlite3.Connection) -> None:
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
        database.execute(f"pragma busy_timeout = {WAIT_SECONDS * 1000:.0f}")


def _create_private(file: Path) -> None:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("pragma user_version").fetchone()[0])


def _make(database: sqlite3.Connection) -> None:
    database.execute("begin immediate")
    if _version(database) == 0:  # another process may have been first
        for statement in _statements():
            database.execute(statement)
        database.execute("insert into control values ('epoch', ?)", (secrets.token_hex(16),))
        database.execute(f"pragma user_version = {VERSION}")
    database.execute("commit")


def _statements() -> Iterator[str]:
    statement = ""
    for line in SCHEMA.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def failures(file: Path | None) -> Iterator[None]:
    """A ledger that cannot be read or written, in our words: whoever meets it has sent nothing yet."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError) as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        raise LoopReturnsError(
            "the action ledger cannot be used",
            cause=f"{file}: {error}",
            hint="nothing is sent without a written intent; free the disk, or give this user the right to"
            " write there, and run the command again",
        ) from error
