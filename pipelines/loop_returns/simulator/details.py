"""One return looked up by id or order. Source: Loop API, Return details.

The list's row with other shapes: ids are numbers, times are naive, some names differ, refunds are shown.
"""

from __future__ import annotations

from collections.abc import Mapping

from loop_returns.simulator.money import text
from loop_returns.simulator.query import RefusedError
from loop_returns.simulator.render import Rows
from loop_returns.simulator.shapes import Row, naive_time
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.truth import Line, Return
from loop_returns.simulator.world import World

KEYS = ("return_id", "order_id", "order_name")
NOT_FOUND = {"error": {"message": "No return found with this ID."}}
"""Answered with HTTP 200."""


class Details:
    """Answers details requests; wants `world.lock` held."""

    def __init__(self, world: World, switches: Switches) -> None:
        self.world = world
        self.rows = Rows(switches)
        self.rows.key = int
        self.rows.time = naive_time

    def answer(self, parameters: Mapping[str, str]) -> Row:
        """The return, or a 200 that says there is none; of several of one order, the newest.

        Raises:
            RefusedError: Not exactly one key, a key that is no number, or an unknown `currency_type`.
        """
        given = [name for name in KEYS if name in parameters]
        if len(given) != 1:
            raise RefusedError("return_id", "Exactly one of return_id, order_id, order_name is required.")
        if parameters.get("currency_type", "shop") not in ("shop", "presentment"):
            raise RefusedError("currency_type", "The selected currency type is invalid.")
        name, wanted = given[0], parameters[given[0]]
        if name != "order_name" and not wanted.isdigit():
            raise RefusedError(name, f"The {name} must be an integer.")
        found = [each for each in self.world.returns if wanted in _names(each, name)]
        return self._object(max(found, key=lambda each: each.id)) if found else NOT_FOUND

    def _object(self, owner: Return) -> Row:
        row = self.rows.row(owner)
        person = owner.order.person
        first = row["exchanges"][0] if row["exchanges"] else {}
        row["line_items"] = [self._line(owner, line) for line in owner.lines]
        return {
            **row,
            "customer_email": person.email,
            "customer_first_name": person.first_name,
            "customer_last_name": person.last_name,
            "exchange": row["exchange_total"],
            "exchange_order_name": first.get("exchange_order_name"),
            "exchange_order_id": first.get("exchange_order_id"),
            "refunds": refunds_of(owner),
        }

    def _line(self, owner: Return, line: Line) -> Row:
        row = self.rows.line(owner, line)
        row["reason"], row["parent_reason"] = row.pop("return_reason"), row.pop("parent_return_reason")
        row["exchange_variant"] = row["exchange_variant"] or None
        named = {"line_item_title": line.product.title, "variant_title": line.product.variant, "image": None}
        return {**row, **named}


def _names(owner: Return, key: str) -> tuple[str, ...]:
    """What a return answers to."""
    order = owner.order
    if key == "return_id":
        return (str(owner.id),)
    if key == "order_id":
        return str(order.provider_order_id), str(order.order_id)
    return (order.name.removeprefix("#"),)


def refunds_of(owner: Return) -> list[Row]:
    """What was paid back, once it was processed."""
    if not owner.was_processed or owner.money.refund <= 0:
        return []
    return [
        {
            "gateway": "demo_payments",
            "amount": text(owner.money.refund - owner.refunds_short, owner.digits),
            "currency": owner.currency,
            "provider_refund_id": 880_000_000_000 + owner.id,
        }
    ]
