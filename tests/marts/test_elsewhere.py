"""The whole job with the exports of other systems: all is read, and no trap comes out as a break."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from conftest import Shop
from loop_returns.simulator.elsewhere.files import Elsewhere

OCTOBER = date(2026, 10, 1)


def test_every_exported_row_is_in_staging(planted: tuple[Shop, Elsewhere]) -> None:
    shop, exports = planted

    for name, rows in exports.sheets.items():
        found = shop.rows(f"select count(*) from staging.stg_ext_{name}", published=True)
        assert found == [(len(rows),)], name
    assert shop.rows(
        "select name, rows, rejected from staging.stg_extracts where is_present order by name", published=True
    ) == sorted((name, len(rows), 0) for name, rows in exports.sheets.items())


def test_loop_and_the_others_name_the_same_things(planted: tuple[Shop, Elsewhere]) -> None:
    """Each key by which a mart joins them finds its other side."""
    shop, _ = planted
    missing = {
        "order": "select count(*) from staging.stg_returns anti join staging.stg_ext_shopify_orders"
        " on provider_order_id = stg_ext_shopify_orders.order_id where provider_order_id is not null",
        "card": "select count(*) from staging.stg_ext_shopify_gift_cards anti join staging.stg_returns"
        " on loop_return_id = return_id where loop_return_id <> '1'",
        "receipt": "select count(*) from staging.stg_ext_receipts anti join staging.stg_returns"
        " on loop_return_id = return_id",
        "rma": "select count(*) from staging.stg_ext_erp_rma anti join staging.stg_returns"
        " on loop_return_id = return_id",
        "label": "select count(*) from staging.stg_ext_carrier_invoice anti join staging.stg_labels"
        " using (tracking_number)",
    }

    for name, sql in missing.items():
        assert shop.rows(sql, published=True) == [(0,)], name


def test_only_the_refunds_that_were_left_out_are_missing_in_shopify(planted: tuple[Shop, Elsewhere]) -> None:
    shop, exports = planted

    found = shop.rows(
        "select return_id from staging.stg_shopify_refunds anti join staging.stg_ext_shopify_refunds"
        " on provider_refund_id = refund_id order by 1",
        published=True,
    )

    left_out = {key[1] for key, kind in exports.expected.items() if kind == "missing_in_shopify"}
    assert {return_id for (return_id,) in found} == left_out


def test_no_trap_is_a_break(planted: tuple[Shop, Elsewhere]) -> None:
    shop, exports = planted

    breaks = shop.rows("select return_id, recon, break_type from marts.open_breaks", published=True)

    assert [(*one, exports.traps[one[0]]) for one in breaks if one[0] in exports.traps] == []


JUDGED = {
    "recon_receipt": ("matched", "pending", "not_comparable"),
    "recon_refund": ("matched", "attributed", "not_due_yet", "unverifiable"),
    "recon_erp": ("matched", "timing"),
    "recon_exchange": ("matched", "pending_not_processed"),
    "recon_store_credit": ("matched", "attributed", "not_due_yet", "unverifiable"),
    "recon_upsell": ("matched", "attributed", "not_due_yet", "unverifiable"),
    "fin_sales_adjustment": ("matched", "timing"),
}
"""Marts that compare Loop with the other systems, and their classes that say that all is well."""
OF_ENTITIES = {"recon_refund", "recon_store_credit", "recon_upsell"}
"""Those with rows for which there need be no return."""


@pytest.mark.parametrize("mart", JUDGED)
def test_each_planted_discrepancy_has_its_class_and_nothing_else_has_one(
    mart: str, planted: tuple[Shop, Elsewhere]
) -> None:
    shop, exports = planted
    subject = "coalesce(return_id, entity)" if mart in OF_ENTITIES else "return_id"
    rows = shop.rows(f"select {subject}, match_class from marts.{mart}", published=True)

    found = {(subject, kind) for subject, kind in rows if kind not in JUDGED[mart]}

    found -= {
        (subject, kind) for subject, kind in found if subject[:7] == "refund:" and kind == "not_comparable"
    }
    planted_here = {(subject, kind) for (name, subject), kind in exports.expected.items() if name == mart}
    assert found == {(subject, kind) for subject, kind in planted_here if kind not in JUDGED[mart]}
    assert planted_here <= set(rows)


def test_the_clearing_is_open_by_the_credit_of_the_exchanges_that_are_not_there(
    planted: tuple[Shop, Elsewhere],
) -> None:
    """What is planted opens it; a month before any plant has decayed to nothing."""
    shop, exports = planted

    months = shop.rows(
        "select currency, month, match_class, open_balance from marts.recon_exchange_clearing", published=True
    )

    missing = [
        subject
        for (mart, subject), kind in exports.expected.items()
        if mart == "recon_exchange" and kind in ("missing_order", "timing")
    ]
    owed = shop.rows(
        "select currency, sum(exchange_credit_total) from staging.stg_returns semi join marts.recon_exchange"
        f" using (return_id) where return_id in {(*missing,)} group by 1",
        published=True,
    )
    assert all(kind == "settled" and balance == 0 for _, month, kind, balance in months if month < OCTOBER)
    for currency, amount in owed:
        assert sum(balance for one, _, _, balance in months if one == currency) >= amount > 0


def test_an_exchange_of_an_exchange_stays_in_the_month_of_the_first(planted: tuple[Shop, Elsewhere]) -> None:
    shop, exports = planted
    one, other = sorted(key for key, trap in exports.traps.items() if trap == "exchange_of_an_exchange")

    found = shop.rows("select max(longest_chain) from marts.recon_exchange_clearing", published=True)

    assert found == [(2,)]
    assert [
        row[0][:12]
        for row in shop.rows(
            f"select detail from marts.explain('{one}') where source = 'shopify orders'", published=True
        )
    ] == ["order, match"]
    assert shop.rows(
        "select b.return_id from marts.recon_exchange as a inner join staging.stg_returns as b"
        f" on b.provider_order_id = a.exchange_order_id where a.return_id = '{one}'",
        published=True,
    ) == [(other,)]


def test_each_planted_label_break_is_found_and_no_other(planted: tuple[Shop, Elsewhere]) -> None:
    shop, exports = planted

    found = shop.rows(
        "select distinct return_id, break_type from marts.open_breaks where recon = 'fin_label_cost'",
        published=True,
    )

    wanted = {(one, kind) for (name, one), kind in exports.expected.items() if name == "fin_label_cost"}
    assert set(found) == wanted


PICKED_FOR = {
    "R01_received_process": {"received_not_processed"},
    "R03_short_receipt": {"short_receipt"},
    "R05_delivered_not_received": {"delivered_not_received"},
    "R06_unexpected_item": {"over_receipt", "unexpected_item"},
    "R11_dead_return_received": {"received_on_dead_return"},
    "R12_paid_never_shipped": {"paid_never_shipped"},
    "R14_instant_overdue": {"instant_not_charged"},
    "R18_over_refund": {"over_refund"},
    "R19_erp_received": {"receipt_but_loop_open"},
    "R20_paid_early": {"paid_early"},
}


@pytest.mark.parametrize("rule", PICKED_FOR)
def test_each_rule_picks_what_it_is_for_and_no_other_return(
    rule: str, planted: tuple[Shop, Elsewhere]
) -> None:
    shop, exports = planted

    picked = shop.rows(
        f"select return_id from marts.flag_candidates where rule_id = '{rule}' and mode = 'shadow'",
        published=True,
    )

    wanted = {subject for (_, subject), kind in exports.expected.items() if kind in PICKED_FOR[rule]}
    assert {return_id for (return_id,) in picked} == wanted


def test_without_exports_nothing_is_a_break_that_needs_them(
    planted: tuple[Shop, Elsewhere], tmp_path: Path
) -> None:
    shop, _ = planted
    alone = Shop(tmp_path, shop.base_url)
    alone.work_file.parent.mkdir(parents=True)
    shutil.copyfile(shop.work_file, alone.work_file)
    rules = (shop.folder / "loop.toml").read_text().partition("[rule.")  # without [extracts]
    (alone.folder / "loop.toml").write_text("".join(rules[1:]))

    alone.loop("build")

    kinds = alone.rows(
        f"select distinct recon, break_type from marts.breaks where recon in {(*JUDGED, 'fin_label_cost')}"
    )
    assert set(kinds) <= {
        ("recon_refund", "loop_header_vs_refunds"),
        ("recon_receipt", "delivered_open"),
        ("recon_receipt", "paid_never_shipped"),
    }
    for mart in ("recon_refund", "recon_store_credit", "recon_upsell"):
        classes = alone.rows(f"select distinct match_class from marts.{mart}")
        assert set(classes) - {("loop_header_vs_refunds",)} == {("unverifiable",)}, mart
