"""The SQLMesh project itself: every model explained, audited, tested; raw tables as the code has them."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loop_returns.errors import UsageError
from loop_returns.warehouse import dictionary_page
from loop_returns.warehouse.extracts.tables import EXTRACTS
from loop_returns.warehouse.mart_project import config, transforms_dir
from loop_returns.warehouse.mart_settings import variables
from loop_returns.warehouse.marts import external_models
from loop_returns.warehouse.place import Place
from loop_returns.warehouse.rule_settings import rule_ids

CONTRACT = {
    "return_id": "TEXT",
    "reason_code": "TEXT",
    "reason": "TEXT",
    "amount_at_stake": "DECIMAL(18, 4)",
    "currency": "TEXT",
    "score": "DECIMAL(5, 4)",
    "evidence": "TEXT",
    "expect_state": "TEXT",
    "expect_updated_at": "TIMESTAMPTZ",
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from sqlmesh import Context

    folder = tmp_path_factory.mktemp("project")
    project = config(Place(folder / "loop.duckdb"), {}, folder / "cache", is_optimized=True)
    context = Context(paths=[str(transforms_dir())], config=project)
    found = {model.name: model for model in context.models.values() if not model.kind.is_external}
    context.close()
    return found


def sqlmesh(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    sources = str(Path(__file__).parents[2] / "pipelines")
    return subprocess.run(
        [str(Path(sys.executable).with_name("sqlmesh")), "--log-file-dir", str(folder / "logs"), *words],
        cwd=transforms_dir(),
        env=os.environ
        | {"LOOP_RETURNS_DATA_DIR": str(folder), "PYTHONPATH": sources, "MAX_FORK_WORKERS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_model_says_what_a_row_is_and_names_every_column(models: dict[str, Any]) -> None:
    for name, model in models.items():
        assert model.description.startswith("One row per "), name
        assert model.grains, name
        assert model.audits, name
        assert set(model.columns_to_types) == set(model.column_descriptions), name


def test_every_model_has_a_unit_test(models: dict[str, Any]) -> None:
    tested = {file.stem.removeprefix("test_") for file in (transforms_dir() / "tests").glob("test_*.yaml")}

    assert {name.split(".")[1] for name, model in models.items() if not model.kind.is_seed} == tested


def test_no_model_asks_the_clock(models: dict[str, Any]) -> None:
    for file in transforms_dir().rglob("*.sql"):
        text = file.read_text().lower()
        assert not [
            word for word in ("now(", "current_date", "current_timestamp", "today(") if word in text
        ], file


def test_every_rule_keeps_the_contract(models: dict[str, Any]) -> None:
    """marts.md, section 8.5: these columns and nothing else, and no rule looks at what was asked or done."""
    rules = {name: model for name, model in models.items() if name.startswith("rules.")}

    assert {name.split(".")[1] for name in rules} == {rule_id.lower() for rule_id in rule_ids()}
    for name, model in rules.items():
        columns = {column: type_.sql("duckdb") for column, type_ in model.columns_to_types.items()}
        assert columns == CONTRACT, name
        assert not [table for table in model.depends_on if '"ops"' in table or "rules" in table], name


def test_the_rules_are_those_of_the_seed_and_of_loop_toml() -> None:
    with (transforms_dir() / "seeds" / "rules.csv").open(newline="") as file:
        assert tuple(row["rule_id"] for row in csv.DictReader(file)) == rule_ids()


def test_raw_tables_are_those_of_the_code() -> None:
    assert (transforms_dir() / "external_models.yaml").read_text() == external_models()


def test_staging_says_of_each_column_of_an_extract_what_its_declaration_says(models: dict[str, Any]) -> None:
    staged = {name: model for name, model in models.items() if name.startswith("staging.stg_ext_")}

    assert {name.removeprefix("staging.stg_ext_") for name in staged} == set(EXTRACTS)
    for name, model in staged.items():
        extract = EXTRACTS[name.removeprefix("staging.stg_ext_")]
        left_out = {column for column, one in extract.columns.items() if one.personal == "text"}
        declared = {column: text for column, (_, text) in extract.stored().items() if column not in left_out}
        assert model.column_descriptions == declared, name
        assert model.description == f"One row per {extract.text}.", name


def test_the_data_dictionary_is_that_of_the_models_and_has_no_gap(models: dict[str, Any]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "data-dictionary.md").read_text()

    assert page == dictionary_page.page(models), "run `make dictionary`"
    assert [line for line in page.splitlines() if line.endswith("|  |")] == []
    assert {name for name in re.findall(r"^### (\S+)$", page, re.M) if name.startswith("marts.")} == {
        name for name in models if name.startswith("marts.")
    }


def test_unit_tests_hold(tmp_path: Path) -> None:
    done = sqlmesh(tmp_path, "test")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Successfully Ran" in done.stdout


def test_lint_finds_nothing(tmp_path: Path) -> None:
    done = sqlmesh(tmp_path, "lint")

    assert done.returncode == 0, done.stdout + done.stderr


def test_models_are_formatted(tmp_path: Path) -> None:
    done = sqlmesh(tmp_path, "format", "--check")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "settings",
    [
        {"ageing": {"stalled_days": "two weeks"}},
        {"ageing": {"stalled_days": -1}},
        {"identity": {"C1": "perhaps"}},
        {"policy": {"no_parcel_methods": "keep_item"}},
        {"policy": {"processing_event": {"refund": "at once"}}},
        {"policy": {"exchange_mode": "both"}},
        {"shop": {"timezone": "Mars/Olympus"}},
        {"policy": {"loop_discount": "on"}},
        {"tolerance": 3},
        {"shop": {"webhooks_since": "soon"}},
        {"shop": {"webhooks": "off"}},
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"loop\.toml"):
        variables(settings)
