"""A build by the returns that changed gives what a whole build gives, whatever came, came again or went."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transforms.shop import NOW
from tests.transforms.test_no_news import loaded

from loop_returns.warehouse import mart_marks, mart_replay, mart_script, mart_slices
from loop_returns.warehouse.mart_project import model_variables, transforms_dir
from loop_returns.warehouse.mart_script import Step
from loop_returns.warehouse.place import Place

IDS = ("sound", "two-lines", "c1", "c3", "graded", "waits", "yen", "late")
CHILDREN = ("returns__line_items", "returns__exchanges", "returns__labels", "returns__shopify_refund_object")
ALL_OF = {
    "loop_raw.returns": "id",
    **{f"loop_raw.{child}": "return_id" for child in CHILDREN},
    "loop_raw.return_history": "return_id",
}
SLICED = {
    "staging.stg_returns",
    "staging.stg_return_lines",
    "staging.stg_exchanges",
    "staging.stg_labels",
    "staging.stg_shopify_refunds",
    "staging.stg_return_history",
    "marts.recon_money",
}


def again(one: str, load: str) -> str:
    """The return is read once more, and is what it was."""
    return "; ".join(
        f"update {table} set _dlt_load_id = '{load}' where {key} = '{one}'" for table, key in ALL_OF.items()
    )


def changed(one: str, load: str) -> str:
    """It does not foot any more, and its state is another."""
    news = f"update loop_raw.returns set return_total = return_total + 7, state = 'open' where id = '{one}'"
    return f"{news}; {again(one, load)}"


def without_lines(one: str, load: str) -> str:
    """Its lines have gone upstream: the return has a new load, and nothing else has."""
    return (
        f"delete from loop_raw.returns__line_items where return_id = '{one}';"
        f" update loop_raw.returns set _dlt_load_id = '{load}' where id = '{one}'"
    )


def late(one: str, load: str) -> str:
    """A return that was not there, made like another one."""
    copy = (
        f"select * replace ('{one}-{load}' as {{}}, '{load}' as _dlt_load_id) from {{}} where {{}} = '{one}'"
    )
    return "; ".join(f"insert into {table} {copy.format(key, table, key)}" for table, key in ALL_OF.items())


def withdrawn(one: str, load: str) -> str:
    """Somebody deleted it, without any load."""
    return "; ".join(f"delete from {table} where {key} = '{one}'" for table, key in ALL_OF.items())


Happens = Callable[[str, str], str]
NEWS: tuple[Happens, ...] = (again, changed, without_lines, late, withdrawn)
days = st.lists(
    st.lists(st.tuples(st.sampled_from(NEWS), st.sampled_from(IDS)), min_size=1, max_size=3),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return loaded(tmp_path_factory.mktemp("slices") / "shop.duckdb")


@contextmanager
def opened(file: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Step]]]:
    """A copy of the shop, and how its sliced models are built."""
    digest = mart_script.digest(transforms_dir(), model_variables({}), mart_script.engines())
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "shop.duckdb"
        shutil.copyfile(file, copy)
        with mart_script.opened(Place(copy)) as database:
            _, steps = mart_script.kept(database, digest)
            yield database, [step for step in steps or [] if mart_slices.TAG in step.tags]


def rows(database: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        model: sorted(database.execute(f"select * from {model}").fetchall(), key=repr)
        for model in sorted(SLICED)
    }


def both_ways(first_day: Path, days: list[list[tuple[Happens, str]]]) -> None:
    """Each day's news are brought in by slices; what is then there is what a whole build makes of it."""
    with opened(first_day) as (database, steps):
        for number, happened in enumerate(days, 1):
            for place, (happens, one) in enumerate(happened):
                database.execute(happens(one, f"load-{number}-{place}"))
            marks, as_of = mart_marks.take(database), NOW + timedelta(days=number)
            assert mart_slices.note(database, mart_marks.news(database, marks))

            mart_replay.replay([database], steps, as_of, by_slices=True)
            sliced = rows(database)
            mart_replay.replay([database], steps, as_of)

            assert sliced == rows(database)
            mart_marks.keep(database, marks)


@settings(max_examples=10, deadline=None)
@given(days=days)
def test_given_days_of_news_when_built_by_slices_then_the_tables_are_those_of_a_whole_build(
    first_day: Path, days: list[list[tuple[Happens, str]]]
) -> None:
    both_ways(first_day, days)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(days=days)
def test_given_many_days_of_news_when_built_by_slices_then_the_tables_are_those_of_a_whole_build(
    first_day: Path, days: list[list[tuple[Happens, str]]]
) -> None:
    both_ways(first_day, days)


@pytest.mark.parametrize("happens", [again, changed, without_lines, late])
def test_given_news_of_one_return_when_built_by_slices_then_no_table_is_made_anew(
    happens: Happens, first_day: Path
) -> None:
    with opened(first_day) as (database, steps):
        database.execute(happens("c1", "second"))
        mart_slices.note(database, mart_marks.news(database, mart_marks.take(database)))
        ids = "select table_oid from duckdb_tables() where schema_name in ('staging', 'marts') order by 1"
        before = database.execute(ids).fetchall()

        built = mart_replay.replay([database], steps, NOW + timedelta(days=1), by_slices=True)

        assert set(built.models) == SLICED
        assert database.execute(ids).fetchall() == before
        assert database.execute("select distinct as_of from marts.recon_money").fetchall() == [
            (NOW + timedelta(days=1),)
        ]


def test_given_many_changed_returns_or_rows_without_a_load_then_nothing_is_noted(first_day: Path) -> None:
    for change in ("set _dlt_load_id = 'second'", "set _dlt_load_id = null where id = 'c1'"):
        with opened(first_day) as (database, _):
            database.execute(f"update loop_raw.returns {change}")
            assert not mart_slices.note(database, mart_marks.news(database, mart_marks.take(database)))


def test_the_models_with_the_tag_read_rows_of_one_return_and_seeds(first_day: Path) -> None:
    """What the tag promises, as far as the names of the tables can tell."""
    with opened(first_day) as (_, steps):
        assert {step.model for step in steps} == SLICED
        for step in steps:
            read = {one for one in step.parents if not one.startswith("staging.seed_")}
            assert mart_slices.is_sliceable(step)
            assert read <= SLICED | mart_slices.KEYS.keys()
            assert "return_id" in step.described.columns
