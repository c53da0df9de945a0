"""Every known field of Loop's Returns API: its type, and whether it is personal.

The one place that knows. `extract.rows` builds the raw tables from it, `warehouse` the external models
that the SQL reads; a field that is not here lands in the column `unknown_fields`.

A path with a dot reaches into a nested object and becomes a column with two underscores.
Source: Loop API, Detailed Returns List and Advanced Shipping Notice; fields seen only in live answers are
marked "seen" where Loop does not document them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FieldType = Literal["text", "decimal", "timestamp", "bool", "bigint", "json"]
Personal = Literal["no", "email", "yes"]


SQL_TYPES = {
    "text": "varchar",
    "decimal": "decimal(18, 4)",
    "timestamp": "timestamptz",
    "bool": "boolean",
    "bigint": "bigint",
    "json": "json",
}
"""Type of a column -> what it is in the tables, in DuckDB's dialect."""


@dataclass(frozen=True, slots=True)
class Field:
    """How one field is stored: money is decimal(18,4), times are UTC, ids are text."""

    type: FieldType
    personal: Personal = "no"


@dataclass(frozen=True, slots=True)
class Table:
    """One raw table: the fields that come from Loop, its key, and where its rows sit in a return.

    Attributes:
        fields: Path in the API's object -> type.
        primary_key: Columns that name one row.
        array: Name of the array in the parent's object; empty for a root table.
    """

    fields: Mapping[str, Field]
    primary_key: tuple[str, ...]
    array: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a raw table as the database has it."""

    type: FieldType
    personal: Personal = field(default="no")


def _fields(type_: FieldType, names: str, personal: Personal = "no") -> dict[str, Field]:
    return {name: Field(type_, personal) for name in names.split()}


RETURN_TOTALS = (
    "return_product_total return_discount_total return_tax_total return_total return_credit_total "
    "refund_shipping_total refund_shipping_tax_total "
    "exchange_product_total exchange_discount_total exchange_tax_total exchange_total exchange_credit_total "
    "gift_card handling_fee refund upsell total"
)

_RETURN = {
    **_fields("text", "id state outcome type order_id order_name provider_order_id order_number"),
    **_fields("text", "provider_order_number origin_country origin_country_code currency"),
    **_fields("timestamp", "created_at updated_at edited_at label_updated_at"),
    **_fields("text", "customer", "email"),
    **_fields("bool", "multi_currency refund_before_inspection was_processed"),
    **_fields("decimal", RETURN_TOTALS),
    **_fields("text", "gift_card_order_name gift_card_order_id"),
    **_fields("json", "gift_card_presentment presentment return_method"),
    **_fields("text", "carrier tracking_number label_status destination_id package_reference"),
    **_fields("text", "label_url status_page_url", "yes"),
    **_fields("decimal", "label_rate"),
    # Seen, not documented: each is null or PHP's {date, timezone_type, timezone}.
    **_fields(
        "timestamp",
        "outcomes_processed_at.return_processed outcomes_processed_at.refund_processed "
        "outcomes_processed_at.gift_card_processed outcomes_processed_at.exchange_processed "
        "outcomes_processed_at.shop_cash_processed",
    ),
}

_LINE_ITEM = {
    **_fields("text", "line_item_id provider_line_item_id product_id variant_id sku barcode title"),
    **_fields("decimal", "price discount tax refund refund_item refund_tax"),
    **_fields("timestamp", "returned_at"),
    **_fields("text", "exchange_variant return_reason parent_return_reason outcome"),
    **_fields("text", "return_comment", "yes"),
    **_fields("text", "provider_restock_location_id consolidation_tracking consolidation_destination_id"),
    # `condition_category` inside is a string up to API version 2026-07 and an object from 2026-10 on.
    **_fields("json", "condition disposition"),
}

_EXCHANGE = {
    **_fields(
        "text", "exchange_id exchange_order_id exchange_order_name product_id variant_id sku type title"
    ),
    **_fields("decimal", "price discount tax total"),
    **_fields("bool", "out_of_stock"),
    **_fields("text", "out_of_stock_resolution consolidation_tracking"),
}

_LABEL = {
    **_fields("text", "status carrier tracking_number"),
    **_fields("timestamp", "updated_at"),
    **_fields("text", "url", "yes"),
    **_fields("decimal", "rate"),
    **_fields("json", "line_items"),
}

# Seen, not documented: one element per Shopify refund of the return.
_SHOPIFY_REFUND = {
    **_fields("text", "id return_id provider_refund_id"),
    **_fields("timestamp", "created_at updated_at provider_created_at"),
}

_SHIPPING_NOTICE = {
    **_fields("text", "id return_line_item_id order_id order_name order_number provider_order_number state"),
    **_fields("text", "customer_email", "email"),
    **_fields(
        "text", "title sku barcode carrier service label_status tracking_number restock_status currency"
    ),
    **_fields("decimal", "purchase_price label_rate"),
    **_fields(
        "timestamp", "label_updated_at closed_at updated_at created_at date_delivered provider_created_at"
    ),
    **_fields("text", "integration_tracking_url label_url actioned_by", "yes"),
    **_fields("text", "return_reason return_method return_method_rma_code return_method_state outcome"),
    **_fields("text", "scannable_id package_reference shipping_box_barcode destination_id destination_name"),
    **_fields("text", "destination_address1 destination_address2 destination_city destination_state"),
    **_fields("text", "destination_zip consolidation_tracking"),
}

CHILD_KEY = ("return_id", "list_idx")

TABLES: Mapping[str, Table] = {
    "returns": Table(_RETURN, ("id",)),
    "returns__line_items": Table(_LINE_ITEM, CHILD_KEY, array="line_items"),
    "returns__exchanges": Table(_EXCHANGE, CHILD_KEY, array="exchanges"),
    "returns__labels": Table(_LABEL, CHILD_KEY, array="labels"),
    "returns__shopify_refund_object": Table(_SHOPIFY_REFUND, CHILD_KEY, array="shopify_refund_object"),
    "advanced_shipping_notices": Table(_SHIPPING_NOTICE, ("id", "return_line_item_id")),
}

HISTORY_FIELDS: Mapping[str, Field] = {
    **_fields("text", "state outcome currency label_status"),
    **_fields("decimal", RETURN_TOTALS),
    **_fields("timestamp", "updated_at"),
}

_KEPT_ASIDE: Mapping[str, Column] = {"unknown_fields": Column("json"), "unfit_values": Column("json")}
_PROVENANCE: Mapping[str, Column] = {"fetched_at": Column("timestamp"), "api_version": Column("text")}
_CHILD: Mapping[str, Column] = {"return_id": Column("text"), "list_idx": Column("bigint")}


def column_name(path: str) -> str:
    """The column that a field lands in.

    >>> column_name("outcomes_processed_at.refund_processed")
    'outcomes_processed_at__refund_processed'
    """
    return path.replace(".", "__")


def columns(table: str) -> dict[str, Column]:
    """Columns of a raw table in order: keys, Loop's fields, what was kept aside, where it came from."""
    spec = TABLES[table]
    loop = {column_name(path): Column(f.type, f.personal) for path, f in spec.fields.items()}
    if spec.array:
        return {**_CHILD, **loop, **_KEPT_ASIDE, "is_removed": Column("bool")}
    return {**loop, **_KEPT_ASIDE, **_PROVENANCE}


