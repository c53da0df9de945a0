"""One body to one third party: one POST over one fresh connection, to an address that was judged.

No redirect, no proxy, no reuse; a record is signed as Standard Webhooks say, with `Idempotency-Key`. What the
other side answers is read no further than its status: its words are not ours to keep.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial
from typing import Protocol

import certifi

from loop_returns.webhooks.endpoints import Endpoint
from loop_returns.webhooks.ssrf import Resolver, Target, TargetRefusedError, addresses

CONNECT_SECONDS = 5.0
_FAILURES = (OSError, http.client.HTTPException, ValueError)

Headers = Callable[[datetime], Mapping[str, str]]
"""The headers of a request that leaves now."""


class Way(Protocol):
    """Where a body goes, and how long it may take."""

    @property
    def target(self) -> Target:
        """Host, port, path."""

    @property
    def allow_private(self) -> bool:
        """Whether it may lie in the inner network."""

    @property
    def timeout_seconds(self) -> float:
        """Most seconds of connection and answer, each."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was met.

    Attributes:
        began: A byte of the request may have left.
        status: HTTP status; None: none came.
        words: In a word, when no status came.
        retry_after: When the other side wants to be asked again.
    """

    began: bool
    status: int | None = None
    words: str = ""
    retry_after: datetime | None = None

    @property
    def short(self) -> str:
        """The status, or the word."""
        return str(self.status) if self.status is not None else self.words


class _Connection(http.client.HTTPConnection):
    """To one address, in the name of a host; never opens itself again."""

    auto_open = 0

    def __init__(self, way: Way, address: str) -> None:
        super().__init__(way.target.host, way.target.port)
        self._way, self._address = way, address

    def connect(self) -> None:
        """Connect, and shake hands in the name of the host."""
        target = self._way.target
        seconds = min(CONNECT_SECONDS, self._way.timeout_seconds)
        raw = socket.create_connection((self._address, target.port), timeout=seconds)
        try:
            self.sock = _tls().wrap_socket(raw, server_hostname=target.host) if target.is_tls else raw
        except BaseException:
            raw.close()
            raise


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def headers(endpoint: Endpoint, key: str, body: bytes, now: datetime) -> dict[str, str]:
    """What goes along with a record, beyond what every request has."""
    return {
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": endpoint.signer.sign(key, now.astimezone(UTC), body.decode()),
    }


def post(endpoint: Endpoint, key: str, body: bytes, resolver: Resolver) -> Answer:
    """Send a record once.

    Args:
        endpoint: To whom.
        key: Its idempotency key.
        body: JSON.
        resolver: Looks the host up.
    """
    return send(endpoint, partial(headers, endpoint, key, body), body, resolver)


def unsigned(now: datetime) -> dict[str, str]:
    """No header of our own."""
    return {}


def send(way: Way, own: Headers, body: bytes, resolver: Resolver) -> Answer:
    """Send a JSON body once.

    Args:
        way: Where to.
        own: Headers beyond those that every request has.
        body: JSON.
        resolver: Looks the host up.
    """
    try:
        found = addresses(way.target, allow_private=way.allow_private, resolver=resolver)
    except TargetRefusedError:
        return Answer(began=False, words="address refused")
    except (OSError, UnicodeError):
        return Answer(began=False, words="no address")
    connection = _connected(way, found)
    if connection is None:
        return Answer(began=False, words="no connection")
    try:
        return _exchange(way, connection, own, body)
    finally:
        connection.close()


def _connected(way: Way, found: list[str]) -> _Connection | None:
    for address in found[:3]:
        connection = _Connection(way, address)
        try:
            connection.connect()
        except _FAILURES:
            connection.close()
        else:
            return connection
    return None


def _exchange(way: Way, connection: _Connection, own: Headers, body: bytes) -> Answer:
    raw: socket.socket = connection.sock
    raw.settimeout(way.timeout_seconds)
    watch = threading.Timer(way.timeout_seconds, _hang_up, (raw,))  # for an answer that drips
    watch.daemon = True
    watch.start()
    try:
        now = datetime.now(UTC)
        connection.request("POST", way.target.path, body, {**_plain_headers(way), **own(now)})
        response = connection.getresponse()
        return Answer(True, response.status, retry_after=_retry_after(response.getheader("retry-after"), now))
    except _FAILURES:
        return Answer(began=True, words="no answer")
    finally:
        watch.cancel()


def _plain_headers(way: Way) -> dict[str, str]:
    return {
        "Host": way.target.host_header,
        "Content-Type": "application/json",
        "User-Agent": "loop-returns",
        "Connection": "close",
    }


def _hang_up(raw: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(raw, socket.SHUT_RDWR)


def _retry_after(text: str | None, now: datetime) -> datetime | None:
    """Seconds or a date, as HTTP has it; None when it is neither."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return datetime.fromtimestamp(now.timestamp() + min(int(text[:9]), 86_400), UTC)
    with suppress(ValueError, TypeError, OverflowError):
        said = parsedate_to_datetime(text)
        return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
    return None
