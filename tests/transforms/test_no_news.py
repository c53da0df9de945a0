"""What cannot have changed since the last build is not built again; everything else is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from tests.transforms.shop import NOW, raw, shop
from tests.transforms.test_replay import everything

from loop_returns.warehouse.dictionary import Described
from loop_returns.warehouse.mart_script import PRESENT, Step
from loop_returns.warehouse.marts import build
from loop_returns.warehouse.place import Place

LATER = NOW + timedelta(days=1)
ONLY_DATED = {"marts.recon_money", "marts.recon_identity_profile", "marts.prod_sku_reason"}
"""Nothing in them is of the build's present but the column `as_of`."""
OF_LINES = {"staging.stg_return_lines", "marts.recon_money"}


def change(file: Path, sql: str) -> None:
    with duckdb.connect(str(file)) as database:
        database.execute(sql)


def loaded(file: Path) -> Path:
    """A shop whose rows name their load, as those of a run do; built."""
    raw(file, shop())
    with duckdb.connect(str(file)) as database:
        for (table,) in database.execute(
            "select table_name from duckdb_columns() where column_name = '_dlt_load_id'"
        ).fetchall():
            database.execute(f"update loop_raw.{table} set _dlt_load_id = 'first'")
    build(Place(file), as_of=NOW)
    return file


@pytest.mark.parametrize(
    ("news", "built", "left_out"),
    [
        (
            "select 1",
            {"marts.recon_receipt", "marts.open_breaks"},
            {"staging.stg_return_lines", "marts.recon_receipt_lines", *ONLY_DATED},
        ),
        (
            "insert into ext.receipts (receipt_id, loop_return_id, quantity, received_at)"
            " values ('new', 'c1', 1, '2026-03-01 00:00:00+00')",
            {"staging.stg_ext_receipts", "marts.recon_receipt_lines"},
            {"staging.stg_ext_shopify_refunds", *ONLY_DATED},
        ),
        (
            "update loop_raw.returns__line_items set price = 99, _dlt_load_id = 'second'"
            " where return_id = 'c1'",
            OF_LINES,
            {"staging.stg_returns"},
        ),
        (
            "delete from loop_raw.returns__line_items where return_id = 'c1'",
            OF_LINES,
            {"staging.stg_returns"},
        ),
        (
            "update loop_raw.returns__line_items set price = 99, _dlt_load_id = null where return_id = 'c1'",
            OF_LINES,
            {"staging.stg_returns"},
        ),
    ],
)
def test_given_news_when_built_then_the_tables_are_those_of_a_whole_build(
    news: str, built: set[str], left_out: set[str], tmp_path: Path
) -> None:
    file, whole = (loaded(tmp_path / f"{name}.duckdb") for name in ("news", "whole"))
    change(file, news)
    change(whole, f"{news}; drop table sqlmesh.loop_returns_marks")

    some, everyone = build(Place(file), as_of=LATER), build(Place(whole), as_of=LATER)

    assert built <= set(some.models)
    assert left_out.isdisjoint(some.models)
    assert built | left_out <= set(everyone.models)
    assert some.rows == everyone.rows
    assert everything(file) == everything(whole)


DATE = f"CAST(CAST('{PRESENT}' AS TIMESTAMPTZ) AS TIMESTAMPTZ) AS \"as_of\""


@pytest.mark.parametrize(
    ("statement", "audit", "is_dated"),
    [
        (f"SELECT 1 AS n, {DATE}", "SELECT 1", True),
        (f'SELECT n, CAST("as_of" AS TIMESTAMPTZ) AS "as_of" FROM (SELECT 1 AS n, {DATE})', "", True),
        (f"SELECT CAST('{PRESENT}' AS TIMESTAMPTZ) AS \"as_of\"", "", True),
        ('SELECT CAST("as_of" AS TIMESTAMPTZ) AS "as_of" FROM marts.other', "", False),
        (f"SELECT age(other.as_of) AS n, {DATE} FROM marts.other", "", False),
        (f"SELECT {DATE} WHERE '{PRESENT}' > '2026-01-01'", "", False),
        (f"SELECT {DATE} UNION ALL SELECT {DATE}", "", False),
        (f"SELECT {DATE}", f"SELECT count(*) WHERE '{PRESENT}' > '2026-01-01'", False),
        ("SELECT 1 AS n", "", False),
    ],
)
def test_a_model_is_only_dated_when_the_present_is_nothing_but_its_column(
    statement: str, audit: str, is_dated: bool
) -> None:
    step = Step("marts.one", f"CREATE TABLE one AS {statement}", [("a", audit)], [], Described(""))

    assert step.is_dated is is_dated


def test_given_a_build_that_did_not_end_when_built_again_then_nothing_is_left_out(tmp_path: Path) -> None:
    file = loaded(tmp_path / "shop.duckdb")

    def stop(name: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(Place(file), as_of=LATER, on_progress=stop)

    assert "staging.stg_returns" in build(Place(file), as_of=LATER).models
