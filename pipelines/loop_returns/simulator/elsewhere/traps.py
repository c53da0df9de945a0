"""What looks like a discrepancy to a naive rule and is none. Source: marts.md, sections 2.4 and 2.5."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from loop_returns.simulator.elsewhere import goods, shopify
from loop_returns.simulator.elsewhere.cases import (
    CASH,
    CASH_OF_TWO,
    CLOSED,
    CREDIT,
    ON_THE_WAY,
    SWAP,
    UNSCANNED,
    UPSELL,
    Case,
    Life,
    Told,
    same_order,
)
from loop_returns.simulator.elsewhere.shopify import Sheets
from loop_returns.simulator.money import settle, text
from loop_returns.simulator.truth import Line, Parcel, Return

HANDED_OVER: Life = ((10, "state", "open"), (9.9, "state", "closed"), (9.8, "processed", ""))
AT_ONCE: Life = (
    (6, "label", "new"),
    (5.99, "state", "closed"),
    (5.9, "processed", ""),
    (3, "label", "in_transit"),
)


def _two_parcels(rng: random.Random, owner: Return, before: list[Return]) -> None:
    """One has arrived and was counted; the other one is on the way."""
    first = owner.parcels[0]
    owner.parcels = [first, Parcel(first.carrier, first.tracking[::-1], first.rate, first.rate_shape)]
    first.status = "delivered"
    for place, line in enumerate(owner.lines):
        line.parcel = place % 2


def _first_parcel(owner: Return, facts: Sheets, case: Case) -> None:
    lines = [line for line in owner.lines if line.parcel == 0]
    facts["receipts"] = list(goods.receipt_rows(owner, case.ago(0.5), lines))


def _unnamed(rng: random.Random, owner: Return, before: list[Return]) -> None:
    """Loop names no refund of Shopify's, and there are two returns on the order."""
    same_order(rng, owner, before)
    owner.row_patch["shopify_refund_object"] = []


def _twin(rng: random.Random, owner: Return, before: list[Return]) -> None:
    """The same amounts as the return before on the same order."""
    _unnamed(rng, owner, before)
    if not before:
        return
    first = before[0]
    owner.lines = [
        Line(
            owner.lines[0].line_item_id + 500_000_000 + place,
            line.provider_line_item_id + 1_000_000_000,
            line.product,
            line.price,
            line.discount,
            line.tax,
            line.reason,
        )
        for place, line in enumerate(first.lines)
    ]
    settle(owner, rng)


def _refund_of_its_own(owner: Return, facts: Sheets, case: Case) -> None:
    facts["shopify_refunds"] = shopify.refund_rows(owner, case.ago(37), owner.money.refund, number=5)


def _one_refund_for_both(owner: Return, facts: Sheets, case: Case) -> None:
    due = sum(each.money.refund for each in case.siblings)
    rows = shopify.refund_rows(owner, case.ago(36.9), due, number=6)
    facts["shopify_refunds"] = [] if case.place else rows


def _mixed(owner: Return, facts: Sheets, case: Case) -> None:
    first, card = facts["shopify_refunds"][0], owner.money.refund // 2
    parts = (("gift_card", card), ("paypal", owner.money.refund - card))
    facts["shopify_refunds"] = [
        first
        | {
            "gateway_name": name,
            "transaction_amount": text(part, owner.digits),
            "transaction_id": f"{first['transaction_id']}{place}",
        }
        for place, (name, part) in enumerate(parts)
    ]


def _edited(rng: random.Random, owner: Return, before: list[Return]) -> None:
    owner.lines.pop()
    settle(owner, rng)
    owner.edited_at = owner.created_at + timedelta(days=1)


def _kept_out(rng: random.Random, owner: Return, before: list[Return]) -> None:
    """Graded, and to be inspected instead of restocked."""
    for line in owner.lines:
        line.grade = "grade_b"
    owner.asn_patch["restock_status"] = "pending"


def _restocked(rng: random.Random, owner: Return, before: list[Return]) -> None:
    owner.asn_patch["restock_status"] = "restocked"


def _native(rng: random.Random, owner: Return, before: list[Return]) -> None:
    owner.exchange_order = owner.order.provider_order_id


def _two_native(rng: random.Random, owner: Return, before: list[Return]) -> None:
    same_order(rng, owner, before)
    _native(rng, owner, before)


