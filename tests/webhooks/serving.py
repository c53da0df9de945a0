"""`loop-returns serve` as a real process, and plain clients that sign on their own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECRET = "invented-secret"
BUSY = 20
"""Seconds that a busy machine may add to a limit."""
SERVE = (sys.executable, "-m", "loop_returns", "serve")


@dataclass
class Served:
    """A running receiver."""

    process: subprocess.Popen[str]
    data: Path
    port: int
    log: Path

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def rows(self, sql: str = "select body from inbox") -> list[tuple[object, ...]]:
        return stored(self.data, sql)


def stored(data: Path, sql: str = "select body from inbox") -> list[tuple[object, ...]]:
    """What is in the inbox, read by plain SQLite."""
    with sqlite3.connect(f"{(data / 'inbox.sqlite').absolute().as_uri()}?mode=ro", uri=True) as database:
        return database.execute(sql).fetchall()


@contextmanager
def serving(
    folder: Path,
    *words: str,
    command: Sequence[str] = SERVE,
    secrets: str = SECRET,
    limits: Sequence[str] = (),
) -> Iterator[Served]:
    """A receiver on a free port; killed at the end if it still runs."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("SOURCES__", "LOOP_"))}
    log = folder / "serve.log"
    with log.open("a") as errors:
        process = subprocess.Popen(
            [*limits, *command, "--port", "0", "--data-dir", str(folder / "data"), *words],
            cwd=folder,
            env=kept | {"SOURCES__LOOP_RETURNS__WEBHOOK_SECRETS": secrets, "PYTHONPATH": _path()},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/hooks/loop/", line)
        assert found, f"{line!r}\n{log.read_text()}"
        yield Served(process, folder / "data", int(found[1]), log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # strace's child too, where there is one
        process.communicate()


def _path() -> str:
    return os.pathsep.join([str(ROOT / "pipelines"), str(ROOT), os.environ.get("PYTHONPATH", "")])


def sign(body: bytes, secret: str = SECRET) -> str:
    """As Loop's page says."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def request(body: bytes, *, subscription: str = "return-updated", header: str | None = None) -> bytes:
    """A whole request; signed, unless another header is given."""
    signature = sign(body) if header is None else header
    head = (
        f"POST /hooks/loop/{subscription} HTTP/1.1\r\nHost: hooks.example\r\n"
        f"Content-Type: application/json\r\nX-Loop-Signature: {signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body


def ask(port: int, raw: bytes, *, wait: float = 60) -> tuple[int, dict[str, str], bytes]:
    """Send bytes on a connection of their own; status (0: none), headers and body of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        with suppress(ConnectionError):
            connection.sendall(raw)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    got = b""
    with suppress(ConnectionError):
        while b"\r\n\r\n" not in got and (part := connection.recv(65536)):
            got += part
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)) and (part := connection.recv(65536)):
            body += part
        return (int(lines[0].split()[1]) if got else 0), headers, body
    return 0, {}, b""


def get(port: int, path: str, *headers: str) -> tuple[int, dict[str, str], bytes]:
    lines = "".join(f"{line}\r\n" for line in headers)
    return ask(port, f"GET {path} HTTP/1.1\r\nHost: hooks.example\r\n{lines}\r\n".encode())


def body_of(number: int, *, size: int = 600) -> bytes:
    """An invented delivery; each number gives other bytes."""
    filler = hashlib.sha256(str(number).encode()).hexdigest() * (size // 64)
    names = f'"topic":"return","trigger":"return.updated","id":"{number % 5000}"'
    return f'{{{names},"n":{number},"f":"{filler}"}}'.encode()


@dataclass
class Told:
    """What the clients were answered."""

    acked: list[bytes] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def deliver(
    port: int,
    bodies: Sequence[bytes],
    *,
    connections: int = 16,
    kill: subprocess.Popen[str] | None = None,
    kill_after: float = 0,
) -> Told:
    """Send each body once over keep-alive connections; end when all are answered or the receiver is gone."""
    return asyncio.run(_deliver(port, bodies, connections, kill, kill_after))


async def _deliver(
    port: int,
    bodies: Sequence[bytes],
    connections: int,
    kill: subprocess.Popen[str] | None,
    kill_after: float,
) -> Told:
    told, waiting = Told(), list(reversed([(body, request(body)) for body in bodies]))
    if kill is not None:
        asyncio.get_running_loop().call_later(kill_after, kill.kill)
    await asyncio.gather(*(_client(port, waiting, told) for _ in range(connections)))
    return told


async def _client(port: int, waiting: list[tuple[bytes, bytes]], told: Told) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            body, raw = waiting.pop()
            started = time.perf_counter()
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            told.seconds.append(time.perf_counter() - started)
            if head.startswith(b"HTTP/1.1 200"):
                told.acked.append(body)
            else:
                told.others.append(int(head.split()[1]))
        writer.close()
