"""The Advanced Shipping Notice report. Source: Loop API, Advanced Shipping Notice.

truth.Return -> one notice per returned line that travels in a parcel.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import orjson

from loop_returns.simulator.catalogue import DEFAULT_HIDDEN, REASONS
from loop_returns.simulator.listing import scattered
from loop_returns.simulator.money import text
from loop_returns.simulator.parts import rate
from loop_returns.simulator.query import read_notice_window
from loop_returns.simulator.shapes import TIMES, Row, label_link, tracking_link
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.truth import Return
from loop_returns.simulator.world import World, notices_of


class Notices:
    """Answers shipping-notice requests; wants `world.lock` held."""

    def __init__(self, world: World, switches: Switches) -> None:
        self.world = world
        self.switches = switches
        self.time = TIMES[switches.times]
        self._kept: dict[int, tuple[int, bytes]] = {}

    def answer(self, parameters: Mapping[str, str]) -> list[bytes]:
        """The rows in the window, each return's as JSON objects joined by commas.

        Raises:
            RefusedError: The window is wider than `Switches.asn_max_span_days`.
        """
        switches = self.switches
        since, until = read_notice_window(parameters, switches, self.world.end)
        found = [
            each
            for each in self.world.within(switches.asn_filter, since, until, switches.bounds)
            if (switches.asn_states == "all" or each.state not in DEFAULT_HIDDEN)
            and each.asn_from is not None
            and each.asn_from <= self.world.end
        ]
        if switches.page_order == "shuffled":
            found.sort(key=lambda each: scattered(each.id))
        elif switches.page_order == "desc":
            found.reverse()
        return [self._of(each) for each in found]

    def _of(self, owner: Return) -> bytes:
        kept = self._kept.get(owner.id)
        if kept is not None and kept[0] == owner.revision:
            return kept[1]
        made = b",".join(orjson.dumps(row) for row in self._rows(owner))
        self._kept[owner.id] = (owner.revision, made)
        return made

    def _rows(self, owner: Return) -> list[Row]:
        same = {**self._common(owner), **self._shipping(owner)}
        rows = []
        by_id = {line.line_item_id: line for line in owner.lines}
        for notice, number in notices_of(owner, self.world.end):
            line = by_id.get(number, owner.lines[0])
            item = {
                "id": owner.id if self.switches.asn_id == "return" else notice,
                "return_line_item_id": str(number),
                "title": line.product.title,
                "purchase_price": text(line.price, owner.digits),
                "sku": line.product.sku,
                "barcode": line.product.barcode,
                "return_reason": REASONS[line.reason][1],
            }
            rows.append({**item, **same, **self._parcel(owner, line.parcel), **owner.asn_patch})
        return rows

    def _at(self, at: datetime | None) -> str | None:
        return self.time(at) if at else None

    def _common(self, owner: Return) -> Row:
        order = owner.order
        placed = owner.created_at - timedelta(days=order.placed_days_before)
        is_back = owner.delivered_at is not None and owner.state == "closed"
        return {
            "order_id": str(order.order_id),
            "order_name": order.name,
            "order_number": str(order.number - 1000),
            "provider_order_number": str(order.number),
            "state": owner.state,
            "customer_email": order.person.email,
            "currency": owner.currency,
            "restock_status": "restocked" if is_back else "pending",
            "closed_at": self._at(owner.closed_at),
            "updated_at": self.time(owner.updated_at),
            "created_at": self.time(owner.created_at),
            "actioned_by": "automation" if owner.closed_at else None,
            "outcome": owner.outcome,
            "provider_created_at": self.time(placed),
        }

    def _shipping(self, owner: Return) -> Row:
        at = owner.label_updated_at
        return {
            "service": "Ground" if owner.has_label else None,
            "label_status": owner.label_status,
            "label_updated_at": self._at(at),
            "date_delivered": self._at(owner.delivered_at),
            "return_method": None if owner.id % 9 else "drop_off",
            "return_method_rma_code": None if owner.id % 9 else f"RMA{owner.id}",
            "return_method_state": None if owner.id % 9 else owner.label_status,
            "scannable_id": None if owner.id % 9 else f"SC{owner.id}",
            "shipping_box_barcode": None,
            "destination_id": str(7_295 + owner.id % 3),
            "destination_name": f"Warehouse {owner.id % 3 + 1}",
            "destination_address1": f"{owner.id % 3 + 1} Depot Road",
            "destination_address2": None,
            "destination_city": "Sampleton",
            "destination_state": "NY",
            "destination_zip": "00000",
            "consolidation_tracking": None,
        }

    def _parcel(self, owner: Return, place: int) -> Row:
        """What differs by parcel; all texts but the notice's id."""
        if not owner.has_label or not owner.parcels:
            none = dict.fromkeys(("integration_tracking_url", "label_url", "label_rate"))
            return {"carrier": "N/A", "tracking_number": "N/A", "package_reference": "", **none}
        place %= len(owner.parcels)
        parcel = owner.parcels[place]
        cost = rate(owner, parcel)
        return {
            "carrier": parcel.carrier,
            "tracking_number": parcel.tracking,
            "package_reference": f"LR{owner.id}",
            "integration_tracking_url": tracking_link(owner),
            "label_url": label_link(owner, place),
            "label_rate": None if cost is None else str(cost),
        }