def _exchanged_again(rng: random.Random, owner: Return, before: list[Return]) -> None:
    """The second return sends back what the exchange of the first one brought."""
    if not before:
        return
    first = before[0]
    owner.order = first.order._replace(provider_order_id=int(shopify.exchange_order_id(first)))
    owner.currency = first.currency
    owner.row_patch["order_name"] = shopify.exchange_name(first)
    owner.lines = [
        Line(
            owner.lines[0].line_item_id + 600_000_000 + place,
            14_000_000_000_000 + item.exchange_id,
            item.product,
            item.price,
            item.discount,
            item.tax,
            reason=0,
        )
        for place, item in enumerate(first.exchanges)
    ]
    settle(owner, rng)


def _bonus(owner: Return, facts: Sheets, case: Case) -> None:
    facts["shopify_gift_cards"] = [shopify.card_row(owner, case.ago(37), owner.money.gift_card, bonus=500)]


def _replaced(owner: Return, facts: Sheets, case: Case) -> None:
    """The first card was disabled, and another one made instead of it."""
    first = facts["shopify_gift_cards"][0]
    first["disabled_at"] = shopify.z_time(case.ago(20))
    facts["shopify_gift_cards"].append(shopify.card_row(owner, case.ago(20), owner.money.gift_card, number=1))


def _tried_twice(owner: Return, facts: Sheets, case: Case) -> None:
    paid = facts["stripe_charges"][0]
    facts["stripe_charges"].append(paid | {"charge_id": f"{paid['charge_id']}_declined", "status": "failed"})


def _names_nothing(owner: Return, facts: Sheets, case: Case) -> None:
    facts["stripe_charges"][0] |= {"metadata": "", "description": ""}


def _charged_after_the_window(owner: Return, facts: Sheets, case: Case) -> None:
    facts["stripe_charges"] = [shopify.charge_row(owner, case.ago(25), owner.money.exchange_credit)]


def _cashless_too(owner: Return, facts: Sheets, case: Case) -> None:
    facts["shopify_refunds"].append(shopify.cashless_row(owner, case.ago(37)))


def _in_two_currencies(owner: Return, facts: Sheets, case: Case) -> None:
    for row in facts["shopify_refunds"]:
        row |= {"shop_amount": row["transaction_amount"], "shop_currency": owner.currency}
        row |= {"currency": "CAD", "transaction_amount": f"{Decimal(row['shop_amount']) * 5 / 4:.2f}"}


TRAPS: Mapping[str, Told] = {
    "trap.keep_item": Told(HANDED_OVER, replace(CASH, method="keep_item")),
    "trap.in_store": Told(HANDED_OVER, replace(CASH, method="in_store")),
    "trap.instant_exchange": Told(AT_ONCE, SWAP),
    "trap.several_labels": Told(ON_THE_WAY, CASH_OF_TWO, _first_parcel, _two_parcels),
    "trap.two_returns_on_one_order": Told(CLOSED, CASH, shape=same_order),
    "trap.one_refund_for_two_returns": Told(CLOSED, CASH, _one_refund_for_both, _unnamed),
    "trap.two_equal_refunds_on_one_order": Told(CLOSED, CASH, _refund_of_its_own, _twin),
    "trap.mixed_payment": Told(CLOSED, CASH, _mixed),
    "trap.edited_return": Told(CLOSED, CASH_OF_TWO, shape=_edited),
    "trap.native_exchange": Told(CLOSED, SWAP, shape=_native),
    "trap.two_native_exchanges_on_one_order": Told(CLOSED, SWAP, shape=_two_native),
    "trap.exchange_of_an_exchange": Told(CLOSED, SWAP, shape=_exchanged_again),
    "trap.bonus_credit": Told(CLOSED, CREDIT, _bonus),
    "trap.not_restocked_but_inspected": Told(CLOSED, CASH, shape=_kept_out),
    "trap.restocked_at_once": Told(AT_ONCE, SWAP, shape=_restocked),
    "trap.replaced_card": Told(CLOSED, CREDIT, _replaced),
    "trap.charge_tried_twice": Told(CLOSED, UPSELL, _tried_twice),
    "trap.charge_that_names_nothing": Told(CLOSED, UPSELL, _names_nothing),
    "trap.instant_exchange_charged": Told(UNSCANNED, SWAP, _charged_after_the_window),
    "trap.cashless_refund": Told(CLOSED, CASH, _cashless_too),
    "trap.two_currencies": Told(CLOSED, CASH, _in_two_currencies),
}
