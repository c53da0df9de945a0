"""Business days: Monday to Friday, but for the days of calendar.csv, counted one by one here."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import parse_one

from loop_returns.errors import UsageError
from loop_returns.warehouse import calendar_days
from loop_returns.warehouse.mart_project import transforms_dir

FIRST = date(2026, 2, 2)
"""A Monday."""
Days = dict[tuple[str, str], bool]

days = st.integers(0, 20).map(lambda number: str(FIRST + timedelta(days=number)))
calendars = st.dictionaries(st.tuples(days, st.sampled_from(["", "", "7", "8"])), st.booleans(), max_size=8)
instants = st.integers(-24, 24 * 22).map(
    lambda hours: datetime(2026, 2, 2, 0, 30, tzinfo=UTC) + timedelta(hours=hours)
)


@pytest.fixture(scope="module")
def macros() -> Iterator[Any]:
    """The macros' module; SQLMesh forgets it again, or takes it for that of the next project."""
    from sqlmesh import macro

    known = macro.get_registry()
    file = transforms_dir() / "macros" / "calendar.py"
    spec = importlib.util.spec_from_file_location("macros_calendar", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    macro.set_registry(known)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def sql(macros: Any, calendar: list[str]) -> str:
    from sqlmesh.core import constants
    from sqlmesh.core.macros import MacroEvaluator

    evaluator = MacroEvaluator("duckdb")
    evaluator.locals[constants.SQLMESH_VARS] = {"calendar": calendar}
    places = [parse_one(f"t.{name}", dialect="duckdb") for name in ("a", "b", "place")]
    return str(macros.business_days(evaluator, *places))


def counted(calendar: Days, start: datetime, end: datetime, place: str | None) -> int:
    def works(day: date) -> bool:
        own = calendar.get((str(day), place or ""), calendar.get((str(day), "")))
        return day.weekday() < 5 if own is None else own

    (first, last), sign = sorted((start.date(), end.date())), 1 if start <= end else -1
    return sign * sum(works(first + timedelta(days=number)) for number in range((last - first).days))


@given(calendar=calendars, start=instants, end=instants, place=st.sampled_from([None, "7", "8", "9"]))
@settings(max_examples=60)
def test_it_counts_as_a_calendar_on_the_wall_does(
    macros: Any,
    database: duckdb.DuckDBPyConnection,
    calendar: Days,
    start: datetime,
    end: datetime,
    place: str | None,
) -> None:
    entries = [f"{day}|{str(works).lower()}|{where}" for (day, where), works in calendar.items()]

    found = database.execute(
        f"select {sql(macros, entries)} from (select ?::timestamptz a, ?::timestamptz b, ?::text place) t",
        [start, end, place],
    ).fetchone()

    assert found == (counted(calendar, start, end, place),)


def test_an_empty_calendar_costs_nothing(macros: Any) -> None:
    assert "case" not in sql(macros, [])
    assert sql(macros, []) == sql(macros, ["2026-12-25|true|", "2026-12-26|false|"])


def test_the_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "calendar.csv"
    file.write_text("date,destination,working\n2026-12-26,7295,TRUE\n2026-12-25,,false\n")

    assert calendar_days.read(file) == ["2026-12-25|false|", "2026-12-26|true|7295"]
    assert calendar_days.read(transforms_dir() / "seeds" / "calendar.csv") == []


@pytest.mark.parametrize(
    "line",
    [
        "25.12.2026,,false",
        "2026-12-25,,no",
        "2026-12-25,a'b,false",
        "2026-12-24,,false\n2026-12-24,,true",
    ],
)
def test_a_row_that_cannot_be_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "calendar.csv"
    file.write_text(f"date,destination,working\n{line}\n")

    with pytest.raises(UsageError, match=r"calendar\.csv, row [23]"):
        calendar_days.read(file)
