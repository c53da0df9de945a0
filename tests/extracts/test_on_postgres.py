"""Extracts on Postgres: read as on DuckDB and carried over; a table of the warehouse itself can be one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from tests.extracts.merchant import CARD, REFUND, Merchant
from tests.support import postgres

from loop_returns.errors import UsageError
from loop_returns.warehouse.extracts.tables import tables


@pytest.fixture
def both(tmp_path: Path, postgres_database: str) -> tuple[Merchant, Merchant]:
    """The same merchant with each destination."""
    return Merchant(tmp_path), Merchant(tmp_path, postgres_database)


def every_table(merchant: Merchant) -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: sorted(merchant.rows(f'select {", ".join(columns)} from ext."{name}"'), key=repr)
        for name, (_, columns) in tables().items()
    }


def test_given_exports_that_change_when_read_then_each_table_is_as_on_duckdb(
    both: tuple[Merchant, Merchant],
) -> None:
    on_duckdb, on_postgres = both
    on_duckdb.tables = on_postgres.tables
    bad = REFUND | {"refund_id": "2", "transaction_amount": 'ten "dollars",\nand more'}
    for rows in ([REFUND, bad], [REFUND | {"transaction_amount": "11.50"}], None):
        if rows is None:
            on_postgres.tables.pop("shopify_refunds")
        else:
            on_postgres.export("shopify_refunds", *rows)
            on_postgres.export("shopify_gift_cards", CARD)

        assert on_duckdb.read() == on_postgres.read()
        assert every_table(on_duckdb) == every_table(on_postgres)
    assert on_postgres.rows("select count(*) from ext.shopify_gift_cards") == [(1,)]


def test_given_nothing_new_when_read_again_then_no_row_is_written(both: tuple[Merchant, Merchant]) -> None:
    _, merchant = both
    merchant.export("shopify_refunds", REFUND)
    merchant.read()
    written = merchant.rows("select cast(xmin as text) from ext.shopify_refunds")

    merchant.read()

    assert merchant.rows("select cast(xmin as text) from ext.shopify_refunds") == written


def test_given_a_table_of_the_same_postgres_when_read_then_it_is_an_extract(
    both: tuple[Merchant, Merchant],
) -> None:
    _, merchant = both
    merchant.tables = {"receipts": {"table": "wms.receipts"}}

    with pytest.raises(UsageError, match=r"wms\.receipts of \[extracts\.receipts\]"):
        merchant.read()
    with postgres.opened(merchant.place.dsn) as cursor:
        cursor.execute("create schema wms")
        cursor.execute(
            "create table wms.receipts as select 1 as receipt_id, 'RMA25001361' as return_ref, 2 as quantity,"
            " timestamptz '2026-03-01 11:00:00+01' as received_at"
        )
    merchant.read()

    found = merchant.rows("select receipt_id, loop_return_id, quantity, received_at from ext.receipts")
    assert found == [("1", "25001361", 2, datetime(2026, 3, 1, 10, tzinfo=UTC))]
    assert merchant.rows("select source from ext.extracts where name = 'receipts'") == [("wms.receipts",)]
    assert list(merchant.folder.glob("*.csv")) == []


def test_given_a_death_while_an_extract_is_carried_over_then_the_tables_are_as_they_were(
    both: tuple[Merchant, Merchant],
) -> None:
    _, merchant = both
    merchant.export("shopify_refunds", REFUND)
    merchant.read()
    with postgres.opened(merchant.place.dsn) as cursor:
        cursor.execute("alter table ext.extracts add constraint one check (rows < 2)")
    merchant.export("shopify_refunds", REFUND, REFUND | {"refund_id": "2"})

    with pytest.raises(psycopg2.errors.CheckViolation):
        merchant.read()

    assert merchant.rows("select transaction_amount from ext.shopify_refunds") == [(Decimal("10.0000"),)]
    with postgres.opened(merchant.place.dsn) as cursor:
        cursor.execute("alter table ext.extracts drop constraint one")
    merchant.read()
    assert merchant.rows("select count(*) from ext.shopify_refunds") == [(2,)]
