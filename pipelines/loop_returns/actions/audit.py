"""The hash chain over the events: a changed, removed or inserted event breaks it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import orjson

from loop_returns.actions.records import Event
from loop_returns.errors import LoopReturnsError


def genesis(epoch: str) -> str:
    """What the first event of a ledger follows; another ledger, another chain."""
    return hashlib.sha256(f"ledger {epoch}".encode()).hexdigest()


def chained(event: Event) -> str:
    """The hash of an event: over everything it says and the hash of the one before."""
    said = [getattr(event, name) for name in Event.__slots__ if name != "hash"]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()


def verify(epoch: str, events: Iterable[Event]) -> int:
    """Walk the chain.

    Returns:
        Number of events.

    Raises:
        LoopReturnsError: An event is missing, out of place or not what it was; names its number.
    """
    count, before = 0, genesis(epoch)
    for event in events:
        count += 1
        if event.seq != count or event.prev_hash != before or chained(event) != event.hash:
            raise LoopReturnsError(
                "the audit chain is broken",
                cause=f"event {count} does not follow the one before it",
                hint="somebody changed the ledger; compare it with ops.action_events and with a backup",
            )
        before = event.hash
    return count
