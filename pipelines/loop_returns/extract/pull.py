"""Reading a planned pull: pages into batches, batches into loads, windows marked when they are loaded.

    spans -> Readers -> pages -> Batch -> Target.load -> PullWindows.finish

The order is the promise: data first, then the mark. A death anywhere leaves windows unmarked, never rows
missing; reading a window again changes nothing but its rows' `fetched_at`.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from loop_returns.api.client import LoopClient
from loop_returns.errors import LoopReturnsError, WindowRefusedError
from loop_returns.extract.batch import Batch
from loop_returns.extract.coverage import Pull, Span
from loop_returns.extract.pull_windows import Done
from loop_returns.extract.readers import Read, Readers
from loop_returns.extract.typed import TypedPage
from loop_returns.garbage import no_garbage_collection
from loop_returns.settings import Settings

if TYPE_CHECKING:
    from loop_returns.extract.source import Target

# So much reading a death may cost at the most, however slow the API is.
BATCH_SECONDS = 60.0
SMALLEST_WINDOW = timedelta(days=1)


@dataclass(slots=True)
class PullResult:
    """What a pull read.

    Attributes:
        rows: Rows read per endpoint and pass; a row read twice counts twice.
        unknown: How often a field that nobody knows came, per `table.field`.
        unfit: How often a value did not fit its type, per `table.column`.
    """

    run_ids: list[str] = field(default_factory=list)
    windows: int = 0
    pages: int = 0
    requests: int = 0
    loads: int = 0
    resumed: bool = False
    rows: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    unfit: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull is: windows read of windows planned, rows so far, and where it is."""

    done: int
    total: int
    rows: int
    where: str


OnProgress = Callable[[Progress], None]


class Puller:
    """Reads pulls into one destination.

    Args:
        open_client: Makes a client; each connection has its own, all share the key's limiter.
        settings: Page size, limit, and what becomes of personal data.
    """

    def __init__(
        self,
        open_client: Callable[[], LoopClient],
        target: Target,
        settings: Settings,
        on_progress: OnProgress = lambda _: None,
    ) -> None:
        self._open_client = open_client
        self._target = target
        self._settings = settings
        self._on_progress = on_progress
        with open_client() as client:
            self._api_version = client.api_version
        self._batch = Batch(self._api_version)
        self._read: list[Done] = []
        self._loaded_at = time.monotonic()
        self._pages: Counter[Span] = Counter()
        self._rows: Counter[Span] = Counter()
        self._left = 0
        self.windows = target.windows(self._api_version)
        self.result = PullResult()

    def prepare(self) -> None:
        """Make every raw table and column exist before the first row does."""
        self._target.prepare()

    def read(self, pull: Pull) -> None:
        """Read all windows of a pull and load them.

        Raises:
            ApiError: A window could not be read; those that were are loaded and marked.
        """
        self.result.run_ids.append(pull.run_id)
        self.result.resumed |= pull.resumed
        readers = Readers(self._open_client, self._settings)
        self._left = len(pull.spans)
        try:
            with no_garbage_collection(), closing(readers.read(pull.spans)) as found:
                for read in found:
                    self._take(pull, read, readers)
        except LoopReturnsError:
            self._flush(pull)
            raise
        self._flush(pull)

    def _take(self, pull: Pull, read: Read, readers: Readers) -> None:
        if read.page is not None:
            self._add(pull, read.span, read.page)
        elif isinstance(read.error, WindowRefusedError) and _length(read.span) > SMALLEST_WINDOW:
            for half in self.windows.halve(pull, read.span):
                readers.add(half)
            self._left += 1
        elif read.error is not None:
            raise read.error
        else:
            self._end(read)

    def _add(self, pull: Pull, span: Span, page: TypedPage) -> None:
        self._batch.add(page)
        self._pages[span] += 1
        self._rows[span] += page.rows.size
        self.result.rows[f"{span.of.endpoint}.{span.of.name}"] += page.rows.size
        self._tell(span.label)
        is_due = time.monotonic() - self._loaded_at >= BATCH_SECONDS
        if is_due or self._batch.rows >= self._settings.batch_rows:
            self._flush(pull)

    def _end(self, read: Read) -> None:
        pages, rows = self._pages.pop(read.span), self._rows.pop(read.span)
        started_at = read.started_at or datetime.now(UTC)
        self._read.append(Done(read.span, pages, rows, read.requests, started_at, datetime.now(UTC)))
        self._left -= 1
        self.result.windows += 1
        self.result.pages += pages
        self.result.requests += read.requests

    def _tell(self, where: str) -> None:
        done = self.result.windows
        self._on_progress(Progress(done, done + self._left, sum(self.result.rows.values()), where))

    def _flush(self, pull: Pull) -> None:
        """Load what is held, then mark the windows that this completes."""
        load_id = ""
        if self._batch.rows:
            self._tell("into the tables")
            load_id = self._target.load(self._batch)
            self.result.loads += 1
            self.result.unknown += self._batch.unknown
            self.result.unfit += self._batch.unfit
        if self._read:
            self.windows.finish(pull, self._read, load_id)
        self._batch, self._read, self._loaded_at = Batch(self._api_version), [], time.monotonic()
        gc.collect(1)  # what came since the last load; it is off while pages are read


def _length(span: Span) -> timedelta:
    return span.window.end - span.window.start
