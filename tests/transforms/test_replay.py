"""A build without SQLMesh does what SQLMesh would have done, fails as it does, and asks it when it must."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.transforms.shop import NOW, a_line, a_notice, a_return, planned, query, raw, shop

from loop_returns.errors import AuditFailedError
from loop_returns.warehouse import mart_script
from loop_returns.warehouse.dictionary import Described
from loop_returns.warehouse.mart_project import model_variables, transforms_dir
from loop_returns.warehouse.mart_script import Step
from loop_returns.warehouse.marts import BuildResult, build
from loop_returns.warehouse.place import Place

SCHEMAS = "('staging', 'rules', 'marts')"
COMMENTS = f"""
    select schema_name, table_name, '' as column_name, comment from duckdb_tables()
    where schema_name in {SCHEMAS}
    union all select schema_name, table_name, column_name, comment from duckdb_columns()
    where schema_name in {SCHEMAS} order by all
"""


def everything(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row and type of every table that a build makes, and every comment."""
    tables = query(
        file,
        "select schema_name || '.' || table_name, sql from duckdb_tables() "
        f"where schema_name in {SCHEMAS} order by 1",
    )
    rows = {name: sorted(query(file, f"select * from {name}"), key=repr) for name, _ in tables}
    return rows | {"tables": tables, "comments": query(file, COMMENTS)}


def by_sqlmesh(file: Path, **words: Any) -> BuildResult:
    """A build as it is without a script."""
    with duckdb.connect(str(file)) as database:
        database.execute("update sqlmesh.loop_returns_script set script = null")
    return build(Place(file), **words)


def by_script(file: Path, **words: Any) -> BuildResult:
    """A build that takes nothing for unchanged."""
    with duckdb.connect(str(file)) as database:
        database.execute("drop table if exists sqlmesh.loop_returns_marks")
    return build(Place(file), **words)


def one_return(file: Path, **values: Any) -> Path:
    rows = {"returns": [a_return("c1", **values)], "returns__line_items": [a_line("c1")]}
    return raw(file, {**rows, "asn": [a_notice("c1")], "windows": shop()["windows"]})


def test_given_days_of_changes_when_built_from_the_script_then_the_tables_are_those_of_sqlmesh(
    tmp_path: Path,
) -> None:
    files = {by_script: tmp_path / "a.duckdb", by_sqlmesh: tmp_path / "b.duckdb"}
    days: dict[float, Callable[[Path], Path]] = {
        0: lambda file: raw(file, shop()),  # all kinds of breaks appear
        1: lambda file: one_return(file, return_total="12.00"),  # all but one are cleared, that one changes
        20.123456: lambda file: raw(file, shop()),  # all are opened again
    }

    for day, loaded in days.items():
        as_of = NOW + timedelta(days=day)
        results = [building(loaded(file), as_of=as_of) for building, file in files.items()]

        assert results[0].planned is False
        assert results[0].audits == results[1].audits
        assert results[0].rows == results[1].rows
        assert sorted(results[0].models) == sorted(results[1].models)
        assert everything(files[by_script]) == everything(files[by_sqlmesh])

    reopened = "select count(*) from marts.open_breaks where reopened_count = 1"
    assert query(files[by_script], reopened) != [(0,)]


def test_given_the_models_as_they_are_when_planned_then_each_can_be_built_from_the_script(
    tmp_path: Path,
) -> None:
    file = planned(tmp_path / "shop.duckdb")
    folder = transforms_dir() / "models"
    expected = {
        f"{model.parent.name}.{model.stem}" for model in folder.rglob("*.sql") if model.parent.name != "seeds"
    }

    with mart_script.opened(Place(file)) as database:
        is_known, steps = mart_script.kept(
            database,
            mart_script.digest(transforms_dir(), model_variables({}), mart_script.engines()),
        )

    assert is_known
    assert {step.model for step in steps or []} == expected


def test_given_an_audit_that_fails_when_built_from_the_script_then_it_is_told_as_sqlmesh_tells_it(
    tmp_path: Path,
) -> None:
    rows = {"returns": [a_return("1"), a_return("1")], "asn": [a_notice("1"), a_notice("1")]}
    told = []

    for building in (by_script, by_sqlmesh):
        file = raw(tmp_path / f"{building.__name__}.duckdb", rows)
        with pytest.raises(AuditFailedError) as failed:
            building(file, as_of=NOW)
        told.append((str(failed.value), query(file, "select count(*) from marts.recon_money")))

    assert "unique_values on staging.stg_returns (1 rows)" in told[0][0]
    assert "unique_combination_of_columns on staging.stg_shipping_notices (1 rows)" in told[0][0]
    assert told[0][1] == [(0,)]  # what reads a model that failed is not built
    assert told[0] == told[1]
    assert "SELECT" in (tmp_path / "sqlmesh" / "build.log").read_text()


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from loop_returns.warehouse.marts import build
from loop_returns.warehouse.place import Place

