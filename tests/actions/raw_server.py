"""A server that is told, byte by byte, how to behave: reads so much, answers so much, closes or hangs."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Literal


@dataclass(frozen=True)
class Behaviour:
    """What happens to one connection.

    Attributes:
        answer: What is written.
        read: Bytes of the request that are read first; None: all of it. Even for 0 the first byte has come:
            a connection that ends before it is one over which nothing was sent.
        then: How it ends.
    """

    answer: bytes = b""
    read: int | None = None
    then: Literal["close", "reset", "hang"] = "close"


class RawServer:
    """Serves one behaviour per connection; counts connections and keeps the requests."""

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self.requests: list[bytes] = []
        self._hanging: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/v1"

    def __enter__(self) -> RawServer:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._answer(connection, self.behaviour)

    def _answer(self, connection: socket.socket, behaviour: Behaviour) -> None:
        self.requests.append(_request(connection, behaviour.read))
        try:
            connection.sendall(behaviour.answer)
        except OSError:
            return
        if behaviour.then == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if behaviour.then == "hang":
            connection.settimeout(5)
            self.requests[-1] += _rest(connection)


def _request(connection: socket.socket, most: int | None) -> bytes:
    got = b""
    connection.recv(1, socket.MSG_PEEK)
    while most is None or len(got) < most:
        if most is None and b"\r\n\r\n" in got:
            head, _, body = got.partition(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            if len(body) >= length:
                break
        chunk = connection.recv(1 if most is not None else 65536)
        if not chunk:
            break
        got += chunk
    return got


def _rest(connection: socket.socket) -> bytes:
    """Whatever still comes, until the client hangs up."""
    got = b""
    try:
        while chunk := connection.recv(65536):
            got += chunk
    except OSError:
        pass
    return got
