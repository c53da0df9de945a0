"""What a build promises over time: the same twice, a ledger that remembers, no silence about a lost row."""

from __future__ import annotations

import random
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.raw import make_raw
from tests.transforms.shop import NOW, a_line, a_notice, a_return, contents, query, raw, shop

from loop_returns.errors import AuditFailedError, UsageError
from loop_returns.warehouse.mart_project import transforms_dir
from loop_returns.warehouse.marts import build
from loop_returns.warehouse.place import Place

LEDGER = "select amount, first_seen_at, cleared_at from marts.break_ledger where return_id = 'c1' order by 2"


def test_given_the_rows_in_another_order_when_built_then_the_marts_are_the_same(tmp_path: Path) -> None:
    rows = shop()
    shuffled = {table: random.Random(3).sample(content, len(content)) for table, content in rows.items()}
    straight, mixed = raw(tmp_path / "a.duckdb", rows), raw(tmp_path / "b.duckdb", shuffled)

    build(Place(straight), as_of=NOW)
    build(Place(mixed), as_of=NOW)

    assert contents(straight) == contents(mixed)


def test_given_the_same_rows_when_built_again_then_nothing_changes(tmp_path: Path) -> None:
    file = make_raw(tmp_path / "shop.duckdb", **shop())
    first = build(Place(file), as_of=NOW)
    before = contents(file)

    second = build(Place(file), as_of=NOW)

    assert (first.planned, second.planned) == (True, False)
    assert contents(file) == before


def one_return(file: Path, total: str, refund: str = "10.00") -> Path:
    return raw(
        file,
        {
            "returns": [a_return("c1", return_total=total, refund=refund)],
            "returns__line_items": [a_line("c1")],
            "asn": [a_notice("c1")],
            "windows": shop()["windows"],
        },
    )


def test_ledger_remembers_first_seen_changed_cleared_and_reopened(tmp_path: Path) -> None:
    file = tmp_path / "shop.duckdb"
    at = [NOW + timedelta(days=day) for day in (0, 1, 2, 20)]

    for as_of, total in zip(at, ("11.00", "12.00", "10.00", "12.00"), strict=True):
        build(Place(one_return(file, total)), as_of=as_of)

    assert query(file, LEDGER) == [(1, at[0], at[1]), (2, at[1], at[2]), (2, at[3], None)]
    assert query(file, "select first_seen_at, reopened_count, age_days, severity from marts.open_breaks") == [
        (at[3], 1, 0, 3)
    ]


def test_given_two_amounts_within_one_instant_when_built_again_then_it_is_one_break_since_then(
    tmp_path: Path,
) -> None:
    file, later = tmp_path / "shop.duckdb", NOW + timedelta(days=1)

    for as_of, total in ((NOW, "11.00"), (NOW, "12.00"), (later, "13.00")):
        build(Place(one_return(file, total)), as_of=as_of)

    assert query(file, f"{LEDGER}, 3") == [(1, NOW, NOW), (2, NOW, later), (3, later, None)]
    assert query(file, "select first_seen_at, reopened_count from marts.open_breaks") == [(NOW, 0)]


def test_given_another_threshold_when_built_then_models_change_and_the_ledger_does_not_forget(
    tmp_path: Path,
) -> None:
    file = one_return(tmp_path / "shop.duckdb", "11.00")
    later = NOW + timedelta(hours=1)
    build(Place(file), as_of=NOW)

    result = build(Place(file), as_of=later, settings={"identity": {"G1b": "enforce"}})

    assert result.planned
    assert query(file, "select entity, first_seen_at from marts.open_breaks order by 1") == [
        ("return:c1:C1", NOW),
        ("return:c1:G1b", later),
    ]


def test_given_a_mart_that_loses_rows_when_built_then_the_audit_is_named(tmp_path: Path) -> None:
    models = tmp_path / "transforms"
    shutil.copytree(transforms_dir(), models)
    receipt = models / "models" / "marts" / "recon_receipt.sql"
    text = receipt.read_text()
    assert text.count("FROM classified\n") == 1
    receipt.write_text(
        text.replace("FROM classified\n", "FROM classified WHERE classified.match_class <> 'pending'\n")
    )
    file = raw(tmp_path / "shop.duckdb", shop())

    with pytest.raises(AuditFailedError, match=r"classes_add_up on marts\.run_control") as failed:
        build(Place(file), as_of=NOW, models_dir=models)

    assert failed.value.exit_code == 6
    build(Place(file), as_of=NOW)
    assert query(file, "select count(*) from marts.recon_receipt") == [(25,)]


def test_given_a_holiday_in_the_calendar_when_built_then_business_days_are_fewer(tmp_path: Path) -> None:
    models = tmp_path / "transforms"
    shutil.copytree(transforms_dir(), models)
    (models / "seeds" / "calendar.csv").write_text("date,destination,working\n2026-03-05,,false\n")
    file = raw(tmp_path / "shop.duckdb", shop())

    build(Place(file), as_of=NOW, models_dir=models)

    # On a file that was planned with no holidays; without this one it is delivered_open.
    asked = "select match_class from marts.recon_receipt where return_id = 'waits'"
    assert query(file, asked) == [("pending",)]
    assert query(file, "select date, destination, working from staging.seed_calendar") == [
        ("2026-03-05", None, False)
    ]


def test_given_a_return_twice_when_built_then_the_audit_is_named(tmp_path: Path) -> None:
    file = raw(tmp_path / "shop.duckdb", {"returns": [a_return("1"), a_return("1")]})

    with pytest.raises(AuditFailedError, match=r"unique_values on staging\.stg_returns"):
        build(Place(file), as_of=NOW)


def test_given_an_older_present_when_built_then_it_is_refused(tmp_path: Path) -> None:
    file = raw(tmp_path / "shop.duckdb", shop())
    build(Place(file), as_of=NOW)

    with pytest.raises(UsageError, match="as_of lies before the last build"):
        build(Place(file), as_of=NOW - timedelta(seconds=1))


def test_given_no_rows_at_all_when_built_then_there_are_no_breaks_and_the_quality_says_block(
    tmp_path: Path,
) -> None:
    file = raw(tmp_path / "empty.duckdb", {})

    result = build(Place(file), as_of=NOW)

    assert result.rows["marts.breaks"] == 0
    assert query(
        file, "select distinct check_id from marts.data_quality where result = 'block' order by 1"
    ) == [
        ("coverage_hole",),
        ("freshness",),
    ]
