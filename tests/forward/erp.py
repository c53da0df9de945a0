"""An example receiver that stands for an ERP: upserts by external id, checks signatures, misbehaves."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0cw=="


@dataclass
class Faults:
    """Shares of requests: `dropped` are performed and not answered, `slow` late; the others are refused."""

    dropped: float = 0.0
    slow: float = 0.0
    failed: float = 0.0
    limited: float = 0.0
    status: int | None = None
    hang_seconds: float = 1.0


@dataclass
class Erp:
    """What it has: an upsert keeps one record per external id; every performed request is a booking."""

    faults: Faults = field(default_factory=Faults)
    records: dict[str, Any] = field(default_factory=dict)
    bookings: Counter[str] = field(default_factory=Counter)
    order: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    requests: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, headers: dict[str, str], body: bytes) -> str:
        """What to do with a request: a status, or `drop`, or `hang`."""
        record = Webhook(SECRET).verify(body, headers)
        with self.lock:
            self.requests += 1
            self.headers.append(headers)
            lot, faults = self.chance.random(), self.faults
            if faults.status is not None:
                return str(faults.status)
            if lot < faults.failed:
                return "500"
            if lot < faults.failed + faults.limited:
                return "429"
            self.perform(headers["idempotency-key"], record)
            lot = self.chance.random()
            return "drop" if lot < faults.dropped else "hang" if lot < faults.dropped + faults.slow else "200"

    def perform(self, key: str, record: Any) -> None:
        """Book it; an upsert by external id."""
        self.bookings[key] += 1
        if self.bookings[key] == 1:
            self.order[record["external_id"]].append(record["version"])
        self.records[record["external_id"]] = record


def handler(erp: Erp) -> type[BaseHTTPRequestHandler]:
    """HTTP around it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            said = erp.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.close_connection = True
            if said == "hang":
                time.sleep(erp.faults.hang_seconds)
            if not said.isdigit():
                return
            self.send_response(int(said))
            if said in ("429", "503"):
                self.send_header("Retry-After", "0")
            if said == "302":
                self.send_header("Location", erp.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


@contextmanager
def serving(erp: Erp) -> Iterator[Erp]:
    server = Server(("127.0.0.1", 0), handler(erp))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    erp.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield erp
    finally:
        server.shutdown()
        server.server_close()
