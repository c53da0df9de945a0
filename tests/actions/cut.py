"""A connection to Postgres that is cut at a chosen commit.

Before it reaches the server, or before its answer reaches the client, who cannot tell the one from the other.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, urlsplit

_COMMIT = b"commit\0"


class Cutter:
    """Relays between libpq and a server's socket, and counts the commits.

    Args:
        uri: Of the server, on a Unix socket.
        at: Number of the commit at which the connection is cut; 0: never.
        arrives: Whether that commit still reaches the server, which carries it out.
    """

    def __init__(self, uri: str, at: int, *, arrives: bool) -> None:
        found = urlsplit(uri)
        (folder,) = parse_qs(found.query)["host"]
        self._server = f"{folder}/.s.PGSQL.5432"
        self._at, self._arrives = at, arrives
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"postgresql://postgres@127.0.0.1:{self._listener.getsockname()[1]}{found.path}"
        self.commits = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._relay(client)

    def _relay(self, client: socket.socket) -> None:
        """One connection to its end; libpq asks, waits for the answer, and asks again."""
        cut = threading.Event()
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._server)
            answers = threading.Thread(target=_answer, args=(server, client, cut), daemon=True)
            answers.start()
            with suppress(OSError):
                while not cut.is_set() and (asked := client.recv(65_536)):
                    self.commits += asked.endswith(_COMMIT)
                    if asked.endswith(_COMMIT) and self.commits == self._at:
                        cut.set()
                    if self._arrives or not cut.is_set():
                        server.sendall(asked)
            if cut.is_set() and self._arrives:
                answers.join()  # the server has answered: it is committed
            for each in (server, client):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            answers.join()


def _answer(server: socket.socket, client: socket.socket, cut: threading.Event) -> None:
    with suppress(OSError):
        while (said := server.recv(65_536)) and not cut.is_set():
            client.sendall(said)


@contextmanager
def cutting(uri: str, at: int, *, arrives: bool) -> Iterator[Cutter]:
    """A cutter at work."""
    cutter = Cutter(uri, at, arrives=arrives)
    cutter._thread.start()
    try:
        yield cutter
    finally:
        cutter._listener.shutdown(socket.SHUT_RDWR)
        cutter._listener.close()
        cutter._thread.join()
