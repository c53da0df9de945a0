"""What a merchant can set about the rules, as the variables that their SQL reads as `@rule_r02_...`.

loop.toml, tables [rules] and [rule.<id>] -> variables() -> SQLMesh. The built-in defaults stand here and
nowhere else. A limit in money is a table of currencies, since 150 means another thing in each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loop_returns.errors import UsageError
from loop_returns.warehouse.mart_settings import Settings, Value, check_number, refuse_unknown, refused

MODES = ("off", "shadow", "on")
CHECKS = ("coverage_hole", "freshness", "missing_rate")
"""Checks of marts.data_quality that can say `block`."""


def _in_money(limit: int) -> dict[str, int]:
    return dict.fromkeys(("USD", "EUR", "GBP"), limit)


DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "rules": {"exemptions": "", "blocking_checks": ["coverage_hole", "freshness"]},
    "rule": {
        "R01_received_process": {"mode": "shadow", "settle_hours": 4, "max_amount": _in_money(300)},
        "R02_delivered_open_process": {
            "mode": "shadow",
            "min_business_days": 3,
            "max_amount": _in_money(150),
        },
        "R03_short_receipt": {"mode": "shadow", "min_amount": _in_money(15)},
        "R04_bad_grade": {"mode": "shadow"},
        "R05_delivered_not_received": {"mode": "shadow", "min_business_days": 5},
        "R06_unexpected_item": {"mode": "shadow"},
        "R07_money_break_open": {"mode": "shadow", "min_minor_units": 100},
        "R08_high_value": {"mode": "shadow", "min_amount": _in_money(500)},
        "R09_label_never_used": {"mode": "shadow", "min_days": 21},
        "R10_duplicate_line": {"mode": "shadow"},
        "R11_dead_return_received": {"mode": "shadow"},
        "R12_paid_never_shipped": {"mode": "shadow", "min_days": 21},
        "R13_returner_risk": {"mode": "shadow"},
        "R14_instant_overdue": {"mode": "shadow", "grace_days": 2},
        "R15_stalled": {"mode": "shadow", "min_days": 14},
        "R16_review_waiting": {"mode": "shadow", "min_days": 3},
        "R17_keep_item_waiting": {"mode": "shadow", "min_days": 1, "max_amount": _in_money(50)},
        "R18_over_refund": {"mode": "shadow"},
        "R19_erp_received": {"mode": "shadow", "settle_hours": 4, "max_amount": _in_money(300)},
        "R20_paid_early": {"mode": "shadow"},
        "R21_processed_not_paid": {"mode": "shadow", "min_hours": 24},
    },
}


def rule_ids() -> tuple[str, ...]:
    """Every rule, as loop.toml and the tables name it."""
    return tuple(DEFAULTS["rule"])


def variables(settings: Settings, models: Path) -> dict[str, Value]:
    """Turn `[rule.*]` of loop.toml into the variables of the rules.

    Args:
        settings: The file's content; what it leaves out has its default.
        models: Folder of the rules' SQL, which is a part of a rule's version.

    Raises:
        UsageError: A value cannot be what it is, or a name is none.
    """
    general(settings)
    given = _table(settings, "rule")
    refuse_unknown("rule", given, rule_ids())
    flat: dict[str, Value] = {}
    for rule_id, defaults in DEFAULTS["rule"].items():
        values = _values(f"rule.{rule_id}", given.get(rule_id, {}), defaults)
        named = f"rule_{rule_id.split('_')[0].lower()}"
        flat |= {f"{named}_{name}": value for name, value in values.items()}
        thresholds = {name: value for name, value in values.items() if name != "mode"}
        flat[f"{named}_version"] = _version(models / f"{rule_id.lower()}.sql", thresholds)
    return flat


def general(settings: Settings) -> dict[str, Any]:
    """The table `[rules]`: `exemptions`, a file's name or empty, and `blocking_checks`.

    Raises:
        UsageError: A value cannot be what it is, or a name is none.
    """
    given = _table(settings, "rules")
    refuse_unknown("rules", given, tuple(DEFAULTS["rules"]))
    found = {**DEFAULTS["rules"], **given}
    if not isinstance(found["exemptions"], str):
        raise refused("rules.exemptions", found["exemptions"], "the name of a CSV file")
    checks = found["blocking_checks"]
    if not isinstance(checks, list) or not set(map(str, checks)) <= set(CHECKS):
        raise refused("rules.blocking_checks", checks, "a list of " + ", ".join(CHECKS))
    return found


def _table(settings: Settings, name: str) -> Mapping[str, Any]:
    given = settings.get(name, {})
    if not isinstance(given, Mapping):
        raise UsageError(f"[{name}] in loop.toml is not a table", cause=f"{given!r} was given")
    return given


def _values(path: str, given: object, defaults: Mapping[str, Any]) -> dict[str, Value]:
    if not isinstance(given, Mapping):
        raise refused(path, given, "a table")
    refuse_unknown(path, given, tuple(defaults))
    return {
        name: _value(f"{path}.{name}", given.get(name, default), default)
        for name, default in defaults.items()
    }


def _value(path: str, value: Any, default: object) -> Value:  # noqa: ANN401 # whatever the file says
    if isinstance(default, Mapping):
        return _limits(path, value)
    if isinstance(default, str):
        if value not in MODES:
            raise refused(path, value, "one of " + ", ".join(MODES))
        return str(value)
    check_number(path, value)
    number: int | float = value
    return number


def _limits(path: str, value: object) -> list[str]:
    """Limits by currency, as the texts that the macro `limit_of` reads."""
    if not isinstance(value, Mapping):
        raise refused(path, value, "a table of currencies, such as { USD = 150 }")
    for currency, limit in value.items():
        if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
            raise refused(f"{path}.{currency}", limit, "named by a currency of ISO 4217, such as USD")
        check_number(f"{path}.{currency}", limit)
    return sorted(f"{currency}={limit}" for currency, limit in value.items())


def _version(file: Path, thresholds: Mapping[str, Value]) -> str:
    digest = hashlib.sha256(file.read_bytes())
    digest.update(json.dumps(thresholds, sort_keys=True).encode())
    return digest.hexdigest()[:12]
