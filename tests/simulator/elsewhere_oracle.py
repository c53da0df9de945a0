"""Where the exports of a simulated shop differ from its truth, worked out row by row in plain Python.

No mart and no SQL: it says which returns a plant has touched, not what a mart must make of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from loop_returns.simulator.elsewhere.shopify import Row, Sheets
from loop_returns.simulator.truth import Return
from loop_returns.simulator.world import World

SETTLED = timedelta(hours=24)
INSTANT = timedelta(days=14)
"""An exchange that went out at once is charged when its parcel was not scanned by then."""
Found = Iterator[tuple[str, str]]


def differences(world: World, sheets: Sheets) -> set[tuple[str, str]]:
    """(mart, return id) of each return about which the two do not agree, though a day has passed."""
    shown = [each for each in world.returns if each.is_listed]
    calm = [each for each in shown if each.closed_at is None or each.closed_at + SETTLED < world.end]
    found = set(_cash(shown, sheets)) | set(_adjustments(shown, sheets))
    for owner in calm:
        checks = (_card, _charge, _exchange, _goods, _erp, _labels)
        found.update((mart, str(owner.id)) for check in checks for mart in check(owner, sheets, world))
    young = {str(each.id) for each in shown} - {str(each.id) for each in calm}
    return {one for one in found if one[1] not in young}


def cents(owner: Return, text: str) -> int:
    return int(Decimal(text or "0").scaleb(owner.digits))


def _cash(shown: list[Return], sheets: Sheets) -> Found:
    """Per order: what is due and what was paid, in the shop's currency."""
    paid: dict[str, list[Row]] = defaultdict(list)
    for row in sheets["shopify_refunds"]:
        paid[row["order_id"]].append(row)
    orders: dict[str, list[Return]] = defaultdict(list)
    for owner in shown:
        number = owner.order.provider_order_id or 4_803_000_000_000 + owner.order.number
        orders[str(number)].append(owner)
    for order_id, owners in orders.items():
        due = sum(max(0, each.money.refund) for each in owners if each.state == "closed")
        rows = paid[order_id]
        same = [
            cents(owners[0], row.get("shop_amount") or row["transaction_amount"])
            for row in rows
            if (row.get("shop_currency") or row["currency"]) == owners[0].currency
        ]
        if due != sum(same) or len(same) != len(rows):
            yield from (("recon_refund", str(each.id)) for each in owners)


def _adjustments(shown: list[Return], sheets: Sheets) -> Found:
    """Loop's report of sales against what exchange orders and store credit change in them, in minor units."""
    made = {row["order_id"]: row for row in sheets["shopify_orders"]}
    wanted: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    owners: dict[tuple[str, str], list[Return]] = defaultdict(list)
    for owner in shown:
        if owner.state != "closed" or owner.closed_at is None:
            continue
        day = f"{owner.closed_at + timedelta(minutes=3):%Y-%m-%d}"
        order = made.get(str(4_904_000_000_000 + owner.id))
        if owner.exchange_order is None and order is not None:
            taken = min(sum(i.total for i in owner.exchanges if not i.out_of_stock), owner.money.credit)
            moved = {"discounts": taken, "returns": -taken - cents(owner, order["tax"])}
            wanted[day, order["name"]].update(moved)
            owners[day, order["name"]].append(owner)
        if owner.money.gift_card:
            wanted[day, owner.order.name].update({"returns": -owner.money.gift_card})
            owners[day, owner.order.name].append(owner)
    told = {(row["day"], row["order_name"]): row for row in sheets["loop_sales_adjustment"]}
    for key, values in wanted.items():
        row = told.get(key, {})
        net = values["discounts"] + values["returns"]
        due = {"discounts": values["discounts"], "returns": values["returns"], "net_sales": net}
        if {name: cents(owners[key][0], row.get(name, "0")) for name in due} != due:
            yield from (("fin_sales_adjustment", str(each.id)) for each in owners[key])


