"""kill -9 at any moment, and run again: no row lost, none doubled."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Literal

import pytest

from conftest import END
from loop_returns.simulator.app import Switches
from loop_returns.simulator.world import build_world
from support.truth import assert_complete

Order = Literal["desc", "asc", "shuffled"]


def _run_with_kills(
    open_shop: Callable[..., Any], order: Order, returns: int, kills: int, *words: str
) -> None:
    shop, simulator = open_shop(
        build_world(seed=11, returns=returns, days=170, end=END), Switches(page_order=order)
    )
    shop.env |= {"SOURCES__LOOP_RETURNS__PAGE_SIZE": "250", "SOURCES__LOOP_RETURNS__BATCH_ROWS": "1000"}
    dice = random.Random(f"{order}{returns}")
    killed = 0
    while killed < kills:
        process = shop.start(*words)
        time.sleep(dice.uniform(0.8, 1.5 + returns / 1_500))
        process.kill()
        process.communicate()
        killed += process.returncode == -9
        if killed % 3 == 0:
            simulator.world.advance(0.05)
    shop.loop(*words, LOOP_RETURNS_AS_OF=simulator.world.end.isoformat())

    assert_complete(shop.place, simulator.world, gone_notices=True)
    assert shop.rows("select count(*) from loop_raw.pull_windows where status <> 'complete'") == [(0,)]
    bounds = shop.rows("select count(distinct bound) from loop_raw.pull_windows group by run_id")
    assert all(count == 1 for (count,) in bounds)


@pytest.mark.parametrize("order", ["desc", "asc", "shuffled"])
def test_given_kills_at_random_moments_then_no_row_is_lost_or_doubled(
    order: Order, open_shop: Callable[..., Any]
) -> None:
    _run_with_kills(open_shop, order, 2_500, 5, "load")


@pytest.mark.parametrize("open_either", ["postgres"], indirect=True)
def test_given_kills_while_postgres_is_loaded_then_no_row_is_lost_or_doubled(
    open_either: Callable[..., Any],
) -> None:
    _run_with_kills(open_either, "shuffled", 1_200, 3, "load")


@pytest.mark.slow
@pytest.mark.parametrize("order", ["desc", "asc", "shuffled"])
def test_given_twenty_kills_over_twenty_thousand_returns_then_none_is_lost(
    order: Order, open_shop: Callable[..., Any]
) -> None:
    _run_with_kills(open_shop, order, 20_000, 20, "run")


def test_a_killed_pull_goes_on_at_its_own_bound(open_shop: Callable[..., Any]) -> None:
    shop, simulator = open_shop(build_world(seed=11, returns=1_000, days=170, end=END))
    simulator.latency = 0.3
    process = shop.start("load")
    while len(simulator.seen) < 6:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    simulator.latency = 0

    simulator.world.advance(0.1)
    result = shop.json("load", LOOP_RETURNS_AS_OF=simulator.world.end.isoformat())["load"]

    assert result["resumed"] is True
    bounds = shop.rows("select distinct bound from loop_raw.pull_windows order by 1")
    assert bounds == [(END,), (simulator.world.end,)]
    assert_complete(shop.work_file, simulator.world, gone_notices=True)
