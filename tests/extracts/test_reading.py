"""Extracts are read whole, checked value by value, and never leave a table half written."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.extracts.merchant import CARD, KEEPING, NOW, REFUND, Merchant

from loop_returns.errors import UsageError
from loop_returns.warehouse.extracts import checks, incoming
from loop_returns.warehouse.extracts.columns import TYPES, Kind
from loop_returns.warehouse.extracts.reading import Read
from loop_returns.warehouse.extracts.tables import EXTRACTS


def test_given_no_extract_when_read_then_every_table_is_there_and_empty(merchant: Merchant) -> None:
    assert merchant.read() == []

    assert merchant.rows("select count(*), bool_or(is_present), sum(rows) from ext.extracts") == [
        (len(EXTRACTS), False, 0)
    ]
    for name, extract in EXTRACTS.items():
        assert merchant.rows(f"select count(*) from ext.{name}") == [(0,)]
        described = merchant.rows(f"describe ext.{name}")
        assert {row[0] for row in described} == set(extract.stored())


def test_given_a_file_when_read_then_values_have_their_types_and_ids_are_plain(merchant: Merchant) -> None:
    merchant.export(
        "shopify_refunds",
        REFUND | {"refund_id": "gid://shopify/Refund/77", "order_id": "4801.0", "currency": "usd"},
        REFUND | {"refund_id": "2", "transaction_amount": "N/A", "created_at": "2026-03-02 10:00:00 -0500"},
    )

    assert merchant.read() == [Read("shopify_refunds", rows=2, rejected=0, is_new=True)]

    assert merchant.rows(
        "select refund_id, order_id, transaction_amount, currency, created_at, read_from, read_row"
        " from ext.shopify_refunds"
    ) == [
        ("77", "4801", Decimal(10), "USD", datetime(2026, 3, 1, 10, tzinfo=UTC), "shopify_refunds.csv", 1),
        ("2", "4801", None, "USD", datetime(2026, 3, 2, 15, tzinfo=UTC), "shopify_refunds.csv", 2),
    ]
    assert merchant.rows("select rows, newest_at, read_at from ext.extracts where is_present") == [
        (2, datetime(2026, 3, 2, 15, tzinfo=UTC), NOW)
    ]


def test_given_names_of_their_own_and_a_zone_when_read_then_both_are_understood(merchant: Merchant) -> None:
    theirs = {"Id": "1", "Parcel": "9400", "SKU": "BOOT", "Units": "2.0", "When": "2026-03-01 10:00"}
    columns = {"receipt_id": "id", "tracking_number": "Parcel", "quantity": "Units", "received_at": "When"}
    merchant.export("receipts", theirs, columns=columns, timezone="America/New_York")

    merchant.read()

    assert merchant.rows("select receipt_id, sku, quantity, received_at from ext.receipts") == [
        ("1", "BOOT", 2, datetime(2026, 3, 1, 15, tzinfo=UTC))
    ]


BAD = [
    ("refund_id", "", None),
    ("order_id", "4.80402E+12", "4.80402E+12"),
    ("created_at", "2026-03-01 10:00:00", "2026-03-01 10:00:00"),
    ("created_at", "01/03/2026", "01/03/2026"),
    ("created_at", "infinity", "infinity"),
    ("transaction_amount", "ten", "ten"),
    ("transaction_amount", "-3.00", "-3.00"),
    ("transaction_amount", "1,000.00", "1,000.00"),
    ("transaction_amount", "0.00005", "0.00005"),
    ("currency", "dollars", "DOLLARS"),
]


@pytest.mark.parametrize(("column", "value", "shown"), BAD)
def test_given_one_bad_value_when_read_then_its_row_is_refused_and_the_others_are_taken(
    merchant: Merchant, column: str, value: str, shown: str | None
) -> None:
    merchant.export("shopify_refunds", REFUND, REFUND | {"refund_id": "2", column: value})

    assert merchant.read() == [Read("shopify_refunds", rows=1, rejected=1, is_new=True)]

    ((name, file, row, refused, held, expected),) = merchant.rows("from ext.rejects")
    assert (name, file, row, refused, held) == ("shopify_refunds", "shopify_refunds.csv", 2, column, shown)
    assert expected


def test_given_overlapping_files_when_read_then_the_last_row_of_a_key_is_taken(merchant: Merchant) -> None:
    merchant.export("shopify_gift_cards", CARD | {"balance": "55.00"}, file="cards1.csv")
    merchant.export("shopify_gift_cards", CARD | {"balance": "20.00"}, file="cards2.csv")
    merchant.tables["shopify_gift_cards"]["path"] = "cards*.csv"

    assert merchant.read() == [Read("shopify_gift_cards", rows=1, rejected=1, is_new=True)]

    assert merchant.rows("select balance from ext.shopify_gift_cards") == [(Decimal(20),)]
    assert merchant.rows("select read_from, read_row, column_name, expected from ext.rejects") == [
        (
            "cards1.csv",
            1,
            "gift_card_id",
            "a key of its own: row 1 of cards2.csv has the same one, and is taken",
        )
    ]


def test_a_file_from_a_spreadsheet_is_read(merchant: Merchant) -> None:
    file = merchant.export("shopify_gift_cards", CARD)
    text = "\ufeff" + file.read_text().replace(",", ";").replace("gift_card_id", '" Gift_Card_Id"')
    file.write_bytes(text.replace("\r\n", "\n").replace("\n", "\r\n").encode())

    assert merchant.read() == [Read("shopify_gift_cards", rows=1, rejected=0, is_new=True)]


def test_two_payments_of_one_refund_are_two_rows_and_empty_values_are_equal(merchant: Merchant) -> None:
    merchant.export("shopify_refunds", REFUND, REFUND | {"gateway_name": "gift_card"}, REFUND)

    assert merchant.read() == [Read("shopify_refunds", rows=2, rejected=1, is_new=True)]


def test_given_the_same_file_when_read_again_then_it_is_not_opened(merchant: Merchant) -> None:
    file = merchant.export("shopify_refunds", REFUND)
    merchant.read()

    assert merchant.read() == [Read("shopify_refunds", rows=1, rejected=0, is_new=False)]

    file.write_text(file.read_text() + "2,4801,2026-03-01T10:00:00Z,5.00,USD,card\n")
    assert merchant.read() == [Read("shopify_refunds", rows=2, rejected=0, is_new=True)]
    assert [one.is_new for one in merchant.read(KEEPING)] == [True]


def test_given_an_extract_that_is_taken_out_of_the_settings_then_its_table_is_empty(
    merchant: Merchant,
) -> None:
    merchant.export("shopify_refunds", REFUND, REFUND | {"refund_id": ""})
    merchant.read()
    del merchant.tables["shopify_refunds"]

    merchant.read()

    assert merchant.rows("from ext.shopify_refunds") == merchant.rows("from ext.rejects") == []
    assert merchant.rows("select is_present from ext.extracts where name = 'shopify_refunds'") == [(False,)]


WRONG = [
    (b"refund_id,order_id\n1,2\n", "has no column created_at"),
    (b"refund_id,order_id,created_at,currency\n1,2\n", "cannot be read"),
    (b'refund_id,order_id,created_at,currency\n1,2,3,"USD\n', "cannot be read"),
    (b"refund_id,order_id,created_at,currency\n1,\xff\xfe,3,USD\n", "cannot be read"),
    (b"", "has no column refund_id|cannot be read"),
]


@pytest.mark.parametrize(("content", "said"), WRONG)
def test_given_a_file_that_cannot_be_read_then_the_last_version_of_the_extract_stays(
    merchant: Merchant, content: bytes, said: str
) -> None:
    file = merchant.export("shopify_refunds", REFUND)
    merchant.read()
    before = merchant.rows("from ext.shopify_refunds"), merchant.rows("from ext.extracts order by name")
    file.write_bytes(content)

    with pytest.raises(UsageError, match=said) as failed:
        merchant.read()

    assert "shopify_refunds.csv of [extracts.shopify_refunds]" in failed.value.message
    after = merchant.rows("from ext.shopify_refunds"), merchant.rows("from ext.extracts order by name")
    assert before == after


def test_given_a_file_of_which_no_row_fits_then_it_is_refused_as_a_whole(merchant: Merchant) -> None:
    merchant.export("shopify_refunds", *[REFUND | {"created_at": "2026-03-01 10:00:00"}] * 3)

    with pytest.raises(UsageError, match="can be taken") as failed:
        merchant.read()

    assert "shopify_refunds.csv, row 1, column created_at: expected a time such as" in failed.value.cause
    assert merchant.rows("from ext.rejects") == []
    assert merchant.rows("select bool_or(is_present) from ext.extracts") == [(False,)]


def test_an_error_names_the_line_and_shows_nothing_of_it(merchant: Merchant) -> None:
    file = merchant.export("shopify_orders", {"order_id": "1"})
    file.write_text("order_id,name,created_at,total,currency,customer\n1,#1,a@shopper.example\n")

    with pytest.raises(UsageError) as failed:
        merchant.read()

    assert "line 2" in failed.value.cause
    assert "shopper" not in str(failed.value)


def test_given_a_table_here_or_elsewhere_or_a_parquet_file_when_read_then_it_is_as_a_csv(
    merchant: Merchant,
) -> None:
    row = (
        "select 1::bigint as receipt_id, 'RMA25001361' as return_ref, 2 as quantity,"
        " timestamptz '2026-03-01 10:00:00+00' as received_at"
    )
    with duckdb.connect(str(merchant.folder / "warehouse.duckdb")) as database:
        database.execute(f"create schema wms; create table wms.receipts as {row}")
        database.execute(f"copy ({row}) to '{merchant.folder / 'receipts.parquet'}'")
    with duckdb.connect(str(merchant.folder / "work.duckdb")) as database:
        database.execute(f"create schema wms; create table wms.receipts as {row}")
    wanted = [("1", "25001361", 2, datetime(2026, 3, 1, 10, tzinfo=UTC))]
    elsewhere = {"table": "wms.receipts", "database": "warehouse.duckdb"}
    for source in (elsewhere, {"table": "wms.receipts"}, {"path": "receipts.parquet"}):
        merchant.tables = {"receipts": source}

        merchant.read()

        assert (
            merchant.rows("select receipt_id, loop_return_id, quantity, received_at from ext.receipts")
            == wanted
        )


SETTINGS = [
    ({"shopify": {"path": "x"}}, "no extract is called shopify"),
    ({"receipts": {"file": "x"}}, "is no setting"),
    ({"receipts": {}}, "needs a path or a table"),
    ({"receipts": {"path": "x.csv", "table": "a.b"}}, "needs a path or a table"),
    ({"receipts": {"table": "a; drop table b"}}, "names no table"),
    ({"receipts": {"path": "x.csv", "columns": {"units": "n"}}}, "no column of it"),
    ({"receipts": {"path": "x.csv", "timezone": "Mars/Olympus"}}, "unknown timezone"),
    ({"receipts": {"path": 3}}, "must be a text"),
    ({"receipts": {"path": "x.csv"}}, "no file for"),
    ({"receipts": {"path": "work.txt"}}, "neither .csv nor .parquet"),
    ({"receipts": {"table": "a.b"}}, "cannot be read"),
    ({"receipts": {"table": "a.b", "database": "none.duckdb"}}, "cannot be opened"),
]


@pytest.mark.parametrize(("tables", "said"), SETTINGS)
def test_a_setting_that_cannot_be_is_refused(merchant: Merchant, tables: dict[str, Any], said: str) -> None:
    (merchant.folder / "work.txt").touch()
    merchant.tables = tables

    with pytest.raises(UsageError, match=said):
        merchant.read()


WRITTEN = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"\A-?\d{0,16}(\.\d{0,6})?(E\+\d)?\Z"),
    st.from_regex(r"\A\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d(:?\d\d)?)?)?\Z"),
)


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    return connection


@given(st.lists(WRITTEN, min_size=1, max_size=8), st.sampled_from(sorted(TYPES)))
def test_what_passes_the_checks_can_be_cast(
    database: duckdb.DuckDBPyConnection, texts: list[str], kind: Kind
) -> None:
    import pandas as pd

    if kind == "flag":
        return
    database.register("offered", pd.DataFrame({"value": pd.Series(texts, dtype=object)}))
    condition = checks.fits("value", kind, has_timezone=True)
    said = database.execute(f"select value from offered where {condition}").fetchall()

    for (text,) in said:
        database.execute(
            f"select {incoming._cast('value', kind)} from (select ? as value)", [text]
        ).fetchall()
