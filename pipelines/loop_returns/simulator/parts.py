"""The parts of a list row that no switch changes: amounts, grading, label cost, return method."""

from __future__ import annotations

from datetime import datetime

from loop_returns.simulator.money import text
from loop_returns.simulator.shapes import Row, naive_time, qr_link
from loop_returns.simulator.truth import Line, Parcel, Return


def graded_at(owner: Return, line: Line) -> datetime | None:
    """When a person looked at the line: at closing, or at once where the shop found it bad."""
    if line.grade is None or owner.delivered_at is None:
        return None
    if owner.role == "recon_receipt.bad_grade":
        return owner.updated_at
    return owner.closed_at if owner.closed_at and owner.closed_at > owner.delivered_at else None


def disposition(owner: Return, line: Line) -> Row | None:
    """What was done with a graded line."""
    at = graded_at(owner, line)
    if at is None:
        return None
    return {
        "disposition_outcome": "restock" if line.grade == "grade_a" else "inspect",
        "return_processor": "warehouse",
        "note": None,
        "inspected_at": naive_time(at),
    }


def rate(owner: Return, parcel: Parcel) -> int | str | None:
    """A label's cost: a number of cents, a decimal string, or null, as seen in public bodies."""
    return (parcel.rate, text(parcel.rate, 2), None)[parcel.rate_shape]


def return_method(owner: Return) -> Row | None:
    """How the goods come back: null for a plain parcel, an object for anything else."""
    if owner.has_parcel and owner.id % 9:
        return None
    person = owner.order.person
    return {
        "provider": "demo_dropoff" if owner.has_parcel else "",
        "method_type": owner.method or "drop_off",
        "address": {
            "name": person.full_name,
            "address1": person.street,
            "city": "Sampleton",
            "phone": person.phone,
            "coordinates": None,
        },
        "state": owner.label_status if owner.has_label and owner.has_parcel else None,
        "rma_id": f"RMA{owner.id}",
        "qr_code_url": qr_link(owner) if owner.has_parcel else None,
        "scheduled_at": None,
        "scannable_id": f"SC{owner.id}" if owner.has_parcel else None,
    }


def amounts(owner: Return) -> Row:
    """The header's amounts, as decimal strings."""
    money, digits = owner.money, owner.digits
    items = owner.exchanges
    card = money.gift_card if owner.was_processed else 0
    shown = {
        "total": money.refund,
        "return_product_total": money.product,
        "return_discount_total": money.discount,
        "return_tax_total": money.tax,
        "return_total": money.total,
        "return_credit_total": money.credit,
        "refund_shipping_total": money.shipping,
        "refund_shipping_tax_total": 0,
        "exchange_product_total": sum(item.price for item in items),
        "exchange_discount_total": sum(item.discount for item in items),
        "exchange_tax_total": sum(item.tax for item in items),
        "exchange_total": sum(item.total for item in items),
        "exchange_credit_total": money.exchange_credit,
        "gift_card": money.gift_card,
        "handling_fee": money.fee,
        "refund": money.refund,
        "upsell": money.upsell,
    }
    is_multi = owner.id % 17 == 0
    return {
        **{name: text(amount, digits) for name, amount in shown.items()},
        "gift_card_order_name": f"#{owner.order.number + 50_000}" if card else None,
        "gift_card_order_id": str(4_914_000_000_000 + owner.id) if card else None,
        "gift_card_presentment": presentment(money.gift_card, digits, "value") if is_multi and card else None,
        "presentment": presentment(money.refund, digits, "refund") if is_multi else None,
    }


def presentment(amount: int, digits: int, name: str) -> Row:
    """The amount in the shopper's own currency, at an invented rate."""
    return {name: text(amount * 135 // 100, digits), "currency": "CAD"}
