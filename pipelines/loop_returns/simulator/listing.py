"""The Detailed Returns List: windows, states, order of rows, pages and cursors.

query.ListQuery -> the matching returns in order (kept while the shop stands still) -> one page of bytes.
Source: Loop API, Detailed Returns List; Pagination.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson

from loop_returns.simulator.catalogue import DEFAULT_HIDDEN
from loop_returns.simulator.query import ListQuery, RefusedError, parse_date, read_list_query
from loop_returns.simulator.render import Rows
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.truth import Return
from loop_returns.simulator.world import World, at_of

KEPT = 16
"""So many result sets are kept, for the next pages of readers that take turns."""
Position = tuple[float, int]
Result = tuple[list[Position], list[Return]]


@dataclass(frozen=True)
class Page:
    """One answer: the rows as JSON objects, and the cursor of the next page, if there is one."""

    rows: list[bytes]
    next_cursor: str | None
    query: ListQuery


def scattered(number: int) -> int:
    """A stable number that looks random."""
    return number * 2_654_435_761 % 4_294_967_296


class Listing:
    """Answers list requests over a world; all methods want `world.lock` held."""

    def __init__(self, world: World, switches: Switches) -> None:
        self.world = world
        self.switches = switches
        self.rows = Rows(switches)
        self._results: dict[tuple[object, ...], Result] = {}
        self._tokens: dict[str, Position] = {}
        self._issued: dict[tuple[str | None, ...], tuple[datetime, datetime, str | None]] = {}

    def warm(self) -> None:
        """Render every row."""
        for each in self.world.returns:
            self.rows.of(each)

    def answer(self, parameters: Mapping[str, str]) -> Page:
        """The page that a request asks for.

        Raises:
            RefusedError: The request is not valid.
        """
        query = self._as_meant(parameters, read_list_query(parameters, self.switches, self.world.end))
        keys, found = self._result(query)
        if not query.has_pages:
            return Page([self.rows.of(each) for each in found], None, query)
        start = self._start(query, keys)
        page = found[start : start + query.page_size]
        has_more = start + query.page_size < len(found)
        cursor = self._cursor(query, page[-1], keys[start + len(page) - 1]) if has_more else None
        if cursor is not None:
            self._issued[self._issue(cursor, parameters)] = (query.since, query.until, query.state)
        if self.switches.page_order == "shuffled":
            page = sorted(page, key=lambda each: scattered(each.id))
        return Page([self.rows.of(each) for each in page], cursor, query)

    def next_link(self, base: str, page: Page, parameters: Mapping[str, str]) -> str | None:
        """The next page's address, with the parameters that `Switches.next_link_keeps` leaves in it."""
        if page.next_cursor is None:
            return None
        kept = {"to": parameters["to"]} if "to" in parameters else {}
        kept |= {"filter": page.query.filter, "pageSize": str(page.query.page_size)}
        if self.switches.next_link_keeps == "all":
            kept = {name: value for name, value in parameters.items() if name != "cursor"} | kept
        kept["cursor"] = page.next_cursor
        return f"{base}?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in kept.items())

    def _issue(self, cursor: str, parameters: Mapping[str, str]) -> tuple[str | None, ...]:
        return cursor, parameters.get("to"), parameters.get("filter", "created_at")

    def _as_meant(self, parameters: Mapping[str, str], query: ListQuery) -> ListQuery:
        """A link followed verbatim names neither `from` nor `state`: they are the ones it was made for."""
        if query.cursor is None or "from" in parameters or "paginate" in parameters or "state" in parameters:
            return query
        issued = self._issued.get(self._issue(query.cursor, parameters))
        if issued is None:
            return query
        return replace(query, since=issued[0], until=issued[1], state=issued[2])

    def _result(self, query: ListQuery) -> Result:
        key = (self.world.version, query.filter, query.since, query.until, query.state)
        if key not in self._results:
            if len(self._results) >= KEPT:
                self._results.pop(next(iter(self._results)))
            self._results[key] = self._select(query)
        return self._results[key]

    def _select(self, query: ListQuery) -> Result:
        bounds, position = self.switches.bounds, self._position(query)
        found = [
            each
            for each in self.world.within(query.filter, query.since, query.until, bounds)
            if each.is_listed
            and (each.state == query.state if query.state else each.state not in DEFAULT_HIDDEN)
        ]
        found.sort(key=position)
        return [position(each) for each in found], found

    def _sorted_by(self, query: ListQuery) -> str:
        return query.filter if self.switches.cursor == "filter_field" else "created_at"

    def _position(self, query: ListQuery) -> Callable[[Return], Position]:
        """The sort key: seconds and id; seconds count backwards when the newest comes first."""
        name, cursor = self._sorted_by(query), self.switches.cursor
        if self.switches.page_order == "shuffled" and cursor in ("unique", "opaque"):
            return lambda each: (float(scattered(each.id)), each.id)
        sign = 1 if self.switches.page_order == "asc" else -1
        return lambda each: (sign * at_of(each, name).timestamp(), sign * each.id)

    def _cursor(self, query: ListQuery, last: Return, position: Position) -> str:
        if self.switches.cursor == "opaque":
            token = f"t{scattered(len(self._tokens) + 1):08x}{scattered(last.id):08x}"
            self._tokens[token] = position
            return token
        name = self._sorted_by(query)
        body: dict[str, Any] = {name: at_of(last, name).isoformat(sep=" ")[:19]}
        if self.switches.cursor == "unique":
            body["id"] = str(last.id)
        body["_pointsToNextItems"] = True
        return base64.urlsafe_b64encode(orjson.dumps(body)).rstrip(b"=").decode()

    def _start(self, query: ListQuery, keys: list[Position]) -> int:
        """Index of the first row of the page."""
        if query.cursor is None:
            return 0
        if self.switches.cursor == "opaque":
            if query.cursor not in self._tokens:
                raise RefusedError("cursor", "The cursor is invalid.")
            return bisect_right(keys, self._tokens[query.cursor])
        at, number = self._decoded(query)
        if self.switches.page_order == "shuffled" and number is not None:
            return bisect_right(keys, (float(scattered(number)), number))
        sign = 1 if self.switches.page_order == "asc" else -1
        if number is not None:
            return bisect_right(keys, (sign * at.timestamp(), sign * number))
        # Strictly beyond the second: rows that share it with the page's last row are skipped.
        return bisect_left(keys, (sign * at.timestamp() + 0.5, 0))

    def _decoded(self, query: ListQuery) -> tuple[datetime, int | None]:
        name = self._sorted_by(query)
        text = query.cursor or ""
        try:
            body = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            at = parse_date(body[name])
            number = int(body["id"]) if self.switches.cursor == "unique" else None
        except (binascii.Error, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise RefusedError("cursor", "The cursor is invalid.") from error
        return at or datetime(1970, 1, 1, tzinfo=UTC), number
