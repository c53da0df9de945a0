"""What a merchant can set about the marts, as the variables that SQL reads as `@name`.

loop.toml (a plain dict) -> variables() -> SQLMesh. The built-in defaults stand here and nowhere else.
A changed value rebuilds the models that read it; `as_of` is no variable, but SQLMesh's `@execution_ts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import available_timezones

from loop_returns.errors import UsageError
from loop_returns.instants import parse_instant

Settings = Mapping[str, Any]
Value = str | int | float | list[str]

EVENTS = ("immediate", "pre_transit", "in_transit", "out_for_delivery", "delivered", "disabled")
SINCE = "shop.webhooks_since"
ZONE = "shop.timezone"
MODES = ("enforce", "observe", "profile", "off")
EXCHANGE_MODES = ("auto", "order", "native")

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "shop": {"webhooks_since": "", "timezone": "UTC"},
    "policy": {
        "processing_event": {"refund": "delivered", "gift_card": "in_transit", "exchange": "in_transit"},
        "no_parcel_methods": ["in_store", "keep_item"],
        "auto_refund": True,
        "exchange_mode": "auto",
        "loop_discount": True,
        "label_rate_factor": 0.01,
        "instant_window_days": 14,
    },
    "receipts": {
        "is_physical": True,
        "bad_grades": ["incorrect_item", "missing", "junk", "grade_d"],
        "restocked": ["restocked"],
        "not_restocked": ["pending"],
    },
    "tolerance": {"minor_units": 1, "per_line": 0.5, "charge_days": 2},
    "grace_hours": {
        "asn": 24,
        "webhook": 2,
        "shopify_refund": 24,
        "erp": 4,
        "exchange": 3,
        "gift_card": 2,
        "upsell": 48,
    },
    "ageing": {
        "receipt_business_days": 3,
        "stalled_days": 14,
        "label_only_days": 14,
        "label_invoice_days": 30,
        "restock_days": 2,
        "untouched_card_days": 365,
    },
    "liability": {"development_weeks": 13},
    "sla_business_days": {"received_to_closed": 2, "closed_to_refunded": 1},
    "risk": {
        "min_returns": 5,
        "min_score": 3,
        "top_share": 0.005,
        "refund_only_share": 0.9,
        "returns_per_order": 3,
        "variants_per_product": 3,
        "bad_returns": 2,
        "undelivered_paid": 2,
        "kept_items": 3,
        "min_orders": 5,
        "return_rate": 0.7,
        "outside_refunds": 2,
        "weight": {
            "refund_only": 1,
            "splitting": 1,
            "bracketing": 0.5,
            "bad_goods": 2,
            "never_shipped": 2,
            "kept_items": 1,
            "return_rate": 1,
            "outside_refunds": 1,
        },
    },
    "freshness": {"warn_hours": 6, "block_hours": 48},
    "identity": {
        **dict.fromkeys(("C1", "C2", "C3"), "enforce"),
        **dict.fromkeys(("C4", "P1", "P2", "P3", "P4", "P5"), "observe"),
        **dict.fromkeys(("G1a", "G1b", "G1c", "G3"), "profile"),
    },
}

# Documented for marts that are still to come (marts.md, section 9): accepted, not read yet.
LATER: Mapping[str, tuple[str, ...]] = {
    "shop": ("name", "currency", "api_version"),
    "ageing": ("review_days",),
}


def variables(settings: Settings) -> dict[str, Value]:
    """Turn the tables of `loop.toml` into the variables of the models.

    Args:
        settings: The file's content; what it leaves out has its default, tables for other parts are ignored.

    Raises:
        UsageError: A value cannot be what it is.

    >>> variables({"grace_hours": {"asn": 36}})["grace_hours_asn"]
    36
    >>> variables({"identity": {"C4": "enforce"}})["identity_c4"]
    'enforce'
    """
    flat: dict[str, Value] = {}
    for table, defaults in DEFAULTS.items():
        given = settings.get(table, {})
        if not isinstance(given, Mapping):
            raise UsageError(f"[{table}] in loop.toml is not a table", cause=f"{given!r} was given")
        refuse_unknown(table, given, (*defaults, *LATER.get(table, ())))
        for name, default in defaults.items():
            _add(flat, f"{table}.{name}", given.get(name, default), default)
    # P5 is apart: it applies to refund-only returns, all others to every return.
    on = [name for name in DEFAULTS["identity"] if name != "P5" and flat[f"identity_{name.lower()}"] != "off"]
    return {**flat, "identity_count": len(on)}


def refuse_unknown(path: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    """A misspelt threshold must not look as if it held."""
    for name in given:
        if name not in known:
            raise UsageError(
                f"{path}.{name} in loop.toml is no setting", hint="known there: " + ", ".join(known)
            )


def _add(flat: dict[str, Value], path: str, value: object, default: object) -> None:
    """Check one setting against the shape of its default; a nested table becomes one variable a key."""
    if isinstance(default, Mapping):
        if not isinstance(value, Mapping):
            raise refused(path, value, "a table")
        refuse_unknown(path, value, tuple(default))
        for key, inner in default.items():
            _add(flat, f"{path}.{key}", value.get(key, inner), inner)
        return
    _check(path, value, default)
    if path == SINCE:
        value = _since(value)
    flat[path.replace(".", "_").lower()] = sorted(value) if isinstance(value, list) else value  # type: ignore[assignment] # _check saw to it


def _since(value: object) -> str:
    """`webhooks_since` as the models read it: an instant as text, `off`, or empty."""
    if value in ("", "off"):
        return str(value)
    try:
        return parse_instant(str(value), SINCE).isoformat(" ")
    except UsageError:
        raise refused(SINCE, value, 'a day as 2026-11-01, or "off"') from None


def _check(path: str, value: object, default: object) -> None:
    if path == SINCE:
        return
    if isinstance(default, list):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise refused(path, value, "a list of texts")
    elif isinstance(default, bool):
        if not isinstance(value, bool):
            raise refused(path, value, "true or false")
    elif isinstance(default, str):
        _check_word(path, value)
    else:
        check_number(path, value)


def _check_word(path: str, value: object) -> None:
    if path == ZONE:
        if value not in available_timezones():
            raise refused(path, value, "a time zone as America/New_York")
        return
    words = {"policy.exchange_mode": EXCHANGE_MODES}
    allowed = MODES if path.startswith("identity.") else words.get(path, EVENTS)
    if value not in allowed:
        raise refused(path, value, "one of " + ", ".join(allowed))


def check_number(path: str, value: object) -> None:
    """Refuse what is no number, zero or more.

    Raises:
        UsageError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise refused(path, value, "a number, zero or more")


def refused(path: str, value: object, wanted: str) -> UsageError:
    """What is said of a value that cannot be."""
    return UsageError(f"{path} in loop.toml cannot be {value!r}", hint=f"it must be {wanted}")
