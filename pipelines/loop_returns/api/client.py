"""Loop's reading endpoints as Python: the list of returns, shipping notices, one return, webhooks.

One thing is written: a webhook subscription, by a POST that is sent once.

settings -> LoopClient -> pages of checked rows -> `extract`. How an answer is got is `transport`'s, what it
means `envelopes`', where a list ends `paging`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from loop_returns.api.clock import Clock
from loop_returns.api.envelopes import (
    Subject,
    list_page,
    note_texts,
    return_object,
    shipping_notice_rows,
    webhook_objects,
)
from loop_returns.api.limiter import Limiter, shared_limiter
from loop_returns.api.paging import MAX_PAGE_SIZE, Page, PageSize, Span, asked_span, read_pages
from loop_returns.api.post import post_once
from loop_returns.api.retries import Trouble
from loop_returns.api.transport import Answer, ClientSettings, Transport
from loop_returns.api.windows import Window, format_instant
from loop_returns.errors import ApiRefusedError, UsageError

__all__ = ["Answer", "ClientSettings", "LoopClient", "Page", "State", "TimeFilter"]

State = Literal["open", "closed", "cancelled", "expired", "review"]
TimeFilter = Literal["created_at", "updated_at"]

LIST_PATH = "/warehouse/return/list"
SHIPPING_NOTICE_PATH = "/warehouse/reporting/asn"
DETAILS_PATH = "/warehouse/return/details"
WEBHOOKS_PATH = "/webhooks"
# The API takes a date that it cannot read as 1970; Loop itself was founded in 2017.
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)


NO_NOTES = "HTTP 422: no reason given"
"""A 422 whose body is `false` says that a return has no notes."""


class LoopClient:
    """Reads Loop's API with one key; for one thread, while the limiter may be shared.

    Args:
        settings: Key, address, limits.
        limiter: The key's limiter; by default the one that this process has for the key.
        clock: The time to live by; a clock of one's own brings a limiter of its own.
    """

    def __init__(
        self, settings: ClientSettings, *, limiter: Limiter | None = None, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        if limiter is None and clock is not None:
            limiter = Limiter(settings.requests_per_minute, clock=clock)
        self._limiter = limiter or shared_limiter(
            settings.base_url, settings.api_key, settings.requests_per_minute
        )
        self._transport = Transport(settings, self._limiter, self._clock)
        self._page_size = PageSize()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._transport.close()

    @property
    def api_version(self) -> str:
        """The last part of `base_url`, such as `v1`."""
        return self._settings.base_url.rpartition("/")[2]

    @property
    def requests_sent(self) -> int:
        """HTTP requests so far, retries included."""
        return self._transport.requests_sent

    @property
    def page_size(self) -> int:
        """Rows that the list is asked for at present."""
        return self._page_size.current

    def get(self, path: str, params: Mapping[str, str], *, scope: str) -> Answer:
        """One logical GET of any path.

        Args:
            path: Below `base_url`, such as `/webhooks`.
            params: The query.
            scope: The scope that the key needs, for the message of a 401.

        Returns:
            A 200 whose body is JSON; what it says is not checked.

        Raises:
            KeyRefusedError: 401 or 403.
            ApiRefusedError: Any other 4xx.
            ApiUnavailableError: No answer, 429 or 5xx until the patience ran out.
            UnexpectedAnswerError: A redirect, or three times no JSON.
        """
        return self._transport.get(path, lambda: params, self._subject(path, scope=scope))

    def list_pages(
        self,
        window: Window,
        *,
        state: State | None = None,
        page_size: int | None = None,
        filter: TimeFilter = "updated_at",  # noqa: A002 - Loop's own name for it
        on_page_size: Callable[[int], None] | None = None,
    ) -> Iterator[Page]:
        """All pages of one pass over one window of the Detailed Returns List.

        Args:
            window: At most 90 days; asked for with an overlap of a second, so rows just outside may come.
            state: One state; None for Loop's default set (open, closed, expired).
            page_size: Largest page, 1 to 750 (the default); time-outs, broken-off answers and 5xx halve it.
            filter: The timestamp that the window is about.
            on_page_size: Told each new page size.

        Yields:
            Pages in Loop's order; a row may come more than once.

        Raises:
            UsageError: `page_size` is out of range.
            WindowRefusedError: 422: a smaller window may be accepted.
            UnexpectedAnswerError: See `paging.read_pages`; names the pass and the window.
            ApiError, KeyRefusedError: As `get`.

        Source: Loop API, Detailed Returns List; Pagination.
        """
        self._page_size.begin_window(MAX_PAGE_SIZE if page_size is None else page_size)
        subject = self._subject(f"the list of returns (pass {state or 'default'}, {window})", is_window=True)
        lister = _Lister(self._transport, subject, self._page_size, on_page_size or (lambda size: None))
        span = asked_span(window, filter_by=filter, state=state)
        return self._numbered(read_pages(lister.page, lister.second, span, subject, self._settings.base_url))

    def _numbered(self, pages: Iterator[Page]) -> Iterator[Page]:
        number = 0
        while True:
            before = self.requests_sent
            page = next(pages, None)
            if page is None:
                return
            number += 1
            yield replace(page, number=number, requests=self.requests_sent - before)
            del page

    def shipping_notices(self, window: Window) -> Page:
        """All rows of the Advanced Shipping Notice report for a window, in one answer.

        Args:
            window: Between 2015 and tomorrow: the API would take a date that it cannot read as 1970.

        Raises:
            UsageError: The window lies outside of that.
            WindowRefusedError: 422.
            ApiError, KeyRefusedError: As `get`.

        Source: Loop API, Advanced Shipping Notice. Which timestamp it filters is not documented.
        """
        if window.start < EARLIEST or window.end > self._clock.now() + timedelta(days=1):
            raise UsageError(
                f"shipping notices cannot be asked for {window}",
                cause="the window must lie between 2015-01-01 and tomorrow",
            )
        subject = self._subject(f"the shipping notices ({window})", is_window=True)
        span = asked_span(window, filter_by="", state=None)
        params = {"from": format_instant(span.start), "to": format_instant(span.end)}
        answer = self._transport.get(SHIPPING_NOTICE_PATH, lambda: params, subject)
        rows = shipping_notice_rows(answer.json, subject)
        return Page(rows, answer.requests, answer.fetched_at, seconds=answer.seconds)

    def details(self, return_id: str) -> dict[str, Any] | None:
        """One return by its id; None when Loop knows none.

        Raises:
            UsageError: The id is not a number.
            ApiError, KeyRefusedError: As `get`.

        Source: Loop API, Return details.
        """
        subject = self._subject(f"return {_checked_id(return_id)}")
        return return_object(
            self._transport.get(DETAILS_PATH, lambda: {"return_id": return_id}, subject).json, subject
        )

    def notes(self, return_id: str) -> list[str]:
        """The texts of a return's notes, newest first; raises as `details`. Source: Loop API, Notes."""
        subject = self._subject(f"the notes of return {_checked_id(return_id)}")
        try:
            answer = self._transport.get(f"/warehouse/return/{return_id}/notes", dict, subject)
        except ApiRefusedError as refused:
            if refused.cause == NO_NOTES:
                return []
            raise
        return note_texts(answer.json, subject)

    def webhooks(self) -> list[dict[str, Any]]:
        """The webhook subscriptions of the shop; raises as `get`. Source: Loop API, Webhooks."""
        subject = self._subject("the webhook subscriptions", scope="Developer Tools")
        return webhook_objects(self._transport.get(WEBHOOKS_PATH, dict, subject).json, subject)

    def create_webhook(self, topic: str, trigger: str, url: str) -> dict[str, Any]:
        """Make one subscription, active; sent exactly once.

        Returns:
            The subscription, as `webhooks` lists it.

        Raises:
            KeyRefusedError, ApiError: See `post.post_once`: some leave open whether it was made.

        Source: Loop API, Webhooks (programmatic).
        """
        subject = self._subject(f"the new webhook subscription to {trigger}", scope="Developer Tools")
        asked = {"topic": topic, "trigger": trigger, "url": url, "status": "active"}
        return post_once(self._settings, self._limiter, WEBHOOKS_PATH, asked, subject)

    def _subject(self, what: str, *, scope: str = "Returns", is_window: bool = False) -> Subject:
        return Subject(what, scope, self._settings.api_key, is_window)


