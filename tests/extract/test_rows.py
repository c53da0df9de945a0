"""Rows of a page to rows of the tables: nothing lost, nothing personal kept, the newest version whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import PageBatch as Batch

from loop_returns.api.fields import TABLES, column_name, columns, raw_columns
from loop_returns.errors import UnexpectedAnswerError
from loop_returns.extract.pii import PiiPolicy
from loop_returns.extract.rows import read

KEEP = PiiPolicy("keep")
HASH = PiiPolicy("hash", "a-key-of-the-tests")
AT = datetime(2026, 11, 20, tzinfo=UTC)


def typed_row(table: str, item: dict[str, Any], policy: PiiPolicy) -> dict[str, Any]:
    """One object as the columns that it fills."""
    found = read(table, [item], policy)
    return {name: column[0].as_py() for name, column in found.columns.items() if column[0].is_valid}


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
known = st.sampled_from(sorted({path.split(".")[0] for path in TABLES["returns"].fields} - {"id"}))
drifting_returns = st.builds(
    lambda fields, extra: {**extra, **fields, "id": "7"},
    st.dictionaries(known, anything, max_size=8),
    st.dictionaries(st.text(min_size=1, max_size=8), anything, max_size=4),
)


@given(drifting_returns)
def test_given_any_json_when_it_is_typed_then_no_value_is_lost_and_the_tables_take_it(
    item: dict[str, Any],
) -> None:
    row = typed_row("returns", item, KEEP)
    batch = Batch(KEEP, "v1")
    batch.add_returns([item], AT)

    kept = json.loads(row.get("unknown_fields", "{}")), json.loads(row.get("unfit_values", "{}"))
    for name, value in item.items():
        assert value in (None, [], "", "N/A") or _is_kept(name, value, row, *kept), name
    assert batch.tables()["returns"].num_rows == 1


def _is_kept(
    name: str, value: object, row: dict[str, Any], unknown: dict[str, Any], unfit: dict[str, Any]
) -> bool:
    paths = [path for path in TABLES["returns"].fields if path.split(".")[0] == name]
    if not paths:
        return name in unknown or name in {spec.array for spec in TABLES.values() if spec.array}
    if isinstance(value, str) and value.strip() in ("", "N/A"):
        return True
    nested = isinstance(value, dict) and "." in paths[0]
    return nested or row.get(column_name(name)) is not None or name in unfit


def test_a_field_of_tomorrow_and_a_value_that_does_not_fit_are_kept_beside_the_row() -> None:
    row = typed_row("returns", {"id": 7, "total": "about ten", "loyalty_tier": {"level": 3}}, HASH)

    assert row["id"] == "7"
    assert "total" not in row
    assert json.loads(row["unfit_values"]) == {"total": "about ten"}
    assert json.loads(row["unknown_fields"]) == {"loyalty_tier": {"level": 3}}


def test_the_php_times_of_a_return_become_columns() -> None:
    processed = {
        "refund_processed": {"date": "2025-05-01 12:00:00.000000", "timezone_type": 3, "timezone": "UTC"}
    }
    row = typed_row(
        "returns", {"id": "7", "outcomes_processed_at": processed | {"tea_processed": None}}, HASH
    )

    assert row["outcomes_processed_at__refund_processed"] == datetime(2025, 5, 1, 12, tzinfo=UTC)
    assert json.loads(row["unknown_fields"]) == {"outcomes_processed_at.tea_processed": None}


@pytest.mark.parametrize(
    "condition", [{"condition_category": "junk"}, {"condition_category": {"name": "junk"}}, "junk"]
)
def test_a_condition_is_kept_in_each_of_its_shapes(condition: object) -> None:
    row = typed_row("returns__line_items", {"line_item_id": 1, "condition": condition}, HASH)

    assert json.loads(row["condition"]) == condition


@pytest.mark.parametrize("table", ["returns", "advanced_shipping_notices"])
def test_a_row_without_its_key_is_refused(table: str) -> None:
    with pytest.raises(UnexpectedAnswerError, match="without id"):
        typed_row(table, {"id": None}, HASH)


def test_an_empty_array_marks_its_children_as_removed() -> None:
    batch = Batch(HASH, "v1")
    batch.add_returns([{"id": "7", "line_items": [], "labels": [{"status": "new"}]}], AT)
    tables = batch.tables()

    assert tables["returns__line_items"].column("is_removed").to_pylist() == [True]
    assert tables["returns__labels"].column("is_removed").to_pylist() == [None]


def test_given_two_versions_in_one_batch_then_the_newer_one_is_there_whole() -> None:
    old = {
        "id": "7",
        "updated_at": "2026-01-01 00:00:00",
        "line_items": [{"line_item_id": 1}, {"line_item_id": 2}],
    }
    new = {"id": "7", "updated_at": "2026-01-02 00:00:00", "line_items": [{"line_item_id": 1}]}
    for order in ([old, new], [new, old]):
        batch = Batch(HASH, "v1")
        batch.add_returns(order, AT)
        tables = batch.tables()

        assert tables["returns"].column("updated_at").to_pylist() == [datetime(2026, 1, 2, tzinfo=UTC)]
        assert tables["returns__line_items"].num_rows == 1
        assert tables["return_history"].num_rows == 2


def test_the_same_version_has_the_same_key_however_it_is_written() -> None:
    batch = Batch(HASH, "v1")
    batch.add_returns([{"id": "7", "total": "1.50", "updated_at": "2026-01-01T00:00:00Z"}], AT)
    batch.add_returns([{"id": 7, "total": 1.5, "updated_at": "2026-01-01 00:00:00"}], AT)

    assert batch.tables()["return_history"].num_rows == 1


def test_all_columns_are_there_before_the_first_row() -> None:
    tables = Batch(HASH, "v1").tables()

    assert {name: table.column_names for name, table in tables.items()} == {
        name: list(held)
        for name, held in raw_columns().items()
        if name not in ("pull_windows", "webhook_events", "webhook_counters", "return_details")
    }


PERSONAL = {
    "customer": "pii-1@shopper.example",
    "label_url": "https://labels.example/pii-1",
    "status_page_url": "https://shop.example/pii-1",
    "return_method": {
        "provider": "Happy",
        "address": {"name": "pii-1"},
        "phone": "+1 555 pii-1",
        "qr": "https://x/pii-1",
    },
    "line_items": [
        {"line_item_id": 1, "return_comment": "pii-1", "condition": {"note": "pii-1", "images": ["pii-1"]}}
    ],
    "labels": [{"status": "new", "url": "https://labels.example/pii-1"}],
    "shopper_email": "pii-1@shopper.example",
    "extra": {"deep": [{"customer_phone": "pii-1"}], "contact": "pii-1@shopper.example"},
    "total": "pii-1@shopper.example",
    "exchanges": ["pii-1@shopper.example"],
}


@pytest.mark.parametrize("policy", [HASH, PiiPolicy("hash"), PiiPolicy("drop")])
def test_nothing_personal_is_left_in_any_table(policy: PiiPolicy) -> None:
    batch = Batch(policy, "v1")
    batch.add_returns([{"id": "7", "state": "open", **PERSONAL}], AT)
    batch.add_notices(
        [
            {
                "id": 1,
                "return_line_item_id": 2,
                "customer_email": "pii-1@shopper.example",
                "actioned_by": "pii-1",
            }
        ],
        AT,
    )

    text = json.dumps([table.to_pylist() for table in batch.tables().values()], default=str)
    assert "pii-1" not in text
    assert "Happy" in text


def test_keep_keeps_all_of_it() -> None:
    batch = Batch(KEEP, "v1")
    batch.add_returns([{"id": "7", **PERSONAL}], AT)

    assert json.dumps(batch.tables()["returns"].to_pylist(), default=str).count("pii-1") >= 8


def test_an_email_is_hashed_so_that_it_joins() -> None:
    rows = [
        typed_row("returns", {"id": "7", "customer": text}, HASH) for text in ("A@b.example", " a@B.example ")
    ]
    other = typed_row("returns", {"id": "7", "customer": "A@b.example"}, PiiPolicy("hash", "another key"))

    assert rows[0]["customer"] == rows[1]["customer"] != other["customer"]
    assert len(rows[0]["customer"]) == 64
    assert "customer" not in typed_row("returns", {"id": "7", "customer": "a@b.example"}, PiiPolicy("hash"))


def test_money_is_decimal_in_arrow() -> None:
    batch = Batch(HASH, "v1")
    batch.add_returns([{"id": "7", "refund": "0.10"}], AT)

    assert batch.tables()["returns"].column("refund").to_pylist() == [Decimal("0.1000")]
    assert columns("returns")["refund"].type == "decimal"
