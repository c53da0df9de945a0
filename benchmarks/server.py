"""Loop's list of returns over loopback, from ready bytes: as fast as a server can be.

    python -m benchmarks.server        prints its port; lives until its standard input ends

`GET /_serve?file=F&ends=E1,E2` lays out pages: each line of F is one, and the windows of the default pass
that end at E1, E2, ... get them in order, evenly. The other passes and the shipping notices are empty.
"""

from __future__ import annotations

import itertools
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

EMPTY = b'{"returns":[],"nextPageUrl":null}'


@dataclass
class Shelf:
    """Pages of one file; `ranges` says which of them a window shows, by the window's end."""

    file: Path
    starts: list[int]
    ranges: dict[str, range]

    @classmethod
    def of(cls, file: Path, ends: list[str]) -> Shelf:
        """Lay the pages out over windows."""
        starts = [0]
        with file.open("rb") as pages:
            for line in pages:
                starts.append(starts[-1] + len(line))
        count = len(starts) - 1
        borders = [count * number // len(ends) for number in range(len(ends) + 1)]
        shown = [range(low, high) for low, high in itertools.pairwise(borders)]
        return cls(file, starts, dict(zip(ends, shown, strict=True)))

    def answer(self, end: str, cursor: str, here: str) -> bytes:
        """A window's page: the first, or the one that the cursor names."""
        shown = self.ranges.get(end, range(0))
        if not shown:
            return EMPTY
        number = int(cursor) if cursor else shown[0]
        link = f'"{here}?cursor={number + 1}"' if number + 1 in shown else "null"
        with self.file.open("rb") as pages:
            pages.seek(self.starts[number])
            body = pages.read(self.starts[number + 1] - self.starts[number] - len("}\n"))
        return body + b',"nextPageUrl":' + link.encode() + b"}"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    shelf: Shelf | None = None

    def do_GET(self) -> None:
        """Answer."""
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path == "/_serve":
            Handler.shelf = Shelf.of(Path(query["file"]), query["ends"].split(","))
            body = b"{}"
        elif asked.path.endswith("/asn"):
            body = b"[]"
        elif "state" in query or self.shelf is None:
            body = EMPTY
        else:
            here = f"http://{self.headers['Host']}{asked.path}"
            body = self.shelf.answer(query["to"], query.get("cursor", ""), here)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until nobody holds the other end of standard input."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
