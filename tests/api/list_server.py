"""The list endpoint with Laravel's cursors, skip and all: `where created_at < second`, nothing about ids.

Written for the paging tests alone; shares nothing with the project's simulator.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

from api.loop_server import Reply, Seen

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
Refuses = Literal["", "422", "500", "ignores"]


def at(second: int) -> str:
    return (EPOCH + timedelta(seconds=second)).isoformat()


def row(number: int, created: int, updated: int) -> dict[str, str]:
    return {"id": str(number), "created_at": at(created), "updated_at": at(updated)}


@cache
def seconds_of(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH).total_seconds()


@dataclass
class ListServer:
    """A script for `LoopServer`.

    Attributes:
        rows: All returns; ties keep the order of this list.
        key: What pages are ordered by and cursors hold.
        descending: Newest first.
        cursors: `second` is Loop's published form, `id` adds the unique key.
        includes_from, includes_to: Whether a bound belongs to the span.
        includes_cursor: Whether a cursor's own second belongs to the next page.
        refuses: What happens to a cursor that this server did not make.
        shuffles: Rows of a page in no order; the pages themselves keep theirs.
        offset: Hours by which the cursors' naive times differ from UTC.
    """

    rows: list[dict[str, str]]
    key: str = "created_at"
    descending: bool = True
    cursors: Literal["second", "id"] = "second"
    includes_from: bool = True
    includes_to: bool = False
    includes_cursor: bool = False
    refuses: Refuses = ""
    shuffles: bool = False
    offset: int = 0
    base_url: str = ""
    sizes: list[int] = field(default_factory=list)
    made: set[str] = field(default_factory=set)

    def __call__(self, seen: Seen) -> Reply:
        params = seen.params
        size = int(params["pageSize"])
        assert 1 <= size <= 750
        assert params["paginate"] == "true"
        self.sizes.append(size)
        rows = self._ordered([row for row in self.rows if self._in_span(row, params)])
        cursor = params.get("cursor")
        if cursor and cursor not in self.made:
            if self.refuses in ("422", "500"):
                return Reply({"message": "The cursor is invalid."}, status=int(self.refuses))
            cursor = None if self.refuses == "ignores" else cursor
        if cursor:
            rows = [
                row
                for row in rows
                if self._is_behind(row, json.loads(base64.urlsafe_b64decode(cursor + "==")))
            ]
        link = self._link(rows[size - 1]) if len(rows) > size else None
        page = (
            sorted(rows[:size], key=lambda row: int(row["id"]) * 7919 % 997) if self.shuffles else rows[:size]
        )
        return Reply({"returns": page, "nextPageUrl": link})

    def _in_span(self, row: dict[str, str], params: dict[str, str]) -> bool:
        second, start, end = (
            seconds_of(text) for text in (row[params["filter"]], params["from"], params["to"])
        )
        after = second >= start if self.includes_from else second > start
        return after and (second <= end if self.includes_to else second < end)

    def _ordered(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        if self.cursors == "id":
            rows = sorted(rows, key=lambda row: int(row["id"]), reverse=self.descending)
        return sorted(rows, key=lambda row: row[self.key], reverse=self.descending)

    def _position(self, row: dict[str, Any]) -> tuple[float, ...]:
        shift = self.offset * 3600 if "_pointsToNextItems" in row else 0
        place = (seconds_of(row[self.key]) - shift,)
        return (*place, int(row["id"])) if self.cursors == "id" else place

    def _is_behind(self, row: dict[str, str], cursor: dict[str, Any]) -> bool:
        here, there = self._position(row), self._position(cursor)
        if self.includes_cursor and here == there:
            return True
        return here < there if self.descending else here > there

    def _link(self, last: dict[str, str]) -> str:
        moment = datetime.fromisoformat(last[self.key]) + timedelta(hours=self.offset)
        fields: dict[str, Any] = {self.key: moment.strftime("%Y-%m-%d %H:%M:%S")}
        fields |= {"id": last["id"]} if self.cursors == "id" else {}
        text = json.dumps(fields | {"_pointsToNextItems": True}, separators=(",", ":"))
        cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        self.made.add(cursor)
        return f"{self.base_url}/warehouse/return/list?filter=x&cursor={cursor}"
