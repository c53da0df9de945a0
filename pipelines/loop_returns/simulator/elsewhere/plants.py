"""The discrepancies between Loop and other systems, by the mart and class that must find them.

Classes: marts.md, section 7, M3 to M8 and M12; one without a name there has it from section 5.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from loop_returns.simulator.catalogue import PRODUCTS
from loop_returns.simulator.elsewhere import goods, shopify
from loop_returns.simulator.elsewhere.cases import (
    ARRIVED,
    CANCELLED,
    CASH,
    CASH_OF_TWO,
    CLOSED,
    CREDIT,
    DOLLARS,
    JUST_ARRIVED,
    JUST_CLOSED,
    ON_THE_WAY,
    SWAP,
    UNSCANNED,
    UNUSED,
    UPSELL,
    Bend,
    Case,
    Told,
    again,
    off,
    same_order,
    says,
    without,
)
from loop_returns.simulator.elsewhere.shopify import Sheets
from loop_returns.simulator.money import settle
from loop_returns.simulator.truth import Exchange, Line, Return

SALES = "loop_sales_adjustment"
_NO_ORDER = without("shopify_orders", "shopify_order_lines", SALES)


def _refunded(owner: Return, facts: Sheets, case: Case) -> None:
    facts["shopify_refunds"] = shopify.refund_rows(owner, case.ago(1.5), owner.money.refund)


def _refunded_again(amount: int) -> Bend:
    def bend(owner: Return, facts: Sheets, case: Case) -> None:
        facts["shopify_refunds"] += shopify.refund_rows(owner, case.ago(30), amount, number=2)

    return bend


def _in_another_currency(owner: Return, facts: Sheets, case: Case) -> None:
    for row in facts["shopify_refunds"]:
        row["currency"] = "CAD"


def _paid_back(owner: Return, facts: Sheets, case: Case) -> None:
    row = facts["stripe_charges"][0]
    row["amount_refunded"] = row["amount"]


def _details_say_less(rng: random.Random, owner: Return, before: list[Return]) -> None:
    owner.refunds_short = 100


def _never_restocked(rng: random.Random, owner: Return, before: list[Return]) -> None:
    owner.asn_patch["restock_status"] = "pending"
    for line in owner.lines:
        line.grade = None


def _rated(rng: random.Random, owner: Return, before: list[Return]) -> None:
    """Loop says what its labels cost; the carrier bills in dollars."""
    for parcel in owner.parcels:
        parcel.rate_shape = 1


def _second_refund(owner: Return) -> str:
    return f"refund:{880_000_000_000 + owner.id + 2_000_000_000}"


def _one_item_short(rng: random.Random, owner: Return, before: list[Return]) -> None:
    """The second new item is out of stock, and nobody has said what becomes of it."""
    first = owner.exchanges[0]
    owner.exchanges[1:] = [Exchange(first.exchange_id + 900_000_000, PRODUCTS[0], 0, 0, 0, out_of_stock=True)]
    settle(owner, rng)


def _in_the_order_of_the_first(rng: random.Random, owner: Return, before: list[Return]) -> None:
    same_order(rng, owner, before)
    if before:
        owner.exchange_order = int(shopify.exchange_order_id(before[0]))


def _only_the_first_knows(owner: Return, facts: Sheets, case: Case) -> None:
    if case.place:
        without("shopify_orders", "shopify_order_lines", "shopify_returns", SALES)(owner, facts, case)


def _native_on_one_order(rng: random.Random, owner: Return, before: list[Return]) -> None:
    same_order(rng, owner, before)
    owner.exchange_order = owner.order.provider_order_id


def _card(owner: Return, facts: Sheets, case: Case) -> None:
    facts["shopify_gift_cards"] = [shopify.card_row(owner, case.ago(5), owner.money.gift_card)]


def _second_card(owner: Return, facts: Sheets, case: Case) -> None:
    facts["shopify_gift_cards"].append(shopify.card_row(owner, case.ago(30), owner.money.gift_card, number=1))


def _card_of_nobody(owner: Return, facts: Sheets, case: Case) -> None:
    row = shopify.card_row(owner, case.ago(30), 2_500, number=2)
    facts["shopify_gift_cards"] = [row | {"note": row["note"].replace(f"ID: {owner.id}", "ID: 1")}]


def _unknown_card(owner: Return) -> str:
    return f"card:{660_000_000_000 + owner.id + 2_000_000_000}"


def _second_rma(owner: Return, facts: Sheets, case: Case) -> None:
    facts["erp_rma"].append(goods.rma_row(owner, number=500_000_000))


def _charge(owner: Return, facts: Sheets, case: Case) -> None:
    row = shopify.charge_row(owner, case.ago(36), 1_250)
    facts["stripe_charges"] = [row | {"metadata": f'{{"return_id": "{owner.id}"}}'}]


def _counted(
    choose: Callable[[Return], list[Line]], **says_too: str
) -> Callable[[Return, Sheets, Case], None]:
    """The warehouse counted these units four days ago; the ERP has not heard of it."""

    def bend(owner: Return, facts: Sheets, case: Case) -> None:
        facts["receipts"] = [row | says_too for row in goods.receipt_rows(owner, case.ago(4), choose(owner))]
        facts.pop("erp_receipt", None)

    return bend


def _all(owner: Return) -> list[Line]:
    return owner.lines


def _one_too_many(owner: Return) -> list[Line]:
    return [*owner.lines, owner.lines[0]]


def _one_too_few(owner: Return) -> list[Line]:
    return owner.lines[1:]


def _another_too(owner: Return, facts: Sheets, case: Case) -> None:
    _counted(_all)(owner, facts, case)
    facts["receipts"].append(
        facts["receipts"][0] | {"sku": "NOT-OURS-1", "barcode": "", "receipt_line_id": "99"}
    )


def _erp_received(owner: Return, facts: Sheets, case: Case) -> None:
    facts["erp_receipt"] = [goods.erp_receipt_row(owner, case.ago(0.3))]


def _memo(owner: Return, facts: Sheets, case: Case) -> None:
    facts["erp_credit_memo"] = [goods.memo_row(owner, case.ago(3), owner.money.refund)]


def _billed(owner: Return, facts: Sheets, case: Case) -> None:
    facts["carrier_invoice"] = [
        {
            "invoice_id": "INV-X",
            "tracking_number": parcel.tracking,
            "charge": "",
            "amount": "7.50",
            "currency": "USD",
            "billed_at": shopify.z_time(case.ago(50)),
        }
        for parcel in owner.parcels
    ]


MONEY: Mapping[str, Told] = {
    "recon_refund.timing": Told(JUST_CLOSED, CASH, without("shopify_refunds", "erp_credit_memo")),
    "recon_refund.missing_in_shopify": Told(CLOSED, CASH, without("shopify_refunds")),
    "recon_refund.amount_break": Told(CLOSED, CASH, off("shopify_refunds", transaction_amount="-1.50")),
    "recon_refund.paid_early": Told(ON_THE_WAY, CASH, _refunded),
    "recon_refund.paid_on_dead_return": Told(CANCELLED, CASH, _refunded),
    "recon_refund.over_refund": Told(CLOSED, CASH, _refunded_again(9_999_900)),
    "recon_refund.extra_in_shopify": Told(CLOSED, CASH, _refunded_again(300), subject=_second_refund),
    "recon_refund.loop_header_vs_refunds": Told(CLOSED, CASH, shape=_details_say_less),
    "recon_refund.not_comparable": Told(
        CLOSED, CASH, _in_another_currency
    ),
    "recon_store_credit.timing": Told(JUST_CLOSED, CREDIT, without("shopify_gift_cards")),
    "recon_store_credit.missing_card": Told(CLOSED, CREDIT, without("shopify_gift_cards")),
    "recon_store_credit.amount_break": Told(CLOSED, CREDIT, off("shopify_gift_cards", initial_value="2.00")),
    "recon_store_credit.duplicate_card": Told(CLOSED, CREDIT, _second_card),
    "recon_store_credit.card_on_dead_return": Told(CANCELLED, CREDIT, _card),
    "recon_store_credit.card_disabled": Told(
        CLOSED, CREDIT, says("shopify_gift_cards", disabled_at="2026-01-01T00:00:00Z")
    ),
    "recon_store_credit.card_without_return": Told(
        CLOSED, CASH, _card_of_nobody, subject=_unknown_card
    ),
    "recon_upsell.timing": Told(JUST_CLOSED, UPSELL, without("stripe_charges")),
    "recon_upsell.missing_charge": Told(CLOSED, UPSELL, without("stripe_charges")),
    "recon_upsell.failed": Told(CLOSED, UPSELL, says("stripe_charges", status="failed")),
    "recon_upsell.refunded": Told(
        CLOSED, UPSELL, _paid_back
    ),
    "recon_upsell.amount_break": Told(CLOSED, UPSELL, off("stripe_charges", amount="2.00")),
    "recon_upsell.extra_charge": Told(CLOSED, CASH, _charge),
    "recon_upsell.instant_not_charged": Told(UNSCANNED, SWAP),
}  # fmt: skip

EXCHANGES: Mapping[str, Told] = {
    "recon_exchange.pending_not_processed": Told(ON_THE_WAY, SWAP),
    "recon_exchange.timing": Told(JUST_CLOSED, SWAP, _NO_ORDER),
    "recon_exchange.missing_order": Told(CLOSED, SWAP, _NO_ORDER),
    "recon_exchange.sku_break": Told(CLOSED, SWAP, says("shopify_order_lines", sku="NOT-OURS-2")),
    "recon_exchange.value_break": Told(CLOSED, SWAP, off("shopify_order_lines", price="10.00")),
    "recon_exchange.tax_break": Told(CLOSED, SWAP, off("shopify_order_lines", price="-1.00", tax="1.00")),
    "recon_exchange.partial_oos": Told(CLOSED, SWAP, shape=_one_item_short),
    "recon_exchange.duplicate_order": Told(
        CLOSED, SWAP, _only_the_first_knows, _in_the_order_of_the_first
    ),
    "fin_sales_adjustment.attribute_break": Told(CLOSED, SWAP, off(SALES, discounts="3.00")),
    "recon_exchange.count_break": Told(CLOSED, SWAP, _only_the_first_knows, _native_on_one_order),
}  # fmt: skip

GOODS: Mapping[str, Told] = {
    "recon_receipt.paid_never_shipped": Told(UNSCANNED, CASH),
    "recon_receipt.received_on_dead_return": Told(CANCELLED, CASH, _counted(_all)),
    "recon_receipt.received_not_processed": Told(ARRIVED, CASH, _counted(_all)),
    "recon_receipt.bad_grade": Told(ARRIVED, CASH, _counted(_all, condition="junk")),
    "recon_receipt.over_receipt": Told(ARRIVED, CASH, _counted(_one_too_many)),
    "recon_receipt.unexpected_item": Told(ARRIVED, CASH, _another_too),
    "recon_receipt.short_receipt": Told(ARRIVED, CASH_OF_TWO, _counted(_one_too_few)),
    "recon_receipt.delivered_not_received": Told(ARRIVED, CASH),
    "recon_receipt.restock_mismatch": Told(CLOSED, CASH, shape=_never_restocked),
    "recon_erp.rma_missing": Told(CLOSED, CASH, without("erp_rma")),
    "recon_erp.rma_duplicate": Told(CLOSED, CASH, _second_rma),
    "recon_erp.receipt_but_loop_open": Told(JUST_ARRIVED, CASH, _erp_received),
    "recon_erp.closed_no_receipt": Told(CLOSED, CASH, without("erp_receipt")),
    "recon_erp.closed_no_credit_memo": Told(CLOSED, CASH, without("erp_credit_memo")),
    "recon_erp.memo_amount_break": Told(CLOSED, CASH, off("erp_credit_memo", amount="2.50")),
    "recon_erp.memo_on_cancelled": Told(CANCELLED, CASH, _memo),
    "recon_erp.upsell_no_deposit": Told(CLOSED, UPSELL, without("erp_credit_memo")),
    "fin_label_cost.amount_break": Told(CLOSED, DOLLARS, off("carrier_invoice", amount="3.00"), _rated),
    "fin_label_cost.missing_invoice": Told(CLOSED, DOLLARS, without("carrier_invoice")),
    "fin_label_cost.duplicate_invoice": Told(
        CLOSED, DOLLARS, again("carrier_invoice", invoice_id="INV-again"), _rated
    ),
    "fin_label_cost.unused_billed": Told(UNUSED, DOLLARS, _billed),
}

PLANTS: Mapping[str, Told] = {**MONEY, **EXCHANGES, **GOODS}
"""`<mart>.<class>` -> case."""
