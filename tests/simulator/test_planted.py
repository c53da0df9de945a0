"""The planted map against the rows, by arithmetic that knows nothing of how they were planted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from loop_returns.simulator.app import Simulator
from loop_returns.simulator.world import build_world

from .conftest import END, Reader

Row = dict[str, Any]
KNOWN_LABELS = {
    "N/A",
    "new",
    "pre_transit",
    "in_transit",
    "out_for_delivery",
    "delivered",
    "failure",
    "error",
}
NO_PARCEL = {"keep_item", "in_store"}


@dataclass
class Seen:
    """What the API shows of a shop."""

    end: datetime
    rows: dict[str, Row]
    notices: dict[str, list[Row]]
    orphans: list[str]
    details: Callable[[str], Row]
    planted: dict[str, list[str]]


def look(reader: Reader) -> Seen:
    rows, by_return, orphans = reader.everything(), defaultdict(list), []
    known = {line["line_item_id"] for row in rows.values() for line in row["line_items"]}
    for notice in reader.notices():
        if str(notice["id"]) in rows and notice["return_line_item_id"] not in known:
            orphans.append(notice["return_line_item_id"])
        else:
            by_return[str(notice["id"])].append(notice)
    world = reader.loop.world
    return Seen(world.end, rows, by_return, sorted(orphans), lambda key: rows[key], world.planted)


@pytest.fixture(scope="module", params=["new", "a day on", "clean", "clean, a day on"])
def seen(request: pytest.FixtureRequest) -> Seen:
    world = build_world(end=END, clean="clean" in request.param)
    if "a day on" in request.param:
        world.advance(1)
    with Simulator(world) as running:
        return look(Reader(running, requests.Session()))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def days_since(seen: Seen, text: str) -> float:
    return 0.0 if text == "N/A" else (seen.end - at(text)).total_seconds() / 86_400


def business_days(start: datetime, end: datetime) -> int:
    days = (start.date() + timedelta(days=n) for n in range(1, (end.date() - start.date()).days + 1))
    return sum(1 for day in days if day.weekday() < 5)


def has_parcel(row: Row) -> bool:
    return not row["return_method"] or row["return_method"]["method_type"] not in NO_PARCEL


def amount(row: Row, name: str) -> Decimal:
    return Decimal(row[name])


def matching(seen: Seen, test: Callable[[Row], bool]) -> list[str]:
    return sorted(key for key, row in seen.rows.items() if test(row))


def is_off(row: Row, side: str) -> bool:
    parts = amount(row, f"{side}_product_total") - amount(row, f"{side}_discount_total")
    return amount(row, f"{side}_total") != parts + amount(row, f"{side}_tax_total")


def has_off_line(row: Row) -> bool:
    return any(
        amount(line, "refund") != amount(line, "refund_item") + amount(line, "refund_tax")
        for line in row["line_items"]
    )


def is_unscanned(row: Row) -> bool:
    return row["label_status"] in ("new", "pre_transit", "N/A")


def differs(seen: Seen, row: Row, name: str) -> bool:
    return any(notice[name] != row[name] for notice in seen.notices.get(row["id"], []))


def outcome_of(row: Row) -> str:
    if amount(row, "upsell") > 0:
        return "upsell"
    parts = [("exchange", "exchange_total"), ("credit", "gift_card"), ("refund", "refund")]
    return "+".join(name for name, field in parts if amount(row, field) > 0)


def bad_grades(row: Row) -> bool:
    bad = {"incorrect_item", "missing", "junk", "grade_d"}
    return any((line["condition"] or {}).get("condition_category") in bad for line in row["line_items"])


def is_date(value: str | None) -> bool:
    return value is None or value[:2] == "20"


def test_money_breaks_are_exactly_the_planted_ones(seen: Seen) -> None:
    expected = {name: seen.planted.get(f"recon_money.amount_break.{name}", []) for name in ("C1", "C2", "C3")}

    assert matching(seen, lambda row: is_off(row, "return")) == expected["C1"]
    assert matching(seen, lambda row: is_off(row, "exchange")) == expected["C2"]
    assert matching(seen, has_off_line) == expected["C3"]


def test_wrong_amounts_are_half_to_twenty_away(seen: Seen) -> None:
    for key in seen.planted.get("recon_money.amount_break.C1", []):
        row = seen.rows[key]
        parts = amount(row, "return_product_total") - amount(row, "return_discount_total")
        off = abs(amount(row, "return_total") - parts - amount(row, "return_tax_total"))
        assert Decimal("0.50") <= off <= Decimal("20.00")


def test_everything_else_foots(seen: Seen) -> None:
    """C4, P1 to P5 and the one split G1b, wherever no amount was planted."""
    wrong = {key for name, keys in seen.planted.items() if "amount_break" in name for key in keys}
    for row in (row for key, row in seen.rows.items() if key not in wrong):
        lines = row["line_items"]
        for header, part in (("product", "price"), ("discount", "discount"), ("tax", "tax")):
            assert amount(row, f"return_{header}_total") == sum(amount(line, part) for line in lines)
        assert amount(row, "refund") == sum(amount(line, "refund") for line in lines)
        credit, used = amount(row, "return_credit_total"), amount(row, "exchange_credit_total")
        assert amount(row, "upsell") == max(Decimal(0), used - credit)
        value = amount(row, "return_total") + amount(row, "refund_shipping_total")
        assert value == credit + amount(row, "refund") + amount(row, "handling_fee")
        assert used == amount(row, "exchange_total")
        if row["outcome"] == "refund" and not row["exchanges"]:
            for line in lines:
                worth = amount(line, "price") - amount(line, "discount") + amount(line, "tax")
                assert amount(line, "refund") == worth


def test_endpoints_disagree_exactly_where_planted(seen: Seen) -> None:
    def planted(name: str) -> list[str]:
        return seen.planted.get(f"recon_endpoint.{name}", [])

    unnoticed = matching(seen, lambda row: has_parcel(row) and row["id"] not in seen.notices)
    young = [key for key in unnoticed if days_since(seen, seen.rows[key]["created_at"]) < 1]

    assert sorted(seen.notices.keys() - seen.rows.keys()) == planted("missing_in_list")
    assert young == planted("timing")
    assert sorted(set(unnoticed) - set(young)) == planted("missing_in_asn")
    assert matching(seen, lambda row: not has_parcel(row)) == planted("not_comparable")
    assert seen.orphans == planted("asn_orphan")
    assert matching(seen, lambda row: differs(seen, row, "state")) == planted("state_break")
    assert matching(seen, lambda row: differs(seen, row, "label_status")) == planted("label_break")
    assert matching(
        seen, lambda row: row["id"] in seen.notices and len(seen.notices[row["id"]]) != len(row["line_items"])
    ) == planted("line_count_break")


def test_endpoint_breaks_are_older_than_a_day(seen: Seen) -> None:
    for name in ("missing_in_asn", "line_count_break", "state_break", "label_break"):
        for key in seen.planted.get(f"recon_endpoint.{name}", []):
            assert days_since(seen, seen.rows[key]["updated_at"]) > 1


def test_goods_are_stuck_exactly_where_planted(seen: Seen) -> None:
    def planted(name: str) -> list[str]:
        return seen.planted.get(f"recon_receipt.{name}", [])

    def unpaid(row: Row) -> bool:
        return amount(row, "refund") + amount(row, "gift_card") <= 0

    def is_open(row: Row) -> bool:
        return row["state"] == "open" and has_parcel(row)

    def is_delivered_late(row: Row) -> bool:
        is_there = is_open(row) and row["label_status"] == "delivered" and not bad_grades(row)
        return is_there and business_days(at(row["label_updated_at"]), seen.end) > 3

    assert matching(
        seen,
        lambda row: row["state"] == "closed" and has_parcel(row) and not unpaid(row) and is_unscanned(row),
    ) == planted("paid_never_shipped")
    assert matching(seen, bad_grades) == planted("bad_grade")
    assert matching(seen, is_delivered_late) == planted("delivered_open")
    assert matching(
        seen,
        lambda row: (
            row["state"] in ("open", "closed", "review")
            and row["label_status"] in ("in_transit", "out_for_delivery")
            and days_since(seen, row["label_updated_at"]) > 14
        ),
    ) == planted("stalled_in_transit")
    assert matching(seen, lambda row: row["label_status"] in ("failure", "error")) == planted("label_failure")
    assert matching(
        seen, lambda row: is_open(row) and is_unscanned(row) and days_since(seen, row["created_at"]) > 14
    ) == planted("label_only")


def test_reviews_are_younger_than_three_days(seen: Seen) -> None:
    in_review = [row for row in seen.rows.values() if row["state"] == "review"]

    assert all(days_since(seen, row["updated_at"]) < 3 for row in in_review)


def test_data_is_odd_exactly_where_planted(seen: Seen) -> None:
    def planted(name: str) -> list[str]:
        return seen.planted.get(f"data_quality.{name}", [])

    states = {"open", "closed", "cancelled", "expired", "review"}
    fields = ("refund", "gift_card", "return_total", "return_credit_total", "handling_fee", "upsell")

    assert matching(seen, lambda row: row["state"] not in states) == planted("unknown_state")
    assert matching(seen, lambda row: row["label_status"] not in KNOWN_LABELS) == planted(
        "unknown_label_status"
    )
    assert matching(seen, lambda row: "loyalty_tier" in row) == planted("unknown_field")
    assert matching(seen, lambda row: any("loyalty_points" in line for line in row["line_items"])) == planted(
        "unknown_field"
    )
    assert matching(
        seen,
        lambda row: not row["total"].lstrip("-").replace(".", "").isdigit() or not is_date(row["edited_at"]),
    ) == planted("unfit_value")
    assert matching(
        seen, lambda row: len({line["line_item_id"] for line in row["line_items"]}) < len(row["line_items"])
    ) == planted("duplicate_line_item_id")
    assert matching(seen, lambda row: any(amount(row, field) < 0 for field in fields)) == planted(
        "negative_amount"
    )
    assert matching(seen, lambda row: days_since(seen, row["label_updated_at"]) < 0) == planted("future_date")
    assert matching(seen, lambda row: row["currency"] not in ("USD", "EUR", "GBP", "JPY")) == planted(
        "unknown_currency"
    )
    wrong = set(seen.planted.get("recon_money.amount_break.C2", []))
    assert matching(
        seen, lambda row: row["id"] not in wrong and outcome_of(row) != row["outcome"]
    ) == planted("outcome_disagrees")


def test_every_class_is_planted_three_times() -> None:
    planted = build_world(end=END).planted

    assert {key for key, found in planted.items() if len(found) < 3} == set()
    assert sorted(planted) == [
        "data_quality.duplicate_line_item_id",
        "data_quality.future_date",
        "data_quality.negative_amount",
        "data_quality.outcome_disagrees",
        "data_quality.unfit_value",
        "data_quality.unknown_currency",
        "data_quality.unknown_field",
        "data_quality.unknown_label_status",
        "data_quality.unknown_state",
        "recon_endpoint.asn_orphan",
        "recon_endpoint.label_break",
        "recon_endpoint.line_count_break",
        "recon_endpoint.missing_in_asn",
        "recon_endpoint.missing_in_list",
        "recon_endpoint.not_comparable",
        "recon_endpoint.state_break",
        "recon_endpoint.timing",
        "recon_money.amount_break.C1",
        "recon_money.amount_break.C2",
        "recon_money.amount_break.C3",
        "recon_receipt.bad_grade",
        "recon_receipt.delivered_open",
        "recon_receipt.label_failure",
        "recon_receipt.label_only",
        "recon_receipt.paid_never_shipped",
        "recon_receipt.stalled_in_transit",
    ]
