"""Hands what the outbox holds to third parties: in order for each return, side by side across returns.

outbox.heads -> delivery.post -> outbox.end: SENT, PENDING (later), DEAD, PARKED

An `upsert` endpoint is sent the same key again until it says 2xx, for a day. An `unsafe` one is sent to only
after a written INTENT, and again only when nothing can have arrived (no connection, 429): whatever else goes
without an answer is PARKED. Source: actions.md, sections 3.3 and 4.4.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fasteners import InterProcessLock

from loop_returns.errors import DatabaseLockedError
from loop_returns.webhooks import delivery
from loop_returns.webhooks.delivery import Answer
from loop_returns.webhooks.endpoints import Endpoint
from loop_returns.webhooks.outbox import Outbox
from loop_returns.webhooks.outbox_tables import Delivery
from loop_returns.webhooks.ssrf import Resolver, look_up

STEPS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""When a delivery is tried again, counted from its first try; after the last one it is dead."""
LONGEST_PAUSE = timedelta(hours=24)
ROUND = 256
STOP_AFTER = 20


@dataclass(slots=True)
class Sent:
    """What a hand-over to one endpoint did."""

    sent: int = 0
    failed: int = 0
    parked: int = 0
    dead: int = 0
    stopped: str = ""


@contextmanager
def sender(data: Path) -> Iterator[None]:
    """Be the one that sends from this data directory.

    Raises:
        DatabaseLockedError: Another one is.
    """
    data.mkdir(parents=True, exist_ok=True)
    lock = InterProcessLock(str(data / "outbox.lock"))
    if not lock.acquire(blocking=False):
        raise DatabaseLockedError("another forward is at work", hint="wait for it to end")
    try:
        yield
    finally:
        lock.release()


class Forwarder:
    """Sends what is due to one endpoint; whoever makes one is the `sender`.

    Args:
        outbox: Where it is.
        endpoint: To whom.
        resolver: Looks the host up.
        patience: How long to wait, at the end, for what is soon due again.
        budget: After so long nothing more is begun.
        steps: When it is tried again after the first try.
    """

    def __init__(
        self,
        outbox: Outbox,
        endpoint: Endpoint,
        *,
        resolver: Resolver = look_up,
        patience: timedelta = timedelta(seconds=10),
        budget: timedelta = timedelta(minutes=5),
        steps: tuple[timedelta, ...] = STEPS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._outbox, self._endpoint, self._resolver = outbox, endpoint, resolver
        self._patience, self._budget, self._steps, self._now = patience, budget, steps, now
        self._done = Sent()
        self._failures = 0

    def run(self) -> Sent:
        """Send until nothing is due, the other side is down, or the time is over."""
        name, ends = self._endpoint.name, self._now() + self._budget
        self._done.parked += self._outbox.park_intents(name, self._now())
        with ThreadPoolExecutor(self._endpoint.parallel) as pool:
            while not self._done.stopped:
                heads = self._outbox.heads(name, self._now(), ROUND)
                if self._hindered(ends) or not (heads or self._wait(ends)):
                    break
                for state in pool.map(self._try, heads):
                    self._count(state)
        return self._done

    def _hindered(self, ends: datetime) -> bool:
        reason = self._outbox.hindrance(self._endpoint.name, self._now())
        if reason == "paused" and self._wait_for(self._outbox.paused_until(self._endpoint.name), ends):
            reason = None
        if self._now() >= ends:
            reason = "out of time"
        self._done.stopped = reason or ""
        return reason is not None

    def _wait(self, ends: datetime) -> bool:
        return self._wait_for(self._outbox.next_try(self._endpoint.name), ends)

    def _wait_for(self, at: str | None, ends: datetime) -> bool:
        """Sleep until then, if it is soon; False when it is not."""
        if at is None:
            return False
        left = datetime.fromisoformat(at) - self._now()
        if left > self._patience or self._now() + left > ends:
            return False
        time.sleep(max(0.0, left.total_seconds()) + 0.001)
        return True

    def _try(self, each: Delivery) -> str | None:
        """One try, written down.

        Returns:
            The delivery's state; None: not begun, since the other side is down or asked to wait.
        """
        if self._failures >= STOP_AFTER or self._outbox.hindrance(each.endpoint, self._now()):
            return None
        if self._endpoint.is_unsafe:
            self._outbox.begin(each, self._now())
        answer = delivery.post(self._endpoint, each.idempotency_key, each.body, self._resolver)
        return self._settle(each, answer)

    def _settle(self, each: Delivery, answer: Answer) -> str:
        now, state = self._now(), self._state(answer)
        next_try = self._next_try(each, answer, now) if state == "PENDING" else None
        if state == "PENDING" and next_try is None:
            state = "DEAD"
        self._outbox.end(each, state, answer.short, now, next_try)
        if answer.status == 410:
            self._outbox.disable(each.endpoint, now)
        elif answer.retry_after and answer.status in (429, 503):
            self._outbox.pause(each.endpoint, min(answer.retry_after, now + LONGEST_PAUSE))
        self._failures = 0 if answer.status is not None and answer.status < 500 else self._failures + 1
        return state

    def _state(self, answer: Answer) -> str:
        if answer.status is not None and 200 <= answer.status < 300:
            return "SENT"
        if not self._endpoint.is_unsafe or not answer.began or answer.status in (410, 429):
            return "PENDING"
        return "DEAD" if answer.status is not None and 400 <= answer.status < 500 else "PARKED"

    def _next_try(self, each: Delivery, answer: Answer, now: datetime) -> datetime | None:
        """At the next step after now, and not before the other side wants it; None: a day is over."""
        if answer.status == 410:
            return now
        first = datetime.fromisoformat(each.first_try_at) if each.first_try_at else now
        wanted = next((first + step for step in self._steps if first + step > now), None)
        if wanted and answer.retry_after and answer.status in (429, 503):
            wanted = max(wanted, min(answer.retry_after, now + LONGEST_PAUSE))
        return wanted

    def _count(self, state: str | None) -> None:
        if state is None:
            self._done.stopped = "down" if self._failures >= STOP_AFTER else ""
            return
        self._done.sent += state == "SENT"
        self._done.parked += state == "PARKED"
        self._done.failed += state == "PENDING"
        self._done.dead += state == "DEAD"
