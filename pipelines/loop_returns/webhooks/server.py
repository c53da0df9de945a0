"""The receiver as a process: its sockets, its signals, its end.

listen() -> serve() -> uvicorn over receiver.Receiver, until SIGTERM, SIGINT or a write that failed
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from loop_returns.errors import LoopReturnsError
from loop_returns.webhooks.guard import MAX_HEADER_BYTES, GuardedProtocol, guarded
from loop_returns.webhooks.options import Options
from loop_returns.webhooks.receiver import Receiver, log

BACKLOG = 1024
GRACE_SECONDS = 5
KEEP_ALIVE_SECONDS = 5


class InboxLostError(LoopReturnsError):
    """A write or an fsync of the inbox failed: the process must end at once, without touching the file."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: uvicorn's own would end the process before the inbox is closed."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        LoopReturnsError: The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise LoopReturnsError(
            f"cannot listen on {host}:{port}",
            cause=str(getattr(error, "strerror", None) or error),
            hint="--port 0 takes a free port",
        ) from error


def serve(
    options: Options,
    data: Path,
    listener: socket.socket,
    metrics_listener: socket.socket | None,
    on_ready: Callable[[], None],
) -> None:
    """Receive until SIGTERM or SIGINT; what was answered 200 is stored, what was stored stays.

    Args:
        options: Secrets and names.
        data: Where the inbox is.
        listener: Where Loop delivers.
        metrics_listener: Where `/metrics` is, if not beside the hooks.
        on_ready: Called once requests are answered.

    Raises:
        InboxLostError: A write failed; end the process without any clean-up.
        LoopReturnsError: The inbox cannot be opened.
    """
    asyncio.run(_serve(options, data, listener, metrics_listener, on_ready))


async def _serve(
    options: Options,
    data: Path,
    listener: socket.socket,
    metrics_listener: socket.socket | None,
    on_ready: Callable[[], None],
) -> None:
    receiver = Receiver(options, data, shows_metrics=metrics_listener is None)
    protocol = guarded(receiver.note)
    servers = [(_server(receiver.app, protocol), listener)]
    if metrics_listener is not None:
        servers.append((_server(receiver.metrics_app(), protocol), metrics_listener))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, receiver.stopping.set)
    log.info("SQLite %s, %d secrets", sqlite3.sqlite_version, len(options.secrets))
    receiver.writer.start()
    running = [asyncio.ensure_future(server.serve([held])) for server, held in servers]
    await _started([server for server, _ in servers])
    on_ready()
    await receiver.stopping.wait()
    for server, _ in servers:
        server.should_exit = True
    await asyncio.gather(*running)
    await asyncio.to_thread(receiver.writer.close)
    if receiver.fatal:
        raise InboxLostError(
            "the inbox of the webhooks cannot be written",
            cause=receiver.fatal,
            hint="nothing that was answered 200 is lost; see to the disk, then start again",
        )


def _server(app: ASGIApp, protocol: type[GuardedProtocol]) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            log_level=logging.CRITICAL,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


async def _started(servers: list[_Server]) -> None:
    while not all(server.started for server in servers):
        await asyncio.sleep(0.01)
