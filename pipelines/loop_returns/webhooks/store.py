"""The SQLite side of the writer: open, commit a batch, checkpoint, count, purge.

writer.InboxWriter -> Store -> _data/inbox.sqlite. One process, one connection, one thread.
Source of the care with WAL: SQLite, "WAL-reset bug" (fixed in 3.51.3): two connections that write and
checkpoint can lose commits; here there is one.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fasteners import InterProcessLock

from loop_returns.errors import DatabaseLockedError, LoopReturnsError
from loop_returns.webhooks import inbox
from loop_returns.webhooks.inbox import Delivery
from loop_returns.webhooks.payload import Subject, subject

SYNCHRONOUS = "FULL"  # NORMAL loses acknowledged commits when the power goes
CHECKPOINT_EVENTS = 1_000
PURGE_ROWS = 500
KEPT_DAYS = 30
CountKey = tuple[str, str, str]

_INSERT = """
insert into inbox (dedup_key, subscription, topic, trigger, return_id, received_at, body, body_sha256,
                   headers, secret_no, signature_variant, parse_error)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (dedup_key) do update set deliveries = deliveries + 1, last_seen_at = excluded.received_at
returning seq, deliveries
"""
_DIRTY = """
insert into dirty (return_id, first_seen, last_seen, seq_high, bumps) values (?1, ?2, ?2, ?3, 1)
on conflict (return_id) do update
set last_seen = excluded.last_seen, seq_high = max(seq_high, excluded.seq_high), bumps = bumps + 1
"""
_COUNT = """
insert into counters (day, subscription, name, value) values (?, ?, ?, ?)
on conflict (day, subscription, name) do update set value = value + excluded.value
"""
_PURGE = f"""
delete from inbox where seq in (
    select seq from inbox where seq <= ? and coalesce(last_seen_at, received_at) < ? order by seq
    limit {PURGE_ROWS}
)
"""
# A mark goes only when no event of its return is left: the next one then has a seq above `seq_high`.
_PURGE_DIRTY = """
delete from dirty where seq_high <= ? and last_seen < ?
and return_id not in (select return_id from inbox where return_id is not null)
"""
_PROBE = "insert into about values ('probed_at', ?) on conflict (name) do update set value = excluded.value"


class Store:
    """The inbox of one data directory, opened for writing.

    Args:
        data: Made if it is not there, mode 0700; the file has 0600.

    Attributes:
        uncopied: Events in the write-ahead log that are not yet in the file itself.

    Raises:
        DatabaseLockedError: Another receiver writes here.
        LoopReturnsError: It cannot be opened or written.
    """

    def __init__(self, data: Path) -> None:
        if sqlite3.sqlite_version_info < inbox.OLDEST_SQLITE:
            raise LoopReturnsError("this SQLite is too old", cause=f"{sqlite3.sqlite_version}, not 3.35")
        self._data = data
        self.uncopied = 0
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _locked(data)
            self._database = _opened(data / inbox.FILE_NAME)
            _sync_folder(data)
        except (OSError, sqlite3.Error) as error:
            raise LoopReturnsError(
                "the inbox of the webhooks cannot be opened",
                cause=f"{inbox.FILE_NAME}: {error.strerror if isinstance(error, OSError) else error}",
                hint="look at the free space of the disk and at the rights of the folder",
            ) from error
        (self.inbox_id,) = self._database.execute(
            "select value from about where name = 'inbox_id'"
        ).fetchone()

    def close(self) -> None:
        """Copy the log into the file, and let go of both."""
        self._database.close()
        self._lock.release()

    def commit(self, deliveries: Sequence[Delivery]) -> None:
        """Store deliveries, their dirty marks and counts; returns after the fsync. None only probes."""
        counts: Counter[CountKey] = Counter()
        run = self._database.execute
        run("begin immediate")
        for each in deliveries:
            about = subject(each.body)
            seq, times = run(_INSERT, _row(each, about)).fetchone()
            if about.return_id:
                run(_DIRTY, (about.return_id, each.received_at, seq))
            day = each.received_at[:10]
            counts[day, each.subscription, "accepted" if times == 1 else "duplicate"] += 1
            counts[day, each.subscription, "unparsable"] += times == 1 and about.parse_error is not None
        self._count(counts)
        if not deliveries:
            run(_PROBE, (inbox.stamp(),))
        run("commit")
        self.uncopied += max(1, len(deliveries))

    def count(self, counts: Mapping[CountKey, int]) -> None:
        """Add to the counters."""
        self._database.execute("begin immediate")
        self._count(counts)
        self._database.execute("commit")
        self.uncopied += 1

    def _count(self, counts: Mapping[CountKey, int]) -> None:
        self._database.executemany(_COUNT, [(*key, value) for key, value in counts.items() if value])

    def roll_back(self) -> None:
        """Forget a commit that failed."""
        if self._database.in_transaction:
            self._database.execute("rollback")

    def checkpoint(self) -> None:
        """Copy the log into the file as far as no reader is in the way."""
        if self.uncopied:
            self._database.execute("pragma wal_checkpoint(passive)")
            self.uncopied = 0

    def purge(self) -> bool:
        """Delete a little of what is drained and older than 30 days; False when there is no more."""
        upto = inbox.drained(self._data, self.inbox_id)
        before = inbox.stamp(datetime.now(UTC) - timedelta(days=KEPT_DAYS))
        self.uncopied += 1
        if self._database.execute(_PURGE, (upto, before)).rowcount == PURGE_ROWS:
            return True
        self._database.execute(_PURGE_DIRTY, (upto, before))
        return False


def _locked(data: Path) -> InterProcessLock:
    lock = InterProcessLock(str(data / "inbox.lock"))
    if not lock.acquire(blocking=False):
        raise DatabaseLockedError(
            "another receiver is at work",
            cause=f"it holds {data / 'inbox.lock'}",
            hint="one data directory has one receiver; --data-dir names another one",
        )
    return lock


def _opened(file: Path) -> sqlite3.Connection:
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    file.chmod(0o600)
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=2)
    for pragma in (
        "journal_mode = wal",
        f"synchronous = {SYNCHRONOUS}",
        "fullfsync = on",  # macOS: an fsync that reaches the disk
        "checkpoint_fullfsync = on",
        "secure_delete = on",  # purged personal data is overwritten
        "wal_autocheckpoint = 0",  # done by hand: SQLite keeps the failure of its own to itself
        "journal_size_limit = 16777216",
        "trusted_schema = off",
    ):
        database.execute(f"pragma {pragma}")
    database.executescript(inbox.SCHEMA)
    database.execute("insert or ignore into about values ('inbox_id', ?)", (uuid.uuid4().hex,))
    # What a failed fsync left in the page cache alone is written anew, before any of it counts as stored.
    database.execute("pragma wal_checkpoint(truncate)")
    return database


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _row(each: Delivery, about: Subject) -> tuple[object, ...]:
    return (
        inbox.dedup_key(each.subscription, each.body),
        each.subscription,
        about.topic,
        about.trigger,
        about.return_id,
        each.received_at,
        each.body,
        hashlib.sha256(each.body).hexdigest(),
        each.headers,
        each.secret_no,
        each.signature_variant,
        about.parse_error,
    )
