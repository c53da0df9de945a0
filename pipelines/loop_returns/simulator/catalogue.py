"""What the invented shop sells and how it ships: products, reasons, carriers, currencies."""

from __future__ import annotations

from typing import NamedTuple

STATES = ("open", "closed", "cancelled", "expired", "review")
DEFAULT_HIDDEN = frozenset({"cancelled", "review"})
"""States that a list call without `state` leaves out. Source: Loop API, Detailed Returns List."""

GOOD_GRADES = ("grade_a", "grade_b", "grade_c")
BAD_GRADES = ("incorrect_item", "missing", "junk", "grade_d")
CARRIERS = ("USPS", "UPS", "FedEx", "DHLExpress")
DIGITS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0}
"""Decimal places of each currency's minor unit."""
CURRENCIES = ("USD",) * 80 + ("EUR",) * 9 + ("GBP",) * 7 + ("JPY",) * 4
COUNTRIES = {
    "USD": ("United States", "US"),
    "EUR": ("Germany", "DE"),
    "GBP": ("United Kingdom", "GB"),
    "JPY": ("Japan", "JP"),
}
REASONS: tuple[tuple[str | None, str], ...] = (
    ("Size", "Too small"),
    ("Size", "Too large"),
    ("Style", "Not as pictured"),
    ("Style", "Colour differs"),
    ("Quality", "Defective"),
    ("Service", "Arrived too late"),
    ("Service", "Wrong item sent"),
    (None, "Changed my mind"),
    ("", "Other"),
)


class Product(NamedTuple):
    """One variant; `price` is in US cents before discount and tax."""

    product_id: int
    variant_id: int
    sku: str
    barcode: str
    title: str
    variant: str
    price: int


def _products() -> tuple[Product, ...]:
    kinds = ("Boot", "Jacket", "Scarf", "Jeans", "Cap", "Shirt", "Belt", "Dress", "Sock", "Bag")
    made: list[Product] = []
    for number in range(30):
        kind = kinds[number % len(kinds)]
        for size, letter in enumerate("SML"):
            serial = number * 3 + size
            made.append(
                Product(
                    product_id=7_100_000_000_000 + number,
                    variant_id=41_200_000_000_000 + serial,
                    sku="" if serial % 23 == 7 else f"{kind[:3].upper()}-{number:02d}-{letter}",
                    barcode=("", "N/A")[serial % 2] if serial % 11 == 3 else f"0{serial + 84_000_000_000}",
                    title=f"{kind} No. {number}",
                    variant=letter,
                    price=1_900 + (number * 1_370) % 14_000 + 99 * (number % 2),
                )
            )
    return tuple(made)


PRODUCTS = _products()
