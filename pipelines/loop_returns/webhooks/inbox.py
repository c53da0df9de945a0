"""The inbox: one SQLite file of what Loop delivered, written by the receiver, read by a run.

receiver -> writer.InboxWriter -> _data/inbox.sqlite -> InboxReader -> the drain
                                  _data/inbox.drained <- mark_drained() <- the drain

The receiver has the one connection that writes. A reader opens the file read-only and keeps what it has
done in a place of its own; only how far it has drained it says in `inbox.drained`, for the purge.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from loop_returns.errors import LoopReturnsError

FILE_NAME = "inbox.sqlite"
DRAINED_NAME = "inbox.drained"
CHUNK_ROWS = 500
OLDEST_SQLITE = (3, 35)

SCHEMA = """
create table if not exists inbox (
    seq integer primary key autoincrement,
    dedup_key text not null unique,
    subscription text not null,
    topic text,
    trigger text,
    return_id text,
    received_at text not null,
    body blob not null,
    body_sha256 text not null,
    headers text not null,
    secret_no integer not null,
    signature_variant text not null,
    deliveries integer not null default 1,
    last_seen_at text,
    parse_error text
);
create table if not exists dirty (
    return_id text primary key,
    first_seen text not null,
    last_seen text not null,
    seq_high integer not null,
    bumps integer not null
) without rowid;
create table if not exists counters (
    day text not null,
    subscription text not null,
    name text not null,
    value integer not null,
    primary key (day, subscription, name)
) without rowid;
create table if not exists about (name text primary key, value text not null) without rowid;
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A signed delivery as it came.

    Attributes:
        subscription: The last part of the path.
        body: Byte for byte.
        headers: The few that are kept, as a JSON object.
        secret_no: Place in the list of the secret that signed it, from 0.
        signature_variant: `raw`, or `escaped` (signature.py).
        received_at: When it was complete, as `stamp()` writes it.
    """

    subscription: str
    body: bytes
    headers: str
    secret_no: int
    signature_variant: str
    received_at: str


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """One distinct delivery of one subscription, however often it came.

    Attributes:
        seq: Rises; never used again.
        dedup_key: `dedup_key()`: the same for Loop's retries.
        topic: Null if the body did not say; `trigger` and `return_id` likewise.
        deliveries: How often it has come so far.
        last_seen_at: When it came again; null if it did not.
        parse_error: Why the body could not be read, or names no return.
    """

    seq: int
    dedup_key: str
    subscription: str
    topic: str | None
    trigger: str | None
    return_id: str | None
    received_at: str
    body: bytes
    body_sha256: str
    headers: str
    secret_no: int
    signature_variant: str
    deliveries: int
    last_seen_at: str | None
    parse_error: str | None


_COLUMNS = ", ".join(InboxEvent.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class DirtyMark:
    """A return that deliveries named.

    It wants a reading when (`seq_high`, `bumps`) is not the pair at which it was last read: a delivery that
    came again raises `bumps`, since open -> review -> open may send the same bytes twice.
    """

    return_id: str
    first_seen: str
    last_seen: str
    seq_high: int
    bumps: int


@dataclass(frozen=True, slots=True)
class Counter:
    """How often something happened on a UTC day; `subscription` is empty where none is meant.

    `name`: `accepted`, `duplicate`, `unparsable`; of what was not stored: `refused_signature`,
    `refused_size`, `refused_path`, `timed_out`, `unavailable`.
    """

    day: str
    subscription: str
    name: str
    value: int


def stamp(at: datetime | None = None) -> str:
    """An instant as the inbox writes it: UTC, of one width, so that text sorts as time does.

    >>> stamp(datetime(2026, 11, 20, 12, tzinfo=UTC))
    '2026-11-20T12:00:00.000000Z'
    """
    return (at or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def dedup_key(subscription: str, body: bytes) -> str:
    """One key for a delivery and its retries."""
    return hashlib.sha256(subscription.encode() + b"|" + body).hexdigest()


def exists(data: Path) -> bool:
    """Whether a receiver has ever written here."""
    return (data / FILE_NAME).exists()


def mark_drained(data: Path, inbox_id: str, seq: int) -> None:
    """Say that all events up to `seq` are loaded: after 30 days the receiver may delete them."""
    file = data / DRAINED_NAME
    fresh = file.with_suffix(".new")
    fresh.write_text(f"{inbox_id} {seq}\n")
    fresh.replace(file)


def drained(data: Path, inbox_id: str) -> int:
    """The highest seq that `mark_drained` named for this inbox; 0 if none, or if the file cannot be read."""
    with suppress(OSError, ValueError):
        said, _, seq = (data / DRAINED_NAME).read_text(errors="replace").strip().partition(" ")
        if said == inbox_id:
            return max(0, int(seq))
    return 0


class InboxReader:
    """Reads the inbox while the receiver goes on writing; writes nothing.

    A watermark belongs to one `inbox_id`: a file that was lost or restored begins again. Should `head` be
    below the watermark, read from 0: `dedup_key` keeps rows from coming twice.

    Raises:
        LoopReturnsError: There is no inbox, or it cannot be read.
    """

    def __init__(self, data: Path) -> None:
        file = data / FILE_NAME
        try:
            self._database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
            query = "select value from about where name = 'inbox_id'"
            self.inbox_id = str(self._database.execute(query).fetchone()[0])
        except sqlite3.Error as error:
            raise LoopReturnsError(
                "the inbox of the webhooks cannot be read",
                cause=f"{file.name}: {error}",
                hint="it is made by `loop-returns serve`; the folder must be writable for its readers too",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @property
    def head(self) -> int:
        """The highest seq; 0 when nothing was ever delivered."""
        (last,) = self._database.execute("select max(seq) from inbox").fetchone()
        return int(last or 0)

    def events(self, after: int, up_to: int | None = None) -> Iterator[InboxEvent]:
        """Events with `after < seq <= up_to` in the order of seq, read in chunks.

        No transaction spans two chunks: a slow reader does not make the write-ahead log grow.
        """
        query = f"select {_COLUMNS} from inbox where seq > ? and seq <= ? order by seq limit {CHUNK_ROWS}"
        last = self.head if up_to is None else up_to
        while rows := self._database.execute(query, (after, last)).fetchall():
            yield from (InboxEvent(*row) for row in rows)
            after = rows[-1][0]

    def again(self, since: str, up_to: int) -> list[InboxEvent]:
        """Events with `seq <= up_to` that came again after an instant, in the order in which they did."""
        query = f"select {_COLUMNS} from inbox where seq <= ? and last_seen_at > ? order by last_seen_at"
        return [InboxEvent(*row) for row in self._database.execute(query, (up_to, since))]

    def dirty(self) -> list[DirtyMark]:
        """Every return that a delivery named, by id."""
        query = "select return_id, first_seen, last_seen, seq_high, bumps from dirty order by return_id"
        return [DirtyMark(*row) for row in self._database.execute(query)]

    def counters(self) -> list[Counter]:
        """All counters, by day, subscription and name."""
        query = "select day, subscription, name, value from counters order by day, subscription, name"
        return [Counter(*row) for row in self._database.execute(query)]
