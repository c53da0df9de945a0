"""The merchant's file, loop.toml, and which of its shops a command works on.

loop.toml, or the file that LOOP_RETURNS_CONFIG names; LOOP_RETURNS_SHOP -> shop(), merchant() -> settings
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loop_returns import shops
from loop_returns.errors import UsageError


def config_file() -> Path:
    """The merchant's file: `LOOP_RETURNS_CONFIG`, or `loop.toml` in the working directory."""
    return Path(os.environ.get("LOOP_RETURNS_CONFIG", "loop.toml"))


def shop() -> str:
    """The shop that this command works on, `--shop` or LOOP_RETURNS_SHOP; empty: loop.toml has no shops.

    Raises:
        UsageError: loop.toml has shops and none is named, or there is none of this name.
    """
    return shops.chosen(whole(), os.environ.get(shops.VARIABLE, ""))


def shop_names() -> tuple[str, ...]:
    """Every shop of loop.toml, in its order; none: there is only one, without a name."""
    return tuple(shops.tables(whole()))


def merchant() -> dict[str, Any]:
    """Policy and thresholds of the shop from `loop.toml`; empty when there is none: the defaults hold.

    Raises:
        UsageError: The file named by LOOP_RETURNS_CONFIG is missing, or it is not TOML, or `shop()` says so.
    """
    return shops.merged(whole(), shop())


def whole() -> dict[str, Any]:
    """The content of the file, with its shops; empty when there is none."""
    file = config_file()
    if not file.exists():
        if "LOOP_RETURNS_CONFIG" in os.environ:
            raise UsageError("the file that LOOP_RETURNS_CONFIG names is not there", cause=str(file))
        return {}
    try:
        return tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file.name} cannot be read", cause=str(error), hint="compare it with docs/loop.example.toml"
        ) from error


def lock_wait_seconds(merchant_file: Mapping[str, Any]) -> float:
    """`[run] lock_wait_seconds` of loop.toml: how long to wait for another writer; 30 by default."""
    table = merchant_file.get("run", {})
    value = table.get("lock_wait_seconds", 30) if isinstance(table, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86_400:
        raise UsageError("[run] lock_wait_seconds in loop.toml must be a number of seconds")
    return float(value)
