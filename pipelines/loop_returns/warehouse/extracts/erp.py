"""The extracts of an ERP: authorisations, item receipts, credit memos. Shapes: marts.md, section 6."""

from __future__ import annotations

from collections.abc import Mapping

from loop_returns.warehouse.extracts.columns import CURRENCY, LOOP_RETURN_ID, SKU, Column, Extract

_RMA = Column("id", "The ERP's id of the return authorisation")
_ORDER_REF = Column("text", "Order as the ERP names it")
_LINE = Column("id", "Line of the document; empty when a row is a whole document")
ERP: Mapping[str, Extract] = {
    "erp_rma": Extract(
        "line of a return authorisation in the ERP, or the whole of it",
        ("rma_id", "line_id"),
        "created_at",
        {
            "rma_id": _RMA._replace(is_required=True),
            "line_id": _LINE,
            "loop_return_id": LOOP_RETURN_ID,
            "order_ref": _ORDER_REF,
            "sku": SKU,
            "quantity": Column("count", "Units"),
            "amount": Column("signed_amount", "Value"),
            "currency": Column("currency", "Currency of the amount, ISO 4217"),
            "status": Column("text", "Status in the ERP's words, as Pending Receipt", True),
            "created_at": Column("time", "When it was made", True),
        },
    ),
    "erp_receipt": Extract(
        "line of an item receipt in the ERP, or the whole of it",
        ("erp_receipt_id", "line_id"),
        "received_at",
        {
            "erp_receipt_id": Column("id", "The ERP's id of the item receipt", True),
            "line_id": _LINE,
            "rma_id": _RMA,
            "loop_return_id": LOOP_RETURN_ID,
            "order_ref": _ORDER_REF,
            "sku": SKU,
            "quantity": Column("count", "Units"),
            "status": Column("text", "Status in the ERP's words"),
            "received_at": Column("time", "When it was booked", True),
        },
    ),
    "erp_credit_memo": Extract(
        "line of a credit memo or customer deposit in the ERP, or the whole of it",
        ("credit_memo_id", "line_id"),
        "created_at",
        {
            "credit_memo_id": Column("id", "The ERP's id of the document", True),
            "line_id": _LINE,
            "type": Column(
                "text", "custcred: credit memo; custdep: deposit, money taken for an upsell; empty: custcred"
            ),
            "rma_id": _RMA,
            "loop_return_id": LOOP_RETURN_ID,
            "order_ref": _ORDER_REF,
            "sku": SKU,
            "quantity": Column("count", "Units"),
            "amount": Column("amount", "Value, tax included", True),
            "currency": CURRENCY,
            "status": Column("text", "Status in the ERP's words; void, voided and cancelled do not count"),
            "created_at": Column("time", "When it was made", True),
            "refunded_at": Column("time", "When a customer refund was applied to it; empty when none was"),
        },
    ),
}