HISTORY_COLUMNS: Mapping[str, Column] = {
    "return_id": Column("text"),
    "version_key": Column("text"),
    **{name: Column(f.type) for name, f in HISTORY_FIELDS.items()},
    "observed_at": Column("timestamp"),
    "source": Column("text"),
}

PULL_WINDOW_COLUMNS: Mapping[str, Column] = {
    "run_id": Column("text"),
    "endpoint": Column("text"),
    "pass": Column("text"),
    "window_from": Column("timestamp"),
    "window_to": Column("timestamp"),
    "bound": Column("timestamp"),
    "status": Column("text"),
    "pages": Column("bigint"),
    "rows": Column("bigint"),
    "requests": Column("bigint"),
    "started_at": Column("timestamp"),
    "finished_at": Column("timestamp"),
    "api_version": Column("text"),
}


# A webhook's body as far as rules need it in columns; the rest is in `body`. Source: Loop API, Webhooks.
WEBHOOK_EVENT_COLUMNS: Mapping[str, Column] = {
    "dedup_key": Column("text"),
    "inbox_id": Column("text"),
    "seq": Column("bigint"),
    "subscription": Column("text"),
    "topic": Column("text"),
    "trigger": Column("text"),
    "return_id": Column("text"),
    "state": Column("text"),
    "label_status": Column("text"),
    "customer": Column("text", "email"),
    "received_at": Column("timestamp"),
    "last_seen_at": Column("timestamp"),
    "deliveries": Column("bigint"),
    "body": Column("json"),
    "body_sha256": Column("text"),
    "parse_error": Column("text"),
    "secret_no": Column("bigint"),
    "signature_variant": Column("text"),
    "drained_at": Column("timestamp"),
}

WEBHOOK_EVENT_KEY = ("dedup_key",)

# What the receiver counted, refusals that are kept nowhere else included; each drain writes all of it anew.
WEBHOOK_COUNTER_COLUMNS: Mapping[str, Column] = {
    "counter_key": Column("text"),
    "inbox_id": Column("text"),
    "day": Column("text"),
    "subscription": Column("text"),
    "name": Column("text"),
    "value": Column("bigint"),
    "drained_at": Column("timestamp"),
}

WEBHOOK_COUNTER_KEY = ("counter_key",)

# A return read by id, in the shape of the details endpoint; what is not a column is in `body`.
# Source: Loop API, Return details.
RETURN_DETAIL_COLUMNS: Mapping[str, Column] = {
    "return_id": Column("text"),
    "state": Column("text"),
    "updated_at": Column("timestamp"),
    "refunds": Column("json"),
    "labels": Column("json"),
    "body": Column("json"),
    "is_known": Column("bool"),
    "reason": Column("text"),
    "fetched_at": Column("timestamp"),
    "api_version": Column("text"),
}

RETURN_DETAIL_KEY = ("return_id",)

PULL_WINDOW_KEY = ("run_id", "endpoint", "pass", "window_from")


def raw_columns() -> dict[str, dict[str, Column]]:
    """All tables of `loop_raw` that this project writes, with their columns."""
    return {
        **{name: columns(name) for name in TABLES},
        "return_history": dict(HISTORY_COLUMNS),
        "pull_windows": dict(PULL_WINDOW_COLUMNS),
        "webhook_events": dict(WEBHOOK_EVENT_COLUMNS),
        "webhook_counters": dict(WEBHOOK_COUNTER_COLUMNS),
        "return_details": dict(RETURN_DETAIL_COLUMNS),
    }
