"""Each class of each mart: the return that must get it, and that no other one does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.transforms.shop import NOW, query, raw, shop

from loop_returns.warehouse.marts import BuildResult, build
from loop_returns.warehouse.place import Place


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BuildResult]:
    file = raw(tmp_path_factory.mktemp("shop") / "any name.duckdb", shop())
    return file, build(Place(file), as_of=NOW)


def ids(file: Path, sql: str) -> set[str]:
    return {row[0] for row in query(file, sql)}


@pytest.mark.parametrize(
    ("match_class", "expected"),
    [
        ("missing_in_list", {"unlisted"}),
        ("missing_in_asn", {"unnoticed"}),
        ("timing", {"young", "moved"}),
        ("not_comparable", {"kept"}),
        ("line_count_break", {"two-lines"}),
        ("state_break", {"state"}),
        ("label_break", {"label"}),
        ("asn_orphan", {"line-sound-7"}),
    ],
)
def test_endpoint_gives_each_class_to_the_right_return(
    built: tuple[Path, BuildResult], match_class: str, expected: set[str]
) -> None:
    found = "select coalesce(return_id, line_item_id) from marts.recon_endpoint"
    sql = f"{found} where match_class = '{match_class}'"

    assert ids(built[0], sql) == expected


@pytest.mark.parametrize(("identity_id", "expected"), [("C1", {"c1"}), ("C2", {"c2"}), ("C3", {"c3"})])
def test_money_breaks_only_beyond_one_minor_unit(
    built: tuple[Path, BuildResult], identity_id: str, expected: set[str]
) -> None:
    broken = "select return_id from marts.recon_money where match_class = 'amount_break'"
    sql = f"{broken} and identity_id = '{identity_id}'"

    assert ids(built[0], sql) == expected


def test_money_that_nobody_enforces_is_observed_and_no_break(built: tuple[Path, BuildResult]) -> None:
    assert query(
        built[0],
        "select match_class, amount from marts.recon_money where return_id = 'c1' and identity_id = 'G1b'",
    ) == [("observed", 1)]
    assert query(built[0], "select count(*) from marts.breaks where entity like '%:G1b'") == [(0,)]


@pytest.mark.parametrize(
    ("match_class", "expected"),
    [
        ("paid_never_shipped", {"unsent"}),
        ("bad_grade", {"graded"}),
        ("delivered_open", {"waits"}),
        ("stalled_in_transit", {"stalled"}),
        ("label_failure", {"failed"}),
        ("label_only", {"unused"}),
        ("not_comparable", {"kept"}),
        ("pending", {"waits-weekend", "rolls", "unused-new", "unsent-late", "unsent-unpaid"}),
    ],
)
def test_receipt_gives_each_class_to_the_right_return(
    built: tuple[Path, BuildResult], match_class: str, expected: set[str]
) -> None:
    sql = f"select return_id from marts.recon_receipt where match_class = '{match_class}'"

    assert ids(built[0], sql) == expected


def test_breaks_hold_every_break_class_once_and_nothing_else(built: tuple[Path, BuildResult]) -> None:
    found = query(built[0], "select recon, break_type, count(*) from marts.breaks group by all order by all")

    assert found == [
        ("recon_endpoint", "asn_orphan", 1),
        ("recon_endpoint", "label_break", 1),
        ("recon_endpoint", "line_count_break", 1),
        ("recon_endpoint", "missing_in_asn", 1),
        ("recon_endpoint", "missing_in_list", 1),
        ("recon_endpoint", "state_break", 1),
        ("recon_money", "amount_break", 3),
        ("recon_receipt", "bad_grade", 1),
        ("recon_receipt", "delivered_open", 1),
        ("recon_receipt", "label_failure", 1),
        ("recon_receipt", "label_only", 1),
        ("recon_receipt", "paid_never_shipped", 1),
        ("recon_receipt", "stalled_in_transit", 1),
    ]


def test_control_totals_leave_nothing_over(built: tuple[Path, BuildResult]) -> None:
    gaps = "max(abs(residual_rows)), max(abs(residual_amount))"
    sql = f"select mart, sum(row_count), {gaps} from marts.run_control group by 1"

    control = {mart: (int(rows), gap, money) for mart, rows, gap, money in query(built[0], sql)}

    assert {mart: total[0] for mart, total in control.items()} == {
        "breaks": 15,
        "fin_liability": 21,
        "fin_liability_expected": 21,
        "fin_open_returns": 7,
        "ops_sla": 25,
        "prod_sku_reason": 26,
        "recon_endpoint": 27,
        "recon_erp": 25,
        "recon_money": 323,
        "recon_receipt": 25,
        "recon_refund": 25,
        "risk_returner": 25,
    }
    assert all(gap == 0 and money == 0 for _, gap, money in control.values())


def test_every_table_and_column_has_a_comment(built: tuple[Path, BuildResult]) -> None:
    ours = (
        "where schema_name in ('loop_raw', 'staging', 'rules', 'marts', 'ops', 'ext', 'compat')"
        " and table_name not like '_dlt%' and coalesce(comment, '') = ''"
    )
    tables = query(built[0], f"select table_name from duckdb_tables() {ours}")
    columns = query(built[0], f"select table_name, column_name from duckdb_columns() {ours}")

    assert (tables, columns) == ([], [])
    assert query(
        built[0],
        "select description from marts.data_dictionary "
        "where table_name = 'recon_receipt' and column_name = 'amount'",
    ) == [("What the customer gets: cash, gift card and exchange credit",)]


def test_build_says_what_it_built(built: tuple[Path, BuildResult]) -> None:
    result = built[1]

    assert not result.planned, "shop() begins with a file that was planned the day before"
    assert result.rows["marts.recon_receipt"] == 25
    assert {"staging.stg_returns", "marts.run_control"} <= set(result.models)
