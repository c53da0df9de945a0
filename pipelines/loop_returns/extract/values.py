"""One JSON value to one typed value, or the finding that it does not fit.

The API writes ids as text or numbers, money as text or numbers, and times in four shapes (loop-api.md,
section 12): `+00:00`, `.000Z`, without a zone (UTC by every sign), and PHP's {date, timezone_type, timezone}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from loop_returns.api.fields import FieldType

_MONEY = re.compile(r"-?\d{1,14}(\.\d{1,4}0*)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|[+-]\d\d(:?\d\d)?))?)?")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_SCALE = Decimal("0.0001")
MISSING = ("", "N/A")
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


class UnfitError(ValueError):
    """The value does not fit the type of its field."""


def as_json(value: object) -> str:
    """Compact JSON text."""
    return orjson.dumps(value).decode()


def to_text(value: object) -> str:
    """Text as it came; a whole number becomes its digits (ids come in both shapes)."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise UnfitError


def to_decimal(value: object) -> Decimal | None:
    """An exact decimal(18,4), or None for Loop's words for "missing"."""
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING:
            return None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = repr(value)
    else:
        raise UnfitError
    if not _MONEY.fullmatch(text):
        raise UnfitError
    return Decimal(text).quantize(_SCALE)  # exact: whatever stands behind the fourth decimal is a zero


def to_timestamp(value: object) -> datetime | None:
    """An instant in UTC, or None for Loop's words for "missing"."""
    if isinstance(value, Mapping):
        return _php_time(value)
    if not isinstance(value, str):
        raise UnfitError
    text = value.strip()
    if text in MISSING:
        return None
    return _utc(text, UTC)


def _php_time(value: Mapping[str, Any]) -> datetime:
    date, zone = value.get("date"), value.get("timezone")
    if (
        not isinstance(date, str)
        or not isinstance(zone, str)
        or set(value) - {"date", "timezone", "timezone_type"}
    ):
        raise UnfitError
    return _utc(date.strip(), _zone(zone))


def _zone(name: str) -> tzinfo:
    offset = _OFFSET.fullmatch(name)
    if offset:
        sign = -1 if offset[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(offset[2]), minutes=int(offset[3])))
    try:
        return UTC if name in ("UTC", "Z") else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnfitError from error


def _utc(text: str, zone: tzinfo) -> datetime:
    if not _TIME.fullmatch(text):
        raise UnfitError
    try:
        instant = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
        aware = instant.replace(tzinfo=zone) if instant.tzinfo is None else instant
        return aware.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UnfitError from error


def to_bool(value: object) -> bool | None:
    """True or false; PHP's 0, 1 and their texts as well."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip() in MISSING:
        return None
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    if text not in _TRUTH:
        raise UnfitError
    return _TRUTH[text]


CONVERT: Mapping[FieldType, Callable[[object], object]] = {
    "text": to_text,
    "decimal": to_decimal,
    "timestamp": to_timestamp,
    "bool": to_bool,
    "json": as_json,
}
