"""A tiny HTTP server for the client's tests: it says what a script tells it, word for word.

Deliberately not the project's simulator: the tests of the client need answers that no sane server gives.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from loop_returns.api.clock import Clock

START = datetime(2026, 11, 1, tzinfo=UTC)


class VirtualClock(Clock):
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """The time, in seconds."""
        return self.time

    def now(self) -> datetime:
        """The same time as a date."""
        return START + timedelta(seconds=self.time)

    def sleep(self, seconds: float) -> None:
        """Make the time pass."""
        self.slept.append(seconds)
        self.time += seconds


@dataclass
class Reply:
    """One answer: JSON, or `raw` bytes.

    Attributes:
        missing: Bytes that Content-Length promises and that never come.
        pause: Seconds of silence before the answer.
        drip: Seconds between two bytes of the body.
        hangs_up: Close the connection without an answer.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    missing: int = 0
    pause: float = 0
    drip: float = 0
    hangs_up: bool = False
    chunked: bool = False


@dataclass(frozen=True)
class Seen:
    """One request as the server saw it; `port` is the client's, so it names the connection."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    port: int


class LoopServer:
    """Answers with `script`: a function of the request, or a list that is used up from the front."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.script: Callable[[Seen], Reply] | list[Reply] = []
        self.seen: list[Seen] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign] # clients that hang up are the point
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._http.server_port

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What the client is given."""
        return self.origin + "/api/v1"

    def __enter__(self) -> LoopServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def reply(self, seen: Seen) -> Reply:
        """What the script says; the last reply of a list is given for ever."""
        self.seen.append(seen)
        if callable(self.script):
            return self.script(seen)
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Without it each small answer waits for the kernel's delayed ACK.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                link = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                params = dict(parse_qsl(link.query))
                _send(self, server.reply(Seen(link.path, params, headers, self.client_address[1])))

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    time.sleep(reply.pause)
    if reply.hangs_up:
        handler.close_connection = True
        return
    body = json.dumps(reply.body).encode() if reply.raw is None else reply.raw
    handler.send_response_only(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    if reply.chunked:
        handler.send_header("Transfer-Encoding", "chunked")
        body = b"%x\r\n%s\r\n" % (len(body), body) + (b"" if reply.missing else b"0\r\n\r\n")
    else:
        handler.send_header("Content-Length", str(len(body) + reply.missing))
    handler.end_headers()
    handler.close_connection = reply.missing > 0
    try:
        for byte in [body] if not reply.drip else [body[i : i + 1] for i in range(len(body))]:
            handler.wfile.write(byte)
            time.sleep(reply.drip)
    except OSError:
        handler.close_connection = True