def _card(owner: Return, sheets: Sheets, world: World) -> Iterator[str]:
    number = str(660_000_000_000 + owner.id)
    mine = [
        row
        for row in sheets["shopify_gift_cards"]
        if row["note"].endswith(f"Return ID: {owner.id}") or row["gift_card_id"][3:] == number[3:]
    ]
    stray = [row for row in sheets["shopify_gift_cards"] if row["gift_card_id"][-8:] == number[-8:]]
    due = owner.money.gift_card if owner.state == "closed" else 0
    bonus = 500 if owner.elsewhere == "trap.bonus_credit" else 0
    values = [cents(owner, row["initial_value"]) for row in mine if not row["disabled_at"]]
    if values != ([due + bonus] if due else []) or len(stray) != len(mine):
        yield "recon_store_credit"


def _charge(owner: Return, sheets: Sheets, world: World) -> Iterator[str]:
    due = [owner.money.upsell] if owner.state == "closed" and owner.money.upsell else []
    is_sent_back = owner.first_scan_at is not None or not owner.has_parcel
    if owner.closed_at and owner.money.exchange_credit > 0 and not is_sent_back:
        due += [owner.money.exchange_credit] if owner.closed_at + INSTANT < world.end else []
    mine = [row for row in sheets["stripe_charges"] if row["charge_id"] == f"ch_{owner.id}"]
    kept = [
        cents(owner, row["amount"]) - cents(owner, row["amount_refunded"])
        for row in mine
        if row["status"] == "succeeded"
    ]
    if kept != due:
        yield "recon_upsell"


def _exchange(owner: Return, sheets: Sheets, world: World) -> Iterator[str]:
    digits = owner.digits
    wanted = {
        str(14_000_000_000_000 + item.exchange_id): (item.product.sku, item.price, item.discount, item.tax)
        for item in owner.exchanges
        if owner.state == "closed"
    }
    found = {
        row["line_id"]: (
            row["sku"],
            *(int(Decimal(row[name]).scaleb(digits)) for name in ("price", "discount", "tax")),
        )
        for row in sheets["shopify_order_lines"]
        if row["line_id"] in wanted
    }
    settled = {str(14_000_000_000_000 + i.exchange_id) for i in owner.exchanges[::2] if i.out_of_stock}
    if {key: value for key, value in wanted.items() if key not in settled} != found:
        yield "recon_exchange"


def _goods(owner: Return, sheets: Sheets, world: World) -> Iterator[str]:
    mine = [row for row in sheets["receipts"] if row["receipt_id"].startswith(f"WR{owner.id}-")]
    counted = Counter[str]()
    for row in mine:
        counted[row["sku"] or row["barcode"]] += int(row["quantity"])
    due = Counter(line.product.sku or line.product.barcode for line in owner.lines)
    here = owner.label_status == "delivered" and owner.delivered_at is not None
    is_late = here and owner.delivered_at is not None and owner.delivered_at + timedelta(days=3) < world.end
    if not here and owner.state == "open":
        return  # a parcel is still on the way
    is_bad = any(row["condition"] != "good" for row in mine)
    if (is_late and (counted != due or owner.state == "open")) or is_bad or (mine and not here):
        yield "recon_receipt"


def _erp(owner: Return, sheets: Sheets, world: World) -> Iterator[str]:
    def mine(name: str) -> list[Row]:
        return [row for row in sheets[name] if row["loop_return_id"] == str(owner.id)]

    is_closed = owner.state == "closed"
    memos = {row["type"]: cents(owner, row["amount"]) for row in mine("erp_credit_memo")}
    due = {"custcred": owner.money.refund, "custdep": owner.money.upsell}
    booked = bool(mine("erp_receipt"))
    arrived = owner.delivered_at and owner.delivered_at + timedelta(days=2) < world.end
    if (
        (owner.created_at + SETTLED < world.end and len(mine("erp_rma")) != 1)
        or memos != ({kind: amount for kind, amount in due.items() if amount > 0} if is_closed else {})
        or (is_closed and arrived and not booked)
        or (not is_closed and booked)
    ):
        yield "recon_erp"


def _labels(owner: Return, sheets: Sheets, world: World) -> Iterator[str]:
    used = owner.first_scan_at is not None and owner.first_scan_at + timedelta(days=11) < world.end
    rates = sorted(parcel.rate for parcel in owner.parcels) if used else []
    names = {parcel.tracking for parcel in owner.parcels}
    billed = sorted(
        int(Decimal(row["amount"]) * 100)
        for row in sheets["carrier_invoice"]
        if row["tracking_number"] in names
    )
    young = owner.first_scan_at is not None and not used
    if billed != rates and not young:
        yield "fin_label_cost"
