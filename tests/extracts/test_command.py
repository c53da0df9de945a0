"""`loop-returns extracts`, and what `run` and `build` do with the files."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import END, Shop
from loop_returns.simulator.world import build_world
from loop_returns.warehouse.extracts import listing
from loop_returns.warehouse.extracts.sources import sources
from loop_returns.warehouse.extracts.tables import EXTRACTS

DOCS = Path(__file__).parents[2] / "docs"
HEADER = "refund_id,order_id,created_at,currency,transaction_amount\n"


def test_every_extract_is_explained() -> None:
    table = re.findall(r"^\| (`.*?) \|", (DOCS / "extracts.md").read_text(), re.M)

    assert {name for cell in table for name in re.findall(r"`(\w+)`", cell)} == set(EXTRACTS)


def test_the_example_in_the_settings_can_be() -> None:
    text = (DOCS / "loop.example.toml").read_text()
    block = re.search(r"^# \[extracts\.\w+\]\n(?:# .*\n)+", text, re.M)
    assert block
    example = tomllib.loads(block[0].replace("# ", "", 1).replace("\n# ", "\n"))

    example["extracts"]["shopify_refunds"].pop("database")
    assert list(sources(example, DOCS)) == ["shopify_refunds"]


@pytest.mark.parametrize("name", EXTRACTS)
def test_a_template_can_be_copied(name: str) -> None:
    wanted = listing.template(name)
    text = listing.template_text(wanted)

    (columns,) = csv.reader(io.StringIO(wanted["csv_header"]))
    assert columns == [one["name"] for one in wanted["columns"]] == list(EXTRACTS[name].columns)
    assert list(sources(tomllib.loads(wanted["loop_toml"]), DOCS)) == [name]
    assert wanted["csv_header"] in text.splitlines()
    assert all(one["meaning"] in text for one in wanted["columns"])


def test_given_an_unknown_extract_when_its_template_is_asked_for_then_the_known_ones_are_named(
    tmp_path: Path,
) -> None:
    error = Shop(tmp_path, "http://127.0.0.1:1").loop("extracts", "--template", "orders", exit_code=2).stderr

    assert "no extract is called orders" in error
    assert "shopify_orders" in error


def test_run_takes_what_fits_says_what_it_refused_and_a_broken_file_changes_nothing(
    open_shop: Callable[..., Any],
) -> None:
    shop, _ = open_shop(build_world(seed=5, returns=40, days=60, end=END))
    file = shop.folder / "refunds.csv"
    file.write_text(HEADER + "1,2,2026-11-01T10:00:00Z,USD,5.00\n2,2,2026-11-02T10:00:00Z,USD,five\n")
    (shop.folder / "loop.toml").write_text('[extracts.shopify_refunds]\npath = "refunds*.csv"\n')

    shop.plan()

    said = shop.loop("run").stderr

    assert "1 of 2 rows of shopify_refunds were not taken: see ext.rejects" in said
    found = {one["name"]: one for one in shop.json("extracts")["extracts"]}
    assert set(found) == set(EXTRACTS)
    refunds = found["shopify_refunds"]
    assert (refunds["is_present"], refunds["rows"], refunds["rejected"]) == (True, 1, 1)
    assert refunds["newest_at"].startswith("2026-11-01T10:00:00")
    assert not found["receipts"]["is_present"]
    assert shop.rows(
        "select refund_id, transaction_amount from staging.stg_ext_shopify_refunds", published=True
    )
    assert shop.rows("select name from staging.stg_extracts where is_present", published=True) == [
        ("shopify_refunds",)
    ]
    comment = "select comment from duckdb_columns() where schema_name = 'ext' and comment is null"
    assert shop.rows(comment, published=True) == []

    assert "ok    extracts: shopify_refunds: there, with the columns wanted" in shop.loop("check").stdout

    published = shop.published.read_bytes()
    file.write_text("refund_id\n1\n")
    assert "fail  extracts: refunds.csv" in shop.loop("check", exit_code=2).stdout
    error = shop.loop("build", exit_code=2).stderr
    assert "refunds.csv of [extracts.shopify_refunds] has no column order_id" in error
    assert shop.published.read_bytes() == published
