"""One JSON value to one typed value: exact, in UTC, or said not to fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop_returns.extract.values import UnfitError, to_bool, to_decimal, to_text, to_timestamp

MOMENT = datetime(2022, 11, 2, 0, 13, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "shape",
    [
        "2022-11-02T00:13:08+00:00",
        "2022-11-02T00:13:08.000Z",
        "2022-11-02 00:13:08",
        "2022-11-01T19:13:08-05:00",
        "2022-11-02 00:13:08Z",
        {"date": "2022-11-02 00:13:08.000000", "timezone_type": 3, "timezone": "UTC"},
        {"date": "2022-11-01 20:13:08.000000", "timezone_type": 3, "timezone": "America/New_York"},
        {"date": "2022-11-02 01:13:08.000000", "timezone_type": 1, "timezone": "+01:00"},
    ],
)
def test_every_shape_of_a_time_is_the_same_instant(shape: object) -> None:
    assert to_timestamp(shape) == MOMENT


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)).map(lambda at: at.replace(microsecond=0)),
    st.integers(-12 * 60, 14 * 60),
)
def test_an_offset_names_the_instant_that_it_says(at: datetime, minutes: int) -> None:
    zoned = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    assert to_timestamp(zoned.isoformat()) == zoned
    assert to_timestamp(at.isoformat(sep=" ")) == at.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2022-13-01",
        "20221102",
        1667347988,
        True,
        [],
        {"date": "2022-11-02"},
        "0000-01-01T00:00:00Z",
    ]
    + ["0001-01-01T00:00:00+14:00", {"date": "2022-11-02 00:00:00", "timezone": "Mars/Olympus"}],
)
def test_what_is_no_time_is_said_not_to_fit(value: object) -> None:
    with pytest.raises(UnfitError):
        to_timestamp(value)


@given(st.decimals(min_value=-(10**14) + 1, max_value=10**14 - 1, places=4, allow_nan=False))
def test_money_is_exact(amount: Decimal) -> None:
    assert to_decimal(f"{amount:f}") == amount


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("63.30", "63.30"),
        ("-29.99", "-29.99"),
        (1093, "1093"),
        (4.5, "4.5"),
        (0.1, "0.1"),
        ("1.23000000", "1.23"),
    ],
)
def test_money_comes_as_text_or_as_a_number(value: object, amount: str) -> None:
    assert to_decimal(value) == Decimal(amount)


@pytest.mark.parametrize(
    "value", ["about ten", "1,234.50", "1.23456", "1e3", "NaN", True, [], 10**15, float("inf")]
)
def test_what_is_no_exact_amount_is_said_not_to_fit(value: object) -> None:
    with pytest.raises(UnfitError):
        to_decimal(value)


@pytest.mark.parametrize("word", ["", "N/A", " "])
def test_loops_words_for_missing_are_null_where_the_type_has_no_room_for_them(word: str) -> None:
    assert to_decimal(word) is None
    assert to_timestamp(word) is None
    assert to_bool(word) is None
    assert to_text(word) == word


def test_ids_are_text_in_either_shape() -> None:
    assert to_text(4804378558615) == to_text("4804378558615") == "4804378558615"


@pytest.mark.parametrize("value", [1.5, True, [], {}])
def test_what_is_no_text_is_said_not_to_fit(value: object) -> None:
    with pytest.raises(UnfitError):
        to_text(value)


@pytest.mark.parametrize(("value", "truth"), [(True, True), (0, False), ("1", True), ("false", False)])
def test_truth_comes_in_the_shapes_of_php(value: object, truth: bool) -> None:
    assert to_bool(value) is truth
