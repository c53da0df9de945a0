"""Extracts are read whole, checked value by value, and never leave a table half written."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop_returns.errors import UsageError
from loop_returns.warehouse.extracts import checks, incoming
from loop_returns.warehouse.extracts.columns import TYPES, Kind
from loop_returns.warehouse.extracts.privacy import Privacy
from loop_returns.warehouse.extracts.reading import Read, read
from loop_returns.warehouse.extracts.sources import sources
from loop_returns.warehouse.extracts.tables import EXTRACTS
from loop_returns.warehouse.place import Place

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HASHING = Privacy("hash", hide=lambda value: f"hash of {len(value)}", scrub=lambda value: value)
KEEPING = Privacy("keep", hide=lambda value: value, scrub=lambda value: value, keeps_text=True)
REFUND = {
    "refund_id": "1",
    "order_id": "4801",
    "created_at": "2026-03-01T10:00:00Z",
    "transaction_amount": "10.00",
    "currency": "USD",
    "gateway_name": "card",
}
CARD = {
    "gift_card_id": "5",
    "initial_value": "55.00",
    "currency": "USD",
    "created_at": "2026-03-01T10:00:00Z",
}


class Merchant:
    """A folder with exports and a work file, or a Postgres database in its stead."""

    def __init__(self, folder: Path, dsn: str = "") -> None:
        self.folder = folder
        self.place = Place(folder / "work.duckdb", dsn)
        self.tables: dict[str, Any] = {}

    def export(self, name: str, *rows: dict[str, str], file: str = "", **settings: Any) -> Path:
        path = self.folder / (file or f"{name}.csv")
        with path.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
        self.tables[name] = {"path": path.name, **settings}
        return path

    def read(self, privacy: Privacy = HASHING) -> list[Read]:
        found = sources({"extracts": self.tables}, self.folder)
        return read(self.place, found, privacy, NOW)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.place.opened() as database:
            return database.execute(sql).fetchall()


@pytest.fixture
def merchant(tmp_path: Path) -> Merchant:
    return Merchant(tmp_path)


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


NOTES = [
    (
        "Generated by Loop Returns\nOrder: #1234\nAmount: $1,050.00\nCustomer: pii-1@shopper.example\n"
        "Bonus credit: 5.00\nOrder ID: 4804000001017\nReturn ID: 25001361",
        (True, "25001361", "#1234", Decimal(1050), Decimal(5)),
    ),
    (
        "Generated by Loop Returns. Order name = EXC-77-1, amount 20, bonus credit issued: $0, order id 48, "
        "Loop return id 9",
        (True, "9", "EXC-77-1", Decimal(20), Decimal(0)),
    ),
    ("birthday present", (False, None, None, None, None)),
    ("", (None, None, None, None, None)),
]


@pytest.mark.parametrize(("note", "wanted"), NOTES)
def test_the_note_of_a_gift_card_is_read_and_not_kept(
    merchant: Merchant, note: str, wanted: tuple[Any, ...]
) -> None:
    merchant.export("shopify_gift_cards", CARD | {"note": note})
    columns = "is_noted_by_loop, loop_return_id, order_name, note_amount, bonus_amount"

    merchant.read()

    assert merchant.rows(f"select {columns}, note from ext.shopify_gift_cards") == [(*wanted, None)]
    merchant.read(KEEPING)
    assert merchant.rows(f"select {columns}, note from ext.shopify_gift_cards") == [(*wanted, note or None)]


def test_metadata_of_a_charge_names_order_and_return(merchant: Merchant) -> None:
    charge = {"charge_id": "ch_1", "created_at": "2026-03-01T10:00:00Z", "amount": "5", "currency": "usd"}
    merchant.export(
        "stripe_charges",
        charge | {"status": "succeeded", "metadata": '{"order": "#1234", "return_id": 25}'},
        charge | {"charge_id": "ch_2", "status": "failed", "description": "Upsell for #99 of pii-2"},
    )

    merchant.read()

    assert merchant.rows(
        "select named_order, loop_return_id, metadata, description from ext.stripe_charges"
    ) == [
        ("#1234", "25", None, None),
        ("#99", None, None, None),
    ]


def test_an_address_is_hashed_before_it_is_stored_and_no_refused_value_shows_one(merchant: Merchant) -> None:
    order = {
        "order_id": "1",
        "name": "#1",
        "created_at": "2026-03-01T10:00:00Z",
        "total": "5",
        "currency": "USD",
    }
    merchant.export("shopify_orders", order | {"customer": "a@b.example"}, order | {"order_id": ""})

    merchant.read()

    assert merchant.rows("select customer from ext.shopify_orders") == [("hash of 11",)]
    assert b"a@b.example" not in (merchant.folder / "work.duckdb").read_bytes()


def test_a_personal_column_takes_anything_so_that_none_of_it_is_shown() -> None:
    personal = [one for each in EXTRACTS.values() for one in each.columns.values() if one.personal != "no"]

    assert {(one.kind, one.is_required) for one in personal} == {("text", False)}


def test_what_is_personal_in_a_refused_value_is_left_out(merchant: Merchant) -> None:
    merchant.export("shopify_refunds", REFUND, REFUND | {"refund_id": "2", "currency": "a@b.example"})

    merchant.read(Privacy("drop", hide=lambda value: None, scrub=lambda value: "left out"))

    assert merchant.rows("select value from ext.rejects") == [("left out",)]


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
