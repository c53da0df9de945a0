"""Every page of one pass over one window, and the guards that make paging end.

`client.list_pages` -> `read_pages` -> `extract`. Rows may come more than once (the loader merges on `id`);
none is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol
from urllib.parse import SplitResult, parse_qs, urljoin, urlsplit

from loop_returns.api.cursors import Edge, edge_of, second_of
from loop_returns.api.envelopes import ANSWER_HINT, Subject
from loop_returns.api.windows import Window, format_instant
from loop_returns.errors import ApiRefusedError, UnexpectedAnswerError, UsageError, WindowRefusedError

MAX_PAGE_SIZE = 750
MIN_PAGE_SIZE = 25
_GOOD_PAGES_TO_GROW = 10
_MAX_STALE_PAGES = 3
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Page:
    """One answer of a reading endpoint.

    Attributes:
        rows: The objects in Loop's order, parsed once.
        requests: HTTP requests spent since the page before, retries and refused cursors included.
        fetched_at: When the answer was complete, UTC.
        number: From 1, within one pass over one window.
        next_link: `nextPageUrl`; None on the last page.
        seconds: Waited for Loop, without what this process worked meanwhile.
    """

    rows: list[dict[str, Any]]
    requests: int
    fetched_at: datetime
    number: int = 1
    next_link: str | None = None
    seconds: float = 0.0


class PageSize:
    """How many rows are asked for: halved when a page is too much, kept for its window, then grown back.

    Args:
        size: The largest size, 1 to 750.

    Source: Loop API, Pagination (`pageSize`, at most 750).
    """

    def __init__(self, size: int = MAX_PAGE_SIZE) -> None:
        self._largest = size
        self._good_pages = 0
        self._grows = False
        self.current = size

    def begin_window(self, largest: int) -> None:
        """A new window: from now on good pages count towards a larger size."""
        if not 1 <= largest <= MAX_PAGE_SIZE:
            raise UsageError(f"a page has 1 to {MAX_PAGE_SIZE} rows, not {largest}")
        if self.current == self._largest:
            self.current = largest
        self._largest = largest
        self.current = min(self.current, largest)
        self._grows = True

    def shrink(self) -> bool:
        """Halve, down to 25; False when it is as small as it gets."""
        smaller = max(self.current // 2, MIN_PAGE_SIZE)
        if smaller >= self.current:
            return False
        self.current, self._good_pages, self._grows = smaller, 0, False
        return True

    def good_page(self) -> bool:
        """Count a page that came; True when the size grew."""
        self._good_pages += self._grows
        if self._good_pages < _GOOD_PAGES_TO_GROW or self.current == self._largest:
            return False
        self.current, self._good_pages = min(self.current * 2, self._largest), 0
        return True


@dataclass(frozen=True, slots=True)
class Span:
    """What the list is asked for: bounds on `filter`, and one state or Loop's default set."""

    start: datetime
    end: datetime
    filter: str
    state: str | None

    def params(self, cursor: str | None = None) -> dict[str, str]:
        """The query, without the page size."""
        params = {"from": format_instant(self.start), "to": format_instant(self.end), "filter": self.filter}
        params |= {"state": self.state} if self.state else {}
        params["paginate"] = "true"
        return params | ({"cursor": cursor} if cursor else {})


class Fetch(Protocol):
    """Gets one page of a span."""

    def __call__(self, span: Span, cursor: str | None, *, is_trial: bool = False) -> Page:
        """Raises as the client does; a trial takes a second 5xx for a refusal (ApiRefusedError)."""
        ...


def asked_span(window: Window, *, filter_by: str, state: str | None) -> Span:
    """A window as it is asked for: from a second before it, up to the end of its last second.

    Whether `from` and `to` are inclusive is not documented, so the bounds overlap.
    """
    end = window.end if window.end.microsecond == 0 else window.end + _SECOND
    return Span(window.start - _SECOND, end, filter_by, state)


