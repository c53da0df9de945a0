"""As many connections as the limit can feed, and never more requests than the limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conftest import END
from loop_returns.simulator.world import build_world
from support.truth import assert_complete

OpenShop = Callable[..., Any]


def test_given_a_slow_api_when_many_windows_are_read_then_they_are_read_side_by_side(
    open_shop: OpenShop,
) -> None:
    shop, simulator = open_shop(build_world(seed=3, returns=600, days=150, end=END))
    shop.env |= {
        "SOURCES__LOOP_RETURNS__WINDOW_DAYS": "5",
        "SOURCES__LOOP_RETURNS__REQUESTS_PER_MINUTE": "600",
        "SOURCES__LOOP_RETURNS__START_DATE": "2026-06-20",
    }
    simulator.latency = 0.5

    shop.loop("load")

    assert len(simulator.seen) == 4 * 31 + 1
    seconds = simulator.seen[-1].at - simulator.seen[0].at
    assert seconds < len(simulator.seen) * simulator.latency / 2
    assert shop.rows("select count(*) from loop_raw.pull_windows where status <> 'complete'") == [(0,)]
    assert_complete(shop.work_file, simulator.world)


def test_given_a_fast_api_then_one_connection_is_enough(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    shop.env["SOURCES__LOOP_RETURNS__REQUESTS_PER_MINUTE"] = "60"

    shop.loop("load")

    ends = [request.at for request in simulator.seen]
    assert ends == sorted(ends)
    newest_first = [request.query["from"] for request in simulator.seen if "state" not in request.query]
    assert newest_first == sorted(newest_first, reverse=True)


def test_an_error_in_one_window_ends_the_run_and_keeps_what_the_others_read(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    simulator.latency = 0.3
    simulator.fail_when = lambda request: 422 if request.query.get("state") == "cancelled" else None

    error = shop.loop("load", exit_code=1).stderr

    assert "pass cancelled" in error
    marks = dict(
        shop.rows("select pass, count(*) from loop_raw.pull_windows where status = 'complete' group by all")
    )
    assert marks["default"] == 5
    assert "cancelled" not in marks
    simulator.fail_when = None
    shop.loop("load")
    assert_complete(shop.work_file, simulator.world)
