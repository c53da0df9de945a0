"""A small shop by hand: one return for each class of a mart, and its neighbours that must not get it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from tests.support.planned import planned_work_file
from tests.support.raw import make_raw

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
"""A Tuesday."""
AMOUNTS = (
    "return_discount_total return_tax_total return_credit_total "
    "exchange_product_total exchange_discount_total exchange_tax_total exchange_total exchange_credit_total "
    "gift_card handling_fee upsell"
)
Row = dict[str, Any]


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def a_return(return_id: str, **values: Any) -> Row:
    """Closed, delivered, paid, quiet for three weeks: nothing about it is wrong."""
    plain = {
        "id": return_id,
        "state": "closed",
        "outcome": "refund",
        "currency": "USD",
        "created_at": days_ago(30),
        "updated_at": days_ago(21),
        "label_status": "delivered",
        "label_updated_at": days_ago(22),
        "return_product_total": "10.00",
        "return_total": "10.00",
        "refund": "10.00",
        "fetched_at": NOW,
        "api_version": "v1",
        **dict.fromkeys(AMOUNTS.split(), "0.00"),
    }
    return plain | values


def a_line(return_id: str, place: int = 0, **values: Any) -> Row:
    plain = {
        "return_id": return_id,
        "list_idx": place,
        "line_item_id": f"line-{return_id}-{place}",
        "price": "10.00",
        "discount": "0.00",
        "tax": "0.00",
        "refund": "10.00",
        "refund_item": "10.00",
        "refund_tax": "0.00",
    }
    return plain | values


def a_notice(return_id: str, place: int = 0, **values: Any) -> Row:
    plain = {
        "id": return_id,
        "return_line_item_id": f"line-{return_id}-{place}",
        "state": "closed",
        "label_status": "delivered",
        "outcome": "refund",
        "currency": "USD",
        "purchase_price": "10.00",
        "created_at": days_ago(30),
        "updated_at": days_ago(21),
        "fetched_at": NOW,
        "api_version": "v1",
    }
    return plain | values


def a_window(endpoint: str, passed: str, **values: Any) -> Row:
    plain = {
        "run_id": "run",
        "endpoint": endpoint,
        "pass": passed,
        "window_from": days_ago(89),
        "window_to": NOW,
        "bound": NOW,
        "status": "complete",
        "started_at": NOW - timedelta(minutes=5),
        "finished_at": NOW - timedelta(minutes=1),
    }
    return plain | values


WINDOWS = [
    a_window("returns", "default"),
    a_window("returns", "cancelled"),
    a_window("returns", "review"),
    a_window("advanced_shipping_notices", "all"),
]


def shop() -> dict[str, list[Row]]:
    """Raw rows by table, keyed as `make_raw` takes them. The return's id says what it is."""
    way = {"label_status": "in_transit"}
    opened = {"state": "open", "created_at": days_ago(20)}
    returns = [
        a_return("sound"),
        a_return("unnoticed"),
        a_return("young", created_at=NOW - timedelta(hours=23), updated_at=NOW - timedelta(hours=23)),
        a_return("kept", return_method={"method_type": "keep_item"}, label_status="N/A"),
        a_return("two-lines", return_product_total="20.00", return_total="20.00", refund="20.00"),
        a_return("state"),
        a_return("label"),
        a_return("moved", updated_at=NOW - timedelta(hours=23)),
        a_return("c1", return_total="11.00"),
        a_return("c1-cent", return_total="10.01"),
        a_return("c2", exchange_total="4.00"),
        a_return("c3"),
        a_return("yen", currency="JPY", return_total="11"),
        a_return("unsent", label_status="new", updated_at=days_ago(15)),
        a_return("unsent-late", label_status="new", updated_at=days_ago(13)),
        a_return(
            "unsent-unpaid", label_status="pre_transit", refund="0.00", outcome=None, updated_at=days_ago(15)
        ),
        a_return("graded"),
        a_return("graded-well"),
        a_return("waits", **opened, label_updated_at=days_ago(6)),
        a_return("waits-weekend", **opened, label_updated_at=days_ago(5)),
        a_return("stalled", **opened, **way, label_updated_at=days_ago(15)),
        a_return("rolls", **opened, **way, label_updated_at=days_ago(13)),
        a_return("failed", state="open", label_status="failure"),
        a_return("unused", **opened, label_status="new"),
        a_return("unused-new", state="open", created_at=days_ago(13), label_status="new"),
    ]
    lines = [a_line(row["id"]) for row in returns if row["id"] not in {"c3", "graded", "graded-well"}]
    lines += [
        a_line("two-lines", 1),
        a_line("c3", refund_item="9.00"),
        a_line("graded", condition={"condition_category": {"value": "junk"}}),
        a_line("graded-well", condition={"condition_category": "grade_a"}),
    ]
    absent = {"unnoticed", "young", "kept"}
    odd = {
        "state": {"state": "open"},
        "label": {"label_status": "in_transit"},
        "moved": {"state": "open", "updated_at": NOW - timedelta(hours=23)},
    }
    notices = [
        a_notice(
            row["id"],
            **{"state": row["state"], "label_status": row["label_status"], "currency": row["currency"]}
            | odd.get(row["id"], {}),
        )
        for row in returns
        if row["id"] not in absent
    ]
    notices += [a_notice("unlisted"), a_notice("sound", 7)]
    return {"returns": returns, "returns__line_items": lines, "asn": notices, "windows": WINDOWS}


def planned(path: Path) -> Path:
    """An empty shop that was built long ago; a build of other settings or models plans all the same."""
    path.write_bytes(planned_work_file())
    return path


def raw(path: Path, rows: dict[str, list[Row]]) -> Path:
    """These rows and no others in the shop at `path`, which is made if it is not there."""
    return make_raw(path if path.exists() else planned(path), **rows)


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as db:
        return db.execute(sql).fetchall()


def contents(path: Path, without: Sequence[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every mart, in an order that does not depend on how it was written."""
    tables = query(path, "select table_name from information_schema.tables where table_schema = 'marts'")
    return {
        name: sorted(query(path, f"select * from marts.{name}"), key=repr)
        for (name,) in tables
        if name not in without
    }
