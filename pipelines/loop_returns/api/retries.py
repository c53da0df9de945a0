"""Which failures of a GET are worth another try, and how long to wait before it.

`transport` raises `Trouble` for each failed attempt and asks one `Patience` per logical GET.
Nothing here may be used for a POST: an action is sent exactly once.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from loop_returns.api.clock import Clock
from loop_returns.api.envelopes import ANSWER_HINT, Subject
from loop_returns.errors import ApiUnavailableError, UnexpectedAnswerError

TroubleKind = Literal["unreachable", "slow", "cut", "busy", "server", "garbled"]

MAX_RETRY_AFTER = 300.0
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_GARBLED_TRIES = 3
# Anything longer has no date that could be told.
_DECADES = 1e9
# The last try comes a second after the patience ends: a server that is back then must be found.
_LAST_TRY_SLACK = 1.0

log = logging.getLogger(__name__)


class Trouble(Exception):  # noqa: N818 - never leaves the client: a reason to try again, not an error yet
    """One attempt failed in a way that may pass.

    Args:
        kind: `unreachable` no connection, `slow` a time-out while reading, `cut` half a body, `busy` 429,
            `server` 5xx, `garbled` a 200 that is not JSON.
        words: What was seen; holds no text of Loop's.
        retry_after: Seconds that Loop asks to wait, if it does.
    """

    def __init__(self, kind: TroubleKind, words: str, *, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.kind: TroubleKind = kind
        self.words = words
        self.retry_after = retry_after


class Patience:
    """How long one logical GET keeps trying.

    Args:
        subject: What is asked, for the error.
        seconds: How long failures are borne, counted from the first.
        clock: The time to live by.
    """

    def __init__(self, subject: Subject, seconds: float, clock: Clock) -> None:
        self._subject = subject
        self._seconds = seconds
        self._clock = clock
        self._since: float | None = None
        self._failures = 0
        self._garbled = 0

    def start_over(self) -> None:
        """The next try asks for less, so it deserves the whole patience."""
        self._since = None
        self._failures = 0

    def wait(self, trouble: Trouble) -> None:
        """Sleep as long as the trouble asks for.

        Raises:
            ApiUnavailableError: The patience ran out, or Loop asks for more than 300 s.
            UnexpectedAnswerError: The third answer in this GET that is not JSON.
        """
        self._failures += 1
        if trouble.kind == "garbled":
            self._garbled += 1
            if self._garbled >= _GARBLED_TRIES:
                raise UnexpectedAnswerError(
                    f"Loop's answer to {self._subject.what} cannot be read",
                    cause=trouble.words,
                    hint=ANSWER_HINT,
                )
        seconds = self._seconds_to_wait(trouble)
        log.warning("%s; asking again in %.0f s", trouble.words, seconds)
        self._clock.sleep(seconds)

    def _seconds_to_wait(self, trouble: Trouble) -> float:
        now = self._clock.monotonic()
        self._since = now if self._since is None else self._since
        left = self._since + self._seconds - now
        if left <= 0:
            raise self._unavailable(trouble, f"it stayed so for {now - self._since:.0f} s")
        if trouble.retry_after is None:
            doubled = min(math.ldexp(_FIRST_WAIT, self._failures - 1), _LONGEST_WAIT)
            backoff = doubled * random.uniform(0.5, 1)
            return min(backoff, left + _LAST_TRY_SLACK)
        if trouble.retry_after > MAX_RETRY_AFTER:
            until = datetime.fromtimestamp(self._clock.now().timestamp() + trouble.retry_after, UTC)
            raise self._unavailable(trouble, f"Loop asks to wait until {until:%Y-%m-%d %H:%M:%S} UTC")
        return trouble.retry_after

    def _unavailable(self, trouble: Trouble, why: str) -> ApiUnavailableError:
        return ApiUnavailableError(
            f"Loop did not answer {self._subject.what}",
            cause=f"{trouble.words}; {why}",
            hint="run again later: what was loaded is kept, and the run goes on where it stopped",
        )


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that an answer asks to wait, at least 1; None when it does not say or says nonsense.

    Args:
        headers: `Retry-After` in seconds or as an HTTP date, which is read against the answer's own `Date`.
        now: The wall clock, for an answer without `Date`.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        seconds = float(text)
    else:
        until = _http_date(text)
        if until is None:
            return None
        seconds = (until - (_http_date(headers.get("date", "")) or now)).total_seconds()
    return min(max(seconds, 1.0), _DECADES)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
