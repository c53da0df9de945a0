"""How fast one API key may be used: a sliding window, shared by everything that uses the key.

Every request (list, shipping notices, details, actions, and each retry) passes `Limiter.acquire` before it
is sent, and `Limiter.observe` with the headers of its answer.
Source: Loop API, Rate limits (300 requests a minute per key); the two headers were seen in live answers.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Mapping

from loop_returns.api.clock import Clock

# Sixty seconds, and half a second for requests that travel at different speeds.
WINDOW_SECONDS = 60.5


class Limiter:
    """Never lets more than `requests_per_minute` requests start within any 60 s. Thread-safe.

    A burst up to the limit passes at once; after it each request waits until an old one is 60.5 s away.

    Args:
        requests_per_minute: The limit, at least 1.
        clock: The time to live by.
    """

    def __init__(self, requests_per_minute: int, *, clock: Clock | None = None) -> None:
        if requests_per_minute < 1:
            raise ValueError(f"the limit must be at least 1 request a minute, not {requests_per_minute}")
        self._ceiling = requests_per_minute
        self._limit = requests_per_minute
        self._clock = clock or Clock()
        self._sent: deque[float] = deque()
        self._others = 0
        self._others_until = 0.0
        self._lock = threading.Lock()

    @property
    def requests_per_minute(self) -> int:
        """The limit in force: the configured one, or the server's if that is lower."""
        return self._limit

    def acquire(self) -> None:
        """Wait until one more request may be sent, and count it as sent now."""
        while wait := self._try_acquire():
            self._clock.sleep(wait)

    def _try_acquire(self) -> float:
        with self._lock:
            now = self._clock.monotonic()
            self._forget(now)
            if len(self._sent) + self._others < self._limit:
                self._sent.append(now)
                return 0.0
            leaves = [self._sent[0] + WINDOW_SECONDS] if self._sent else []
            if self._others:
                leaves.append(self._others_until)
            # A tiny wait can vanish in the clock's rounding; then nobody would ever leave.
            return max(min(leaves) - now, 0.001)

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0] + WINDOW_SECONDS <= now:
            self._sent.popleft()
        if self._others_until <= now:
            self._others = 0

    def observe(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer what the server counts: others may use the same key.

        Args:
            headers: `x-ratelimit-limit` (adopted when lower than ours) and `x-ratelimit-remaining`
                (when lower than we believe, the difference is held back for 60.5 s). Nonsense is ignored.
        """
        limit = _count(headers.get("x-ratelimit-limit"))
        remaining = _count(headers.get("x-ratelimit-remaining"))
        with self._lock:
            if limit:
                self._limit = min(limit, self._ceiling)
            if remaining is not None:
                now = self._clock.monotonic()
                self._forget(now)
                self._others = max(0, self._limit - len(self._sent) - remaining)
                self._others_until = now + WINDOW_SECONDS

    def lower_to(self, requests_per_minute: int) -> None:
        """Take a lower ceiling; a higher one changes nothing."""
        with self._lock:
            self._ceiling = min(self._ceiling, requests_per_minute)
            self._limit = min(self._limit, self._ceiling)


_shared: dict[tuple[str, str], Limiter] = {}
_shared_lock = threading.Lock()


def shared_limiter(base_url: str, api_key: str, requests_per_minute: int) -> Limiter:
    """The one limiter that this process has for a key; the lowest limit ever asked for holds."""
    name = (base_url, hashlib.sha256(api_key.encode()).hexdigest())
    with _shared_lock:
        limiter = _shared.setdefault(name, Limiter(requests_per_minute))
        limiter.lower_to(requests_per_minute)
        return limiter


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
