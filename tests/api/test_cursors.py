"""Which cursors may skip rows, and what is sent instead."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop_returns.api.cursors import edge_of, second_of

DOCUMENTED = "eyJjcmVhdGVkX2F0IjoiMjAyMi0wNi0yNyAxNjoyNTowMSIsIl9wb2ludHNUb05leHRJdGVtcyI6dHJ1ZX0"
NEWER = {"created_at": "2022-06-27T16:30:00+00:00"}
LAST = {"created_at": "2022-06-27T16:25:01+00:00"}
NOON = {"created_at": "2022-06-27T12:00:00+00:00"}
OLDER = {"created_at": "2022-06-27T16:20:00+00:00"}


def encoded(**fields: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def decoded(cursor: str | None) -> dict[str, Any]:
    assert cursor is not None
    fields: dict[str, Any] = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    return fields


@pytest.mark.parametrize(
    ("rows", "second", "step"),
    [
        ([NEWER, LAST], "2022-06-27 16:25:02", 1),
        ([LAST, NEWER], "2022-06-27 16:25:02", 1),
        ([OLDER, OLDER, LAST], "2022-06-27 16:25:00", -1),
        ([LAST, OLDER], "2022-06-27 16:25:00", -1),
    ],
)
def test_the_documented_cursor_is_moved_one_second_back(rows: list[Any], second: str, step: int) -> None:
    edge = edge_of(DOCUMENTED, rows)

    assert edge is not None
    assert (edge.key, edge.second, edge.step) == (
        "created_at",
        datetime(2022, 6, 27, 16, 25, 1, tzinfo=UTC),
        step,
    )
    assert decoded(edge.stepped) == {"created_at": second, "_pointsToNextItems": True}


@pytest.mark.parametrize(
    "rows", [[], [LAST], [LAST, LAST], [NEWER, OLDER, LAST, NEWER], [NOON, NEWER, OLDER], [{"id": "1"}]]
)
def test_given_rows_that_show_no_direction_when_judged_then_nothing_is_moved(rows: list[Any]) -> None:
    edge = edge_of(DOCUMENTED, rows)

    assert edge is not None
    assert (edge.stepped, edge.step) == (None, 0)


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("2022-06-27 16:25:59", "2022-06-27 16:26:00"),
        ("2022-06-27T16:25:01Z", "2022-06-27T16:25:02Z"),
        ("2022-06-27T16:25:01.000000Z", "2022-06-27T16:25:02.000000Z"),
        ("2022-06-27T16:25:01+02:00", "2022-06-27T16:25:02+02:00"),
    ],
)
def test_a_cursor_keeps_its_own_spelling(text: str, moved: str) -> None:
    cursor = encoded(**{"returns.updated_at": text, "_pointsToNextItems": True})
    rows = [{"updated_at": "2022-06-27T16:30:00Z"}, {"updated_at": "2022-06-27T16:25:01Z"}]

    edge = edge_of(cursor, rows)

    assert edge is not None
    assert edge.key == "updated_at"
    assert decoded(edge.stepped) == {"returns.updated_at": moved, "_pointsToNextItems": True}


@pytest.mark.parametrize(
    "cursor",
    [
        "abc",
        "",
        "ä",
        encoded(),
        encoded(created_at="2022-06-27 16:25:01", id=7, _pointsToNextItems=True),
        encoded(created_at="2022-06-27 16:25:01.123456", _pointsToNextItems=True),
        encoded(created_at=1656347101, _pointsToNextItems=True),
        encoded(created_at="2022-06-27 16:25:01", _pointsToNextItems=False),
        encoded(created_at="2022-06-27 16:25:01"),
        encoded(closed_at="2022-06-27 16:25:01", _pointsToNextItems=True),
        encoded(created_at="2022-06-31 16:25:01", _pointsToNextItems=True),
        base64.urlsafe_b64encode(b"[1]").decode(),
    ],
)
def test_given_any_other_cursor_when_judged_then_it_skips_nothing(cursor: str) -> None:
    assert edge_of(cursor, [NEWER, LAST]) is None


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_cursor_is_too_odd_to_be_judged(cursor: str) -> None:
    edge_of(cursor, [NEWER, LAST])


@pytest.mark.parametrize("value", [None, 7, "", "N/A", {"date": "2026-01-01"}, "0001-01-01T00:00:00+05:00"])
def test_given_no_timestamp_when_read_then_there_is_no_second(value: object) -> None:
    assert second_of(value) is None
