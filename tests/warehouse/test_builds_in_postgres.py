"""Builds in Postgres, one after another: the ledger of breaks, audits that fail, models that change.

Two models of its own instead of all: what is asked is what SQLMesh, the kept script and the marker do.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from loop_returns.errors import AuditFailedError, LoopReturnsError
from loop_returns.warehouse import marts, snapshot
from loop_returns.warehouse.mart_project import transforms_dir
from loop_returns.warehouse.marts import BuildResult
from loop_returns.warehouse.place import Place

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
COLUMNS = ("break_key", "recon", "entity", "return_id", "break_type", "currency", "left_ref", "right_ref")
TEXTS = ",\n".join(f"    CAST(said.{column} AS TEXT) AS {column}" for column in COLUMNS)
BREAKS = f"""
MODEL (name marts.breaks, kind FULL, description 'One row per break', grain break_key,
    column_descriptions (break_key = 'Names the break'), audits (not_null(columns := (break_key))));
SELECT
{TEXTS},
    CAST(said.severity AS INT) AS severity,
    CAST(said.amount AS DECIMAL(18, 4)) AS amount,
    CAST(NULL AS TEXT) AS root_cause,
    CAST(NULL AS TEXT) AS evidence
FROM loop_raw.said AS said
"""
EXTERNAL = "- name: loop_raw.said\n  columns:\n    severity: int\n    amount: decimal(18, 4)\n" + "\n".join(
    f"    {column}: text" for column in COLUMNS
)


class Warehouse:
    """A database with the ledger of breaks, and a table of what is a break today."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.place = Place(folder / "loop.duckdb", dsn)
        self.models = folder / "transforms"
        shutil.copytree(transforms_dir() / "audits", self.models / "audits")
        (self.models / "models").mkdir()
        ledger = transforms_dir() / "models" / "marts" / "break_ledger.sql"
        shutil.copy(ledger, self.models / "models")
        self.write(BREAKS)
        (self.models / "external_models.yaml").write_text(EXTERNAL)
        typed = ", ".join(f"{column} varchar" for column in COLUMNS)
        with self.place.opened() as database:
            database.execute("create schema loop_raw")
            database.execute(f"create table loop_raw.said ({typed}, severity integer, amount decimal(18, 4))")

    def write(self, model: str) -> None:
        (self.models / "models" / "breaks.sql").write_text(model)

    def build(self, day: float, breaks: dict[str | None, str]) -> BuildResult:
        """Build when these are the breaks, each with its amount."""
        with self.place.opened() as database:
            database.execute("delete from loop_raw.said")
            database.executemany(
                "insert into loop_raw.said (break_key, severity, amount) values (?, 2, ?)", breaks.items()
            )
        as_of = NOW + timedelta(days=day)
        return marts.build(self.place, as_of=as_of, models_dir=self.models)

    def rows(self, sql: str) -> Sequence[Any]:
        with self.place.opened() as database:
            return database.execute(sql).fetchall()


@pytest.fixture
def warehouse(postgres_database: str, tmp_path: Path) -> Warehouse:
    """With nothing built."""
    return Warehouse(postgres_database, tmp_path)


def test_given_breaks_that_change_clear_and_come_back_when_built_then_the_ledger_keeps_each_version(
    warehouse: Warehouse,
) -> None:
    built = [
        warehouse.build(0, {"a": "1", "b": "2"}),
        warehouse.build(1, {"a": "1.5", "b": "2"}),
        warehouse.build(2.000001, {"b": "2", "c": "-3"}),
        warehouse.build(3, {"a": "1.5", "b": "2", "c": "-3"}),
    ]

    day = [NOW, NOW + timedelta(days=1), NOW + timedelta(days=2.000001), NOW + timedelta(days=3)]
    assert [(each.planned, each.audits) for each in built] == [(True, 4), *[(False, 4)] * 3]
    assert warehouse.rows(
        "select break_key, amount, first_seen_at, cleared_at from marts.break_ledger order by 1, 3"
    ) == [
        ("a", Decimal(1), day[0], day[1]),
        ("a", Decimal("1.5"), day[1], day[2]),
        ("a", Decimal("1.5"), day[3], None),
        ("b", Decimal(2), day[0], None),
        ("c", Decimal(-3), day[2], None),
    ]


def test_given_an_audit_that_fails_when_built_then_it_is_named_and_no_reader_takes_a_snapshot(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    file = tmp_path / "published.duckdb"
    warehouse.build(0, {"a": "1"})
    with warehouse.place.opened() as database:
        snapshot.announce(database)
    assert not snapshot.is_current(warehouse.place, file)

    with pytest.raises(AuditFailedError, match=r"not_null on marts\.breaks \(1 rows\)") as failed:
        warehouse.build(1, {"a": "1", None: "2"})
    with pytest.raises(LoopReturnsError, match="nothing whole is published"):
        snapshot.is_current(warehouse.place, file)
    file.write_text("what was published before")
    kept = snapshot.is_current(warehouse.place, file)
    warehouse.build(2, {"a": "1"})
    with warehouse.place.opened() as database:
        snapshot.announce(database)

    assert failed.value.exit_code == 6
    assert kept
    assert not snapshot.is_current(warehouse.place, file)


def test_given_a_model_with_one_more_column_when_built_then_the_table_has_it_and_the_ledger_stays(
    warehouse: Warehouse,
) -> None:
    warehouse.build(0, {"a": "1"})
    warehouse.write(BREAKS.replace("FROM loop_raw", ", said.amount > 1 AS is_large FROM loop_raw"))

    built = warehouse.build(1, {"a": "1", "b": "2"})

    assert built.planned
    assert warehouse.rows("select break_key, is_large from marts.breaks order by 1") == [
        ("a", False),
        ("b", True),
    ]
    assert warehouse.rows("select break_key, first_seen_at from marts.break_ledger order by 1") == [
        ("a", NOW),
        ("b", NOW + timedelta(days=1)),
    ]
    meant = "select data_type, description from marts.data_dictionary where table_name = 'breaks' limit 1"
    assert warehouse.rows(meant) == [("text", "Names the break")]
