"""The record that a third party receives: a template of the merchant's, filled with a return's values.

[forward.NAME.record] of loop.toml + a row of staging -> a JSON object
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson

from loop_returns.errors import UsageError

Json = dict[str, Any]

HEADER = (
    "return_id",
    "state",
    "outcome",
    "type",
    "order_id",
    "order_name",
    "order_number",
    "provider_order_id",
    "customer",
    "currency",
    "created_at",
    "updated_at",
    "label_status",
    "carrier",
    "tracking_number",
    "method_type",
    "destination_id",
    "return_total",
    "exchange_total",
    "refund",
    "gift_card",
    "handling_fee",
    "upsell",
)
"""Columns of staging.stg_returns that a template may name."""
LINE = (
    "line_item_id",
    "provider_line_item_id",
    "product_id",
    "variant_id",
    "sku",
    "barcode",
    "title",
    "price",
    "discount",
    "tax",
    "refund",
    "return_reason",
    "parent_return_reason",
    "outcome",
)
"""Columns of staging.stg_return_lines that the template of a line may name."""
OWN = ("rma", "shop", "kind", "version", "lines")
"""What is not in the tables: `rma` is the return's id, as Loop shows it to people."""

DEFAULT_RECORD: Json = {
    "external_id": "{rma}",
    "kind": "{kind}",
    "version": "{version}",
    "order": "{order_name}",
    "customer": "{customer}",
    "state": "{state}",
    "outcome": "{outcome}",
    "currency": "{currency}",
    "refund": "{refund}",
    "gift_card": "{gift_card}",
    "tracking_number": "{tracking_number}",
    "updated_at": "{updated_at}",
    "lines": "{lines}",
}
DEFAULT_LINE: Json = {
    "line_id": "{line_item_id}",
    "sku": "{sku}",
    "title": "{title}",
    "price": "{price}",
    "refund": "{refund}",
    "reason": "{return_reason}",
}
_NAME = re.compile(r"\{([^{}]*)\}")


def check(template: object, known: Sequence[str], where: str) -> None:
    """Refuse a template that names what is not there.

    Raises:
        UsageError: It does, or is no table.
    """
    if not isinstance(template, Mapping) or not template:
        raise UsageError(f"{where} in loop.toml is not a table")
    for name in _names(template):
        if name not in known:
            raise UsageError(
                f"{where} names {{{name}}}, which is not there", hint="known: " + ", ".join(known)
            )


def _names(part: object) -> list[str]:
    if isinstance(part, str):
        return _NAME.findall(part)
    if isinstance(part, Mapping):
        return [name for each in part.values() for name in _names(each)]
    if isinstance(part, list):
        return [name for each in part for name in _names(each)]
    return []


def fill(template: object, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever JSON has
    """Put values in the place of their names; a text that is one name alone keeps the value's type.

    >>> fill({"id": "{rma}", "note": "RMA {rma} of {order_name}"}, {"rma": "7", "order_name": None})
    {'id': '7', 'note': 'RMA 7 of '}
    """
    if isinstance(template, Mapping):
        return {str(key): fill(each, values) for key, each in template.items()}
    if isinstance(template, list):
        return [fill(each, values) for each in template]
    if not isinstance(template, str):
        return _plain(template)
    if whole := _NAME.fullmatch(template):
        return _plain(values[whole[1]])
    return _NAME.sub(lambda found: _text(values[found[1]]), template)


def _text(value: object) -> str:
    plain = _plain(value)
    return "" if plain is None else str(plain)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a table has
    """A value as JSON has it: money as exact text with two places or more, times in UTC.

    >>> _plain(Decimal("12.5000")), _plain(Decimal("0.1250"))
    ('12.50', '0.125')
    """
    if isinstance(value, Decimal):
        whole, _, places = f"{value:f}".partition(".")
        return f"{whole}.{places.rstrip('0').ljust(2, '0')}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if isinstance(value, date) else value


def body(record: Json, line: Json, row: Mapping[str, Any], own: Mapping[str, Any]) -> bytes:
    """The bytes that are sent for one version of a return.

    Args:
        record: Template of the whole.
        line: Template of one line, for `{lines}`.
        row: `HEADER`, and `lines`: a list of rows of `LINE`.
        own: shop, kind, version.
    """
    lines = [fill(line, each) for each in row["lines"]]
    values = {**row, **own, "rma": row["return_id"], "lines": lines}
    return orjson.dumps(fill(record, values))


def digest(row: Mapping[str, Any]) -> str:
    """What tells two versions of a return apart: all that a template may name but `updated_at`.

    That may move although nothing did.
    """
    told = {name: _plain(row[name]) for name in HEADER if name != "updated_at"}
    told["lines"] = [{name: _plain(each[name]) for name in LINE} for each in row["lines"]]
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()
