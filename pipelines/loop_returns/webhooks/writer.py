"""The thread that makes deliveries durable: all that gathered while the last fsync ran, in one commit.

offer() -> queue -> store.Store.commit (fsync) -> on_batch(tickets, True) -> 200

A ticket is answered True only after the commit that holds it has come back from fsync. After a write or an
fsync that failed nothing is tried again: what the kernel then holds is not known, so the process has to end.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from loop_returns.webhooks import inbox
from loop_returns.webhooks.inbox import Delivery
from loop_returns.webhooks.store import CHECKPOINT_EVENTS, CountKey, Store

QUEUE_LIMIT = 1_000
QUEUE_BYTES = 64 << 20
BATCH_LIMIT = 256
IDLE_SECONDS = 1.0
COUNTERS_EVERY = 5.0
PURGE_EVERY = 3600.0
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT)

Ticket = TypeVar("Ticket")


class InboxWriter(Generic[Ticket]):
    """Owns the inbox of one data directory, and the thread that writes it.

    Args:
        data: The data directory.
        on_batch: Told in the thread: these tickets are durable (True), or were not stored (False).
        on_fatal: Told in the thread, once, when nothing more can be stored: end the process.

    Attributes:
        commits: How many commits held deliveries.
        commit_seconds: How long the last of them took.

    Raises:
        DatabaseLockedError: Another receiver writes here.
        LoopReturnsError: The inbox cannot be opened.
    """

    def __init__(
        self, data: Path, on_batch: Callable[[Sequence[Ticket], bool], None], on_fatal: Callable[[str], None]
    ) -> None:
        self.commits = 0
        self.commit_seconds = 0.0
        self._on_batch, self._on_fatal = on_batch, on_fatal
        self._queue: list[tuple[Delivery | None, Ticket]] = []
        self._bytes = 0
        self._counts: Counter[CountKey] = Counter()
        self._changed = threading.Condition()
        self._is_closing = self._is_broken = False
        self._counted_at = self._purge_at = time.monotonic()
        self._store = Store(data)
        self._thread = threading.Thread(target=self._run, name="inbox-writer", daemon=True)

    def start(self) -> None:
        """Store from now on."""
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Deliveries that no commit has begun with."""
        return len(self._queue)

    def offer(self, delivery: Delivery | None, ticket: Ticket) -> bool:
        """Hand over a delivery (None: prove that a commit works); any thread.

        Returns:
            False when the queue is full or ended: the ticket stays with the caller.
        """
        size = len(delivery.body) if delivery else 0
        with self._changed:
            is_full = len(self._queue) >= QUEUE_LIMIT or self._bytes + size > QUEUE_BYTES
            if is_full or self._is_closing or self._is_broken:
                return False
            self._queue.append((delivery, ticket))
            self._bytes += size
            self._changed.notify()
            return True

    def count(self, subscription: str, name: str) -> None:
        """Count what was not stored; written within seconds, so that no stranger costs an fsync each time."""
        with self._changed:
            self._counts[inbox.stamp()[:10], subscription, name] += 1

    def close(self) -> None:
        """Store what is waiting and let go of the file; once more does nothing."""
        with self._changed:
            if self._is_closing:
                return
            self._is_closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()
        if not self._is_broken:
            self._store.close()

    def _run(self) -> None:
        reason = "the writing thread ended"
        try:
            while self._step_or_roll_back():
                pass
            reason = ""
        except (sqlite3.Error, OSError) as error:
            reason = str(error)
        finally:
            if reason:
                self._break(reason)

    def _break(self, reason: str) -> None:
        with self._changed:
            self._is_broken = True
            left, self._queue = [ticket for _, ticket in self._queue], []
        if left:
            self._on_batch(left, False)
        self._on_fatal(reason)

    def _step_or_roll_back(self) -> bool:
        try:
            return self._step()
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _PASSING:
                raise
            self._store.roll_back()
            return True

    def _step(self) -> bool:
        """One batch, or what there is to tidy when none came; False at the end."""
        batch = self._gather()
        if batch:
            self._commit(batch)
        if not batch or self._store.uncopied >= CHECKPOINT_EVENTS:
            self._store.checkpoint()
        now = time.monotonic()
        if now >= self._counted_at + COUNTERS_EVERY or self._is_closing:
            self._counted_at = now
            self._write_counts()
        if now >= self._purge_at and not self._is_closing and not self._store.purge():
            self._purge_at = now + PURGE_EVERY
        return bool(batch) or not self._is_closing

    def _gather(self) -> list[tuple[Delivery | None, Ticket]]:
        with self._changed:
            if not self._queue and not self._is_closing:
                self._changed.wait(IDLE_SECONDS)
            batch, self._queue = self._queue[:BATCH_LIMIT], self._queue[BATCH_LIMIT:]
            self._bytes -= sum(len(each.body) for each, _ in batch if each)
            return batch

    def _commit(self, batch: Sequence[tuple[Delivery | None, Ticket]]) -> None:
        tickets = [ticket for _, ticket in batch]
        started = time.monotonic()
        is_durable = False
        try:
            self._store.commit([each for each, _ in batch if each])
            is_durable = True
        finally:
            self.commits += is_durable
            self.commit_seconds = time.monotonic() - started
            self._on_batch(tickets, is_durable)

    def _write_counts(self) -> None:
        with self._changed:
            counts = dict(self._counts)
        if counts:
            self._store.count(counts)
            with self._changed:
                self._counts.subtract(counts)
                self._counts = +self._counts
