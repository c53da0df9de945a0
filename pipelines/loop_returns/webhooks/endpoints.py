"""Whom returns are handed to: the tables `[forward.NAME]` of loop.toml, checked.

loop.toml + a secret per name -> Endpoint
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from standardwebhooks import Webhook

from loop_returns.errors import UsageError
from loop_returns.instants import parse_instant
from loop_returns.webhooks import record
from loop_returns.webhooks.ssrf import Target, check_url

KINDS = ("created", "updated", "closed", "cancelled")
DEFAULTS: dict[str, Any] = {
    "mode": "upsert",
    "kinds": list(KINDS),
    "cancelled_before_sent": "both",
    "start": "",
    "shop": "shop",
    "allow_private": False,
    "timeout_seconds": 10,
    "parallel": 8,
    "record": record.DEFAULT_RECORD,
    "line": record.DEFAULT_LINE,
}
"""Every key of a `[forward.NAME]` but `url`, which has no default."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SHOP = re.compile(r"[A-Za-z0-9._-]{1,80}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One third party.

    Attributes:
        name: As in `[forward.NAME]`.
        mode: `upsert`: the same key again changes nothing there; `unsafe`: it would, so never twice.
        kinds: What is handed over.
        cancelled_before_sent: `both`: a return cancelled before it was ever sent is sent as created and as
            cancelled; `one`: only as cancelled.
        start: Returns changed from here on are handed over; None: from the first hand-over on.
        signer: Signs as Standard Webhooks say.
        parallel: Most requests at a time.
    """

    name: str
    url: str
    target: Target
    signer: Webhook = field(repr=False)
    mode: str = "upsert"
    kinds: tuple[str, ...] = KINDS
    cancelled_before_sent: str = "both"
    start: datetime | None = None
    shop: str = "shop"
    allow_private: bool = False
    timeout_seconds: float = 10.0
    parallel: int = 8
    record: Mapping[str, Any] = field(default_factory=lambda: record.DEFAULT_RECORD)
    line: Mapping[str, Any] = field(default_factory=lambda: record.DEFAULT_LINE)

    @property
    def is_unsafe(self) -> bool:
        """Whether a second sending would make a second record."""
        return self.mode == "unsafe"


def named(merchant: Mapping[str, Any]) -> list[str]:
    """The names of the forwards that are configured."""
    tables = merchant.get("forward", {})
    if not isinstance(tables, Mapping):
        raise UsageError("[forward] in loop.toml is not a table of tables", hint="write [forward.NAME]")
    return list(tables)


def read(merchant: Mapping[str, Any], secret: Callable[[str], str]) -> list[Endpoint]:
    """Every `[forward.NAME]`.

    Args:
        merchant: loop.toml.
        secret: Name -> what signs, `whsec_...`; raises KeyRefusedError.

    Raises:
        UsageError: A table cannot be.
    """
    return [endpoint(name, merchant["forward"][name], secret) for name in named(merchant)]


def endpoint(name: str, table: object, secret: Callable[[str], str]) -> Endpoint:
    """One table, checked; arguments and errors as in `read`."""
    where = f"[forward.{name}]"
    if not _NAME.fullmatch(name):
        raise UsageError("the name of a forward is a small letter, then small letters, digits and _")
    if not isinstance(table, Mapping):
        raise UsageError(f"{where} in loop.toml is not a table")
    for key in table:
        if key != "url" and key not in DEFAULTS:
            raise UsageError(f"{where} {key} is no setting", hint="known: url, " + ", ".join(DEFAULTS))
    values = DEFAULTS | dict(table)
    _check(where, values)
    record.check(values["record"], record.HEADER + record.OWN, f"{where} record")
    record.check(values["line"], record.LINE, f"{where} line")
    url = values.pop("url", "")
    target = check_url(url if isinstance(url, str) else "", allow_private=values["allow_private"])
    values["kinds"], values["start"] = tuple(values["kinds"]), _instant(values["start"], where)
    return Endpoint(name=name, url=url, target=target, signer=_signer(name, secret(name)), **values)


def _check(where: str, values: Mapping[str, Any]) -> None:
    def is_number(name: str, low: int, high: int) -> bool:
        value = values[name]
        return not isinstance(value, bool) and isinstance(value, int | float) and low <= value <= high

    kinds = values["kinds"]
    rules = {
        "mode": values["mode"] in ("upsert", "unsafe"),
        "kinds": isinstance(kinds, list) and bool(kinds) and all(kind in KINDS for kind in kinds),
        "cancelled_before_sent": values["cancelled_before_sent"] in ("both", "one"),
        "shop": isinstance(values["shop"], str) and bool(_SHOP.fullmatch(values["shop"])),
        "allow_private": isinstance(values["allow_private"], bool),
        "timeout_seconds": is_number("timeout_seconds", 0, 120) and values["timeout_seconds"] > 0,
        "parallel": is_number("parallel", 1, 64) and isinstance(values["parallel"], int),
    }
    for name, holds in rules.items():
        if not holds:
            raise UsageError(
                f"{where} {name} cannot be {values[name]!r}", hint="docs/forward.md has the values"
            )


def _instant(value: object, where: str) -> datetime | None:
    if value in ("", None):
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return parse_instant(value.isoformat() if isinstance(value, date) else str(value), f"{where} start")


def _signer(name: str, secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except Exception:  # the library raises errors of several kinds; none of their words may be shown
        raise UsageError(
            f"the secret of [forward.{name}] cannot be used",
            hint="whsec_ and then base64, as the receiver has it",
        ) from None
