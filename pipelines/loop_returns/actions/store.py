"""The database under a ledger: SQLite for one host, Postgres for several; the tables are the same.

SqlLedger -> Store (SQL with `?`, rows by name, one writer at a time) -> SqliteStore | PostgresStore
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from loop_returns.actions.states import TERMINAL
from loop_returns.errors import LoopReturnsError

VERSION = 2
WAIT_SECONDS = 30
_ENDED = ", ".join(f"'{state}'" for state in sorted(TERMINAL))

PRINTED = "create table printed(digest {text} primary key, printed_at {text} not null, plan {text} not null)"
"""Plans that were printed, so that any runner may approve one; new in version 2."""

TABLES = (
    "create table control(name {text} primary key, value {text})",
    "create table plans("
    " digest {text} primary key, created_at {text} not null, created_by {text} not null,"
    " settings {text} not null, rows {number} not null, sums {text} not null)",
    "create table decisions("
    " id {serial} primary key, flagged_item_id {text} not null, decision {text} not null,"
    " decided_by {text} not null, decided_at {text} not null, evidence_hash {text}, plan_digest {text},"
    " row_digest {text}, note {text}, until {text})",
    "create index decisions_row on decisions(row_digest)",
    "create table actions("
    " action_key {text} primary key, return_id {text} not null, action {text} not null,"
    " state {text} not null, version {number} not null, attempt {number} not null, tries {number} not null,"
    " owner {text}, intent_at {text}, amount {text}, currency {text}, plan_digest {text} not null,"
    " flagged_item_id {text} not null, http_status {number}, answer_code {text}, evidence {text} not null,"
    " row {text} not null, approvers {text} not null, approved_at {text} not null, answer_at {text},"
    " read_at {text}, not_before {text}, updated_at {text} not null{rowid})",
    f"create unique index one_live_action_per_return on actions(return_id) where state not in ({_ENDED})",
    "create index actions_state on actions(state)",
    "create table events("
    " seq {number} primary key, at {text} not null, run_id {text} not null, actor {text} not null,"
    " action_key {text} not null, from_state {text} not null, to_state {text} not null,"
    " reason {text} not null, evidence {text} not null, prev_hash {text} not null, hash {text} not null)",
    "create index intents on events(at) where to_state = 'INTENT'",
    PRINTED,
)
"""Times are text that sorts as they do, money is text that is exact: one chain of hashes on both."""


class Store(Protocol):
    """Where a ledger's rows are; what a transaction wrote survives a power cut once it has ended well.

    Attributes:
        origin: Names the server and its history; another one after a restore or a change to a standby, which
            may lack what was written last. Empty: not known.
    """

    origin: str

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Mapping[str, Any]]:
        """Ask."""

    def change(self, sql: str, values: Sequence[object] = ()) -> int:
        """Write; number of rows that it met."""

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, and one at a time over all runs, so that the chain of events never forks."""

    def lease(self) -> AbstractContextManager[bool]:
        """Whether no other run holds it. It only saves work: the guard is each row's version."""

    def close(self) -> None:
        """Give it back."""


def first(store: Store, sql: str, *values: object) -> Mapping[str, Any] | None:
    """The first row, if there is one."""
    found = store.rows(sql, values)
    return found[0] if found else None


def other_version(found: object) -> LoopReturnsError:
    """A ledger that this program does not know."""
    return LoopReturnsError(
        "the action ledger was written by another version of loop-returns",
        cause=f"it has version {found}, this one knows {VERSION}",
        hint="install the version that wrote it",
    )


def unusable(where: str, error: BaseException) -> LoopReturnsError:
    """A ledger that cannot be read or written, in our words."""
    said = str(error).strip().splitlines()
    return LoopReturnsError(
        "the action ledger cannot be used",
        cause=f"{where}: {said[0] if said else type(error).__name__}",
        hint="nothing is sent without a written intent, and what may have been sent is read back first; make"
        " the ledger reachable and writable for this user (free the disk), and run the command again",
    )


@contextmanager
def told(where: str, *kinds: type[Exception], but: tuple[type[Exception], ...]) -> Iterator[None]:
    """Failures of these kinds in our words; a broken rule of the tables stays what it is."""
    try:
        yield
    except kinds as error:
        if isinstance(error, but):
            raise
        raise unusable(where, error) from error
