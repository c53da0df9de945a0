"""The merchant's list of exemptions: read, refused with its line, and seen in the tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from loop_returns.errors import UsageError
from loop_returns.exemptions import Exemption, read, store
from loop_returns.extract.pii import PiiPolicy
from loop_returns.warehouse.place import Place

HEADER = "scope,key,rule_id,until,reason,who"
HASHED = PiiPolicy("hash", "a-key")


def written(folder: Path, *lines: str, header: str = HEADER) -> Path:
    file = folder / "exemptions.csv"
    file.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8-sig")
    return file


def test_a_list_as_a_spreadsheet_writes_it_is_read(tmp_path: Path) -> None:
    file = written(
        tmp_path, 'order, #1042 ,*,2026-12-31,"recall, all sizes",ops', "sku,TEE,R04_bad_grade,,known,ops"
    )

    assert read(file, HASHED) == [
        Exemption("order", "#1042", "*", date(2026, 12, 31), "recall, all sizes", "ops"),
        Exemption("sku", "TEE", "R04_bad_grade", None, "known", "ops"),
    ]


def test_an_address_is_stored_as_the_tables_store_it(tmp_path: Path) -> None:
    file = written(tmp_path, "customer,Vip@shop.example,*,,VIP,ops")

    (one,) = read(file, HASHED)

    assert one.key == HASHED.value("email", "vip@shop.example")
    assert "@" not in one.key


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tag,vip,*,,x,ops", "the scope is not one of return, order, customer, sku"),
        ("return,1,R99,,x,ops", "no rule has that id"),
        ("return,1,*,soon,x,ops", "until is not a day"),
        ("return,,*,,x,ops", "key is empty"),
        ("return,1,*,,,ops", "reason is empty"),
        ("return,1,*,,x", "does not have 6 values"),
        ("return,1,*,,x,ops,more", "does not have 6 values"),
    ],
)
def test_a_line_that_cannot_hold_is_refused_and_named(tmp_path: Path, line: str, said: str) -> None:
    file = written(tmp_path, "return,7,*,,fine,ops", line)

    with pytest.raises(UsageError) as refused:
        read(file, HASHED)

    assert said in str(refused.value)
    assert "exemptions.csv, line 3" in str(refused.value)


@pytest.mark.parametrize("policy", [PiiPolicy("hash", ""), PiiPolicy("drop", "a-key")])
def test_an_address_that_no_table_holds_is_refused(tmp_path: Path, policy: PiiPolicy) -> None:
    with pytest.raises(UsageError, match="cannot be told by an e-mail address"):
        read(written(tmp_path, "customer,vip@shop.example,*,,VIP,ops"), policy)


def test_a_file_without_the_header_or_without_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not begin with"):
        read(written(tmp_path, header="scope,key"), HASHED)
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "none.csv", HASHED)


def test_another_list_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "work.duckdb"
    one, other = (Exemption("return", key, "*", None, "known", "ops") for key in "12")

    for exemptions in ([one, other], [other], []):
        store(Place(file), exemptions)

        with duckdb.connect(str(file)) as database:
            held = database.execute("select key from ops.exemptions order by 1").fetchall()
        assert held == [(each.key,) for each in exemptions]
