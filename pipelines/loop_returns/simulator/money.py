"""What a return is worth and where the value goes, in whole minor units.

One consistent split: return total + shipping = credit + refund + fee, the gift card inside the credit.
"""

from __future__ import annotations

import random
from functools import lru_cache

from loop_returns.simulator.catalogue import Product
from loop_returns.simulator.truth import Exchange, Return


@lru_cache(maxsize=1 << 16)
def text(amount: int, digits: int) -> str:
    """Minor units as Loop's decimal string.

    >>> text(-2999, 2), text(5, 2), text(1200, 0)
    ('-29.99', '0.05', '1200')
    """
    if digits == 0:
        return str(amount)
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 100}.{amount % 100:02d}"


def local(cents: int, currency: str) -> int:
    """A price list amount in the minor unit of a currency."""
    return cents * 3 // 2 if currency == "JPY" else cents


def line_amounts(rng: random.Random, product: Product, currency: str) -> tuple[int, int, int]:
    """Price, discount and tax of one unit."""
    price = local(product.price, currency)
    discount = price * rng.choice((0, 0, 0, 10, 15, 20)) // 100
    tax = (price - discount) * rng.choice((0, 0, 6, 7, 8)) // 100
    return price, discount, tax


def settle(owner: Return, rng: random.Random, short: int = 0) -> None:
    """Work out the header amounts, the cash part of each line and the exchange items.

    Args:
        owner: Its lines, exchanges and outcome are read; its money is written.
        rng: Source of chance for fees, shipping and splits.
        short: Minor units by which the refund goes below nothing, for a planted discrepancy.
    """
    money = owner.money
    money.product = sum(line.price for line in owner.lines)
    money.discount = sum(line.discount for line in owner.lines)
    money.tax = sum(line.tax for line in owner.lines)
    _extras(owner, rng)
    _split(owner, rng, money.total + money.shipping - money.fee, short)
    _cash_to_lines(owner)
    if owner.exchanges:
        target = money.exchange_credit
        share, rest = divmod(target, len(owner.exchanges))
        for place, item in enumerate(owner.exchanges):
            _price(item, share + (rest if place == 0 else 0), rng)


def _extras(owner: Return, rng: random.Random) -> None:
    """Shipping back and the fee; a plain refund has both alike, so that its lines stay whole."""
    fee = local(rng.choice((395, 500, 750)), owner.currency) if rng.random() < 0.12 else 0
    shipping = local(rng.choice((495, 800)), owner.currency) if rng.random() < 0.05 else 0
    if owner.outcome == "refund":
        shipping = fee
    owner.money.fee, owner.money.shipping = fee, shipping


def _split(owner: Return, rng: random.Random, value: int, short: int) -> None:
    """Share the value out between cash, gift card and new items."""
    money = owner.money
    part = value * rng.randrange(30, 71) // 100
    extra = local(rng.randrange(300, 6_000), owner.currency)
    credit, exchanged, gift_card = {
        "refund": (0, 0, 0),
        "credit": (value, 0, value),
        "exchange": (value + short, value + short, 0),
        "upsell": (value, value + extra, 0),
        "exchange+refund": (part, part, 0),
        "exchange+credit": (value, part, value - part),
        "credit+refund": (part, 0, part),
    }[owner.outcome]
    money.credit, money.exchange_credit, money.gift_card = credit, exchanged, gift_card
    money.refund = value - credit
    money.upsell = max(0, exchanged - credit)


def _cash_to_lines(owner: Return) -> None:
    """The refund, spread over the lines by their value; the lines' refunds add up to the header's."""
    for line in owner.lines:
        line.refund_item = line.refund_tax = 0
    worth = [line for line in owner.lines if line.value > 0]
    left, weight = owner.money.refund, sum(line.value for line in worth)
    for line in worth:
        cash = left * line.value // weight
        line.refund_tax = cash * line.tax // line.value
        line.refund_item = cash - line.refund_tax
        left, weight = left - cash, weight - line.value


def _price(item: Exchange, total: int, rng: random.Random) -> None:
    """Give a new item a price, discount and tax that end at `total`."""
    item.tax = total * rng.choice((0, 6, 7)) // 107
    net = total - item.tax
    item.discount = net * rng.choice((0, 0, 0, 5, 10)) // 100
    item.price = net + item.discount
