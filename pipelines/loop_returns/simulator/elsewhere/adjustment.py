"""Loop's own Sales Adjustment report: what its exchanges and store credit leave wrong in Shopify's sales.

Source: Loop's help centre, Exchange Accounting Reconciliation: three values, and which columns each touches.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from loop_returns.simulator.money import text
from loop_returns.simulator.truth import Exchange, Return

Row = dict[str, str]
VALUES = ("discounts", "returns", "net_sales")


def rows(owner: Return, at: datetime, exchange_name: str | None, items: list[Exchange]) -> list[Row]:
    """What one closed return puts into the report.

    Args:
        owner: The return.
        at: When it was carried out, UTC; the report's days are UTC.
        exchange_name: Name of the exchange order; None when it has none of its own.
        items: New items that went out.
    """
    made: list[Row] = []
    if items and exchange_name:
        credit = min(sum(item.total for item in items), owner.money.credit)
        tax = sum(item.tax for item in items)
        made.append(_row(owner, at, exchange_name, credit, -credit - tax))
    if owner.money.gift_card > 0:
        made.append(_row(owner, at, owner.order.name, 0, -owner.money.gift_card))
    return made


def merged(all_rows: Iterable[Row]) -> list[Row]:
    """One row per day, order and currency, as Loop sums them."""
    found: dict[tuple[str, str, str], Row] = {}
    for row in all_rows:
        kept = found.setdefault((row["day"], row["order_name"], row["currency"]), row)
        if kept is not row:
            kept |= {name: str(Decimal(kept[name]) + Decimal(row[name])) for name in VALUES}
    return list(found.values())


def _row(owner: Return, at: datetime, name: str, discounts: int, returns: int) -> Row:
    amounts = zip(VALUES, (discounts, returns, discounts + returns), strict=True)
    return {
        "day": f"{at:%Y-%m-%d}",
        "order_name": name,
        "currency": owner.currency,
        **{column: text(amount, owner.digits) for column, amount in amounts},
    }
