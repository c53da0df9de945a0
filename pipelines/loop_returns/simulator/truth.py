"""The hidden truth of the simulated shop: what was shipped, received and paid, and when.

Amounts are whole minor units of the return's currency (cents; whole yen). Times are aware UTC, whole
seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from loop_returns.simulator.catalogue import DIGITS, Product
from loop_returns.simulator.people import Order

Kind = Literal["label", "state", "processed"]
Life = Literal["closed", "open", "cancelled", "expired", "review"]
SCANNED = ("in_transit", "out_for_delivery", "delivered")


class Event(NamedTuple):
    """Something that will happen, or has happened, to a return."""

    at: datetime
    kind: Kind
    value: str


@dataclass(slots=True, eq=False)
class Line:
    """One returned unit; there is no quantity. Source: Loop API, Detailed Returns List."""

    line_item_id: int
    provider_line_item_id: int
    product: Product
    price: int
    discount: int
    tax: int
    reason: int
    comment: str | None = None
    grade: str | None = None
    refund_item: int = 0
    refund_tax: int = 0
    parcel: int = 0
    patch: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> int:
        """What the shopper paid for the unit."""
        return self.price - self.discount + self.tax


@dataclass(slots=True, eq=False)
class Exchange:
    """One new item that the shopper gets instead."""

    exchange_id: int
    product: Product
    price: int
    discount: int
    tax: int
    out_of_stock: bool = False

    @property
    def total(self) -> int:
        """After discount and tax."""
        return self.price - self.discount + self.tax


@dataclass(slots=True, eq=False)
class Parcel:
    """One label; `rate` is what it cost, in minor units; `status` where it is, if not as the header."""

    carrier: str
    tracking: str
    rate: int
    rate_shape: int
    status: str | None = None


@dataclass(slots=True, eq=False)
class Money:
    """The header amounts, as Loop promises them."""

    product: int = 0
    discount: int = 0
    tax: int = 0
    shipping: int = 0
    fee: int = 0
    credit: int = 0
    gift_card: int = 0
    refund: int = 0
    upsell: int = 0
    exchange_credit: int = 0

    @property
    def total(self) -> int:
        """Value of the returned lines. Source: Loop API, Detailed Returns List."""
        return self.product - self.discount + self.tax


@dataclass(slots=True, eq=False)
class Return:
    """One return: its truth, and how the API misreports it where a discrepancy is planted.

    Attributes:
        elsewhere: What is planted about it in other systems; see `simulator/elsewhere`.
        exchange_order: Shopify order that its exchange is in, if not one of its own.
        refunds_short: Minor units by which the details show less paid back than the header.
    """

    id: int
    order: Order
    currency: str
    outcome: str
    created_at: datetime
    updated_at: datetime
    state: str = "open"
    role: str = ""
    script: list[Event] = field(default_factory=list)
    history: list[tuple[datetime, str]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    money: Money = field(default_factory=Money)
    method: str | None = None
    type: str = "standard"
    label_status: str = "N/A"
    label_updated_at: datetime | None = None
    first_scan_at: datetime | None = None
    delivered_at: datetime | None = None
    closed_at: datetime | None = None
    edited_at: datetime | None = None
    was_processed: bool = False
    was_reviewed: bool = False
    is_listed: bool = True
    asn_from: datetime | None = None
    asn_skips: int = 0
    asn_orphan: int | None = None
    elsewhere: str = ""
    exchange_order: int | None = None
    refunds_short: int = 0
    row_patch: dict[str, Any] = field(default_factory=dict)
    asn_patch: dict[str, Any] = field(default_factory=dict)
    revision: int = 0

    @property
    def digits(self) -> int:
        """Decimal places of the currency."""
        return DIGITS[self.currency]

    @property
    def has_parcel(self) -> bool:
        """False for items that the shopper keeps or hands over in a shop."""
        return self.method not in ("keep_item", "in_store")

    @property
    def has_label(self) -> bool:
        """True once the carrier has issued a label."""
        return self.label_status != "N/A"

    @property
    def shipped_units(self) -> int:
        """Units that the carrier has scanned."""
        return len(self.lines) if self.first_scan_at else 0

    @property
    def received_units(self) -> int:
        """Units that reached the warehouse."""
        return len(self.lines) if self.delivered_at else 0

    @property
    def paid(self) -> int:
        """Cash and gift card that have left the shop."""
        return self.money.refund + self.money.gift_card if self.state == "closed" else 0

    def apply(self, event: Event) -> None:
        """Let an event happen; `updated_at` moves to it."""
        self.updated_at = event.at
        self.revision += 1
        if event.kind == "processed":
            self.was_processed = True
        elif event.kind == "state":
            self._turn(event)
        else:
            self._scan(event)

    def live_until(self, now: datetime) -> bool:
        """Apply what the script holds up to `now`; True if anything happened."""
        done = 0
        for event in self.script:
            if event.at > now:
                break
            self.apply(event)
            done += 1
        del self.script[:done]
        return done > 0

    def _turn(self, event: Event) -> None:
        self.state = event.value
        self.history.append((event.at, event.value))
        self.was_reviewed = self.was_reviewed or event.value == "review"
        if event.value == "closed":
            self.closed_at = event.at

    def _scan(self, event: Event) -> None:
        self.label_status, self.label_updated_at = event.value, event.at
        if event.value in SCANNED and self.first_scan_at is None:
            self.first_scan_at = event.at
        if event.value == "delivered":
            self.delivered_at = event.at
