"""What is still to be asked for: exact where weeks of orders develop alike, whatever came back of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any, NamedTuple

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop_returns.warehouse.mart_project import config, transforms_dir
from loop_returns.warehouse.place import Place

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
"""A Wednesday: two days of the present week have gone by."""
THIS_WEEK = datetime(2026, 6, 8, 9, tzinfo=UTC)
LAST_AGE = 4
WEEKS = 9
FULL = 30
"""Returns that a week needs in order to be judged by itself."""
FORESEEN = ("match_class", "reported_amount", "ultimate_amount", "uninitiated_amount")


class Week(NamedTuple):
    """Sales of a week, and what comes back of it in the end, in units of the pattern."""

    sales: int
    level: int


Model = Callable[[list[Week], list[int], int], list[dict[str, Any]]]

patterns = st.lists(st.integers(1, 40), min_size=LAST_AGE + 1, max_size=LAST_AGE + 1)
levels = st.lists(st.integers(1, 60), min_size=WEEKS, max_size=WEEKS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """The mart's SQL on tables in memory: weeks of orders, the oldest first, and how each develops."""
    from sqlmesh import Context

    folder = tmp_path_factory.mktemp("uninitiated")
    chosen = {"liability": {"development_weeks": LAST_AGE}}
    context = Context(
        paths=[str(transforms_dir())], config=config(Place(folder / "loop.duckdb"), chosen, folder / "cache")
    )
    mart = context.get_model("marts.fin_liability_uninitiated", raise_if_missing=True)
    sql = mart.render_query_or_raise(execution_time=NOW).sql("duckdb")
    context.close()
    database = duckdb.connect()
    database.execute("set timezone = 'UTC'; attach ':memory:' as loop; use loop; create schema staging")
    database.execute(
        "create table staging.stg_ext_shopify_orders (order_id text, created_at timestamptz, currency text,"
        " total decimal(18, 4), source_name text, cancelled_at timestamptz);"
        "create table staging.stg_returns (provider_order_id text, created_at timestamptz, currency text,"
        " return_total decimal(18, 4), state text)"
    )

    def run(weeks: list[Week], pattern: list[int], returns: int) -> list[dict[str, Any]]:
        fill(database, weeks, pattern, returns)
        rows = database.execute(f"select * from ({sql}) order by order_week")
        names = [column[0] for column in rows.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]

    yield run
    database.close()


def fill(database: duckdb.DuckDBPyConnection, weeks: list[Week], pattern: list[int], returns: int) -> None:
    """One order a week, on a Monday; so many returns in its first period, one in each later one.

    The returns of every second week were cancelled.
    """
    database.execute("delete from staging.stg_ext_shopify_orders; delete from staging.stg_returns")
    before = THIS_WEEK - timedelta(weeks=len(weeks))
    claims = [("1000", before, 1, 1, "closed")]
    for place, week in enumerate(weeks):
        placed = THIS_WEEK - timedelta(weeks=len(weeks) - 1 - place)
        database.execute(
            "insert into staging.stg_ext_shopify_orders values (?, ?, 'USD', ?, 'web', null)",
            [str(place), placed, week.sales],
        )
        for age, part in enumerate(pattern):
            at = placed + timedelta(weeks=age)
            if at + timedelta(days=6) < NOW:
                state = "closed" if place % 2 else "cancelled"
                claims.append((str(place), at, returns if age == 0 else 1, part * week.level, state))
    for order, at, count, amount, state in claims:
        database.execute(
            "insert into staging.stg_returns select ?, ?, 'USD', case when n = 1 then ? else 0 end, ?"
            " from range(1, ? + 1) numbers(n)",
            [order, at, amount, state, count],
        )


def exact(model: Model, pattern: list[int], weeks: list[Week], returns: int, kind: str) -> None:
    rows = model(weeks, pattern, returns)

    for age, (row, week) in enumerate(zip(reversed(rows), reversed(weeks), strict=True)):
        seen = Decimal([0, *accumulate(pattern)][min(age, LAST_AGE + 1)] * week.level)
        due = Decimal(sum(pattern) * week.level)
        expected = ("complete" if age > LAST_AGE else kind if age else "pooled", seen, due, due - seen)
        if age or kind == "pooled":  # the present week has no returns to go by
            assert tuple(row[name] for name in FORESEEN) == expected


@given(pattern=patterns, found=levels)
@settings(max_examples=15)
def test_where_weeks_develop_alike_the_ultimate_is_exact(
    model: Model, pattern: list[int], found: list[int]
) -> None:
    exact(model, pattern, [Week(1_000, level) for level in found], FULL, "estimated")


@given(pattern=patterns, sales=levels)
@settings(max_examples=15)
def test_where_the_same_part_comes_back_few_returns_do_as_well(
    model: Model, pattern: list[int], sales: list[int]
) -> None:
    exact(model, pattern, [Week(1_000 * each, each) for each in sales], 8, "pooled")


def test_with_too_few_returns_there_is_no_figure(model: Model) -> None:
    rows = model([Week(1_000, 2)] * WEEKS, [4, 3, 2, 1, 1], 1)

    assert {row["match_class"] for row in rows} == {"complete", "too_few"}
    assert {row["ultimate_amount"] for row in rows if row["match_class"] == "too_few"} == {None}


def test_what_is_to_be_paid_is_less_than_what_is_to_be_asked_for(model: Model) -> None:
    (*_, last, _) = model([Week(1_000, 2)] * WEEKS, [4, 3, 2, 1, 1], FULL)

    assert (last["match_class"], last["development"]) == ("estimated", Decimal("2.75"))
    assert (last["uninitiated_amount"], last["processed_share"]) == (14, Decimal("0.476510"))
    assert last["expected_amount"] == Decimal("6.6711")
