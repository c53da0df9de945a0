"""Spans of time: what one request may ask for, and what is still to be asked.

Pure arithmetic. `extract.coverage` cuts and subtracts windows, `api.client` sends their bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MAX_DAYS = 90
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, order=True, slots=True)
class Window:
    """A half-open span: `start` belongs to it, `end` does not.

    Args:
        start: Aware; kept in UTC.
        end: Aware, later than `start`; kept in UTC.

    Raises:
        ValueError: A bound is naive, or `end` is not after `start`.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            object.__setattr__(self, name, _utc(getattr(self, name)))
        if self.end <= self.start:
            raise ValueError(f"a window must end after it starts, not {self}")

    def __str__(self) -> str:
        return f"{format_instant(self.start)} to {format_instant(self.end)}"

    def halves(self) -> tuple[Window, Window]:
        """The window in two, cut on a whole second, without gap or overlap.

        Raises:
            ValueError: It is shorter than two seconds: Loop's times have no finer grain.

        >>> whole = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC))
        >>> [str(half) for half in whole.halves()]  # doctest: +NORMALIZE_WHITESPACE
        ['2026-01-01T00:00:00.000Z to 2026-01-01T00:00:01.000Z',
         '2026-01-01T00:00:01.000Z to 2026-01-01T00:00:03.000Z']
        """
        if self.end - self.start < 2 * _SECOND:
            raise ValueError(f"a window of less than two seconds cannot be halved: {self}")
        middle = (self.start + (self.end - self.start) / 2).replace(microsecond=0)
        return Window(self.start, middle), Window(middle, self.end)


def windows(start: datetime, end: datetime, *, days: int = MAX_DAYS) -> Iterator[Window]:
    """Cut a time range into windows that one request may ask for.

    Args:
        start: First instant wanted, aware, inclusive.
        end: Aware, exclusive. Equal to `start`, it gives no window.
        days: Longest window, 1 to 90.

    Yields:
        Windows, oldest first, gap-free.

    Raises:
        ValueError: `end` is before `start`, a bound is naive, or `days` is out of range.

    Source: Loop API, Detailed Returns List (maximum date range; the live API refuses its full 120 days).

    >>> year = windows(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    >>> [(window.end - window.start).days for window in year]
    [90, 90, 90, 90, 5]
    """
    start, end = _utc(start), _utc(end)
    if end < start:
        raise ValueError(f"the range ends ({end}) before it starts ({start})")
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"a window is 1 to {MAX_DAYS} days long, not {days}")
    return _cut(start, end, timedelta(days=days))


def _cut(start: datetime, end: datetime, step: timedelta) -> Iterator[Window]:
    while start < end:
        stop = min(start + step, end)
        yield Window(start, stop)
        start = stop


def subtract(wanted: Window, covered: Iterable[Window]) -> list[Window]:
    """The parts of a span that none of the covered windows contains.

    Args:
        wanted: The span that should be covered.
        covered: What is covered already: any order, overlaps and strays allowed.

    Returns:
        The holes, oldest first, each as long as it can be.

    >>> at = lambda day: datetime(2026, 1, day, tzinfo=UTC)
    >>> holes = subtract(Window(at(1), at(10)), [Window(at(4), at(6)), Window(at(2), at(3))])
    >>> [(hole.start.day, hole.end.day) for hole in holes]
    [(1, 2), (3, 4), (6, 10)]
    """
    holes = []
    reached = wanted.start
    for window in sorted(covered):
        if window.start > reached and reached < wanted.end:
            holes.append(Window(reached, min(window.start, wanted.end)))
        reached = max(reached, window.end)
    if reached < wanted.end:
        holes.append(Window(reached, wanted.end))
    return holes


def format_instant(instant: datetime) -> str:
    """An instant as the API is sent it: UTC, whole seconds; a fraction is cut off.

    Raises:
        ValueError: `instant` is naive.

    Source: Loop API, Detailed Returns List (the example of `from`).

    >>> format_instant(datetime(2022, 1, 1, tzinfo=UTC))
    '2022-01-01T00:00:00.000Z'
    """
    # Not strftime: it leaves out the leading zeros of years before 1000.
    return _utc(instant).replace(microsecond=0, tzinfo=None).isoformat() + ".000Z"


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone")
    return instant.astimezone(UTC)
