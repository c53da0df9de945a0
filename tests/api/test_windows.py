"""Windows cover every instant once, and none is longer than the API allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loop_returns.api.windows import Window, format_instant, subtract, windows

instants = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))
minutes = st.integers(0, 60)


def minute(number: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)


@st.composite
def spans(draw: st.DrawFn) -> Window:
    first, second = sorted((draw(minutes), draw(minutes)))
    assume(first < second)
    return Window(minute(first), minute(second))


@given(instants, instants, st.integers(1, 90))
def test_windows_are_gap_free_ordered_and_short(one: datetime, other: datetime, days: int) -> None:
    start, end = sorted((one, other))

    cut = list(windows(start, end, days=days))

    assert all(left.end == right.start for left, right in pairwise(cut))
    assert [cut[0].start, cut[-1].end] == [start, end] if cut else start == end
    assert all(timedelta(0) < window.end - window.start <= timedelta(days=days) for window in cut)
    assert all(window.end - window.start == timedelta(days=days) for window in cut[:-1])


@pytest.mark.parametrize("days", [0, 91, -1])
def test_given_a_length_out_of_range_when_cut_then_it_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match="1 to 90 days"):
        windows(minute(0), minute(1), days=days)


def test_given_an_end_before_the_start_when_cut_then_it_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        windows(minute(1), minute(0))


def test_given_a_naive_bound_when_used_then_it_is_refused() -> None:
    naive = datetime(2026, 1, 1)

    for use in (
        lambda: windows(naive, minute(1)),
        lambda: Window(naive, minute(1)),
        lambda: format_instant(naive),
    ):
        with pytest.raises(ValueError, match="no time zone"):
            use()


def test_given_an_empty_span_when_a_window_is_made_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match="must end after"):
        Window(minute(1), minute(1))


def test_given_other_zones_when_a_window_is_made_then_it_is_kept_in_utc() -> None:
    east = timezone(timedelta(hours=2))

    window = Window(datetime(2026, 1, 1, 2, tzinfo=east), datetime(2026, 1, 1, 3, tzinfo=east))

    assert str(window) == "2026-01-01T00:00:00.000Z to 2026-01-01T01:00:00.000Z"
    assert window.start.tzinfo is UTC


@given(instants, st.timedeltas(timedelta(seconds=2), timedelta(days=90)))
def test_halves_make_the_whole_and_are_cut_on_a_whole_second(start: datetime, span: timedelta) -> None:
    left, right = Window(start, start + span).halves()

    assert [left.start, left.end, right.end] == [start, right.start, start + span]
    assert left.end.microsecond == 0
    assert abs((left.end - left.start) - (right.end - right.start)) <= timedelta(seconds=2)


def test_given_a_window_of_a_second_when_halved_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be halved"):
        Window(minute(0), minute(0) + timedelta(seconds=1)).halves()


@given(spans(), st.lists(spans(), max_size=6))
def test_subtract_leaves_exactly_what_is_not_covered(wanted: Window, covered: list[Window]) -> None:
    holes = subtract(wanted, covered)

    def inside(spans: list[Window], number: int) -> bool:
        return any(span.start <= minute(number) < span.end for span in spans)

    for number in range(61):
        assert inside(holes, number) == (inside([wanted], number) and not inside(covered, number))
    assert all(left.end < right.start for left, right in pairwise(holes))


def test_format_instant_is_what_the_api_documents() -> None:
    assert format_instant(datetime(2022, 1, 1, 0, 0, 5, 999999, tzinfo=UTC)) == "2022-01-01T00:00:05.000Z"
