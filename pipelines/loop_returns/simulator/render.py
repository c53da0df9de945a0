"""The truth as rows of the Detailed Returns List. Source: Loop API, Detailed Returns List.

truth.Return -> Rows.of() -> JSON bytes, kept until the return changes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import orjson

from loop_returns.simulator.catalogue import COUNTRIES, REASONS
from loop_returns.simulator.money import text
from loop_returns.simulator.parts import amounts, disposition, graded_at, rate, return_method
from loop_returns.simulator.shapes import TIMES, Row, label_link, naive_time, php_time, status_page
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.truth import Exchange, Line, Return


class Rows:
    """List rows as bytes, in the shape that the switches ask for."""

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        self.time = TIMES[switches.times]
        self.key: Callable[[int], str | int] = str if switches.ids == "string" else int
        self._kept: dict[int, tuple[int, bytes]] = {}

    def of(self, owner: Return) -> bytes:
        """One return as a JSON object."""
        kept = self._kept.get(owner.id)
        if kept is not None and kept[0] == owner.revision:
            return kept[1]
        made = orjson.dumps(self.row(owner))
        self._kept[owner.id] = (owner.revision, made)
        return made

    def row(self, owner: Return) -> Row:
        """One return with its lines, exchanges and labels."""
        return {
            **self._header(owner),
            **self._order(owner),
            **amounts(owner),
            "line_items": [self.line(owner, line) for line in owner.lines],
            "exchanges": [
                self._exchange(owner, place, each) for place, each in enumerate(owner.exchanges, 1)
            ],
            **self._shipping(owner),
            "labels": self.labels(owner),
            **self._processing(owner),
            **owner.row_patch,
        }

    def _header(self, owner: Return) -> Row:
        country, code = COUNTRIES[owner.currency]
        return {
            "id": self.key(owner.id),
            "state": owner.state,
            "created_at": self.time(owner.created_at),
            "updated_at": self.time(owner.updated_at),
            "edited_at": self.time(owner.edited_at) if owner.edited_at else None,
            "outcome": owner.outcome,
            "customer": owner.order.person.email,
            "origin_country": country,
            "origin_country_code": code,
            "multi_currency": owner.id % 17 == 0,
            "currency": owner.currency,
            "type": owner.type,
        }

    def _order(self, owner: Return) -> Row:
        order = owner.order
        provider = order.provider_order_id
        return {
            "order_id": self.key(order.order_id),
            "order_name": order.name,
            "provider_order_id": None if provider is None else self.key(provider),
            "order_number": self.key(order.number - 1000),
            "provider_order_number": self.key(order.number),
        }

    def line(self, owner: Return, line: Line) -> Row:
        """One returned unit."""
        digits = owner.digits
        parent, reason = REASONS[line.reason]
        return {
            "line_item_id": self.key(line.line_item_id),
            "provider_line_item_id": self.key(line.provider_line_item_id),
            "product_id": self.key(line.product.product_id),
            "variant_id": self.key(line.product.variant_id),
            "sku": line.product.sku,
            "barcode": line.product.barcode,
            "title": line.product.title,
            "price": text(line.price, digits),
            "discount": text(line.discount, digits),
            "tax": text(line.tax, digits),
            "refund": text(line.refund_item + line.refund_tax, digits),
            "refund_item": text(line.refund_item, digits),
            "refund_tax": text(line.refund_tax, digits),
            "returned_at": naive_time(owner.created_at),
            "exchange_variant": owner.exchanges[0].product.variant if owner.exchanges else "",
            "return_reason": reason,
            "parent_return_reason": parent,
            "return_comment": line.comment or "N/A",
            "outcome": "default",
            "provider_restock_location_id": str(48_000_000 + owner.id % 3) if owner.closed_at else None,
            "consolidation_tracking": None,
            "consolidation_destination_id": None,
            "condition": self.condition(owner, line),
            "disposition": disposition(owner, line),
            **line.patch,
        }

    def condition(self, owner: Return, line: Line) -> Row | None:
        """What a grader saw; a string category, or an object from 2026-10 on."""
        at = graded_at(owner, line)
        if at is None or line.grade is None:
            return None
        title = line.grade.replace("_", " ").title()
        is_object = self.switches.condition == "object"
        return {
            "description": title,
            "condition_category": {"value": line.grade, "label": title} if is_object else line.grade,
            "return_processor": "warehouse",
            "note": line.comment,
            "inspected_at": naive_time(at),
            "images": [],
        }

    def _exchange(self, owner: Return, place: int, item: Exchange) -> Row:
        digits = owner.digits
        is_done = owner.state == "closed" and not item.out_of_stock
        own_name = f"EXC-{owner.order.number}-{owner.id % 10}"
        is_native = owner.exchange_order == owner.order.provider_order_id
        return {
            "exchange_id": self.key(item.exchange_id),
            "exchange_order_id": (owner.exchange_order or 4_904_000_000_000 + owner.id) if is_done else None,
            "exchange_order_name": (owner.order.name if is_native else own_name) if is_done else None,
            "product_id": self.key(item.product.product_id),
            "variant_id": self.key(item.product.variant_id),
            "sku": item.product.sku,
            "type": "exchange",
            "title": item.product.title,
            "price": text(item.price, digits),
            "discount": text(item.discount, digits),
            "tax": text(item.tax, digits),
            "total": text(item.total, digits),
            "out_of_stock": item.out_of_stock,
            "out_of_stock_resolution": "refund" if item.out_of_stock and place % 2 else None,
            "consolidation_tracking": None,
        }

    def _shipping(self, owner: Return) -> Row:
        first = owner.parcels[0] if owner.parcels and owner.has_label else None
        at = owner.label_updated_at
        none = ("N/A", "")[owner.id % 2]
        return {
            "carrier": first.carrier if first else none,
            "tracking_number": first.tracking if first else "N/A",
            "label_status": owner.label_status if first else "N/A",
            "label_updated_at": self.time(at) if at else "N/A",
            "label_url": label_link(owner, 0) if first else None,
            "label_rate": rate(owner, first) if first else None,
            "status_page_url": status_page(owner),
            "destination_id": 7_295 + owner.id % 3 if owner.has_parcel else None,
            "return_method": return_method(owner),
            "package_reference": f"LR{owner.id}" if first else "",
        }

    def labels(self, owner: Return) -> list[Row]:
        """One per parcel; its line ids are numbers."""
        if not owner.has_label:
            return []
        at = owner.label_updated_at
        many = len(owner.parcels)
        return [
            {
                "status": parcel.status or owner.label_status,
                "updated_at": self.time(at) if at else "N/A",
                "url": label_link(owner, place),
                "rate": parcel.rate,
                "carrier": parcel.carrier,
                "tracking_number": parcel.tracking,
                "line_items": [line.line_item_id for line in owner.lines if line.parcel % many == place],
            }
            for place, parcel in enumerate(owner.parcels)
        ]

    def _processing(self, owner: Return) -> Row:
        at = owner.closed_at + timedelta(minutes=3) if owner.was_processed and owner.closed_at else None
        is_refunded = at is not None and owner.money.refund > 0
        number = owner.id
        refunds = {
            "id": number - 20_000_000,
            "return_id": number,
            "provider_refund_id": 880_000_000_000 + number,
            "created_at": naive_time(at) if at else None,
            "updated_at": naive_time(at) if at else None,
            "provider_created_at": naive_time(at) if at else None,
        }
        return {
            "refund_before_inspection": number % 5 == 0,
            "was_processed": owner.was_processed,
            "outcomes_processed_at": {
                "return_processed": php_time(at),
                "refund_processed": php_time(at) if is_refunded else None,
                "gift_card_processed": php_time(at) if owner.money.gift_card else None,
                "exchange_processed": php_time(at) if owner.exchanges else None,
                "shop_cash_processed": None,
            },
            "shopify_refund_object": [refunds] if is_refunded else [],
        }