def stop(name, done, total):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

settings = {"grace_hours": {"asn": 36}} if sys.argv[4] == "changed" else {}
place, as_of = Place(Path(sys.argv[1])), datetime.fromisoformat(sys.argv[2])
build(place, as_of=as_of, on_progress=stop, settings=settings)
"""


def killed(file: Path, model: int, settings: str) -> None:
    words = [str(file), NOW.isoformat(), str(model), settings]
    assert subprocess.run([sys.executable, "-c", KILLED, *words]).returncode == -signal.SIGKILL


def test_given_a_killed_build_when_built_again_then_nothing_of_it_stays(tmp_path: Path) -> None:
    file, other = (raw(tmp_path / f"{name}.duckdb", shop()) for name in "ab")
    build(Place(other), as_of=NOW)

    killed(file, 20, "same")
    build(Place(file), as_of=NOW)
    assert everything(file) == everything(other)

    killed(file, 12, "changed")
    result = build(Place(file), as_of=NOW)
    assert result.planned  # the script of these settings is not that of the tables any more
    assert everything(file) == everything(other)


def test_given_other_settings_models_or_engines_then_the_script_is_another(tmp_path: Path) -> None:
    models = tmp_path / "transforms"
    shutil.copytree(transforms_dir(), models)
    known = mart_script.digest(models, {"a": 1}, "1")

    assert mart_script.digest(models, {"a": 1}, "1") == known
    assert mart_script.digest(models, {"a": 2}, "1") != known
    assert mart_script.digest(models, {"a": 1}, "2") != known
    (models / "audits" / "return_named.sql").write_text("")
    assert mart_script.digest(models, {"a": 1}, "1") != known


@pytest.mark.parametrize(
    ("statement", "is_free"),
    [
        ("SELECT CAST('2026-03-10 12:00:00' AS TIMESTAMPTZ)", True),
        ("SELECT CAST('2026-03-10 12:00:00+00:00' AS TIMESTAMPTZ)", True),
        ("SELECT CAST('2020-01-01' AS DATE)", True),
        ("SELECT CAST('2026-03-10' AS DATE)", False),
        ("SELECT CAST('2026-03-09 00:00:00' AS TIMESTAMP)", False),
        ("SELECT 1773144000000", False),
        ("SELECT NOW()", False),
        ("SELECT CURRENT_TIMESTAMP", False),
    ],
)
def test_given_a_trace_of_a_clock_when_a_statement_is_kept_then_it_is_refused(
    statement: str, is_free: bool
) -> None:
    step = Step("marts.one", statement, [("not_null", "SELECT 1")], [], Described("")).without(NOW)

    assert (step is not None) is is_free
    if step:
        later = step.at(NOW + timedelta(days=1, microseconds=7)).statement
        assert later == statement.replace("2026-03-10 12:00:00", "2026-03-11 12:00:00.000007")


MODEL = """
MODEL (name marts.one, kind FULL, description 'One row', grain n,
    column_descriptions (n = 'A number'), audits (not_null(columns := (n))));
{before}
SELECT CAST(1 AS INT) AS n, CAST(@execution_ts AS TIMESTAMPTZ) AS as_of
"""


@pytest.mark.parametrize(("before", "is_kept"), [("", True), ("DELETE FROM loop_raw.returns;", False)])
def test_given_a_model_that_takes_more_than_one_statement_then_sqlmesh_is_asked_each_time(
    before: str, is_kept: bool, tmp_path: Path
) -> None:
    models = tmp_path / "transforms"
    (models / "models").mkdir(parents=True)
    (models / "models" / "one.sql").write_text(MODEL.format(before=before))
    file = raw(tmp_path / "shop.duckdb", {"returns": [a_return("1")]})

    for day in range(2):
        build(Place(file), as_of=NOW + timedelta(days=day), models_dir=models)
        assert query(file, "select script is not null from sqlmesh.loop_returns_script") == [(is_kept,)]

    assert query(file, "select as_of from marts.one") == [(NOW + timedelta(days=1),)]
    assert query(file, "select count(*) from loop_raw.returns") == [(1 if is_kept else 0,)]
