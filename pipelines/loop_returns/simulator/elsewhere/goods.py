"""What the warehouse, the carrier and the ERP know of a return, when all is well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from loop_returns.simulator.elsewhere.shopify import Row, Sheets, z_time
from loop_returns.simulator.money import text
from loop_returns.simulator.truth import Line, Return

COUNTED = timedelta(minutes=50)
"""How long before closing a shop that pays on delivery has counted the goods."""
LATER = timedelta(hours=20)
"""How long after delivery the goods of an earlier closed return are counted."""
BILLED = timedelta(days=10)


def counted_at(owner: Return) -> datetime | None:
    """When the warehouse counted the units; None before it did, or where no parcel comes."""
    if owner.delivered_at is None or owner.closed_at is None or not owner.has_parcel:
        return None
    if owner.closed_at > owner.delivered_at:
        return max(owner.delivered_at, owner.closed_at - COUNTED)
    return owner.delivered_at + LATER


def receipt_rows(owner: Return, at: datetime, lines: list[Line] | None = None) -> Iterator[Row]:
    """A receipt, one line per parcel and product; the return is named in the warehouse's own way."""
    many = max(1, len(owner.parcels))
    units = Counter((line.parcel % many, line.product) for line in (owner.lines if lines is None else lines))
    named = (str(owner.id), f"RMA{owner.id}", f"RMA-{owner.id}")[owner.id % 3]
    for place, ((parcel, product), quantity) in enumerate(units.items(), 1):
        yield {
            "receipt_id": f"WR{owner.id}-{parcel + 1}",
            "receipt_line_id": str(place),
            "return_ref": named,
            "tracking_number": owner.parcels[parcel].tracking if owner.parcels else "",
            "order_name": owner.order.name,
            "sku": product.sku,
            "barcode": product.barcode,
            "quantity": str(quantity),
            "received_at": z_time(at),
            "condition": "good",
            "source_status": "complete",
        }


def invoice_rows(owner: Return, end: datetime) -> Iterator[Row]:
    """What the carrier bills for each label that was used."""
    at = owner.first_scan_at + BILLED if owner.first_scan_at else None
    for parcel in owner.parcels if at and at <= end else ():
        assert at is not None
        yield {
            "invoice_id": f"INV-{at:%Y%m}",
            "tracking_number": parcel.tracking,
            "charge": "",
            "amount": text(parcel.rate, 2),
            "currency": "USD",
            "billed_at": z_time(at),
        }


def erp_row(owner: Return, at: datetime, **own: str) -> Row:
    """What all documents of the ERP have in common."""
    return {"loop_return_id": str(owner.id), "order_ref": owner.order.name, "created_at": z_time(at), **own}


def rma_row(owner: Return, number: int = 0) -> Row:
    """The authorisation: one for every return."""
    closed = {"closed": "Closed", "cancelled": "Cancelled", "expired": "Cancelled"}
    return erp_row(
        owner,
        owner.created_at + timedelta(minutes=10),
        rma_id=f"RA{owner.id + number}",
        amount=text(owner.money.total, owner.digits),
        currency=owner.currency,
        status=closed.get(owner.state, "Pending Receipt"),
    )


def erp_receipt_row(owner: Return, at: datetime) -> Row:
    """The item receipt of the whole return."""
    row = erp_row(owner, at, erp_receipt_id=f"IR{owner.id}", rma_id=f"RA{owner.id}", status="Received")
    return {**row, "received_at": row.pop("created_at"), "quantity": str(len(owner.lines))}


def memo_row(owner: Return, at: datetime, amount: int, kind: str = "custcred") -> Row:
    """A credit memo, or the deposit of an upsell."""
    return erp_row(
        owner,
        at,
        credit_memo_id=f"{'CM' if kind == 'custcred' else 'CD'}{owner.id}",
        type=kind,
        rma_id=f"RA{owner.id}",
        amount=text(amount, owner.digits),
        currency=owner.currency,
        status="Fully Applied",
        refunded_at=z_time(at),
    )


def moved(owner: Return, end: datetime) -> Sheets:
    """What has happened at the warehouse, the carrier and in the ERP, up to `end`."""
    made = Sheets(carrier_invoice=list(invoice_rows(owner, end)))
    if owner.created_at + timedelta(minutes=10) <= end:
        made["erp_rma"] = [rma_row(owner)]
    at = counted_at(owner)
    if at is not None and at <= end:
        made["receipts"] = list(receipt_rows(owner, at))
        made["erp_receipt"] = [erp_receipt_row(owner, at)]
    if owner.method == "in_store" and owner.closed_at:
        made["erp_receipt"] = [erp_receipt_row(owner, owner.closed_at)]
    booked = owner.closed_at + timedelta(minutes=20) if owner.closed_at else end + BILLED
    if booked <= end and owner.state == "closed":
        paid = ((owner.money.refund, "custcred"), (owner.money.upsell, "custdep"))
        made["erp_credit_memo"] = [
            memo_row(owner, booked, amount, kind) for amount, kind in paid if amount > 0
        ]
    return made
