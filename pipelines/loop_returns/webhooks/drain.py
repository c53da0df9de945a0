"""From the inbox into the tables: what is new since the last drain, and what came again.

InboxReader -> batches -> Sink.load (one transaction each) -> inbox.mark_drained
               counters -> Sink.count

How far the tables are is asked of the tables themselves, so it is never ahead of them: a death between load
and mark only means that the receiver keeps events a little longer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from loop_returns.errors import LoopReturnsError
from loop_returns.webhooks import inbox
from loop_returns.webhooks.inbox import Counter, InboxEvent, InboxReader

BATCH_ROWS = 5_000
BATCH_BYTES = 32 << 20


class Sink(Protocol):
    """Where events go."""

    def position(self, inbox_id: str) -> tuple[int, str]:
        """How far the tables are with an inbox: its highest seq there, and the latest instant known of it."""

    def load(self, inbox_id: str, events: Sequence[InboxEvent]) -> None:
        """Put events into the tables, all or none, each in the place of what was there of it."""

    def count(self, inbox_id: str, counters: Sequence[Counter]) -> None:
        """Put what the receiver counted into the tables, each in the place of what was there of it."""


@dataclass(slots=True)
class Drained:
    """What a drain did.

    Attributes:
        events: Deliveries that are new.
        repeated: Known ones that came again.
        return_ids: The returns that these were about.
    """

    events: int = 0
    repeated: int = 0
    return_ids: set[str] = field(default_factory=set)


def drain(data: Path, sink: Sink) -> Drained:
    """Load what the inbox holds and the tables do not; without an inbox, nothing.

    Raises:
        LoopReturnsError: The inbox cannot be read; what was loaded until then is in the tables.
    """
    done = Drained()
    if not inbox.exists(data):
        return done
    try:
        with InboxReader(data) as reader:
            _drain(data, reader, sink, done)
    except sqlite3.Error as error:
        raise LoopReturnsError("the inbox of the webhooks cannot be read", cause=str(error)) from error
    return done


def _drain(data: Path, reader: InboxReader, sink: Sink, done: Drained) -> None:
    head, (known, seen_at) = reader.head, sink.position(reader.inbox_id)
    if head < known:  # restored from an older copy: what it received since has numbers that were used before
        known = 0
    if known:
        for batch in _batches(reader.again(seen_at, known)):
            sink.load(reader.inbox_id, batch)
            done.repeated += len(batch)
            _name(done, batch)
    for batch in _batches(reader.events(known, head)):
        sink.load(reader.inbox_id, batch)
        done.events += len(batch)
        _name(done, batch)
    sink.count(reader.inbox_id, reader.counters())
    inbox.mark_drained(data, reader.inbox_id, head)


def _name(done: Drained, batch: Sequence[InboxEvent]) -> None:
    done.return_ids |= {event.return_id for event in batch if event.return_id}


def _batches(events: Iterable[InboxEvent]) -> Iterator[list[InboxEvent]]:
    batch: list[InboxEvent] = []
    size = 0
    for event in events:
        batch.append(event)
        size += len(event.body)
        if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
