"""Money in words: each amount with its currency, in the units that people of that currency write.

Amounts of two currencies are never added up; an amount finer than the smallest unit keeps its digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

NO_CURRENCY = "no currency"


def number(amount: Decimal | None, unit: Decimal | None = None, *, sign: bool = False) -> str:
    """An amount with the digits of its currency's smallest unit, or with all it has when they do not do.

    Args:
        amount: None is an amount that is not known.
        unit: Smallest unit of the currency; None: 0.01.
        sign: Whether a plus is shown.

    >>> number(Decimal("1234.5000")), number(Decimal("-3.0000"), Decimal(1)), number(Decimal("0.0050"))
    ('1,234.50', '-3', '0.005')
    >>> number(Decimal("7"), sign=True), number(Decimal("-0"), sign=True), number(None)
    ('+7.00', '0.00', '-')
    """
    if amount is None:
        return "-"
    if not amount:
        amount = Decimal(0)  # -0 is a number, too
    digits = max(0, -(unit or Decimal("0.01")).normalize().as_tuple().exponent)  # type: ignore[operator] # finite
    exact = max(0, -amount.normalize().as_tuple().exponent)  # type: ignore[operator] # finite
    return f"{amount:{'+' if sign and amount else ''},.{max(digits, exact)}f}"


def money(amounts: Mapping[str, Any], *, most: int = 1) -> str:
    """Signed sums, one per currency, never added up.

    >>> money({"USD": Decimal("1234.5"), "EUR": Decimal("-3"), "GBP": Decimal("7")}, most=2)
    'USD +1,234.50, EUR -3.00, 1 more'
    """
    shown = [f"{currency} {amount:+,.2f}" for currency, amount in list(amounts.items())[:most]]
    rest = len(amounts) - most
    return ", ".join([*shown, *([f"{rest} more"] if rest > 0 else [])])
