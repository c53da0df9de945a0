"""HTTP that nobody can hold up: a deadline for each request, a limit on connections.

uvicorn's own protocol waits for ever on a half-sent request. Here a request has 5 s from its first moment to
its last byte; with 200 connections open, the one that has waited longest for bytes makes room for a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

DEADLINE_SECONDS = 5.0
STOP_SECONDS = 3.0
MAX_CONNECTIONS = 200
MAX_HEADER_BYTES = 16 << 10
_UNFINISHED = (h11.IDLE, h11.SEND_BODY)
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 30\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)


class GuardedProtocol(H11Protocol):
    """One connection, with a deadline while a request is incomplete."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own arguments
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._waits_since: float | None = None
        self._has_begun = False

    def on_event(self, name: str) -> None:
        """Told `timed_out` for a request that was cut, `unavailable` for a connection refused."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        """Take the connection, or make room for it first."""
        super().connection_made(transport)
        self._wait()
        self._arm(DEADLINE_SECONDS)
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def _make_room(self) -> None:
        others = [each for each in self.connections if isinstance(each, GuardedProtocol) and each is not self]
        waiting = [(each._waits_since, id(each), each) for each in others if each._waits_since is not None]
        if waiting:
            min(waiting)[2].cut()
        else:
            self.on_event("unavailable")
            self.transport.write(_FULL)
            self.transport.close()

    def cut(self) -> None:
        """End the connection now, whatever is still to come."""
        if self._has_begun:
            self.on_event("timed_out")
        self.connections.discard(self)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline with the connection."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the request; the deadline runs until its last byte."""
        super().data_received(data)
        if self.conn.their_state in _UNFINISHED:
            self._has_begun = True
            self._wait()
            if self._deadline is None:
                self._arm(DEADLINE_SECONDS)
        else:
            self._waits_since, self._has_begun = None, False
            self._disarm()

    def on_response_complete(self) -> None:
        """Wait for the next request; what has come of it already has its deadline."""
        super().on_response_complete()
        if self.conn.their_state in _UNFINISHED:
            self._wait()

    def shutdown(self) -> None:
        """Answer what is complete; a request that is not has a shorter deadline now."""
        super().shutdown()
        if self._deadline is not None:
            self._disarm()
            self._arm(STOP_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """Say that this is no HTTP, or just end where an answer has begun already."""
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:
            self.transport.abort()

    def _wait(self) -> None:
        if self._waits_since is None:
            self._waits_since = self.loop.time()

    def _arm(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(seconds, self.cut)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def guarded(on_event: Callable[[str], None]) -> type[GuardedProtocol]:
    """The protocol, with someone who counts what it cuts."""

    class Counted(GuardedProtocol):
        def on_event(self, name: str) -> None:
            on_event(name)

    return Counted
