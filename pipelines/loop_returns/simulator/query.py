"""How the simulated Loop reads a request's parameters, and what it refuses.

Source: Loop API, Detailed Returns List (parameters). Loop's 422 texts are not published; these are Laravel's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from loop_returns.simulator.catalogue import STATES
from loop_returns.simulator.switches import Switches

DAY = timedelta(days=1)
_DATE = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?"
)


class RefusedError(Exception):
    """A 422: the parameter and what is wrong with it."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(problem)
        self.body = {"message": problem, "errors": {name: [problem]}}


@dataclass(frozen=True)
class ListQuery:
    """A list request after validation; `since` and `until` are aware UTC."""

    since: datetime
    until: datetime
    filter: str
    state: str | None
    page_size: int
    has_pages: bool
    cursor: str | None


def parse_date(text: str) -> datetime | None:
    """A date as leniently as PHP reads it; naive is UTC; None for what is no date.

    >>> parse_date("2020-9-5 00:00:00")
    datetime.datetime(2020, 9, 5, 0, 0, tzinfo=datetime.timezone.utc)
    >>> parse_date("yesterday-ish")
    """
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        local = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "0").ljust(6, "0")),
            tzinfo=_zone(zone),
        )
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def read_list_query(query: Mapping[str, str], switches: Switches, now: datetime) -> ListQuery:
    """Validate a list request.

    Raises:
        RefusedError: A bad `from`, `to`, `state`, `filter`, `pageSize`, `paginate`, or too wide a window.
    """
    since, until = _window(query, now)
    if until < since:
        raise RefusedError("to", "The to must be a date after or equal to from.")
    if until - since >= switches.max_span_days * DAY:
        raise RefusedError("to", f"The date range may not exceed {switches.max_span_days} days.")
    state = query.get("state")
    if state is not None and state not in STATES:
        raise RefusedError("state", "The selected state is invalid.")
    filter_by = query.get("filter", "created_at")
    if filter_by not in ("created_at", "updated_at"):
        raise RefusedError("filter", "The selected filter is invalid.")
    cursor = query.get("cursor")
    has_pages = _boolean(query.get("paginate", "false")) or cursor is not None
    return ListQuery(since, until, filter_by, state, _page_size(query, switches), has_pages, cursor)


def _window(query: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    """No `from`: the last 24 hours, whatever `to` says. `from` alone: the 24 hours after it."""
    dates = {name: _date(query, name) for name in ("from", "to")}
    since, until = dates["from"], dates["to"]
    if since is None:
        return now - DAY, now
    return since, until if until is not None else since + DAY


def _date(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    at = parse_date(query[name])
    if at is None:
        raise RefusedError(name, f"The {name} is not a valid date.")
    return at


def _page_size(query: Mapping[str, str], switches: Switches) -> int:
    text = query.get("pageSize", "100")
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise RefusedError("pageSize", "The page size must be an integer of at least 1.")
    size = int(text)
    if size > switches.page_size_max and switches.above_max == "refuse":
        raise RefusedError("pageSize", f"The page size may not be greater than {switches.page_size_max}.")
    return min(size, switches.page_size_max)


def _boolean(text: str) -> bool:
    if text not in ("true", "false", "1", "0"):
        raise RefusedError("paginate", "The paginate field must be true or false.")
    return text in ("true", "1")


def read_notice_window(
    query: Mapping[str, str], switches: Switches, now: datetime
) -> tuple[datetime, datetime]:
    """The window of the shipping notices: lenient, where the list is strict.

    An invalid date silently is the Unix epoch; no `from` is one week ago, no `to` the end of today.

    Raises:
        RefusedError: Only for a window wider than `asn_max_span_days`.

    Source: Loop API, Advanced Shipping Notice.
    """
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    end_of_day = now.replace(hour=23, minute=59, second=59)
    since = (parse_date(query["from"]) or epoch) if "from" in query else now - 7 * DAY
    until = (parse_date(query["to"]) or epoch) if "to" in query else end_of_day
    limit = switches.asn_max_span_days
    if limit is not None and until - since > limit * DAY:
        raise RefusedError("to", f"The date range may not exceed {limit} days.")
    return since, until
