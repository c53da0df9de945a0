"""`explain` and `accept` on a shop made by hand: all sources in time order, a break left until a day."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.transforms.shop import NOW, WINDOWS, Row, a_line, a_notice, a_return, days_ago, raw

from conftest import Shop
from loop_returns.warehouse import ops_tables
from loop_returns.warehouse.marts import build
from loop_returns.warehouse.place import Place

ENV = {"LOOP_RETURNS_AS_OF": NOW.isoformat(), "SOURCES__LOOP_RETURNS__START_DATE": "2026-01-01"}
BREAK = "recon_money|return:1001:C1|amount_break"
REFUND = {"gateway": "manual", "amount": "10.00", "currency": "USD", "provider_refund_id": "77"}


def version(at: int, **values: Any) -> Row:
    plain = {
        "return_id": "1001",
        "version_key": str(at),
        "currency": "USD",
        "refund": "10.00",
        "source": "list",
    }
    return plain | {"observed_at": days_ago(at), "updated_at": days_ago(at)} | values


def rows() -> dict[str, list[Row]]:
    told = {
        "dedup_key": "d",
        "subscription": "return-updated",
        "trigger": "return.closed",
        "return_id": "1001",
        "state": "closed",
        "received_at": days_ago(20),
        "deliveries": 2,
        "body": {"email": "ann@example.com"},
    }
    detail = {"return_id": "1001", "refunds": [REFUND], "labels": [], "is_known": True, "fetched_at": NOW}
    return {
        "returns": [a_return("1001", return_total="11.00"), a_return("1002", customer="hmac")],
        "returns__line_items": [a_line("1001"), a_line("1002")],
        "return_history": [version(25, state="open"), version(21, state="closed")],
        "webhook_events": [told],
        "return_details": [detail],
        "asn": [a_notice("1001", closed_at=days_ago(21), date_delivered=days_ago(22)), a_notice("1002")],
        "windows": [window | {"pages": 1, "rows": 1, "requests": 1} for window in WINDOWS],
    }


def asked(file: Path) -> None:
    with duckdb.connect(str(file)) as database:
        ops_tables.ensure(database)
        database.execute(
            "insert into ops.flagged_items"
            " (flagged_item_id, return_id, action, reason, requested_by, requested_at)"
            " values ('i', '1001', 'flag', 'box was empty', 'ann', ?)",
            [days_ago(19)],
        )
        database.execute(
            "insert into ops.decisions (flagged_item_id, decision, decided_by, decided_at)"
            " values ('i', 'approve', 'bob', ?)",
            [days_ago(18)],
        )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = Shop(tmp_path_factory.mktemp("shop"), "http://127.0.0.1:9", ENV)
    made.work_file.parent.mkdir(parents=True)
    raw(made.work_file, rows())
    asked(made.work_file)
    build(Place(made.work_file), as_of=NOW, work_dir=made.data / "work")
    shutil.copyfile(made.work_file, made.published)
    return made


def test_explain_tells_every_source_in_time_order(shop: Shop) -> None:
    events = shop.json("explain", "1001")["events"]

    assert [each["happened_at"] for each in events] == sorted(each["happened_at"] for each in events)
    assert [(each["source"], each["event"]) for each in events] == [
        ("asn", "notice"),
        ("list", "created"),
        ("history", "version"),
        ("asn", "delivered"),
        ("list", "label"),
        ("asn", "closed"),
        ("history", "version"),
        ("webhook", "return.closed"),
        ("ops", "asked: flag"),
        ("ops", "decided: approve"),
        ("details", "refund 1"),
        ("marts", "break seen"),
    ]
    assert "@" not in json.dumps(events)


def test_explain_fits_a_terminal_and_the_macro_travels_with_the_file(shop: Shop, tmp_path: Path) -> None:
    said = shop.loop("explain", "1001").stdout
    copied = shutil.copyfile(shop.published, tmp_path / "another name.duckdb")

    with duckdb.connect(str(copied), read_only=True) as database:
        assert len(database.execute("from marts.explain(1001)").fetchall()) == 12
    assert max(len(line) for line in said.splitlines()) <= 80
    assert "2026-02-18 12:00  webhook     return.closed" in said


def test_explain_of_an_unknown_return_says_so(shop: Shop) -> None:
    error = shop.loop("explain", "9999", exit_code=1).stderr.splitlines()

    assert error[0] == "error: the return '9999' is not known"
    assert [line.partition(":")[0] for line in error] == ["error", "cause", "hint"]


def status_of(shop: Shop) -> list[tuple[Any, ...]]:
    sql = "select status, accepted_until, accepted_by from marts.open_breaks where break_key = "
    return shop.rows(f"{sql}'{BREAK}'", published=True)


def test_accept_leaves_a_break_until_it_is_taken_back(shop: Shop) -> None:
    words = ("--reason", "known: rounding", "--until", (NOW + timedelta(days=9)).date().isoformat())
    shop.loop("accept", BREAK, *words, "--by", "ann")
    listed = shop.json("accept", "--list")["accepted"]
    shop.loop("build")
    status = shop.json("status")["breaks"]
    accepted = status_of(shop)
    shop.loop("accept", BREAK, "--take-back", "--reason", "mend it", "--by", "bob")

    assert [(row["break_key"], row["amount"], row["is_valid"]) for row in listed] == [(BREAK, "1.0000", True)]
    assert accepted == [("accepted", (NOW + timedelta(days=9)).date(), "ann")]
    assert (status["open"], status["accepted"], status["unknown_cause"]) == (0, 1, 0)
    assert shop.json("accept", "--list")["accepted"] == []
    assert [row[0] for row in shop.rows("select said_by from ops.accepted_breaks order by seq")] == [
        "ann",
        "bob",
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("recon_money|return:1:C1|amount_break", "--reason", "x", "--until", "2027-01-01"), "is open"),
        ((BREAK, "--reason", "x", "--until", "2026-03-09"), "--until has passed already"),
        ((BREAK, "--reason", " ", "--until", "2027-01-01"), "say why in --reason"),
        ((BREAK, "--reason", "x"), "say --until DAY, or --take-back"),
        (("recon_money|return:1002:C1|amount_break", "--reason", "x", "--take-back"), "is not accepted"),
    ],
)
def test_a_word_that_cannot_be_is_refused(shop: Shop, words: tuple[str, ...], says: str) -> None:
    error = shop.loop("accept", *words, exit_code=2).stderr

    assert error.startswith("error: ")
    assert says in error.splitlines()[0]


def test_other_feeds_names_are_views_that_name_no_catalog(shop: Shop, tmp_path: Path) -> None:
    copied = shutil.copyfile(shop.published, tmp_path / "copy.duckdb")
    bare = "select table_name || '.' || column_name from duckdb_columns() where schema_name = 'compat'"

    with duckdb.connect() as database:
        database.execute(f"attach '{copied}' as anything (read_only)")
        counts = {
            view: database.execute(f"select count(*) from anything.compat.{view}").fetchone()
            for view in ("return_list", "return_list_line_item", "return_list_exchange", "returns")
        }
        arrays = database.execute(
            "select id, line_items[1].line_item_id, len(exchanges) from anything.compat.returns order by id"
        ).fetchall()
        unsaid = database.execute(f"{bare} and coalesce(comment, '') = ''").fetchall()
        meant = database.execute(
            "select description from anything.marts.data_dictionary"
            " where table_schema = 'compat' and table_name = 'return_list'"
            " and column_name in ('id', 'refund')"
        ).fetchall()

    assert meant == [("Loop's id",), ("Cash promised to the original payment",)]
    assert counts == {
        "return_list": (2,),
        "return_list_line_item": (2,),
        "return_list_exchange": (0,),
        "returns": (2,),
    }
    assert arrays == [("1001", "line-1001-0", 0), ("1002", "line-1002-0", 0)]
    assert unsaid == []
