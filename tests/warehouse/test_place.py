"""The one door to the tables: what is asked of DuckDB in its dialect, a real Postgres answers alike."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.postgres import GUARDED, PASSWORD, Server

from loop_returns import settings as settings_of
from loop_returns.errors import KeyRefusedError, LoopReturnsError, UsageError
from loop_returns.warehouse.place import Connection, Place, has
from loop_returns.warehouse.postgres import carried

CREDENTIALS = "DESTINATION__POSTGRES__CREDENTIALS"


@pytest.fixture(params=["duckdb", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Either of the two, empty."""
    dsn = "" if request.param == "duckdb" else request.getfixturevalue("postgres_database")
    return Place(tmp_path / "work.duckdb", dsn)


def test_parameters_of_both_kinds_reach_the_statement_and_a_percent_sign_stays(place: Place) -> None:
    with place.opened() as database:
        by_place = database.execute("select ?, ? like '%s and %', 7 % 4", ["a", "it's and so"]).fetchone()
        by_name = database.execute("select $a || $b || $a", {"a": "x", "b": "%s"}).fetchone()
        without = database.execute("select '%s', '100 %'").fetchall()

    assert by_place == ("a", True, 3)
    assert by_name == ("x%sx",)
    assert without == [("%s", "100 %")]


def test_parameters_are_the_same_once_sqlmesh_has_changed_the_parser(postgres_database: str) -> None:
    import sqlmesh  # noqa: F401 - it changes sqlglot's parsers for the whole process

    carried.cache_clear()
    with Place(Path(), postgres_database).opened() as database:
        assert database.execute("select $a || $b, '100 %'", {"a": "x", "b": "%s"}).fetchone() == (
            "x%s",
            "100 %",
        )
        assert database.execute("select ?", ["y"]).fetchone() == ("y",)


def test_a_statement_lasts_by_itself_and_a_transaction_that_is_taken_back_leaves_nothing(
    place: Place,
) -> None:
    with place.opened() as database:
        database.execute("create table kept (a varchar, said_at timestamptz)")
        database.executemany("insert into kept values (?, ?)", [["b", None], ["c", None]])
        database.begin()
        changed = database.execute(
            "update kept set said_at = timestamptz '2026-01-01 12:00:00+02'"
        ).fetchone()
        database.execute("create table gone (a varchar)")
        database.rollback()
        database.begin()
        database.execute("delete from kept where a = ?", ["c"])
        database.commit()

    with place.opened() as database:
        assert changed == (2,)
        assert database.execute("select a, said_at from kept").fetchall() == [("b", None)]
        assert [each[0] for each in database.description or ()] == ["a", "said_at"]
        assert has(database, "public" if place.is_postgres else "main", "kept")
        assert not has(database, "public" if place.is_postgres else "main", "gone")


def test_a_table_is_made_anew_in_the_place_of_the_one_before(place: Place) -> None:
    with place.opened() as database:
        for value in ("1", "'a'"):
            database.execute(f"create or replace temp table one as select {value} as a")

        assert database.execute("select a from one").fetchall() == [("a",)]


def test_times_are_utc(place: Place) -> None:
    with place.opened() as database:
        found = database.execute("select timestamptz '2026-06-01 12:00:00+02'").fetchone()

    assert found == (datetime(2026, 6, 1, 10, tzinfo=UTC),)
    assert found[0].utcoffset().total_seconds() == 0


ROWS = st.lists(
    st.tuples(
        st.none() | st.text(st.characters(codec="utf-8"), max_size=12),
        st.none() | st.booleans(),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.decimals("-9999999999.9999", "9999999999.9999", places=4),
        st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    ),
    max_size=6,
)
TYPES = [pa.string(), pa.bool_(), pa.int64(), pa.decimal128(18, 4), pa.timestamp("us", "UTC")]


