"""The receiver: one path that takes Loop's deliveries, and answers 200 when they are durable.

POST /hooks/loop/{subscription} -> size -> signature over raw bytes -> writer (fsync) -> 200
/healthz: the process; /readyz: a commit works and the disk has room; /metrics: counts

Nothing else happens before the 200: no JSON is parsed, nothing unsigned is stored. What was signed and
cannot be read is stored and answered 200: a 4xx would count towards Loop's switching the subscription off,
and would never heal. Source: Loop API, Webhooks.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from loop_returns.webhooks import inbox, signature
from loop_returns.webhooks.guard import MAX_HEADER_BYTES
from loop_returns.webhooks.inbox import Delivery
from loop_returns.webhooks.options import Options
from loop_returns.webhooks.writer import InboxWriter

MAX_BODY_BYTES = 1 << 20
MAX_HELD_BYTES = 64 << 20
FREE_BYTES = 512 << 20
RETRY_AFTER = 30
KEPT_HEADERS = (b"content-type", b"content-encoding", b"user-agent", b"x-request-id", b"x-forwarded-for")
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
LOCAL = ("127.0.0.1", "::1")
log = logging.getLogger("loop_returns.webhooks")

Ticket = tuple["asyncio.Future[bool]", str]


class _Gone(Exception):  # noqa: N818 - not an error: a client that went away
    """The client ended before its request did."""


class Receiver:
    """The application, and the writer behind it.

    Args:
        options: Secrets and names.
        data: Where the inbox is.
        shows_metrics: Whether `/metrics` is on this port; then for callers on this machine only.

    Attributes:
        fatal: Why nothing can be stored any more; empty while all is well.
        stopping: Set when the process has to end.

    Raises:
        LoopReturnsError: The inbox cannot be opened, or another receiver has it.
    """

    def __init__(self, options: Options, data: Path, *, shows_metrics: bool = True) -> None:
        self.options = options
        self.data = data
        self.fatal = ""
        self.stopping = asyncio.Event()
        self.counts: Counter[tuple[str, str]] = Counter()
        self._signed: Counter[int] = Counter()
        self._stored_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._held = 0
        self._warned_at = 0.0
        self._probed_at, self._probe = 0.0, False
        self._names = frozenset(options.subscriptions)
        self.writer = InboxWriter[Ticket](data, self._on_batch, self._on_fatal)
        self.app = self._app(shows_metrics)

    def _app(self, shows_metrics: bool) -> Starlette:
        routes = [
            Route("/hooks/loop/{subscription}", _Hook(self), methods=["POST"]),
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
        ]
        app = Starlette(routes=[*routes, Route("/metrics", self._local_metrics)] if shows_metrics else routes)
        app.router.redirect_slashes = False
        return app

    def metrics_app(self) -> Starlette:
        """`/metrics` alone, for a port of its own."""
        return Starlette(routes=[Route("/metrics", self.metrics)])

    def note(self, name: str, subscription: str = "") -> None:
        """Count what was not stored."""
        self.counts[subscription, name] += 1
        self.writer.count(subscription, name)

    async def store(self, delivery: Delivery | None, subscription: str = "") -> bool:
        """Wait until a delivery is durable; False if it will not be."""
        future: asyncio.Future[bool] = self._loop.create_future()
        return self.writer.offer(delivery, (future, subscription)) and await future

    def _on_batch(self, tickets: Sequence[Ticket], is_durable: bool) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits for the answer
            self._loop.call_soon_threadsafe(self._resolve, tickets, is_durable)

    def _resolve(self, tickets: Sequence[Ticket], is_durable: bool) -> None:
        for future, subscription in tickets:
            if subscription:
                self.counts[subscription, "stored" if is_durable else "unavailable"] += 1
                self._stored_at = time.time() if is_durable else self._stored_at
            if not future.done():
                future.set_result(is_durable)

    def _on_fatal(self, reason: str) -> None:
        log.error("the inbox cannot be written, the receiver ends: %s", reason)
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop, reason)

    def _stop(self, reason: str) -> None:
        self.fatal = reason
        self.stopping.set()

    @contextmanager
    def holding(self) -> Iterator[bytearray]:
        """A body in the making, counted against what all requests may hold together."""
        body = bytearray()
        try:
            yield body
        finally:
            self._held -= len(body)

    def hold(self, body: bytearray, part: bytes) -> bool:
        """Add to a body; False when all requests together hold too much."""
        if self._held + len(part) > MAX_HELD_BYTES:
            return False
        body += part
        self._held += len(part)
        return True

    def refuse(self, subscription: str, body: bytes) -> None:
        """Count an unsigned delivery; say so at most once a second, with a hash in place of the body."""
        self.note("refused_signature", subscription)
        now = time.monotonic()
        if now > self._warned_at + 1:
            self._warned_at = now
            digest = hashlib.sha256(body).hexdigest()[:12]
            log.warning("refused: bad signature; %s, %d bytes, sha256 %s", subscription, len(body), digest)

    async def _healthz(self, request: Request) -> Response:
        return PlainTextResponse("failing" if self.fatal else "ok", 503 if self.fatal else 200)

    async def _readyz(self, request: Request) -> Response:
        """Proved by a commit, at most one a second however often it is asked."""
        if shutil.disk_usage(self.data).free < FREE_BYTES:
            return PlainTextResponse("the disk is nearly full", 503)
        now = time.monotonic()
        if now > self._probed_at + 1:
            self._probed_at = now
            self._probe = await self.store(None)
        return PlainTextResponse("ok" if self._probe else "no commit", 200 if self._probe else 503)

    async def _local_metrics(self, request: Request) -> Response:
        is_local = request.client is not None and request.client.host in LOCAL
        if not is_local or any(name in request.headers for name in FORWARDED):
            return PlainTextResponse("Not Found", 404)
        return await self.metrics(request)

    async def metrics(self, request: Request) -> Response:
        """Counts since the start, as Prometheus reads them."""
        lines = ["# TYPE loop_returns_webhooks_total counter"]
        for (subscription, name), value in sorted(self.counts.items()):
            labels = f'subscription="{subscription}",result="{name}"'
            lines.append(f"loop_returns_webhooks_total{{{labels}}} {value}")
        lines += [
            f'loop_returns_webhooks_signed_total{{secret="{number}"}} {self._signed[number]}'
            for number in range(len(self.options.secrets))
        ]
        figures = {
            "last_stored_timestamp_seconds": round(self._stored_at, 3),
            "commits_total": self.writer.commits,
            "waiting": self.writer.waiting,
            "last_commit_seconds": round(self.writer.commit_seconds, 6),
            "held_bytes": self._held,
        }
        lines += [f"loop_returns_inbox_{name} {value}" for name, value in figures.items()]
        return PlainTextResponse("\n".join(lines) + "\n")


class _Hook:
    """The one path that takes deliveries; plain ASGI, since it is all that is ever busy."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery; say nothing to a client that has gone."""
        with suppress(_Gone):
            await _answer(send, await self._status(scope, receive))

    async def _status(self, scope: Scope, receive: Receive) -> int:
        receiver, headers = self._receiver, scope["headers"]
        subscription = scope["path_params"]["subscription"]
        if subscription not in receiver._names:
            receiver.note("refused_path")
            return 404
        if sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEADER_BYTES:
            return 400
        with receiver.holding() as body:
            status = await self._read(headers, receive, body)
            if status:
                receiver.note("refused_size" if status == 413 else "unavailable", subscription)
                return status
            return await self._take(subscription, headers, bytes(body))

    async def _read(self, headers: list[tuple[bytes, bytes]], receive: Receive, body: bytearray) -> int:
        """Read the body; 0, or the status that refuses it."""
        announced = next((value for name, value in headers if name == b"content-length"), b"0")
        if int(announced) > MAX_BODY_BYTES:
            return 413
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            part = message.get("body", b"")
            if len(body) + len(part) > MAX_BODY_BYTES:
                return 413
            if not self._receiver.hold(body, part):
                return 503
            if not message.get("more_body", False):
                return 0

    async def _take(self, subscription: str, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
        options = self._receiver.options
        given = [value for name, value in headers if name == b"x-loop-signature"]
        header = given[0] if len(given) == 1 else None
        match = signature.check(options.secrets, body, header, diagnose=options.diagnose_signature)
        if match is None:
            self._receiver.refuse(subscription, body)
            return 401
        self._receiver._signed[match.secret_no] += 1
        delivery = Delivery(subscription, body, _kept(headers), match.secret_no, match.variant, inbox.stamp())
        return 200 if await self._receiver.store(delivery, subscription) else 503


def _kept(headers: list[tuple[bytes, bytes]]) -> str:
    return json.dumps({k.decode(): v[:200].decode("latin-1") for k, v in headers if k in KEPT_HEADERS})


async def _answer(send: Send, status: int) -> None:
    body = b"ok" if status == 200 else b""
    headers = [(b"content-length", b"%d" % len(body))]
    if status == 503:
        headers.append((b"retry-after", b"%d" % RETRY_AFTER))
    if status in (400, 404, 413, 503):  # the rest of the body is not wanted
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
