"""A pull is complete, for each way in which the API may behave, and after the shop has lived on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

from conftest import END
from loop_returns.simulator.app import Switches
from loop_returns.simulator.world import build_world
from support.truth import assert_complete

Order = Literal["desc", "asc", "shuffled"]
BEHAVIOURS = {
    "as documented": Switches(),
    "oldest first, cursor by the filter": Switches(page_order="asc", cursor="filter_field"),
    "newest first, cursor by creation": Switches(cursor="created_at"),
    "shuffled, opaque cursor, number ids": Switches(page_order="shuffled", cursor="opaque", ids="number"),
    "open bounds, naive times": Switches(bounds="none", times="naive", last_page="absent"),
    "upper bound only, zoned times": Switches(bounds="to", times="z", next_link_keeps="all"),
    "notices by update, own ids": Switches(asn_filter="updated_at", asn_id="row", condition="object"),
    "small pages refused above": Switches(page_size_max=750, above_max="refuse", rate_limit=100_000),
}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_every_row_is_there_once_whatever_the_api_behaves_like(
    name: str, open_shop: Callable[..., Any]
) -> None:
    switches = BEHAVIOURS[name]
    shop, simulator = open_shop(build_world(seed=3, returns=1_200, days=150, end=END), switches)
    shop.env["SOURCES__LOOP_RETURNS__PAGE_SIZE"] = "100"

    shop.loop("load")

    assert_complete(shop.work_file, simulator.world, asn_id=switches.asn_id)
    states = {state for (state,) in shop.rows("select distinct state from loop_raw.returns")}
    assert states >= {"open", "closed", "cancelled", "expired", "review"}


@pytest.mark.parametrize("order", ["desc", "asc", "shuffled"])
def test_what_changed_is_there_after_the_next_run(order: Order, open_shop: Callable[..., Any]) -> None:
    shop, simulator = open_shop(
        build_world(seed=4, returns=600, days=150, end=END), Switches(page_order=order)
    )
    shop.loop("load")

    for _ in range(2):
        simulator.world.advance(1)
        shop.loop("load", LOOP_RETURNS_AS_OF=simulator.world.end.isoformat())
        assert_complete(shop.work_file, simulator.world, gone_notices=True)


def test_rows_that_change_while_the_passes_run_are_there_after_the_next_run(
    open_shop: Callable[..., Any],
) -> None:
    shop, simulator = open_shop(build_world(seed=5, returns=900, days=150, end=END))
    shop.env["SOURCES__LOOP_RETURNS__PAGE_SIZE"] = "50"
    seen = 0

    def live_on(request: object) -> None:
        nonlocal seen
        seen += 1
        if seen % 7 == 0 and seen < 60:
            simulator.world.advance(0.01)

    simulator.fail_when = live_on
    shop.loop("load")
    simulator.fail_when = None
    shop.loop("load", LOOP_RETURNS_AS_OF=simulator.world.end.isoformat())

    assert_complete(shop.work_file, simulator.world, gone_notices=True)


def test_a_second_run_reads_only_the_overlap_and_changes_no_row(open_shop: Callable[..., Any]) -> None:
    shop, _ = open_shop()
    first = shop.json("load")["load"]
    before = shop.rows("select * exclude (fetched_at, _dlt_load_id) from loop_raw.returns order by id")
    history = shop.rows("select * from loop_raw.return_history order by all")

    second = shop.json("load")["load"]

    assert first["requests"] == 14
    assert second["requests"] == 4
    assert (
        shop.rows("select * exclude (fetched_at, _dlt_load_id) from loop_raw.returns order by id") == before
    )
    assert shop.rows("select * from loop_raw.return_history order by all") == history


def test_the_history_keeps_each_version_that_was_seen(open_shop: Callable[..., Any]) -> None:
    shop, simulator = open_shop()
    shop.loop("load")
    simulator.world.advance(1)
    shop.loop("load", LOOP_RETURNS_AS_OF=simulator.world.end.isoformat())

    moved = shop.rows(
        "select return_id, list(state order by observed_at) from loop_raw.return_history"
        " group by return_id having count(distinct state) > 1"
    )
    now = dict(shop.rows("select id, state from loop_raw.returns"))
    assert moved
    assert all(states[-1] == now[return_id] for return_id, states in moved)
    assert shop.rows(
        "select count(*) - count(distinct (return_id, version_key)) from loop_raw.return_history"
    ) == [(0,)]


def test_the_least_possible_requests_are_used(open_shop: Callable[..., Any]) -> None:
    shop, simulator = open_shop(
        build_world(seed=3, returns=3_000, days=150, end=END), Switches(page_order="asc")
    )
    shop.env["SOURCES__LOOP_RETURNS__PAGE_SIZE"] = "100"

    shop.loop("load")

    pages = shop.rows(
        "select sum(greatest(1, ceil(rows / 100.0))) from loop_raw.pull_windows where endpoint = 'returns'"
    )
    notices = shop.rows("select count(*) from loop_raw.pull_windows where endpoint <> 'returns'")
    least = int(pages[0][0]) + notices[0][0]
    assert len(simulator.seen) <= least * 1.05


def test_the_proof_of_what_was_read_is_in_the_tables(open_shop: Callable[..., Any]) -> None:
    shop, _ = open_shop()
    shop.loop("load")

    rows = shop.rows(
        "select endpoint, pass, count(*), min(window_from)::date::varchar, max(window_to), max(bound),"
        " count(*) filter (status = 'complete'), max(window_to - window_from) <= interval 90 days"
        " from loop_raw.pull_windows group by all order by all"
    )
    assert [row[:4] for row in rows] == [
        ("advanced_shipping_notices", "all", 3, "2026-05-01"),
        ("returns", "cancelled", 3, "2026-05-01"),
        ("returns", "default", 5, "2026-05-01"),
        ("returns", "review", 3, "2026-05-01"),
    ]
    assert all(row[4:6] == (END, END) and row[6:] == (row[2], True) for row in rows)


def test_an_earlier_start_is_read_as_the_hole_that_it_is(open_shop: Callable[..., Any]) -> None:
    shop, simulator = open_shop()
    shop.loop("load", SOURCES__LOOP_RETURNS__START_DATE="2026-09-01")
    simulator.seen.clear()

    shop.loop("load")

    assert_complete(shop.work_file, simulator.world)
    asked = {request.query["from"][:10] for request in simulator.seen if "list" in request.path}
    assert asked == {"2026-04-30", "2026-07-29", "2026-11-18"}


def test_from_and_to_read_that_span_again(open_shop: Callable[..., Any]) -> None:
    shop, simulator = open_shop()
    shop.loop("load")
    simulator.seen.clear()

    shop.loop("load", "--from", "2026-06-01", "--to", "2026-07-01")

    assert [request.query["to"][:10] for request in simulator.seen] == ["2026-07-01"] * 4
    assert_complete(shop.work_file, simulator.world)


def test_a_window_that_the_api_refuses_is_halved(open_shop: Callable[..., Any]) -> None:
    shop, simulator = open_shop(None, Switches(max_span_days=40, asn_max_span_days=20))

    shop.loop("load")

    assert_complete(shop.work_file, simulator.world)
    spans = shop.rows(
        "select endpoint, max(window_to - window_from) < interval 40 days"
        " from loop_raw.pull_windows group by all"
    )
    assert all(short for _, short in spans)
    assert shop.rows("select count(*) from loop_raw.pull_windows where status <> 'complete'") == [(0,)]
