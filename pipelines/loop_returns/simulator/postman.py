"""How Loop's deliveries travel: signed, at least once, in no promised order, again when not answered 2xx.

Hooks.send() -> Postman (a thread with a heap of what is due, a few that send) -> HTTP POST.
Source: Loop API, Webhooks: base64(HMAC-SHA256(body, secret)) in `X-Loop-Signature`; up to six attempts with
backoff and jitter; `Retry-After` is honoured up to 30 minutes.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import http.client
import random
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

LONGEST_PAUSE = 1800.0
Row = dict[str, Any]


@dataclass
class Travel:
    """How deliveries travel; may be replaced at any time.

    Attributes:
        duplicated: Share of deliveries that come once to five times more.
        dropped: Share that is never sent.
        shuffled: Deliveries posted together are sent in another order.
        slow_seconds: Waited in the middle of each body.
        attempts: Sent at most so often.
        backoff_seconds: Before the second attempt; doubled for each later one, with jitter.
        timeout_seconds: For an answer.
        senders: Requests at a time; 1 keeps the order.
        deactivate_after: Failed attempts in a row that switch a subscription off; None never does.
    """

    duplicated: float = 0.0
    dropped: float = 0.0
    shuffled: bool = False
    slow_seconds: float = 0.0
    attempts: int = 6
    backoff_seconds: float = 5.0
    timeout_seconds: float = 10.0
    senders: int = 4
    deactivate_after: int | None = None


@dataclass(eq=False)
class Sent:
    """One delivery, and what became of it.

    Attributes:
        statuses: Of each attempt; 0 where none was answered.
        outcome: `waiting`, `delivered`, `failed` (no attempts left), `dropped` or `inactive`.
    """

    subscription: Row = field(repr=False)
    trigger: str
    return_id: int
    body: bytes = field(repr=False)
    statuses: list[int] = field(default_factory=list)
    outcome: str = "waiting"


class Postman:
    """Sends what is posted, in threads of its own.

    Attributes:
        travel: How.
        sent: Every delivery so far, duplicates apart, in the order in which they were to be sent.
    """

    def __init__(self, secret: bytes, seed: int) -> None:
        self.travel = Travel()
        self.sent: list[Sent] = []
        self._secret = secret
        self._rng = random.Random(f"{seed}/postman")
        self._due: list[tuple[float, int, Sent]] = []
        self._serial = self._open = 0
        self._failures: dict[int, int] = {}
        self._changed = threading.Condition()
        self._is_closed = False
        self._pool: ThreadPoolExecutor | None = None

    def post(self, deliveries: Iterable[tuple[Row, str, int, bytes]]) -> None:
        """Send (subscription, trigger, return id, body) each, now, in this order if it is kept."""
        with self._changed:
            batch = [Sent(*each) for each in deliveries for _ in range(self._copies())]
            if self.travel.shuffled:
                self._rng.shuffle(batch)
            self.sent += batch
            for each in batch:
                if self._rng.random() < self.travel.dropped:
                    each.outcome = "dropped"
                else:
                    self._open += 1
                    self._push(each, 0.0)
            if self._open and self._pool is None:
                self._pool = ThreadPoolExecutor(self.travel.senders + 1, "loop-postman")
                self._pool.submit(self._dispatch)

    def wait(self, seconds: float = 30) -> bool:
        """Wait until nothing is on its way; False if something still is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, seconds)

    def close(self) -> None:
        """Send nothing more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _copies(self) -> int:
        return 1 + self._rng.randint(1, 5) * (self._rng.random() < self.travel.duplicated)

    def _push(self, each: Sent, pause: float) -> None:
        self._serial += 1
        heapq.heappush(self._due, (time.monotonic() + pause, self._serial, each))
        self._changed.notify_all()

    def _dispatch(self) -> None:
        """Hand each delivery to a sender when it is due."""
        while True:
            with self._changed:
                if self._is_closed:
                    return
                wait = self._due[0][0] - time.monotonic() if self._due else 1.0
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                each = heapq.heappop(self._due)[2]
                assert self._pool is not None
                self._pool.submit(self._attempt, each)

    def _attempt(self, each: Sent) -> None:
        if each.subscription["status"] != "active":
            self._end(each, "inactive")
            return
        status, retry_after = self._request(each)
        with self._changed:
            each.statuses.append(status)
            if 200 <= status < 300:
                self._failures[id(each.subscription)] = 0
                self._end(each, "delivered")
                return
            self._count_failure(each.subscription)
            if len(each.statuses) >= self.travel.attempts:
                self._end(each, "failed")
                return
            pause = self.travel.backoff_seconds * 2 ** (len(each.statuses) - 1)
            self._push(each, retry_after or pause * self._rng.uniform(0.5, 1.5))

    def _count_failure(self, subscription: Row) -> None:
        failures = self._failures[id(subscription)] = self._failures.get(id(subscription), 0) + 1
        if self.travel.deactivate_after is not None and failures >= self.travel.deactivate_after:
            subscription["status"] = "inactive"

    def _end(self, each: Sent, outcome: str) -> None:
        with self._changed:
            each.outcome = outcome
            self._open -= 1
            self._changed.notify_all()

    def _request(self, each: Sent) -> tuple[int, float]:
        """The status (0: none) and the pause that the answer asks for."""
        url = urlsplit(each.subscription["url"])
        connection = http.client.HTTPConnection(
            url.hostname or "", url.port or 80, timeout=self.travel.timeout_seconds
        )
        try:
            connection.putrequest("POST", url.path)
            signature = base64.b64encode(hmac.new(self._secret, each.body, hashlib.sha256).digest())
            for name, value in (
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(each.body))),
                ("User-Agent", "Loop-Simulator"),
                ("X-Loop-Signature", signature.decode()),
            ):
                connection.putheader(name, value)
            connection.endheaders()
            half = len(each.body) // 2
            connection.send(each.body[:half])
            if self.travel.slow_seconds:
                time.sleep(self.travel.slow_seconds)
            connection.send(each.body[half:])
            answer = connection.getresponse()
            answer.read()
            asked = answer.getheader("Retry-After") or ""
            return answer.status, min(float(asked), LONGEST_PAUSE) if asked.isdigit() else 0.0
        except (OSError, http.client.HTTPException):
            return 0, 0.0
        finally:
            connection.close()
