"""The whole job on Postgres, by the command line, against the same shop on DuckDB.

A run and two actions, a day later a run on a machine that has nothing but the settings, then commands that
read on a third one: each column, comment and row of the published file is that of DuckDB's.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Shop
from tests.notebooks.page import run as notebook
from tests.support import whole_shop as shops
from tests.support.postgres import Server
from tests.support.same import compared
from tests.support.whole_shop import WholeShop

from loop_returns.simulator.app import Simulator
from loop_returns.simulator.elsewhere.files import render

OWN = {
    *("_dlt_load_id", "load_id", "run_id"),
    *("action_key", "flagged_item_id", "plan_digest", "owner", "hash", "prev_hash"),
}
"""Columns that name a load, a run, a request, an action: other ones in each installation."""
FILES = {"ext.extracts.source", "ext.extracts.digest", "read_from"}
"""Columns that name a file: the two shops have their exports in different folders."""
SETTINGS = '\n[details]\nwanted = ["refunds"]\nper_run = 1000\n\n[actions]\nenabled = true\n'


@dataclass(frozen=True)
class Warehouse:
    """What the commands said, on machines that had nothing before.

    Attributes:
        ran: `run --json` of the second day.
        published: What it published.
        reader: A machine that only reads.
        acted: Returns that were flagged and confirmed.
    """

    ran: dict[str, Any]
    published: Path
    reader: Shop
    acted: list[object]


@pytest.fixture(scope="module")
def warehouse(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The whole shop in Postgres."""
    folder, dsn = tmp_path_factory.mktemp("two-destinations"), postgres_server.database()
    world = shops.new_world()
    with Simulator(world, api_key=shops.KEY) as simulator:
        acted = shops.first_day(folder, world, simulator.base_url, dsn)
        shutil.rmtree(folder / "data")
        world.advance(1)
        render(world).write(folder / "exports")
        exports = (folder / "exports" / "loop.toml").read_text()
        (folder / "loop.toml").write_text(exports.replace('path = "', 'path = "exports/') + SETTINGS)
        env = {
            "DESTINATION__NAME": "postgres",
            "DESTINATION__POSTGRES__CREDENTIALS": dsn,
            "SOURCES__LOOP_RETURNS__START_DATE": f"{shops.BEGIN - timedelta(days=125):%Y-%m-%dT%H:%M:%SZ}",
            "LOOP_RETURNS_AS_OF": world.end.isoformat(),
        }
        runner = Shop(folder, simulator.base_url, env | {"LOOP_RETURNS_DATA_DIR": "runner"})
        ran = runner.json("run")
        reader = Shop(folder, simulator.base_url, env | {"LOOP_RETURNS_DATA_DIR": "_data"})
        yield Warehouse(ran, folder / "runner" / "loop.duckdb", reader, acted)


def test_no_column_comment_or_row_differs(whole_shop: WholeShop, warehouse: Warehouse) -> None:
    found = compared(whole_shop.published, warehouse.published, OWN | FILES)

    assert found.columns == []
    assert found.comments == []
    assert found.different == {}
    assert found.rows > 20_000


def test_a_machine_that_only_reads_says_what_the_run_said(warehouse: Warehouse) -> None:
    told = {"published", "published_at"}  # where its own file is

    status = warehouse.reader.json("status")
    events = warehouse.reader.json("explain", str(warehouse.acted[0]))["events"]
    page = notebook("one_return", warehouse.reader.data / "loop.duckdb", return_id=str(warehouse.acted[0]))

    assert {key: value for key, value in status.items() if key not in told} == {
        key: warehouse.ran[key] for key in status.keys() - told
    }
    assert {"asked: flag", "action: CONFIRMED"} <= {event["event"] for event in events}
    assert len(page.rows("What happened, in time order")) == len(events)
