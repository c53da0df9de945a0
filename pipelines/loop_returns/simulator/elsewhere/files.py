"""The other systems' exports of a whole shop: rows, CSV files, and what must be found in them.

World -> plant() (returns with a case) -> render() -> Elsewhere -> write()
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from loop_returns.simulator.birth import make_return
from loop_returns.simulator.catalogue import PRODUCTS
from loop_returns.simulator.elsewhere import adjustment, goods, shopify
from loop_returns.simulator.elsewhere.cases import Case, Told
from loop_returns.simulator.elsewhere.plants import PLANTS
from loop_returns.simulator.elsewhere.shopify import Row, Sheets
from loop_returns.simulator.elsewhere.traps import TRAPS
from loop_returns.simulator.money import text
from loop_returns.simulator.truth import Event, Kind, Return
from loop_returns.simulator.world import World

CASES: Mapping[str, Told] = {**PLANTS, **TRAPS}
NAMES = (
    "shopify_refunds",
    "shopify_orders",
    "shopify_order_lines",
    "shopify_returns",
    "shopify_gift_cards",
    "stripe_charges",
    "receipts",
    "carrier_invoice",
    "erp_rma",
    "erp_receipt",
    "erp_credit_memo",
    "loop_sales_adjustment",
)
KEPT = 9_900
"""Minor units of the item that every order also has, and that nobody sends back."""
FIRST_KEPT = 15_000_000_000_000


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the other systems export.

    Attributes:
        sheets: Extract -> rows, a column -> text.
        expected: (mart, return id or `refund:`, `card:` and an id) -> class that must be found there.
        traps: Return ids that must not be a break in any mart -> name of the trap.
    """

    sheets: Sheets = field(default_factory=dict)
    expected: dict[tuple[str, str], str] = field(default_factory=dict)
    traps: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write one CSV file per extract, and a loop.toml that names them.

        Args:
            folder: Made if it is not there.

        Returns:
            The table `extracts` of a loop.toml that lies elsewhere.
        """
        folder.mkdir(parents=True, exist_ok=True)
        filled = {name: rows for name, rows in self.sheets.items() if rows}
        for name, rows in filled.items():
            columns = list(dict.fromkeys(column for row in rows for column in row))
            with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns, restval="")
                writer.writeheader()
                writer.writerows(rows)
        blocks = (f'[extracts.{name}]\npath = "{name}.csv"\n' for name in filled)
        (folder / "loop.toml").write_text("\n".join(blocks), encoding="utf-8")
        return {name: {"path": str((folder / f"{name}.csv").absolute())} for name in filled}


def plant(world: World, copies: int = 2) -> None:
    """Add returns to the shop: so many of each discrepancy and each trap.

    Args:
        world: A shop; a clean one, so that each return shows one thing.
        copies: Of each case, at least 2: some need two returns.
    """
    with world.lock:
        for key, told in CASES.items():
            # Chance of its own: a case that is added leaves the others as they are.
            rng = random.Random(f"elsewhere/{world.seed}/{key}")
            before: list[Return] = []
            for _ in range(copies):
                before.append(_born(rng, world, key, told, before))
        world.changed()


def _born(rng: random.Random, world: World, key: str, told: Told, before: list[Return]) -> Return:
    born = world.end - timedelta(days=told.life[0][0])
    owner = make_return(rng, world.serials, born, told.wish)
    owner.elsewhere, owner.type = key, "standard"
    if owner.order.provider_order_id is None:
        owner.order = owner.order._replace(provider_order_id=4_805_000_000_000 + owner.order.number)
    for line in owner.lines:
        line.product = line.product if line.product.sku else PRODUCTS[0]
    for item in owner.exchanges:
        item.product, item.out_of_stock = item.product if item.product.sku else PRODUCTS[0], False
    told.shape(rng, owner, before)
    owner.script = [_event(world, *step) for step in told.life]
    owner.live_until(world.end)
    world.returns.append(owner)
    return owner


def _event(world: World, days: float, kind: Kind, value: str) -> Event:
    return Event(world.end - timedelta(seconds=round(days * 86_400)), kind, value)


def render(world: World) -> Elsewhere:
    """What the other systems export now."""
    with world.lock:
        made = Elsewhere({name: [] for name in NAMES})
        shown = [each for each in world.returns if each.is_listed]
        orders: dict[str, list[Return]] = {}
        for owner in shown:
            orders.setdefault(shopify.order_id(owner), []).append(owner)
        cases: dict[str, int] = {}
        for owner in shown:
            place = cases[owner.elsewhere] = cases.get(owner.elsewhere, -1) + 1
            facts = {**shopify.settled(owner, world.end), **goods.moved(owner, world.end)}
            if owner.elsewhere:
                CASES[owner.elsewhere].bend(
                    owner, facts, Case(world.end, place, orders[shopify.order_id(owner)])
                )
                _expect(made, owner)
            for name, rows in facts.items():
                made.sheets[name] += rows
        made.sheets["loop_sales_adjustment"] = adjustment.merged(made.sheets["loop_sales_adjustment"])
        made_by_loop = {row["order_id"] for row in made.sheets["shopify_orders"]}
        for number, returns in orders.items():
            if number not in made_by_loop:
                _add_order(made.sheets, returns)
        return made


def _expect(made: Elsewhere, owner: Return) -> None:
    mart, _, kind = owner.elsewhere.partition(".")
    if mart == "trap":
        made.traps[str(owner.id)] = kind
    else:
        made.expected[mart, CASES[owner.elsewhere].subject(owner)] = kind


def _add_order(sheets: Sheets, returns: list[Return]) -> None:
    """The order that was returned: every line that came back, and one that did not."""
    lines = list(_bought(returns))
    first = returns[0]
    placed = min(each.created_at for each in returns) - timedelta(days=first.order.placed_days_before)
    bought = [line for each in returns for line in each.lines if line.price >= 0]
    paid = KEPT + sum(line.value for line in bought)
    sheets["shopify_orders"].append(
        {
            "order_id": shopify.order_id(first),
            "name": first.order.name,
            "created_at": shopify.shopify_time(placed),
            "total": text(paid + sum(each.money.shipping for each in returns), first.digits),
            "currency": first.currency,
            "discount": text(
                sum(max(0, line.discount) for each in returns for line in each.lines), first.digits
            ),
            "tax": text(sum(max(0, line.tax) for each in returns for line in each.lines), first.digits),
            "source_name": "web",
            "customer": first.order.person.email,
        }
    )
    sheets["shopify_order_lines"] += [
        {
            "order_id": shopify.order_id(first),
            "created_at": shopify.z_time(placed),
            "currency": first.currency,
            **line,
        }
        for line in lines
    ]


def _bought(returns: Iterable[Return]) -> Iterator[Row]:
    """One row per order line; a line of which several units came back has them all."""
    units: dict[int, list[Any]] = {}
    for owner in returns:
        for line in owner.lines:
            if line.price >= 0:
                units.setdefault(line.provider_line_item_id, []).append((owner, line))
    for line_id, same in units.items():
        owner, line = same[0]
        yield {
            "line_id": str(line_id),
            "sku": line.product.sku,
            "quantity": str(len(same)),
            "price": text(line.price, owner.digits),
            "discount": text(line.discount * len(same), owner.digits),
            "tax": text(line.tax * len(same), owner.digits),
        }
    owner = next(iter(returns))
    yield {
        "line_id": str(FIRST_KEPT + owner.order.number),
        "sku": PRODUCTS[-1].sku,
        "quantity": "1",
        "price": text(KEPT, owner.digits),
        "discount": text(0, owner.digits),
        "tax": text(0, owner.digits),
    }
