"""The exports of the simulated shop: a clean shop agrees with them, each plant shows, no trap does."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loop_returns.simulator.details import refunds_of
from loop_returns.simulator.elsewhere.files import Elsewhere, plant, render
from loop_returns.simulator.elsewhere.plants import PLANTS
from loop_returns.simulator.elsewhere.traps import TRAPS
from loop_returns.simulator.render import Rows
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.world import World, build_world
from loop_returns.warehouse.extracts.privacy import Privacy
from loop_returns.warehouse.extracts.reading import read
from loop_returns.warehouse.extracts.sources import sources
from loop_returns.warehouse.place import Place
from simulator.elsewhere_oracle import differences

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONLY_IN_LOOP = {
    "recon_refund.loop_header_vs_refunds",
    "recon_exchange.pending_not_processed",
    "recon_receipt.restock_mismatch",
    "recon_receipt.paid_never_shipped",
}
YOUNG = {key for key in PLANTS if key.endswith(".timing")}


def shop(seed: int = 31) -> World:
    return build_world(seed=seed, returns=300, days=170, end=END, clean=True)


@pytest.fixture(scope="module")
def world() -> World:
    planted = shop()
    plant(planted)
    return planted


@pytest.fixture(scope="module")
def exports(world: World) -> Elsewhere:
    return render(world)


def test_in_a_clean_shop_everything_agrees_and_goes_on_to() -> None:
    world = shop()

    for _ in range(3):
        elsewhere = render(world)
        assert differences(world, elsewhere.sheets) == set()
        assert elsewhere.expected == elsewhere.traps == {}
        world.advance(2)
    assert all(rows for name, rows in elsewhere.sheets.items() if name != "shopify_returns")


def test_each_planted_discrepancy_shows_in_its_mart_and_nothing_else_does(
    world: World, exports: Elsewhere
) -> None:
    cases = {str(each.id): each.elsewhere for each in world.returns if each.elsewhere}

    found = differences(world, exports.sheets)

    assert [one for one in found if not cases.get(one[1], "").startswith(one[0] + ".")] == []
    shown = {cases[return_id] for _, return_id in found}
    assert shown == set(PLANTS) - ONLY_IN_LOOP - YOUNG


def test_what_must_be_found_is_said_for_every_class_and_trap(world: World, exports: Elsewhere) -> None:
    assert {f"{mart}.{kind}" for (mart, _), kind in exports.expected.items()} == set(PLANTS)
    assert {f"trap.{name}" for name in exports.traps.values()} == set(TRAPS)
    assert len(exports.expected) == 2 * len(PLANTS)
    assert len(exports.traps) == 2 * len(TRAPS)
    ids = {str(each.id) for each in world.returns}
    subjects = {subject for _, subject in exports.expected}
    assert {subject.split(":")[0] for subject in subjects - ids} == {"refund", "card"}


def test_traps_have_what_makes_them_traps(world: World, exports: Elsewhere) -> None:
    trapped: dict[str, list[Any]] = {}
    for each in world.returns:
        if name := exports.traps.get(str(each.id)):
            trapped.setdefault(name, []).append(each)
    refunds = exports.sheets["shopify_refunds"]

    def paid(owner: Any) -> list[dict[str, str]]:
        return [row for row in refunds if row["order_id"] == str(owner.order.provider_order_id)]

    one, other = trapped["two_equal_refunds_on_one_order"]
    assert one.order == other.order
    assert one.money.refund == other.money.refund
    assert one.row_patch["shopify_refund_object"] == []
    one, other = trapped["one_refund_for_two_returns"]
    assert one.money.refund != other.money.refund
    assert len({row["refund_id"] for row in paid(one)}) == 1
    assert {row["gateway_name"] for row in paid(trapped["mixed_payment"][0])} == {"gift_card", "paypal"}
    assert [row for row in paid(trapped["cashless_refund"][0]) if not row["transaction_amount"]]
    assert all(each.edited_at for each in trapped["edited_return"])
    assert all(each.exchange_order == each.order.provider_order_id for each in trapped["native_exchange"])
    one, other = trapped["exchange_of_an_exchange"]
    sent = {
        row["line_id"]
        for row in exports.sheets["shopify_order_lines"]
        if row["order_id"] == str(other.order.provider_order_id)
    }
    assert {str(line.provider_line_item_id) for line in other.lines} == sent
    assert sent == {str(14_000_000_000_000 + item.exchange_id) for item in one.exchanges}
    assert all(
        {parcel.status for parcel in each.parcels} == {"delivered", None}
        for each in trapped["several_labels"]
    )
    assert all(each.closed_at < each.first_scan_at for each in trapped["instant_exchange"])


def test_loop_shows_what_makes_them_traps(world: World, exports: Elsewhere) -> None:
    rows = Rows(Switches())
    shown: dict[str, list[dict[str, Any]]] = {}
    for each in world.returns:
        if name := exports.traps.get(str(each.id)):
            shown.setdefault(name, []).append(rows.row(each))

    for row in shown["several_labels"]:
        assert [label["status"] for label in row["labels"]] == ["delivered", "in_transit"]
    for row in shown["native_exchange"]:
        assert {str(item["exchange_order_id"]) for item in row["exchanges"]} == {row["provider_order_id"]}
        assert {item["exchange_order_name"] for item in row["exchanges"]} == {row["order_name"]}
    for row in shown["one_refund_for_two_returns"]:
        assert row["shopify_refund_object"] == []
    (short, _) = [each for each in world.returns if each.elsewhere == "recon_refund.loop_header_vs_refunds"]
    (refund,) = refunds_of(short)
    assert Decimal(refund["amount"]).scaleb(short.digits) == short.money.refund - 100


def test_the_same_seed_gives_the_same_exports(exports: Elsewhere) -> None:
    again = shop()
    plant(again)

    assert render(again) == exports


def test_the_files_are_read_without_a_refused_row(exports: Elsewhere, tmp_path: Path) -> None:
    tables = exports.write(tmp_path / "exports")
    beside = tomllib.loads((tmp_path / "exports" / "loop.toml").read_text())
    assert set(beside["extracts"]) == set(tables) == set(exports.sheets)
    privacy = Privacy("drop", hide=lambda value: None, scrub=lambda value: value)

    done = read(Place(tmp_path / "work.duckdb"), sources(beside, tmp_path / "exports"), privacy, END)

    assert {one.name: (one.rows, one.rejected) for one in done} == {
        name: (len(rows), 0) for name, rows in exports.sheets.items()
    }
    with duckdb.connect(str(tmp_path / "work.duckdb")) as database:
        ((named, all_),) = database.execute(
            "select count(loop_return_id), count(*) from ext.shopify_gift_cards"
        ).fetchall()
        ((receipts,),) = database.execute(
            "select count(*) from ext.receipts where receipt_id not like 'WR' || loop_return_id || '-%'"
        ).fetchall()
    assert named == all_ > 0
    assert receipts == 0
