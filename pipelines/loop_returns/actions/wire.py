"""How the engine reaches Loop, and how it shares time: as steps that somebody else drives.

The engine is a generator. Each `Step` it yields is a point at which it may be paused or die; one with a
`wait` asks to go on later. `drive` runs it in real time, the tests in virtual time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from loop_returns.actions.answers import Sent
from loop_returns.actions.records import Json
from loop_returns.actions.send import Poster
from loop_returns.api.clock import Clock

T = TypeVar("T")
_SLICE = 0.25


@dataclass(frozen=True, slots=True)
class Step:
    """A point between two things that the engine does; `wait`: seconds until it wants to go on."""

    name: str
    wait: float = 0.0


Steps = Generator[Step, None, T]


class Wire(Protocol):
    """Loop, as far as actions need it."""

    def details(self, return_id: str) -> Steps[Json | None]:
        """One return, None when there is none; raises `ApiError`, `KeyRefusedError`."""

    def notes(self, return_id: str) -> Steps[list[str]]:
        """The texts of its notes; raises as `details`."""

    def post(self, path: str, body: Mapping[str, Any] | None, may_send: Callable[[], bool]) -> Steps[Sent]:
        """Exactly one POST."""


class Reader(Protocol):
    """Reads of the API; they may be repeated, and whoever makes one sees to that."""

    def details(self, return_id: str) -> dict[str, Any] | None:
        """One return by its id."""

    def notes(self, return_id: str) -> list[str]:
        """The texts of its notes."""


class HttpWire:
    """The real one.

    Args:
        reader: For GETs.
        poster: For POSTs; None: nothing can be sent.
    """

    def __init__(self, reader: Reader, poster: Poster | None = None) -> None:
        self._reader = reader
        self._poster = poster

    def details(self, return_id: str) -> Steps[Json | None]:
        """One return."""
        yield Step("details")
        return self._reader.details(return_id)

    def notes(self, return_id: str) -> Steps[list[str]]:
        """Its notes."""
        yield Step("notes")
        return self._reader.notes(return_id)

    def post(self, path: str, body: Mapping[str, Any] | None, may_send: Callable[[], bool]) -> Steps[Sent]:
        """One POST."""
        yield Step("post")
        assert self._poster is not None, "a rehearsal sends nothing"
        return self._poster.post(path, body, may_send)


class EngineClock(Clock):
    """Goes on while the machine sleeps, so that a run that slept knows it."""

    def monotonic(self) -> float:
        """Seconds since the machine started, its sleep included where the system counts it."""
        boot = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic() if boot is None else time.clock_gettime(boot)


def drive(steps: Steps[T], clock: Clock, is_over: Callable[[], bool] = lambda: False) -> T:
    """Run steps in real time.

    Args:
        steps: The engine at work.
        clock: To sleep by.
        is_over: Ends a wait early, when somebody asked the run to end.
    """
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        left = step.wait
        while left > 0 and not is_over():
            clock.sleep(min(left, _SLICE))
            left -= _SLICE
