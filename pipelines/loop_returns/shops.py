"""Many shops in one loop.toml: each `[shops.NAME]` is a shop with a database, keys and rights of its own.

loop.toml, LOOP_RETURNS_SHOP (`--shop NAME`) -> chosen() -> merged(), plain() -> settings, as if it were alone

Pure: who reads the file and the environment is settings. Why a database each: docs/shops.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from loop_returns.errors import UsageError

VARIABLE = "LOOP_RETURNS_SHOP"
TABLE = "shops"
PLAIN = (
    "base_url",
    "start_date",
    "lookback_hours",
    "window_days",
    "asn_lookback_days",
    "page_size",
    "requests_per_minute",
    "patience_seconds",
    "batch_rows",
    "pii",
)
"""Settings of `sources.loop_returns` that are no secret: `[shops.NAME]` may set them."""
DATABASE = "database"
"""The shop's database on Postgres, where it is not the common one's name with `_` and the shop's."""
_VALUES = (*PLAIN, DATABASE)
OWN_ONLY = frozenset({"api_key", "action_api_key", "webhook_secrets"})
"""Secrets that a shop never takes from the common ones: another shop's key reads another shop's returns."""
SECRETS = OWN_ONLY | {"pii_key", "alert_webhook", "forward_secrets"}
OF_ONE_SHOP = ("extracts", "forward")
"""Tables that shops cannot share: ids are unique in one shop alone."""
_NAME = re.compile(r"(?=.{1,30}$)[a-z](?:_?[a-z0-9])*")


def tables(whole: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The shops of a loop.toml by name, in its order; empty when it has none.

    Raises:
        UsageError: A name or a setting of a shop cannot be, or a secret is in the file.
    """
    given = whole.get(TABLE, {})
    if not isinstance(given, Mapping):
        raise UsageError("[shops] in loop.toml is not a table", hint="a table for each shop: [shops.eu]")
    for name, table in given.items():
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"[shops.{name}] in loop.toml cannot be the name of a shop",
                hint="small letters and digits, words joined by one _, 30 at most: eu, north_america",
            )
        _check(name, table)
    if given:
        for table in OF_ONE_SHOP:
            if table in whole:
                raise UsageError(
                    f"[{table}] in loop.toml would be that of every shop",
                    cause="return ids and orders are unique in one shop alone",
                    hint=f"give it to the shop that it belongs to: [shops.{next(iter(given))}.{table}.…]",
                )
    return dict(given)


def _check(name: str, table: object) -> None:
    if not isinstance(table, Mapping):
        raise UsageError(f"[shops.{name}] in loop.toml is not a table")
    for key, value in table.items():
        if key in SECRETS:
            raise UsageError(
                f"shops.{name}.{key} in loop.toml: a secret does not belong there",
                hint=f"set {variable(name, key)}, or {key} below [sources.loop_returns.shops.{name}] in"
                " .dlt/secrets.toml; and change it where it was made, if the file was shared",
            )
        if not isinstance(value, Mapping) and key not in _VALUES:
            raise UsageError(
                f"shops.{name}.{key} in loop.toml is no setting",
                hint="known there: " + ", ".join(_VALUES) + f"; and tables, as [shops.{name}.tolerance]",
            )
        if key == TABLE or (isinstance(value, Mapping) and key in _VALUES):
            raise UsageError(f"[shops.{name}.{key}] in loop.toml cannot be a table")


def chosen(whole: Mapping[str, Any], wanted: str) -> str:
    """The shop that a command works on; empty when loop.toml has no shops.

    Args:
        whole: The content of loop.toml.
        wanted: What `--shop` or LOOP_RETURNS_SHOP says; empty: nothing.

    Raises:
        UsageError: There are shops and none is named, or there is none of this name.

    >>> chosen({"shops": {"eu": {}, "us": {}}}, "us")
    'us'
    """
    known = tables(whole)
    if wanted in known or not (wanted or known):
        return wanted
    if not known:
        raise UsageError(f"there is no shop {wanted!r}", cause="loop.toml has no [shops.NAME]")
    shops = ", ".join(known)
    if wanted:
        raise UsageError(f"there is no shop {wanted!r}", hint=f"loop.toml has: {shops}")
    raise UsageError("loop.toml has more than one shop", hint=f"say --shop NAME, one of: {shops}")


def merged(whole: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The tables of loop.toml as they hold for a shop: its own values in the place of the common ones.

    Args:
        whole: The content of loop.toml.
        name: The shop; empty: loop.toml has none, and its content is as it is.

    >>> merged({"risk": {"min_score": 3, "top_share": 1}, "shops": {"eu": {"risk": {"min_score": 4}}}}, "eu")
    {'risk': {'min_score': 4, 'top_share': 1}}
    """
    common = {key: value for key, value in whole.items() if key != TABLE}
    own = tables(whole)[name] if name else {}
    return _over(common, {key: value for key, value in own.items() if isinstance(value, Mapping)})


def _over(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(common)
    for key, value in own.items():
        under = both.get(key)
        is_both = isinstance(under, Mapping) and isinstance(value, Mapping)
        both[key] = _over(under, value) if is_both else value  # type: ignore[arg-type] # is_both saw to it
    return both


def plain(whole: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What `[shops.NAME]` says of the settings of `sources.loop_returns`; empty without a name."""
    return {key: value for key, value in tables(whole)[name].items() if key in PLAIN} if name else {}


def database(whole: Mapping[str, Any], name: str, common: str) -> str:
    """The shop's database on Postgres.

    Args:
        whole: The content of loop.toml.
        name: The shop; empty: there are none.
        common: The database that dlt's settings name.

    >>> database({"shops": {"eu": {}, "us": {"database": "america"}}}, "eu", "returns")
    'returns_eu'
    """
    if not name:
        return common
    return str(tables(whole)[name].get(DATABASE) or f"{common}_{name}")


def variable(name: str, setting: str) -> str:
    """The environment variable of a setting, of a shop or (without a name) of the only one.

    >>> variable("eu", "api_key"), variable("", "api_key")
    ('SOURCES__LOOP_RETURNS__SHOPS__EU__API_KEY', 'SOURCES__LOOP_RETURNS__API_KEY')
    """
    of_shop = ("SHOPS", name) if name else ()
    return "__".join(("SOURCES", "LOOP_RETURNS", *of_shop, setting)).upper()


def section(name: str) -> str:
    """Where dlt's providers hold the settings of a shop, or (without a name) the common ones."""
    return f"sources.loop_returns.shops.{name}" if name else "sources.loop_returns"
