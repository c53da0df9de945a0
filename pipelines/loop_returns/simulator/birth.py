"""How a return is made: the lines, the parcels, the items wanted instead.

All chance comes from the one `random.Random` that is handed in, so the same world is made twice.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime

from loop_returns.simulator.catalogue import (
    CARRIERS,
    CURRENCIES,
    GOOD_GRADES,
    PRODUCTS,
    REASONS,
    Product,
)
from loop_returns.simulator.money import line_amounts, settle
from loop_returns.simulator.people import Order, make_order
from loop_returns.simulator.truth import Exchange, Line, Parcel, Return

OUTCOMES = (
    ("refund",) * 44
    + ("exchange",) * 18
    + ("credit",) * 14
    + ("upsell",) * 8
    + ("exchange+refund",) * 7
    + ("exchange+credit",) * 5
    + ("credit+refund",) * 4
)


@dataclass(slots=True)
class Serials:
    """The next number of each kind of thing; ids rise with creation, with gaps."""

    returns: int = 25_000_000
    orders: int = 0
    lines: int = 60_000_000
    exchanges: int = 9_000_000
    parcels: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a planted discrepancy needs of the return that carries it."""

    outcomes: tuple[str, ...] = OUTCOMES
    currencies: tuple[str, ...] = CURRENCIES
    least_lines: int = 1
    method: str | None = None


ANY = Wish()


def make_return(
    rng: random.Random, serials: Serials, created_at: datetime, wish: Wish = ANY, order: Order | None = None
) -> Return:
    """A new return, open, without its future.

    Args:
        rng: Source of chance.
        serials: Numbers given out so far; moved on.
        created_at: Aware UTC, whole second.
        wish: What a planted discrepancy needs.
        order: An order that already has a return, or None for a new order.
    """
    serials.returns += rng.randrange(1, 9)
    if order is None:
        serials.orders += 1
        order = make_order(rng, serials.orders)
    made = Return(
        id=serials.returns,
        order=order,
        currency=rng.choice(wish.currencies),
        outcome=rng.choice(wish.outcomes),
        created_at=created_at,
        updated_at=created_at,
        type="warranty" if rng.random() < 0.07 else "standard",
        method=wish.method,
        asn_from=None if wish.method in ("keep_item", "in_store") else created_at,
    )
    made.history.append((created_at, "open"))
    made.lines = _lines(rng, serials, made, wish.least_lines)
    made.exchanges = _exchanges(rng, serials, made)
    made.parcels = _parcels(rng, serials, made)
    settle(made, rng)
    return made


def _lines(rng: random.Random, serials: Serials, owner: Return, least: int) -> list[Line]:
    wanted = max(least, rng.choices((1, 2, 3, 4, 6), (46, 30, 14, 8, 2))[0])
    lines: list[Line] = []
    while len(lines) < wanted:
        serials.lines += rng.randrange(1, 5)
        if lines and rng.random() < 0.3:
            lines.append(_twin(rng, serials.lines, lines[-1]))
        else:
            lines.append(_line(rng, serials.lines, owner))
    if owner.outcome == "exchange" and rng.random() < 0.12:
        lines += _even_swap(rng, serials, owner)
    return lines


def _line(rng: random.Random, number: int, owner: Return) -> Line:
    product = rng.choice(PRODUCTS)
    price, discount, tax = line_amounts(rng, product, owner.currency)
    return Line(
        line_item_id=number,
        provider_line_item_id=12_400_000_000_000 + number * 7,
        product=product,
        price=price,
        discount=discount,
        tax=tax,
        reason=rng.randrange(len(REASONS)),
        comment=f"pii-comment {number}: does not fit" if rng.random() < 0.3 else None,
        grade=rng.choice(GOOD_GRADES) if rng.random() < 0.2 else None,
        parcel=rng.randrange(2),
    )


def _twin(rng: random.Random, number: int, first: Line) -> Line:
    """A second unit of the same order line."""
    return Line(
        line_item_id=number,
        provider_line_item_id=first.provider_line_item_id,
        product=first.product,
        price=first.price,
        discount=first.discount,
        tax=first.tax,
        reason=first.reason,
        parcel=rng.randrange(2),
    )


def _even_swap(rng: random.Random, serials: Serials, owner: Return) -> list[Line]:
    """A unit swapped for the same product: its price and the same price taken back."""
    back = _line(rng, serials.lines + 1, owner)
    back.discount = back.tax = 0
    counter = _twin(rng, serials.lines + 2, back)
    counter.price = -back.price
    serials.lines += 2
    return [back, counter]


def _exchanges(rng: random.Random, serials: Serials, owner: Return) -> list[Exchange]:
    if not {"exchange", "upsell"} & set(owner.outcome.split("+")):
        return []
    made: list[Exchange] = []
    for _ in range(rng.choices((1, 2, 3), (75, 20, 5))[0]):
        serials.exchanges += rng.randrange(1, 4)
        made.append(Exchange(serials.exchanges, _wanted(rng, owner), 0, 0, 0, rng.random() < 0.03))
    return made


def _wanted(rng: random.Random, owner: Return) -> Product:
    """Mostly the same product in another size."""
    product = owner.lines[0].product
    if rng.random() < 0.3:
        return rng.choice(PRODUCTS)
    same = [other for other in PRODUCTS if other.product_id == product.product_id]
    return rng.choice(same)


def _parcels(rng: random.Random, serials: Serials, owner: Return) -> list[Parcel]:
    if not owner.has_parcel:
        return []
    made: list[Parcel] = []
    for _ in range(2 if len(owner.lines) > 1 and rng.random() < 0.15 else 1):
        serials.parcels += 1
        tracking = f"94{serials.parcels * 7_919 % 10**12:012d}{serials.parcels:08d}"
        made.append(Parcel(rng.choice(CARRIERS), tracking, rng.randrange(450, 1_600), rng.randrange(3)))
    return made
