"""The whole job against a shop with planted discrepancies: each is found, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from conftest import END, Shop
from loop_returns.simulator.app import Switches
from loop_returns.simulator.world import build_world

OpenShop = Callable[..., Any]
OWN_RECORDS = {
    "fetched_at",
    "started_at",
    "finished_at",
    "first_read_at",
    "last_read_at",
    "run_id",
    "seen_at",
}


def found(shop: Shop) -> dict[str, list[str]]:
    """Breaks and findings of the published file, keyed as the world keys what it planted."""
    held: dict[str, list[str]] = {}
    breaks = shop.rows(
        "select recon, break_type, coalesce(return_id, split_part(entity, ':', 2)),"
        " split_part(entity, ':', 3)"
        " from marts.breaks",
        published=True,
    )
    for recon, kind, subject, detail in breaks:
        name = f"{recon}.{kind}.{detail}" if recon == "recon_money" else f"{recon}.{kind}"
        held.setdefault(name, []).append(subject)
    for check, return_id in shop.rows(
        "select distinct check_id, return_id from marts.data_quality_findings where return_id is not null",
        published=True,
    ):
        held.setdefault(f"data_quality.{check}", []).append(return_id)
    for name in ("timing", "not_comparable"):
        rows = shop.rows(
            f"select return_id from marts.recon_endpoint where match_class = '{name}'", published=True
        )
        held[f"recon_endpoint.{name}"] = [row[0] for row in rows]
    return {name: sorted(ids) for name, ids in held.items() if ids}


BEHAVIOURS = {
    "as documented": Switches(),
    "ids as numbers, naive times, condition as object": Switches(
        ids="number", times="naive", condition="object"
    ),
    "notices by update, oldest first": Switches(asn_filter="updated_at", page_order="asc", times="z"),
}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_every_planted_discrepancy_is_found_and_no_other(name: str, open_shop: OpenShop) -> None:
    shop, simulator = open_shop(build_world(seed=21, returns=600, days=170, end=END), BEHAVIOURS[name])
    shop.plan()

    shop.loop("run")

    held, planted = found(shop), simulator.world.planted
    young = planted.pop("recon_endpoint.timing")
    assert set(young) <= set(held.pop("recon_endpoint.timing", []))
    assert held == planted


def test_a_clean_shop_has_no_break(open_shop: OpenShop) -> None:
    shop, simulator = open_shop(build_world(seed=22, returns=600, days=170, end=END, clean=True))
    shop.plan()

    first = shop.json("run")
    simulator.world.advance(1)
    second = shop.json("run", LOOP_RETURNS_AS_OF=simulator.world.end.isoformat())

    assert first["breaks"]["open"] == second["breaks"]["open"] == 0
    assert {name: ids for name, ids in found(shop).items() if not name.endswith(".timing")} == {}
    assert set(second["checks"]) <= {"ok", "notice"}
    assert shop.loop("status").stdout.count("everything reconciles") == 1


def marts(shop: Shop) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every mart, without the columns that record the run itself."""
    columns: dict[str, list[str]] = {}
    for table, column in shop.rows(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'marts' order by 1, 2",
        published=True,
    ):
        if column not in OWN_RECORDS:
            columns.setdefault(table, []).append(f'"{column}"')
    return {
        table: shop.rows(f"select {', '.join(names)} from marts.{table} order by all", published=True)
        for table, names in columns.items()
    }


def test_running_again_changes_nothing(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    shop.plan()
    shop.loop("run")
    before = marts(shop)

    shop.loop("run")

    after = marts(shop)
    assert {name for name in before if before[name] != after[name]} <= {"recon_coverage"}
    assert len(before) >= 10


def test_neither_the_order_of_the_rows_nor_the_zone_of_the_machine_matters(open_shop: OpenShop) -> None:
    world = build_world(seed=23, returns=400, days=170, end=END)
    shops = [
        open_shop(world, Switches(page_order=order, cursor="opaque"))[0] for order in ("desc", "shuffled")
    ]
    for shop, zone in zip(shops, ("UTC", "Asia/Tokyo"), strict=True):
        shop.plan()
        shop.env["SOURCES__LOOP_RETURNS__PAGE_SIZE"] = "50"
        shop.loop("run", TZ=zone)

    first, second = map(marts, shops)
    assert [name for name in first if first[name] != second[name]] == []


def test_a_break_that_is_mended_is_cleared_and_stays_in_the_ledger(open_shop: OpenShop) -> None:
    shop, simulator = open_shop(build_world(seed=7, returns=400, days=170, end=END - timedelta(days=8)))
    shop.plan()
    shop.loop("run", LOOP_RETURNS_AS_OF=simulator.world.end.isoformat())
    before = shop.rows("select break_key, first_seen_at from marts.open_breaks order by 1", published=True)
    simulator.world.advance(4)

    shop.loop("run", LOOP_RETURNS_AS_OF=simulator.world.end.isoformat())

    now = dict(shop.rows("select break_key, first_seen_at from marts.open_breaks", published=True))
    gone = [key for key, _ in before if key not in now]
    assert all(now[key] == first for key, first in before if key in now)
    ledger = shop.rows(
        "select break_key from marts.break_ledger where cleared_at is not null", published=True
    )
    assert set(gone) <= {key for (key,) in ledger}
    assert len(now) > 20


def test_a_control_total_that_does_not_add_up_leaves_the_published_file_as_it_was(
    open_shop: OpenShop,
) -> None:
    shop, _ = open_shop()
    shop.plan()
    shop.loop("run")
    before = shop.published.read_bytes()
    import duckdb

    with duckdb.connect(str(shop.work_file)) as database:
        database.execute("insert into loop_raw.returns select * from loop_raw.returns limit 1")
    returns = shop.rows("select count(*) from loop_raw.returns", published=True)

    error = shop.loop("build", exit_code=6).stderr

    assert error.startswith("error: ")
    assert shop.published.read_bytes() == before

    (one,) = shop.rows("select return_id from marts.open_breaks where return_id is not null limit 1")[0]
    bad = "select count(*) from marts.data_quality_findings"
    shown = shop.rows(bad, published=True)
    said = shop.loop("flag", one, "--action", "flag", "--reason", "seen").stderr
    assert "the last build did not come to its end" in said
    assert shop.rows("select return_id from ops.flagged_items", published=True) == [(one,)]
    assert shop.rows("select count(*) from loop_raw.returns", published=True) == returns
    assert shop.rows(bad, published=True) == shown
