"""The extracts of payments, warehouses, carriers, and of Loop's own report. Shapes: marts.md, section 6."""

from __future__ import annotations

from collections.abc import Mapping

from loop_returns.warehouse.extracts.columns import CURRENCY, SKU, Column, Derived, Extract

ORDER_NAME = r"(#[A-Za-z0-9-]+|EXC-[A-Za-z0-9-]+)"
"""As Shopify and Loop name orders; in free text only with one of these beginnings."""

OTHERS: Mapping[str, Extract] = {
    "stripe_charges": Extract(
        "charge at Stripe",
        ("charge_id",),
        "created_at",
        {
            "charge_id": Column("id", "Stripe's id of the charge", True),
            "created_at": Column("time", "When it was made", True),
            "amount": Column("amount", "Amount, in the currency's main unit: 12.50, not 1250", True),
            "currency": CURRENCY,
            "status": Column("text", "succeeded, pending or failed; others count as failed", True),
            "fee": Column("amount", "Stripe's fee"),
            "amount_refunded": Column("amount", "What was paid back of it"),
            "order_name": Column("text", "Order name, if your export has it in a column of its own"),
            "metadata": Column(
                "text", "Metadata; not kept, only the order and return named in it", False, "text"
            ),
            "description": Column("text", "Description; not kept, only the order named in it", False, "text"),
        },
        {
            "named_order": Derived(
                "text",
                "Order that column, metadata or description name",
                "coalesce(nullif(order_name, ''), "
                f"nullif(regexp_extract(metadata, '{ORDER_NAME}', 1), ''), "
                f"nullif(regexp_extract(description, '{ORDER_NAME}', 1), ''))",
            ),
            "loop_return_id": Derived(
                "id",
                "Loop's id of the return, out of the metadata",
                r"""nullif(regexp_extract(metadata, '(?i)return_?id\W+(\d+)', 1), '')""",
            ),
        },
    ),
    "receipts": Extract(
        "line of a receipt: units of one SKU that a warehouse counted",
        ("receipt_id", "receipt_line_id", "return_ref", "tracking_number", "sku", "barcode", "condition"),
        "received_at",
        {
            "receipt_id": Column("id", "The warehouse's id of the receipt", True),
            "receipt_line_id": Column("id", "Line of the receipt; needed when two lines are alike"),
            "return_ref": Column(
                "text", "Return as the warehouse writes it: Loop's id, with or without letters"
            ),
            "tracking_number": Column("text", "Tracking number of the parcel"),
            "order_name": Column("text", "Name of the order, as #1001"),
            "sku": SKU,
            "barcode": Column("text", "Barcode of the unit"),
            "quantity": Column("count", "Units that were counted", True),
            "received_at": Column("time", "When they were counted", True),
            "condition": Column("text", "Condition that the warehouse saw, in its words"),
            "source_status": Column("text", "Status at the warehouse, in its words"),
        },
        {
            "loop_return_id": Derived(
                "id",
                "Loop's id of the return: the one number in return_ref",
                r"nullif(regexp_extract(return_ref, '^\D*(\d+)\D*$', 1), '')",
            ),
        },
    ),
    "carrier_invoice": Extract(
        "position of a carrier's invoice",
        ("invoice_id", "tracking_number", "charge"),
        "billed_at",
        {
            "invoice_id": Column("id", "The carrier's id of the invoice"),
            "tracking_number": Column("text", "Tracking number", True),
            "charge": Column("text", "What is charged: freight, fuel, correction; empty when there is one"),
            "amount": Column("signed_amount", "Amount; a credit is negative", True),
            "currency": CURRENCY,
            "billed_at": Column("time", "When it was billed", True),
        },
    ),
    "loop_sales_adjustment": Extract(
        "day and order of Loop's own Sales Adjustment report",
        ("day", "order_name", "currency"),
        "day",
        {
            "day": Column("day", "Day of the adjustment", True),
            "order_name": Column("text", "Name of the order; empty when a row is a whole day"),
            "currency": CURRENCY,
            "discounts": Column("signed_amount", "Adjustment of Discounts"),
            "returns": Column("signed_amount", "Adjustment of Returns"),
            "net_sales": Column("signed_amount", "Adjustment of Net Sales"),
        },
    ),
}
