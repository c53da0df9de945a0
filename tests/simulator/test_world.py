"""The truth: the same twice, of a real shop's shape, and living on."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from loop_returns.simulator.app import Simulator
from loop_returns.simulator.truth import Return
from loop_returns.simulator.world import PII_MARKERS, World, build_world

from .conftest import END, Reader


def rendered(world: World) -> tuple[str, dict[str, Any], dict[str, list[str]]]:
    return repr([vars_of(each) for each in world.returns]), world.expected(), world.planted


def vars_of(owner: Return) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in ("id", "state", "updated_at", "outcome", "label_status")}


def test_the_same_arguments_give_the_same_shop() -> None:
    one, other = build_world(end=END), build_world(end=END)
    one.advance(1)
    other.advance(1)

    assert rendered(one) == rendered(other)
    assert rendered(build_world(end=END)) != rendered(build_world(end=END, seed=8))


def test_the_same_arguments_give_the_same_bytes(quiet: Reader) -> None:
    import requests

    query = {"from": "2026-08-01", "to": "2026-11-20T12:00:00Z", "paginate": "false"}
    with Simulator(build_world(end=END)) as other:
        again = Reader(other, requests.Session()).get("/warehouse/return/list", **query).content

    assert quiet.get("/warehouse/return/list", **query).content == again


def test_states_have_a_real_shops_shares() -> None:
    states = Counter(each.state for each in build_world(end=END, returns=4000, clean=True).returns)

    assert states.keys() == {"open", "closed", "cancelled", "expired", "review"}
    assert 0.58 < states["closed"] / 4000 < 0.66
    assert 0.17 < states["open"] / 4000 < 0.24
    assert min(states["cancelled"], states["expired"], states["review"]) > 120


def test_nothing_is_dated_after_the_present() -> None:
    world = build_world(end=END, clean=True)
    for _ in range(3):
        latest = max(max(each.created_at, each.updated_at) for each in world.returns)
        assert latest <= world.end
        assert all(each.created_at <= each.updated_at for each in world.returns)
        world.advance(5)


def test_some_returns_share_a_second_or_an_order(world: World) -> None:
    seconds = Counter(each.created_at for each in world.returns)
    orders = Counter(each.order.order_id for each in world.returns)

    assert max(seconds.values()) >= 2
    assert sum(1 for count in orders.values() if count > 1) >= 2


def test_expected_is_what_the_api_shows(quiet: Reader) -> None:
    expected = quiet.loop.world.expected()

    rows, notices = quiet.everything(), quiet.notices()

    assert {key: (row["state"], row["updated_at"]) for key, row in rows.items()} == expected["returns"]
    assert {
        (key, line["line_item_id"]) for key, row in rows.items() for line in row["line_items"]
    } == expected["line_items"]
    assert {(key, item["exchange_id"]) for key, row in rows.items() for item in row["exchanges"]} == expected[
        "exchanges"
    ]
    assert {
        (key, str(place)) for key, row in rows.items() for place, _ in enumerate(row["labels"])
    } == expected["labels"]
    assert {(str(row["id"]), row["return_line_item_id"]) for row in notices} == expected["asn"]


def test_a_day_changes_states_lines_and_rows_that_commit_late(reader: Reader) -> None:
    world = reader.loop.world
    before, then = reader.everything(), world.end

    world.advance(1)
    after = reader.everything()

    assert world.end == then + timedelta(days=1)
    moves = {(before[key]["state"], after[key]["state"]) for key in before}
    assert {("open", "closed"), ("open", "cancelled"), ("open", "review"), ("review", "open")} <= moves
    assert after.keys() > before.keys()
    lost = [key for key in before if len(after[key]["line_items"]) < len(before[key]["line_items"])]
    assert lost
    assert all(after[key]["edited_at"] == after[key]["updated_at"] for key in lost)
    changed = [key for key in before if before[key] != after[key]]
    assert all(after[key]["updated_at"] > before[key]["updated_at"] for key in changed)
    late = [key for key in changed if after[key]["updated_at"] <= then.isoformat()]
    late_born = [key for key in after.keys() - before.keys() if after[key]["created_at"] < then.isoformat()]
    assert late
    assert late_born


def test_advance_keeps_expected_and_planted_true(reader: Reader) -> None:
    reader.loop.world.advance(1)

    expected = reader.loop.world.expected()

    rows = reader.everything()
    assert {key: (row["state"], row["updated_at"]) for key, row in rows.items()} == expected["returns"]


def test_a_clean_shop_plants_nothing() -> None:
    world = build_world(end=END, clean=True)
    assert world.planted == {}

    world.advance(1)
    assert world.planted == {}


def test_every_personal_value_carries_a_marker(quiet: Reader) -> None:
    values = quiet.loop.world.personal_values()

    assert len(values) > 1000
    assert [value for value in values if not any(marker in value for marker in PII_MARKERS)] == []


def test_marked_values_are_known_and_nothing_else_is_personal(quiet: Reader) -> None:
    values = quiet.loop.world.personal_values()

    def texts(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for each in value.values() for text in texts(each)]
        if isinstance(value, list):
            return [text for each in value for text in texts(each)]
        return [value] if isinstance(value, str) else []

    shown = set(texts([list(quiet.everything().values()), quiet.notices()]))
    marked = {text for text in shown if any(marker in text for marker in PII_MARKERS)}
    assert marked <= values
    assert {text for text in shown - marked if "@" in text or "://" in text} == set()


@pytest.mark.parametrize("returns", [1, 20, 160])
def test_small_shops_have_the_returns_asked_for(returns: int) -> None:
    assert len(build_world(end=END, returns=returns, days=30).returns) == returns


def test_a_young_shop_is_as_healthy() -> None:
    world = build_world(end=END, returns=300, days=5, clean=True)

    assert min(each.created_at for each in world.returns) >= END - timedelta(days=26)
    assert {each.state for each in world.returns} == {"open", "closed", "cancelled", "expired", "review"}


def test_rows_have_the_documented_sentinels(quiet: Reader) -> None:
    rows = list(quiet.everything().values())
    lines = [line for row in rows for line in row["line_items"]]

    assert {"N/A", ""} <= {row["carrier"] for row in rows}
    assert {"N/A"} <= {row["label_updated_at"] for row in rows}
    assert {type(row["label_rate"]) for row in rows} == {int, str, type(None)}
    assert {type(row["return_method"]) for row in rows} == {dict, type(None)}
    assert {"", "N/A"} <= {line["barcode"] for line in lines}
    assert "" in {line["exchange_variant"] for line in lines}
    assert "N/A" in {line["return_comment"] for line in lines}
    assert {None, ""} <= {line["parent_return_reason"] for line in lines}
    assert any(Decimal(line["price"]) < 0 for line in lines)
    assert any(len(row["labels"]) > 1 for row in rows)
    assert {row["currency"] for row in rows} >= {"USD", "EUR", "GBP", "JPY"}
    assert {row["outcome"] for row in rows} == {
        "refund",
        "exchange",
        "credit",
        "upsell",
        "exchange+refund",
        "exchange+credit",
        "credit+refund",
    }
