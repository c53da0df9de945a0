"""A shop with the cases of each rule of transforms/models/rules, and those that it must leave alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from tests.transforms.shop import NOW, WINDOWS, Row, a_line, a_notice, a_return, days_ago

from loop_returns.warehouse import ops_tables

WAY = {"label_status": "in_transit"}
KEPT = {"return_method": {"method_type": "keep_item"}, "label_status": "N/A"}


def opened(return_id: str, **values: Any) -> Row:
    """Open, made 20 days ago, delivered six days ago, a refund of 10.00: only R02 has a reason to look."""
    plain = {"state": "open", "type": "standard", "created_at": days_ago(20), "label_updated_at": days_ago(6)}
    return a_return(return_id, **plain | values)


def worth(amount: str) -> Row:
    return {"refund": amount, "return_product_total": amount, "return_total": amount}


R02 = {
    "r02": {},
    "r02-at-limit": worth("150.00"),
    "r02-over-limit": worth("150.01"),
    "r02-other-currency": {"currency": "SEK"},
    "r02-weekend": {"label_updated_at": days_ago(5)},
    "r02-warranty": {"type": "warranty"},
    "r02-untyped": {"type": None},
    "r02-early-part": {"gift_card": "1.00"},
    "r02-swap": {"exchange_credit_total": "1.00"},
    "r02-unknown-part": {"gift_card": None},
    "r02-nothing-due": worth("0.00"),
    "r02-closed": {"state": "closed"},
    "r02-odd-sum": {"return_total": "10.50"},
    "r02-graded": {},
    "r02-in-store": {"return_method": {"method_type": "in_store"}},
    "r02-exempt": {},
    "r02-other-rule": {},
    "r02-lapsed": {},
    "r02-ends-today": {},
}


R04 = {"r04": WAY, "r04-well": WAY, "r04-closed": {"state": "closed"}, "r04-exempt": WAY}


R07 = {
    "r07": {"return_total": "11.00", **WAY},
    "r07-small": {"return_total": "10.99", **WAY},
    "r07-closed": {"return_total": "11.00", "state": "closed"},
    "r07-yen": {"return_total": "110", "currency": "JPY", **WAY},
    "r07-yen-small": {"return_total": "109", "currency": "JPY", **WAY},
    "r07-exempt": {"return_total": "11.00", "order_name": "#7", **WAY},
}


R08 = {
    "r08": {**WAY, **worth("500.00"), "customer": "new"},
    "r08-below": {**WAY, **worth("499.99"), "customer": "small"},
    "r08-closed": {**WAY, **worth("500.00"), "customer": "paid", "state": "closed"},
    "r08-before": {"state": "closed", "created_at": days_ago(40), "customer": "known"},
    "r08-second": {**WAY, **worth("500.00"), "customer": "known"},
    "r08-unknown": {**WAY, **worth("500.00"), "customer": None, "created_at": days_ago(60)},
    "r08-exempt": {**WAY, **worth("500.00"), "customer": "vip"},
}


NEW = {"label_status": "pre_transit", "created_at": days_ago(22), "label_updated_at": days_ago(21)}


R09 = {
    "r09": NEW,
    "r09-young": NEW | {"label_updated_at": days_ago(20.9)},
    "r09-edited": NEW | {"edited_at": days_ago(3)},
    "r09-closed": NEW | {"state": "closed", "refund": "0.00"},
    "r09-no-label": NEW | {"label_status": "no_label"},
    "r09-failed": NEW | {"label_status": "failure"},
    "r09-in-store": NEW | {"return_method": {"method_type": "in_store"}},
    "r09-graded": NEW,
    "r09-delivered": NEW,
    "r09-scanned-once": NEW,
    "r09-moving": NEW | WAY | {"label_updated_at": days_ago(2)},
    "r09-exempt": NEW,
}


R10 = {
    "r10": WAY,
    "r10-first": {**WAY, "created_at": days_ago(21)},
    "r10-alone": WAY,
    "r10-dead": {"state": "cancelled", "created_at": days_ago(21)},
    "r10-after-dead": WAY,
    "r10-review": {**WAY, "state": "review", "updated_at": days_ago(1)},
    "r10-review-first": {**WAY, "created_at": days_ago(21)},
    "r10-exempt": WAY,
    "r10-exempt-first": {**WAY, "created_at": days_ago(21)},
}


UNSENT = {
    "state": "closed",
    "label_status": "new",
    "created_at": days_ago(40),
    "label_updated_at": days_ago(40),
    "updated_at": days_ago(21),
}


R12 = {
    "r12": UNSENT,
    "r12-young": UNSENT | {"updated_at": days_ago(20.9)},
    "r12-scanned": UNSENT | WAY,
    "r12-unpaid": {**UNSENT, **worth("0.00")},
    "r12-kept": UNSENT | {"return_method": {"method_type": "keep_item"}},
    "r12-exempt": UNSENT,
}


RISKY = {"customer": "again", "order_id": "one", **WAY}


R13 = {
    "r13": RISKY,
    **{f"r13-before-{number}": {**RISKY, "state": "closed", "return_total": "10.00"} for number in range(4)},
    "r13-once": {"customer": "once", "order_id": "two", **WAY},
    "r13-other-currency": {**RISKY, "currency": "SEK"},
}


R15 = {
    "r15": {**WAY, "label_updated_at": days_ago(14)},
    "r15-review": {**WAY, "label_updated_at": days_ago(14), "state": "review", "updated_at": days_ago(1)},
    "r15-rolls": {**WAY, "label_updated_at": days_ago(13.9)},
    "r15-closed": {**WAY, "label_updated_at": days_ago(14), "state": "closed"},
    "r15-kept": {**WAY, "label_updated_at": days_ago(14), "return_method": {"method_type": "in_store"}},
    "r15-delivered": {**WAY, "label_updated_at": days_ago(14), "state": "review", "updated_at": days_ago(1)},
    "r15-exempt": {**WAY, "label_updated_at": days_ago(14)},
}


R16 = {
    "r16": {"state": "review", "updated_at": days_ago(3)},
    "r16-young": {"state": "review", "updated_at": days_ago(2.9)},
    "r16-scanned-since": {"state": "review", "updated_at": days_ago(1)},
    "r16-again": {"state": "review", "updated_at": days_ago(2)},
    "r16-open": {**WAY, "updated_at": days_ago(3)},
    "r16-exempt": {"state": "review", "updated_at": days_ago(3)},
}


R17 = {
    "r17": KEPT,
    "r17-young": KEPT | {"created_at": days_ago(0.9)},
    "r17-edited": KEPT | {"edited_at": days_ago(0.5)},
    "r17-dear": {**KEPT, **worth("50.01")},
    "r17-in-store": KEPT | {"return_method": {"method_type": "in_store"}},
    "r17-odd-sum": KEPT | {"return_total": "10.50"},
    "r17-warranty": KEPT | {"type": "warranty"},
    "r17-closed": KEPT | {"state": "closed"},
    "r17-nothing-due": {**KEPT, **worth("0.00")},
    "r17-unknown-refund": KEPT | {"refund": None, "gift_card": "10.00"},
    "r17-unknown-card": KEPT | {"gift_card": None},
    "r17-unknown-swap": KEPT | {"exchange_credit_total": None},
    "r17-graded": KEPT,
    "r17-exempt": KEPT,
}


PICKED = {
    "R02_delivered_open_process": {"r02", "r02-at-limit", "r02-other-rule", "r02-lapsed"},
    "R04_bad_grade": {"r04", "r02-graded", "r09-graded", "r17-graded"},
    "R07_money_break_open": {"r07", "r07-yen"},
    "R08_high_value": {"r08"},
    "R09_label_never_used": {"r09"},
    "R10_duplicate_line": {"r10"},
    "R12_paid_never_shipped": {"r12"},
    "R13_returner_risk": {"r13"},
    "R15_stalled": {"r15", "r15-review"},
    "R16_review_waiting": {"r16", "r16-scanned-since"},
    "R17_keep_item_waiting": {"r17"},
}
EXEMPT = {
    "R02_delivered_open_process": {"r02-exempt", "r02-ends-today"},
    "R04_bad_grade": {"r04-exempt"},
    "R07_money_break_open": {"r07-exempt"},
    "R08_high_value": {"r08-exempt"},
    "R09_label_never_used": {"r09-exempt"},
    "R10_duplicate_line": {"r10-exempt"},
    "R12_paid_never_shipped": {"r12-exempt"},
    "R13_returner_risk": set(),
    "R15_stalled": {"r15-exempt"},
    "R16_review_waiting": {"r16-exempt"},
    "R17_keep_item_waiting": {"r17-exempt"},
}
EXEMPTIONS = [
    ("return", "r02-exempt", "R02_delivered_open_process", None),
    ("sku", "SKU-4", "*", None),
    ("order", "#7", "R07_money_break_open", NOW.date()),
    ("customer", "vip", "*", None),
    *(("return", f"{rule}-exempt", "*", None) for rule in ("r09", "r10", "r12", "r15", "r16", "r17")),
    ("return", "r02-other-rule", "R04_bad_grade", None),
    ("return", "r02-lapsed", "*", days_ago(1).date()),
    ("return", "r02-ends-today", "*", NOW.date()),
]


def shop() -> dict[str, list[Row]]:
    """Every case of every rule, as raw rows."""
    cases = {**R02, **R04, **R07, **R08, **R09, **R10, **R12, **R13, **R15, **R16, **R17}
    returns = [opened(name, **values) for name, values in cases.items()]
    lines = {name: a_line(name) for name in cases}
    for name in (
        "r13-before-0",
        "r13-before-1",
        "r04",
        "r04-closed",
        "r04-exempt",
        "r02-graded",
        "r09-graded",
        "r17-graded",
    ):
        lines[name]["condition"] = {"condition_category": "missing"}
    lines["r04-exempt"]["sku"] = "SKU-4"
    lines["r04-well"]["condition"] = {"condition_category": "grade_b"}
    for order_line, names in {
        "both": ("r10", "r10-first"),
        "one": ("r10-alone",),
        "freed": ("r10-dead", "r10-after-dead"),
        "reviewed": ("r10-review", "r10-review-first"),
        "spared": ("r10-exempt", "r10-exempt-first"),
    }.items():
        for name in names:
            lines[name]["provider_line_item_id"] = order_line
    twin = lines["r10-alone"] | {"list_idx": 1, "line_item_id": "twin"}
    return {
        "returns": returns,
        "returns__line_items": [*lines.values(), twin],
        "return_history": [
            a_version("r09-scanned-once", "open", days_ago(15), label_status="in_transit"),
            a_version("r09", "open", days_ago(15), label_status="pre_transit"),
            a_version("r16-again", "review", days_ago(9)),
            a_version("r16-again", "open", days_ago(7)),
            a_version("r16-again", "review", days_ago(2)),
            a_version("r16-scanned-since", "open", days_ago(9)),
            a_version("r16-scanned-since", "review", days_ago(4)),
            a_version("r16-scanned-since", "review", days_ago(1), label_status="delivered"),
        ],
        "asn": [
            a_notice(name, date_delivered=days_ago(2), label_status="pre_transit")
            for name in ("r09-delivered", "r15-delivered")
        ],
        "windows": WINDOWS,
    }


def a_version(return_id: str, state: str, at: Any, **values: Any) -> Row:
    key = f"{return_id} {state} {at}"
    plain = {"return_id": return_id, "version_key": key, "state": state, "updated_at": at, "observed_at": at}
    return plain | values


def exempt(file: Path, lines: list[tuple[Any, ...]]) -> None:
    with duckdb.connect(str(file)) as database:
        ops_tables.ensure(database)
        for scope, key, rule_id, until in lines:
            database.execute(
                "insert into ops.exemptions values (?, ?, ?, ?, 'known case', 'ops')",
                [scope, key, rule_id, until],
            )
