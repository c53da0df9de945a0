"""The time that the client lives by: one object, so that a test can hand in its own.

`limiter` spaces requests by it, `retries` waits by it, answers are stamped with it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The machine's own time."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never runs backwards."""
        return time.monotonic()

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
