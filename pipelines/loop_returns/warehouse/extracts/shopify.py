"""The extracts of Shopify: refunds, orders and their lines, returns, gift cards.

Shapes: marts.md, section 6. How the note of a gift card is written is not documented word for word: Loop's
help centre lists what is in it (Store Credit Automation).
"""

from __future__ import annotations

from collections.abc import Mapping

from loop_returns.warehouse.extracts.columns import CURRENCY, ORDER_ID, SKU, Column, Derived, Extract


def _note(pattern: str) -> str:
    return f"nullif(regexp_extract(note, '{pattern}', 1), '')"


def _amount_in_note(word: str) -> str:
    found = _note(rf"(?i){word}[^0-9\n]{{0,40}}?([0-9][0-9,]*(?:\.[0-9]+)?)")
    return f"replace({found}, ',', '')"


SHOPIFY: Mapping[str, Extract] = {
    "shopify_refunds": Extract(
        "transaction of a Shopify refund; a refund in which no money moved has one row without an amount",
        ("refund_id", "gateway_name", "transaction_id"),
        "created_at",
        {
            "refund_id": Column("id", "Shopify's id of the refund", True),
            "order_id": ORDER_ID,
            "created_at": Column("time", "When the refund was made", True),
            "transaction_amount": Column(
                "amount", "Money that went back by this transaction; empty or 0: no money moved, only goods"
            ),
            "currency": CURRENCY,
            "gateway_name": Column("text", "Payment method of the transaction, gift cards too; include all"),
            "status": Column("text", "Status of the transaction; only success counts; empty: success"),
            "transaction_id": Column(
                "id", "Shopify's id of the transaction; needed when a refund has two alike"
            ),
            "shop_amount": Column(
                "amount", "The same money in the shop's currency, where that is another one"
            ),
            "shop_currency": Column("currency", "The shop's currency"),
            "shopify_return_id": Column("id", "Shopify's id of its own return"),
            "note": Column(
                "text", "Note of the refund; not kept, only what is read out of it", False, "text"
            ),
        },
        {
            "is_noted_by_loop": Derived(
                "flag",
                "True when the note names Loop, false when it does not; empty without a note",
                "nullif(note, '') ilike '%loop%'",
            ),
        },
    ),
    "shopify_orders": Extract(
        "Shopify order",
        ("order_id",),
        "created_at",
        {
            "order_id": ORDER_ID,
            "name": Column("text", "Name of the order, as #1001", True),
            "created_at": Column("time", "When it was placed", True),
            "total": Column("amount", "What was to be paid, after discounts, with tax and shipping", True),
            "currency": CURRENCY,
            "discount": Column("amount", "Discounts on the order, the loop discount among them"),
            "tax": Column("amount", "Tax in the total"),
            "source_name": Column("text", "Channel or app that made it; Loop's app is 1662707"),
            "tags": Column("text", "Tags, parted by commas"),
            "discount_codes": Column("text", "Discount codes, parted by commas"),
            "cancelled_at": Column("time", "When it was cancelled; empty when it was not"),
            "customer": Column("text", "Customer's e-mail address", False, "email"),
        },
    ),
    "shopify_order_lines": Extract(
        "line of a Shopify order",
        ("order_id", "line_id"),
        "created_at",
        {
            "order_id": ORDER_ID,
            "line_id": Column("id", "Shopify's id of the line", True),
            "sku": SKU,
            "quantity": Column("count", "Units", True),
            "price": Column("amount", "Price of one unit before discount and tax", True),
            "discount": Column("amount", "Discount on the whole line"),
            "tax": Column("amount", "Tax on the whole line"),
            "currency": CURRENCY,
            "created_at": Column("time", "When the line came to the order", True),
            "shopify_return_id": Column(
                "id", "Shopify's return whose exchange added the line; empty for what was bought"
            ),
        },
    ),
    "shopify_returns": Extract(
        "return as Shopify itself keeps it",
        ("shopify_return_id",),
        "created_at",
        {
            "shopify_return_id": Column("id", "Shopify's id of the return", True),
            "order_id": ORDER_ID,
            "status": Column("text", "REQUESTED, OPEN, CLOSED, DECLINED or CANCELED", True),
            "created_at": Column("time", "When it was made", True),
            "exchange_line_count": Column("count", "Lines that its exchange added to the order"),
        },
    ),
    "shopify_gift_cards": Extract(
        "Shopify gift card",
        ("gift_card_id",),
        "created_at",
        {
            "gift_card_id": Column("id", "Shopify's id of the card; never its code", True),
            "initial_value": Column("amount", "Value when it was made", True),
            "balance": Column("amount", "Value that is left"),
            "currency": CURRENCY,
            "created_at": Column("time", "When it was made", True),
            "updated_at": Column("time", "When it last changed"),
            "expires_on": Column("day", "Last day"),
            "disabled_at": Column("time", "When it was disabled; empty when it was not"),
            "api_client_id": Column("id", "App that made it; Loop's is 1662707"),
            "note": Column("text", "Note of the card; not kept, only what is read out of it", False, "text"),
        },
        {
            "is_noted_by_loop": Derived(
                "flag",
                "True when the note says that Loop made it; empty without a note",
                "nullif(note, '') ilike '%generated by loop%'",
            ),
            "loop_return_id": Derived(
                "id",
                "Loop's id of the return, out of the note",
                _note(r"(?i)return(?:\s+id)?\s*[:#=]?\s*#?(\d+)"),
            ),
            "order_name": Derived(
                "text",
                "Order that was returned, out of the note",
                _note(r"(?i)order(?:\s+name)?\s*[:=]\s*(#?[\w-]*\d[\w-]*)"),
            ),
            "note_amount": Derived("amount", "Amount that the note states", _amount_in_note("amount")),
            "bonus_amount": Derived("amount", "Bonus that the note states", _amount_in_note("bonus")),
        },
    ),
}
