"""Loop's paging cursors, and what is wrong with them.

The one published cursor decodes to `{"created_at":"2022-06-27 16:25:01","_pointsToNextItems":true}`: the next
page is "whatever is beyond that second". Rows of the same second that did not fit the page would be skipped.
`edge_of` recognises such a cursor and makes one that repeats its second; `paging` uses it.
Source: Loop API, Pagination (the example of `nextPageUrl`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson

TimeKey = Literal["created_at", "updated_at"]

_POINTS_ON = "_pointsToNextItems"
_SECOND = timedelta(seconds=1)
_WHOLE_SECOND = re.compile(
    r"(\d{4}-\d\d-\d\d)([ T])(\d\d:\d\d:\d\d)((?:\.0+)?(?:Z|[+-]\d\d:?\d\d)?)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Edge:
    """The end of a page behind which rows of one second may hide.

    Attributes:
        key: The timestamp that the rows are ordered by.
        second: The one that the page ends with, UTC, whole seconds.
        stepped: A cursor that makes the next page begin with that second again; None when the page's own
            rows do not say which way that is, or when the whole page is this one second.
        step: +1 when the list runs newest first, -1 when oldest first, 0 without `stepped`.
    """

    key: TimeKey
    second: datetime
    stepped: str | None
    step: Literal[-1, 0, 1]

    def is_repeated_by(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a page begins at the edge's second, as `stepped` asks, and not somewhere before it."""
        seconds = [second_of(row.get(self.key)) for row in rows]
        # A server whose cursors include their own second begins one second earlier.
        return bool(rows) and all(
            second is not None and (second - self.second) * self.step <= _SECOND for second in seconds
        )


def edge_of(cursor: str, rows: Sequence[Mapping[str, Any]]) -> Edge | None:
    """What a next cursor may skip, judged from the cursor and from the rows of the page before it.

    Args:
        cursor: As Loop wrote it.
        rows: The page's rows; within a page they may stand in any order.

    Returns:
        None when the cursor is opaque, names a unique key, or is finer than a second: it skips nothing.
    """
    fields = _fields(cursor)
    names = [name for name in fields if name != _POINTS_ON]
    if len(names) != 1 or fields.get(_POINTS_ON) is not True:
        return None
    key = _time_key(names[0])
    match = _WHOLE_SECOND.fullmatch(str(fields[names[0]]))
    if key is None or match is None:
        return None
    seconds = [second for row in rows if (second := second_of(row.get(key)))]
    said = second_of(match[0])
    # Loop's zone may not be ours: a second that no row has is the last row's, in other words.
    second = said if said in seconds or not seconds else seconds[-1]
    step = _step(second, seconds)
    at = _shifted(match, step)
    if at is None or second is None:
        return None
    stepped = _encoded({**fields, names[0]: at}, padded=cursor.endswith("=")) if step else None
    return Edge(key, second, stepped, step)


def second_of(value: object) -> datetime | None:
    """A row's timestamp as a UTC second; naive means UTC; None when it is not a timestamp."""
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
        if instant is None:
            return None
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return instant.replace(microsecond=0)


def _time_key(name: str) -> TimeKey | None:
    column = name.rpartition(".")[2]  # Laravel may write the table before the column
    if column == "created_at":
        return "created_at"
    return "updated_at" if column == "updated_at" else None


def _step(edge: datetime | None, seconds: Sequence[datetime]) -> Literal[-1, 0, 1]:
    """+1 when the page ends at its oldest second, -1 at its newest, 0 when that cannot be told."""
    if edge is None or not seconds or min(seconds) == max(seconds):
        return 0
    if edge == min(seconds):
        return 1
    return -1 if edge == max(seconds) else 0


def _shifted(match: re.Match[str], step: int) -> str | None:
    """The cursor's time moved by `step` seconds, in its own spelling and its own zone."""
    try:
        moved = datetime.fromisoformat(f"{match[1]}T{match[3]}") + step * _SECOND
    except (ValueError, OverflowError):
        return None
    return moved.isoformat(sep=match[2]) + match[4]


def _fields(cursor: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        fields = orjson.loads(raw)
    except (binascii.Error, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _encoded(fields: Mapping[str, Any], *, padded: bool) -> str:
    text = base64.urlsafe_b64encode(orjson.dumps(fields)).decode()
    return text if padded else text.rstrip("=")