def read_pages(
    fetch: Fetch, fetch_second: Callable[[Span], Page], span: Span, subject: Subject, base_url: str
) -> Iterator[Page]:
    """Every page of a span, however Loop's cursors behave.

    A next link gives its `cursor` and nothing else. A cursor that only names a second (see `cursors`) may
    skip rows of that second. Then the same cursor, moved one second back, is sent instead: the next page
    begins with the whole second again. Where that cannot be (Loop refuses or ignores the moved cursor, the
    whole page is one second, or its rows are in no order), Loop's own cursor is followed and the second is
    read by one more request: `filter` on the cursor's key, from the second to the next, same state. That
    page may hold rows outside of the window.

    Args:
        fetch: Gets one page of a span at a cursor.
        fetch_second: Gets a whole span as one page, as large as Loop allows.
        span: What is asked.
        subject: The same in words; names pass and window.
        base_url: Where a next link may point.

    Yields:
        Pages in Loop's order, numbered from 1; rows may repeat.

    Raises:
        UnexpectedAnswerError: A foreign link, a link without cursor, a cursor that repeats, three pages
            without a new row, or a second that does not fit one page.
        ApiError, KeyRefusedError: As `fetch`.
    """
    trail = _Trail(subject, base_url)
    reader = _Reader(fetch, fetch_second, span, subject, trail)
    page = fetch(span, None)
    while page.next_link is not None:
        cursor = trail.cursor_of(page)
        edge = edge_of(cursor, page.rows)
        yield page
        del page  # a page is many objects: none is kept while the next one is on its way
        page = yield from reader.after(edge, cursor)
    yield page


class _Reader:
    def __init__(
        self, fetch: Fetch, fetch_second: Callable[[Span], Page], span: Span, subject: Subject, trail: _Trail
    ) -> None:
        self._fetch = fetch
        self._fetch_second = fetch_second
        self._span = span
        self._subject = subject
        self._trail = trail
        self._may_step = True

    def after(self, edge: Edge | None, cursor: str) -> Generator[Page, None, Page]:
        """Yield what would be skipped, return the next page."""
        if edge is not None:
            again = self._stepped(edge)
            if again is not None:
                return again
            yield self._second(edge)
        return self._fetch(self._span, self._trail.follow(cursor))

    def _stepped(self, edge: Edge) -> Page | None:
        if edge.stepped is None or not self._may_step or self._trail.knows(edge.stepped):
            return None
        try:
            page = self._fetch(self._span, self._trail.follow(edge.stepped), is_trial=True)
        except (ApiRefusedError, WindowRefusedError, UnexpectedAnswerError):
            self._may_step = False
            return None
        self._may_step = edge.is_repeated_by(page.rows)
        return page if self._may_step else None

    def _second(self, edge: Edge) -> Page:
        """All rows of the edge's second; from the second before it unless `from` proves inclusive."""
        end = edge.second + _SECOND
        for start in (edge.second, edge.second - _SECOND):
            page = self._fetch_second(Span(start, end, edge.key, self._span.state))
            if page.next_link is not None:
                _unreadable(
                    self._subject, f"the returns of {format_instant(edge.second)} do not fit one page"
                )
            if any(second_of(row.get(edge.key)) == edge.second for row in page.rows):
                break
        return page


class _Trail:
    """What was seen of one pass over one window: the guard against a paging that never ends."""

    def __init__(self, subject: Subject, base_url: str) -> None:
        self._subject = subject
        self._base_url = base_url
        self._followed: set[str] = set()
        self._ids: set[str] = set()
        self._stale_pages = 0

    def cursor_of(self, page: Page) -> str:
        """The cursor of a page's next link, and nothing else of it."""
        self._note_rows(page.rows)
        try:
            link = urlsplit(urljoin(self._base_url, page.next_link or ""))
            cursor = parse_qs(link.query).get("cursor", [""])[0]
            is_foreign = _host(link) != _host(urlsplit(self._base_url))
        except ValueError:
            _unreadable(self._subject, "the next link is no address")
        if is_foreign:
            _unreadable(self._subject, "the next link names another host; it was not followed")
        if not cursor:
            _unreadable(self._subject, "the next link has no cursor")
        return cursor

    def knows(self, cursor: str) -> bool:
        """Whether the cursor was sent before."""
        return cursor in self._followed

    def follow(self, cursor: str) -> str:
        """Note that a cursor is sent now."""
        if cursor in self._followed:
            _unreadable(self._subject, "the paging stalls: a cursor came a second time")
        self._followed.add(cursor)
        return cursor

    def _note_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        before = len(self._ids)
        self._ids.update(str(row["id"]) for row in rows)
        self._stale_pages = 0 if len(self._ids) > before else self._stale_pages + 1
        if self._stale_pages >= _MAX_STALE_PAGES:
            _unreadable(self._subject, f"the paging stalls: {_MAX_STALE_PAGES} pages without a new return")


def _host(link: SplitResult) -> tuple[str | None, int | None]:
    # Not the scheme: PHP behind a TLS proxy writes http links to itself, and only the cursor is used.
    return link.hostname, None if link.port in (80, 443) else link.port


def _unreadable(subject: Subject, seen: str) -> NoReturn:
    raise UnexpectedAnswerError(f"{subject.what} cannot be read to its end", cause=seen, hint=ANSWER_HINT)