class _Lister:
    """Gets single pages of the list, at the page size that works."""

    def __init__(
        self, transport: Transport, subject: Subject, size: PageSize, on_page_size: Callable[[int], None]
    ) -> None:
        self._transport = transport
        self._subject = subject
        self._size = size
        self._on_page_size = on_page_size

    def page(self, span: Span, cursor: str | None, *, is_trial: bool = False) -> Page:
        """One page at a cursor; a trial takes a second 5xx for a refusal."""
        server_errors = 0

        def eases(trouble: Trouble) -> bool:
            nonlocal server_errors
            server_errors += trouble.kind == "server"
            if is_trial and server_errors > 1:
                raise ApiRefusedError("Loop fails at a cursor of ours")
            # A trial's first 5xx may be about the cursor: no reason for smaller pages.
            return not (is_trial and server_errors) and self._shrink(trouble)

        page = self._get(span, cursor, self._size, eases)
        if self._size.good_page():
            self._on_page_size(self._size.current)
        return page

    def second(self, span: Span) -> Page:
        """A short span in one page, as large as Loop allows."""
        size = PageSize()
        return self._get(span, None, size, lambda trouble: _is_too_much(trouble) and size.shrink())

    def _shrink(self, trouble: Trouble) -> bool:
        if not (_is_too_much(trouble) and self._size.shrink()):
            return False
        self._on_page_size(self._size.current)
        return True

    def _get(self, span: Span, cursor: str | None, size: PageSize, eases: Callable[[Trouble], bool]) -> Page:
        def params() -> dict[str, str]:
            return span.params(cursor) | {"pageSize": str(size.current)}

        answer = self._transport.get(LIST_PATH, params, self._subject, eases=eases)
        rows, link = list_page(answer.json, self._subject, page_size=size.current)
        return Page(rows, answer.requests, answer.fetched_at, next_link=link, seconds=answer.seconds)


def _checked_id(return_id: str) -> str:
    if not (return_id.isascii() and return_id.isdigit()):
        raise UsageError(f"a return id is a number, not {return_id[:40]!r}")
    return return_id[:40]


def _is_too_much(trouble: Trouble) -> bool:
    return trouble.kind in ("slow", "cut", "server")
