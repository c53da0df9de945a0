"""`verify` counts again at the API and names the windows that differ; the limit holds all the while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb

from conftest import END
from loop_returns.simulator.app import Switches
from loop_returns.simulator.world import build_world

OpenShop = Callable[..., Any]


def test_a_complete_pull_verifies(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    shop.loop("load")

    found = shop.json("verify")

    assert found["holds"] is True
    returns = [window for window in found["windows"] if window["endpoint"] == "returns"]
    assert sum(window["api"] for window in returns) == len(simulator.world.expected()["returns"])


def test_rows_that_commit_late_are_named_and_the_next_run_heals_them(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    shop.loop("load")
    simulator.world.advance(0.5)
    now = {"LOOP_RETURNS_AS_OF": simulator.world.end.isoformat()}

    found = shop.json("verify", exit_code=1, **now)
    shop.loop("load", **now)

    late = [one for window in found["windows"] for one in window["missing"] + window["stale"]]
    assert found["changed_since"] > len(late) > 0
    assert shop.json("verify", **now)["holds"] is True


def test_rows_that_were_lost_changed_or_made_up_are_named_with_their_window(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    shop.loop("load")
    with duckdb.connect(str(shop.work_file)) as database:
        sql = "select id from loop_raw.returns where state = 'closed' order by updated_at limit 3"
        lost, stale, copied = (row[0] for row in database.execute(sql).fetchall())
        database.execute("delete from loop_raw.returns where id = ?", [lost])
        database.execute("update loop_raw.returns set state = 'open' where id = ?", [stale])
        database.execute(
            "insert into loop_raw.returns by name"
            " select * replace ('999' as id) from loop_raw.returns where id = ?",
            [copied],
        )
        database.execute("delete from loop_raw.advanced_shipping_notices where id = ?", [lost])

    found = shop.json("verify", exit_code=1)
    differing = [
        window for window in found["windows"] if window["missing"] or window["stale"] or window["extra"]
    ]

    assert {tuple(window["missing"]) for window in differing if window["endpoint"] == "returns"} == {(lost,)}
    assert [window["stale"] for window in differing if window["endpoint"] == "returns"] == [[stale]]
    assert [window["extra"] for window in differing if window["endpoint"] == "returns"] == [["999"]]
    assert all(
        one.startswith(f"{lost}/") for w in differing if w["endpoint"] != "returns" for one in w["missing"]
    )
    said = shop.loop("verify", exit_code=1).stdout
    assert "returns (default), 2026-05-01" in said
    assert "hint: loop-returns run --from" in said


def test_the_limit_is_never_exceeded(open_shop: OpenShop) -> None:
    shop, simulator = open_shop(
        build_world(seed=3, returns=1_000, days=150, end=END), Switches(rate_limit=60)
    )
    shop.env |= {"SOURCES__LOOP_RETURNS__REQUESTS_PER_MINUTE": "60", "SOURCES__LOOP_RETURNS__PAGE_SIZE": "25"}

    shop.loop("load", timeout=200)

    assert simulator.max_in_a_minute <= 60
    assert [request for request in simulator.seen if request.status == 429] == []
