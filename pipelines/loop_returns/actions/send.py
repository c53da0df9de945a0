"""One POST over one fresh connection: no retry, no redirect, no proxy, no reuse, limits of its own.

The standard library's `http.client` instead of `requests`: it lets the last look at the clock stand between
the connection and the first byte, and it knows nothing of redirects, retries or proxies.
Source: actions.md, sections 3.5 and 3.8.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import certifi
import orjson

from loop_returns.actions.answers import Sent
from loop_returns.errors import UsageError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_BYTES = 1 << 20
_FAILURES = (OSError, http.client.HTTPException, ValueError)


class Poster:
    """Sends actions with the action key.

    Args:
        base_url: `https://host/api/version`; plain http only for this machine itself.
        api_key: Of the actions; sent as `X-Authorization`, shown nowhere.
        answer_seconds: For the whole answer, however slowly it drips.

    Raises:
        UsageError: `base_url` cannot be.
    """

    def __init__(self, base_url: str, api_key: str, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        parts = urlsplit(base_url.rstrip("/"))
        is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or is_local):
            raise UsageError("`base_url` must be https://host/path: actions are sent over TLS only")
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._tls = None if is_local else ssl.create_default_context(cafile=certifi.where())
        self._key = api_key
        self._answer_seconds = answer_seconds

    def __repr__(self) -> str:
        return f"Poster({self._host!r}, '[key]')"

    def post(self, path: str, body: Mapping[str, Any] | None, may_send: Callable[[], bool]) -> Sent:
        """Send one POST and say what was seen.

        Args:
            path: Below `base_url`.
            body: A JSON object; None sends none.
            may_send: Asked as the last thing before the first byte leaves.
        """
        connection = self._connection()
        connection.auto_open = 0
        try:
            connection.connect()
        except _FAILURES as error:
            connection.close()
            return Sent(began=False, words=f"no connection to Loop ({type(error).__name__})")
        try:
            return self._exchange(connection, path, body, may_send)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)
        return http.client.HTTPSConnection(self._host, self._port, timeout=CONNECT_SECONDS, context=self._tls)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        body: Mapping[str, Any] | None,
        may_send: Callable[[], bool],
    ) -> Sent:
        raw: socket.socket = connection.sock
        raw.settimeout(self._answer_seconds)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux would else try to deliver for up to 924 s
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._answer_seconds * 1000))
        content = b"" if body is None else orjson.dumps(dict(body))
        headers = self._headers(has_body=body is not None)
        watch = threading.Timer(self._answer_seconds, _hang_up, (raw,))
        watch.daemon = True
        watch.start()
        try:
            if not may_send():
                return Sent(began=False, words="the time to send was over; nothing was sent")
            connection.request("POST", self._path + path, content, headers)
            return _answer(connection)
        except _FAILURES as error:
            return Sent(began=True, words=f"no whole answer from Loop ({type(error).__name__})")
        finally:
            watch.cancel()

    def _headers(self, *, has_body: bool) -> dict[str, str]:
        headers = {
            "X-Authorization": self._key,
            "Accept": "application/json",
            "User-Agent": "loop-returns",
            "Connection": "close",
        }
        return headers | {"Content-Type": "application/json"} if has_body else headers


def _hang_up(raw: socket.socket) -> None:
    """End a wait from outside; the plain socket's own method, since TLS would wait for its peer."""
    with suppress(OSError):
        socket.socket.shutdown(raw, socket.SHUT_RDWR)


def _answer(connection: http.client.HTTPConnection) -> Sent:
    response = connection.getresponse()
    body, is_whole, words = b"", False, "the answer broke off"
    try:
        body = response.read(_MOST_BYTES)
        is_whole = not response.read(1)
        words = "" if is_whole else "the answer is longer than an answer can be"
    except _FAILURES:
        pass
    if response.length:
        is_whole, words = False, "the answer broke off"
    return Sent(
        began=True,
        status=response.status,
        body=body,
        is_whole=is_whole,
        words=words,
        retry_after=_seconds(response.getheader("retry-after")),
        remaining=_count(response.getheader("x-ratelimit-remaining")),
    )


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _seconds(text: str | None) -> float | None:
    """Only whole seconds are understood; a date is treated as if nothing were said."""
    count = _count(text)
    return None if count is None else float(count)
