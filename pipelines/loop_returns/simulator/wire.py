"""A uvicorn in a daemon thread, whose connections can be cut: the way to a reset or half a body."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any, ClassVar

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

Ends = tuple[Any, Any]


class Connections(H11Protocol):
    """Plain HTTP that remembers its open connections by both ends."""

    open: ClassVar[dict[Ends, asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        """Note the connection."""
        super().connection_made(transport)
        self.open[_ends(transport)] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        for ends in [ends for ends, transport in self.open.items() if transport is self.transport]:
            del self.open[ends]
        super().connection_lost(exc)


def cut(scope: Scope) -> None:
    """Close the connection of a request after what was written so far."""
    transport = Connections.open.get((tuple(scope["client"]), tuple(scope["server"])))
    if transport is not None:
        transport.close()


def _ends(transport: asyncio.Transport) -> Ends:
    return tuple(transport.get_extra_info("peername")), tuple(transport.get_extra_info("sockname"))


class ThreadedServer:
    """Serves an ASGI app on 127.0.0.1 until `stop`."""

    def __init__(self, app: ASGIApp, port: int = 0) -> None:
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=Connections,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="loop-simulator", daemon=True
        )

    def start(self) -> None:
        """Return when requests are answered."""
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.002)

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=5)
        self._socket.close()