@given(ROWS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_arrow_table_is_read_as_it_is(door: Connection, rows: list[tuple[object, ...]]) -> None:
    columns = [pa.array([row[at] for row in rows], of) for at, of in enumerate(TYPES)]

    table = pa.table(columns, names=["text", "is", "whole", "money", "at"])
    door.register("arrived", pa.concat_tables([table[:1], table[:0], table[1:]]))  # in chunks, as a batch is
    found = door.execute("select * from arrived").fetchall()
    door.unregister("arrived")

    assert found == [(row[0] and str(row[0]).replace("\0", "\ufffd"), *row[1:]) for row in rows]


@pytest.fixture
def door(postgres_database: str, tmp_path: Path, enter: Callable[..., Connection]) -> Connection:
    """An open connection to Postgres."""
    return enter(Place(tmp_path / "work.duckdb", postgres_database).opened())


@pytest.fixture
def enter() -> object:
    """Enter a context until the test ends."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def entered(context: AbstractContextManager[Connection]) -> Connection:
            return stack.enter_context(context)

        yield entered


def destination(monkeypatch: pytest.MonkeyPatch, **parts: str) -> settings_of.Settings:
    monkeypatch.setenv("DESTINATION__NAME", "postgres")
    for name, value in parts.items():
        monkeypatch.setenv(CREDENTIALS + name.rstrip("_").upper(), value)
    return settings_of.read(need_key=False)


def test_the_address_comes_whole_or_in_parts_as_dlt_takes_it(
    monkeypatch: pytest.MonkeyPatch, postgres_server: Server
) -> None:
    uri = postgres_server.uri(user=GUARDED, password=PASSWORD)

    whole = destination(monkeypatch, _=uri)
    with whole.place.opened() as database:
        assert database.execute("select current_user").fetchone() == (GUARDED,)

    monkeypatch.delenv(CREDENTIALS)
    parts = destination(monkeypatch, __host="h", __database="d", __username="u", __password="p@/", __port="7")
    assert parts.dsn == "postgresql://u:p%40%2F@h:7/d?connect_timeout=15"
    for each in (whole, parts):
        assert "Postgres" in each.place.name
        assert not any(PASSWORD[:4] in text or "p%40" in text for text in (repr(each), each.place.name))


@pytest.mark.parametrize(
    "said", ["", "not an address: secret", "mysql://u:secret@h/d", "postgres://u:secret@h"]
)
def test_an_address_that_is_none_is_not_repeated(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    with pytest.raises(UsageError, match="not said where Postgres is") as raised:
        destination(monkeypatch, _=said)

    assert "secret" not in str(raised.value)


def test_another_destination_names_those_that_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__NAME", "oracle")

    with pytest.raises(UsageError, match="oracle") as raised:
        settings_of.read(need_key=False)

    assert "duckdb, filesystem, postgres" in raised.value.hint


@pytest.mark.parametrize(
    ("change", "expected", "why"),
    [
        (("/postgres?", "/nowhere?"), LoopReturnsError, "cannot be reached"),
        (("5432", "1"), LoopReturnsError, "cannot be reached"),
        ((":5432", ":x5432"), LoopReturnsError, "cannot be read"),
        (("p%40ss", "secret"), KeyRefusedError, "refuses this user"),
        ((GUARDED, "nobody"), KeyRefusedError, "refuses this user"),
    ],
)
def test_a_server_that_refuses_is_told_without_the_password(
    postgres_server: Server, change: tuple[str, str], expected: type[LoopReturnsError], why: str
) -> None:
    uri = postgres_server.uri(user=GUARDED, password=PASSWORD).replace(*change)

    with pytest.raises(expected, match=why) as raised, Place(Path(), uri).opened():
        pass

    assert type(raised.value) is expected
    assert not any(part in str(raised.value) for part in ("secret", "of #a", "of%20", "%40ss", "@ss"))


def test_without_psycopg2_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, postgres_server: Server
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)

    with pytest.raises(LoopReturnsError, match="psycopg2") as raised, Place(Path(), "postgresql://").opened():
        pass

    assert "loop-returns[postgres]" in raised.value.hint


def test_money_stays_exact(place: Place) -> None:
    with place.opened() as database:
        database.register("arrived", pa.table({"a": pa.array([Decimal("0.1000")], pa.decimal128(18, 4))}))

        assert database.execute("select a * 3 from arrived").fetchone() == (Decimal("0.3000"),)
