"""What `serve` has to know, read without dlt: the receiver starts at once and stays small.

SOURCES__LOOP_RETURNS__WEBHOOK_SECRETS, or .dlt/secrets.toml -> secrets;  loop.toml [webhooks] -> the rest
With `[shops]` in loop.toml: those of the shop, and never the common ones.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loop_returns import settings, shops
from loop_returns.errors import KeyRefusedError, UsageError

SETTING = "webhook_secrets"
SECRETS_FILE = Path(".dlt") / "secrets.toml"
DEFAULT_SUBSCRIPTIONS = ("return-created", "return-updated")
KEYS = ("subscriptions", "diagnose_signature")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True, slots=True)
class Options:
    """How deliveries are received.

    Attributes:
        secrets: All that are current; a signature by any of them is good.
        subscriptions: Names that end the path `/hooks/loop/NAME`; one per subscription at Loop.
        diagnose_signature: Accept a signature over the body with `/` escaped too (signature.py).
    """

    secrets: tuple[bytes, ...] = field(repr=False)
    subscriptions: tuple[str, ...] = DEFAULT_SUBSCRIPTIONS
    diagnose_signature: bool = False


def read() -> Options:
    """Read and check everything that the receiver needs.

    Raises:
        KeyRefusedError: There is no secret.
        UsageError: A setting cannot be.
    """
    table = settings.merchant().get("webhooks", {})
    return Options(_secrets(), subscriptions(table), table.get("diagnose_signature", False))


def subscriptions(table: Mapping[str, Any]) -> tuple[str, ...]:
    """`[webhooks] subscriptions` of loop.toml, checked.

    Raises:
        UsageError: It is no list of names, or another key of the table cannot be.

    >>> subscriptions({"subscriptions": ["return-created-k3v9"]})
    ('return-created-k3v9',)
    """
    _check(table)
    names = table.get("subscriptions", list(DEFAULT_SUBSCRIPTIONS))
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not is_list or not names or not all(_NAME.fullmatch(name) for name in names):
        raise UsageError(
            "[webhooks] subscriptions in loop.toml must be a list of names",
            hint='letters, digits, - and _, such as ["return-created", "return-updated"]',
        )
    return tuple(dict.fromkeys(names))


def _check(table: object) -> None:
    if not isinstance(table, Mapping):
        raise UsageError("[webhooks] in loop.toml is not a table")
    for name in table:
        if name not in KEYS:
            raise UsageError(
                f"webhooks.{name} in loop.toml is no setting", hint="known there: " + ", ".join(KEYS)
            )
    if not isinstance(table.get("diagnose_signature", False), bool):
        raise UsageError("[webhooks] diagnose_signature in loop.toml must be true or false")


def _secrets() -> tuple[bytes, ...]:
    variable = settings.variable(SETTING)
    text = os.environ.get(variable)
    given = _of_text(text, variable) if text else _of_file(SECRETS_FILE)
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise UsageError("the setting webhook_secrets must be a list of texts")
    secrets = tuple(one.strip().encode() for one in given if one.strip())
    if not secrets:
        raise KeyRefusedError(
            "no webhook secret is set",
            hint=f"set {variable} to Loop's secret, or to a JSON list; or webhook_secrets in {SECRETS_FILE}",
        )
    return secrets


def _of_text(text: str, variable: str) -> object:
    """A JSON list, or one secret as it is."""
    if not text.lstrip().startswith("["):
        return [text]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise UsageError(f"{variable} is not a JSON list", hint='["old-secret", "new-secret"]') from None


def _of_file(file: Path) -> object:
    if not file.exists():
        return []
    try:
        held: Any = tomllib.loads(file.read_text())
        for name in shops.section(settings.shop()).split("."):
            held = held.get(name, {})
        return held.get(SETTING, [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError):
        # Without the parser's words: they may quote the line that holds the secret.
        raise UsageError(f"{file} cannot be read", cause="it is not valid TOML") from None
