"""The tables of the outbox, and its rows.

endpoints: whom; versions: what each has of a return; deliveries: what is on its way, and what became of it
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FILE_NAME = "outbox.sqlite"
KEPT = timedelta(days=90)
STATES = ("PENDING", "INTENT", "SENT", "DEAD", "PARKED", "SKIPPED")
VERSION = 1

SCHEMA = """
create table endpoints (
    endpoint text primary key, url text not null, watermark text not null,
    disabled_at text, paused_until text
) without rowid;
create table versions (
    endpoint text not null, return_id text not null, version integer not null, digest text not null,
    state text, primary key (endpoint, return_id)
) without rowid;
create table deliveries (
    seq integer primary key, endpoint text not null, idempotency_key text not null,
    return_id text not null, kind text not null, version integer not null, state text not null,
    attempt integer not null default 0, first_try_at text, next_try_at text not null, answer text,
    changed_at text not null, body blob not null, created_at text not null, ended_at text,
    unique (endpoint, idempotency_key)
);
create index deliveries_open on deliveries (endpoint, state, next_try_at);
create index deliveries_of_return on deliveries (endpoint, return_id, version);
"""
FIRST = """
from deliveries d where d.endpoint = ? and d.state = 'PENDING' and not exists (
    select 1 from deliveries e where e.endpoint = d.endpoint and e.return_id = d.return_id
    and e.version < d.version and e.state in ('PENDING', 'INTENT', 'PARKED'))
"""


@dataclass(frozen=True, slots=True)
class Known:
    """The version of a return that an endpoint has, or is to have."""

    version: int
    digest: str
    state: str | None


@dataclass(frozen=True, slots=True)
class Fresh:
    """A version to be handed over; `body` is None when its kind is not wanted: it is only known then."""

    return_id: str
    known: Known
    key: str
    kind: str
    changed_at: datetime
    body: bytes | None
    skips_unsent: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One version on its way to one endpoint; times as `stamp()` writes them.

    Attributes:
        attempt: How often it was tried so far.
        answer: What the last try met: an HTTP status, or a word.
    """

    seq: int
    endpoint: str
    idempotency_key: str
    return_id: str
    kind: str
    version: int
    state: str
    attempt: int
    first_try_at: str | None
    next_try_at: str
    answer: str | None
    changed_at: str
    body: bytes
    created_at: str
    ended_at: str | None
