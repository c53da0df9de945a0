"""Spans read over as many connections as the limit can feed, under the key's one limiter.

    spans -> reader threads, one client each -> typed pages -> a queue of one batch -> Puller

How many connections: requests a second that the limit allows, times the seconds that a request takes
(Little's law), and half as many again, so that the last windows, each read page after page, do not leave the
limit unused; so one where Loop answers fast. The queue holds one batch at the most: while one is loaded the
next one is read, and a slow database slows the requests, never fills the memory. Spans end in any order; each
is marked by itself.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, Full, Queue, SimpleQueue

from loop_returns.api.client import LoopClient, Page
from loop_returns.extract.coverage import RETURNS, Span
from loop_returns.extract.pii import PiiPolicy
from loop_returns.extract.typed import TypedPage, typed_page
from loop_returns.settings import Settings

MOST_CONNECTIONS = 6
SPARE = 1.5
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Read:
    """One page of a span; or its end, when there is no page: with what it took, or why it failed."""

    span: Span
    page: TypedPage | None = None
    requests: int = 0
    started_at: datetime | None = None
    error: BaseException | None = None


class Readers:
    """Reader threads for one pull.

    Args:
        open_client: Makes one client a thread; they share the key's limiter.
        settings: Page size, batch, personal data, and the limit that the number of connections is made for.
    """

    def __init__(self, open_client: Callable[[], LoopClient], settings: Settings) -> None:
        self._open_client = open_client
        self._page_size = settings.page_size
        self._policy = PiiPolicy(settings.pii, settings.pii_key)
        self._per_second = settings.requests_per_minute / 60
        self._spans: SimpleQueue[Span] = SimpleQueue()
        self._answers: Queue[Read] = Queue(max(2, settings.batch_rows // settings.page_size))
        self._stopped = threading.Event()
        self._growing = threading.Lock()
        self._threads = 0
        self._left = 0

    def read(self, spans: Iterable[Span]) -> Generator[Read, None, None]:
        """Everything that the spans hold, as it comes; each span ends with a `Read` without a page."""
        for span in spans:
            self.add(span)
        self._grow(0.0)
        try:
            while self._left:
                read = self._answers.get()
                self._left -= read.page is None
                yield read
        finally:
            self._stopped.set()

    def add(self, span: Span) -> None:
        """One more span; to be called between two answers."""
        self._left += 1
        self._spans.put(span)

    def _grow(self, seconds: float) -> None:
        """As many threads as keep the limit busy when a request takes this long, and some to spare."""
        wanted = min(MOST_CONNECTIONS, max(1, math.ceil(seconds * self._per_second * SPARE)))
        with self._growing:
            while self._threads < wanted:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        with self._open_client() as client:
            while not self._stopped.is_set():
                try:
                    span = self._spans.get(timeout=_POLL_SECONDS)
                except Empty:
                    continue
                self._read_span(client, span)

    def _read_span(self, client: LoopClient, span: Span) -> None:
        started_at, before, error = datetime.now(UTC), client.requests_sent, None
        try:
            for page in _pages(client, span, self._page_size):
                self._grow(page.seconds)
                typed = typed_page(span.of.endpoint, page.rows, self._policy, page.fetched_at)
                del page
                self._put(Read(span, typed))
        except BaseException as raised:  # it is raised again in the thread that reads
            error = raised
        self._put(Read(span, None, client.requests_sent - before, started_at, error))

    def _put(self, read: Read) -> None:
        is_put = False
        while not (is_put or self._stopped.is_set()):
            with suppress(Full):
                self._answers.put(read, timeout=_POLL_SECONDS)
                is_put = True


def _pages(client: LoopClient, span: Span, page_size: int) -> Iterator[Page]:
    if span.of.endpoint == RETURNS:
        return client.list_pages(span.window, state=span.of.state, page_size=page_size)
    return iter([client.shipping_notices(span.window)])
