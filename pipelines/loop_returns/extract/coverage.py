"""What was pulled, and what is still to pull: the arithmetic over `loop_raw.pull_windows`.

The table is the proof and the checkpoint in one. A pull writes one row `planned` for each (pass, window)
before its first request, so that its upper bound is kept whatever happens; a row becomes `complete` only
after the load that holds the window's last row is in the tables. What no complete row covers is a hole, and
the next run reads it: a crash, a new start date and a forgotten pass all heal in the same way.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from loop_returns.api.client import State
from loop_returns.api.windows import Window, subtract, windows

CROWDED = (timedelta(days=4), timedelta(days=1))
CROWDED_FROM = timedelta(days=30)
RETURNS = "returns"
NOTICES = "advanced_shipping_notices"


@dataclass(frozen=True, slots=True)
class Pass:
    """One way of asking for a window: without a state the list hides cancelled and review returns.

    Source: Loop API, Detailed Returns List (`state`).
    """

    endpoint: str
    name: str
    state: State | None = None


PASSES = (
    Pass(RETURNS, "default"),
    Pass(RETURNS, "cancelled", "cancelled"),
    Pass(RETURNS, "review", "review"),
    Pass(NOTICES, "all"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """One window of one pass: one checkpoint."""

    of: Pass
    window: Window

    @property
    def label(self) -> str:
        """Short, for progress."""
        what = "returns" if self.of.endpoint == RETURNS else "notices"
        return f"{what} {self.of.name} to {self.window.end:%Y-%m-%d}"

    def __str__(self) -> str:
        """For messages: which endpoint, which pass, which days."""
        start, end = (f"{at:%Y-%m-%d %H:%M}" for at in (self.window.start, self.window.end))
        return f"{self.of.endpoint} ({self.of.name}), {start} to {end} UTC"


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull that has begun: its frozen upper bound, and what of it is not complete yet."""

    run_id: str
    bound: datetime
    spans: tuple[Span, ...]
    resumed: bool = False

    def only(self, endpoint: str) -> Pull:
        """The same for one endpoint."""
        return replace(self, spans=tuple(span for span in self.spans if span.of.endpoint == endpoint))


@dataclass(frozen=True, slots=True)
class Lookback:
    """How far before the cursor each endpoint is read again, and how long a window may be."""

    returns: timedelta = timedelta(hours=48)
    notices: timedelta = timedelta(days=90)
    window_days: int = 90

    def of(self, endpoint: str) -> timedelta:
        """The overlap of one endpoint."""
        return self.returns if endpoint == RETURNS else self.notices


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of `loop_raw.pull_windows`, as far as planning needs it."""

    run_id: str
    bound: datetime
    span: Span
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Record:
    """All that was ever planned and read, at one moment."""

    entries: Sequence[Entry] = ()

    def covered(self, of: Pass) -> list[Window]:
        """The windows of a pass whose every row is in the tables."""
        return [one.span.window for one in self.entries if one.is_complete and one.span.of == of]

    @property
    def earliest(self) -> datetime | None:
        """Where the record begins."""
        return min((one.span.window.start for one in self.entries), default=None)

    def cursor(self, endpoint: str, start: datetime) -> datetime:
        """Up to where every pass of an endpoint is complete without a hole, counted from `start`."""
        return min(_reach(start, self.covered(of)) for of in PASSES if of.endpoint == endpoint)

    def holes(self, start: datetime, end: datetime) -> list[Span]:
        """What no complete window covers, pass by pass."""
        if end <= start:
            return []
        return [Span(of, hole) for of in PASSES for hole in subtract(Window(start, end), self.covered(of))]

    def unfinished(self) -> Pull | None:
        """The pull that an interrupted run left behind, at its own bound, with the windows it still lacks."""
        left = [one for one in self.entries if not one.is_complete]
        if not left:
            return None
        first = min(left, key=lambda one: one.run_id)
        spans = tuple(one.span for one in left if one.run_id == first.run_id)
        return Pull(first.run_id, first.bound, _in_order(spans), resumed=True)

    def plan(self, start: datetime, bound: datetime, lookback: Lookback, *, again: bool = False) -> Pull:
        """What to read so that every pass is complete from `start` to `bound`.

        Args:
            start: First instant wanted.
            bound: Frozen here: no later instant is asked for.
            lookback: The overlap with what was read before: rows commit late, and move while they are read.
            again: Read all of it, whatever was read before.
        """
        spans: list[Span] = []
        for of in PASSES:
            known = [] if again else _all_but(lookback.of(of.endpoint), self.covered(of))
            for hole in subtract(Window(start, bound), known):
                spans += (Span(of, window) for window in _cut(hole, of, lookback.window_days, bound))
        return Pull(f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}", bound, _in_order(spans))


def _cut(hole: Window, of: Pass, days: int, bound: datetime) -> Iterator[Window]:
    """Windows of a hole; a long one of the default pass gets short ones before the bound.

    What is open is touched every day: the last days hold as much as months before them, and one window of
    that, read page after page, would outlast all the others.
    """
    is_long = hole.end == bound and hole.end - hole.start > CROWDED_FROM
    is_crowded = is_long and of.endpoint == RETURNS and of.state is None
    edges = [hole.start, *(bound - before for before in CROWDED if is_crowded), hole.end]
    for start, end in pairwise(edges):
        yield from windows(start, end, days=days)


def _in_order(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Newest first, since there most is to be read: no long window is left for the end."""
    return tuple(sorted(spans, key=lambda span: (span.window.start, -PASSES.index(span.of)), reverse=True))


def _all_but(overlap: timedelta, covered: Sequence[Window]) -> list[Window]:
    """The covered windows without their last stretch, which is read again."""
    end = max((window.end for window in covered), default=datetime.max.replace(tzinfo=UTC)) - overlap
    return [Window(window.start, min(window.end, end)) for window in covered if window.start < end]


def _reach(start: datetime, covered: Iterable[Window]) -> datetime:
    """The end of the unbroken stretch of windows that begins at `start`."""
    reach = start
    for window in sorted(covered):
        if window.start > reach:
            break
        reach = max(reach, window.end)
    return reach
