"""What a user can set, read once and checked: dlt's providers, `loop.toml`, the environment.

SOURCES__LOOP_RETURNS__*, .dlt/config.toml, .dlt/secrets.toml  -> Settings   (needs dlt)
LOOP_RETURNS_DATA_DIR                                          -> Paths
loop.toml, or the file that LOOP_RETURNS_CONFIG names          -> merchant() (policy, thresholds)
LOOP_RETURNS_SHOP, `[shops.NAME]` of loop.toml                 -> shop(), whose all of these are
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from loop_returns import destination, shops
from loop_returns.errors import UsageError
from loop_returns.instants import check_start, now, parse_instant
from loop_returns.keys import action_key as action_key
from loop_returns.keys import alert_webhook as alert_webhook
from loop_returns.keys import forward_secret as forward_secret
from loop_returns.keys import missing_key as missing_key
from loop_returns.keys import prepare_dlt as prepare_dlt
from loop_returns.keys import secret as secret
from loop_returns.keys import variable as variable
from loop_returns.loop_toml import config_file as config_file
from loop_returns.loop_toml import lock_wait_seconds as lock_wait_seconds
from loop_returns.loop_toml import merchant as merchant
from loop_returns.loop_toml import shop as shop
from loop_returns.loop_toml import shop_names as shop_names
from loop_returns.loop_toml import whole

if TYPE_CHECKING:
    from loop_returns.warehouse.place import Place

DEFAULT_BASE_URL = "https://api.loopreturns.com/api/v1"

PiiMode = Literal["hash", "drop", "keep"]


@dataclass(frozen=True, slots=True)
class Paths:
    """Where this installation keeps its files, below one data directory.

    Attributes:
        elsewhere: A work file that is not below it: `DESTINATION__DUCKDB__CREDENTIALS`.
    """

    data: Path
    elsewhere: Path | None = None

    @property
    def work(self) -> Path:
        """Files that only a run may open."""
        return self.data / "work"

    @property
    def work_file(self) -> Path:
        """The DuckDB file that runs write."""
        return self.elsewhere or self.work / "loop.duckdb"

    @property
    def ledger(self) -> Path:
        """The ledger of the actions; back it up, and never act with an older copy."""
        return self.data / "ledger.sqlite"

    @property
    def published(self) -> Path:
        """The DuckDB file that people open; replaced whole at the end of a run."""
        return self.data / "loop.duckdb"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `sources.loop_returns`, checked.

    Attributes:
        start_date: First instant wanted, UTC; None: two years before the first run.
        lookback_hours: How far before the cursor each run starts again.
        window_days: Longest span asked for in one request, at most 90.
        asn_lookback_days: How far back the shipping notices are read again on each run; which of their dates
            `from` and `to` mean is not documented (loop-api.md, section 6).
        patience_seconds: How long one request is tried again while Loop is down or says 429.
        batch_rows: Rows held before they are loaded: a load costs a second however few it holds.
        pii: What becomes of personal data before anything is written.
        destination: The name of dlt's destination.
        dsn: The address of Postgres, its password in it; empty with another destination.
        bucket: Where the files of the destination filesystem go; empty with another one.
    """

    paths: Paths
    api_key: str = field(repr=False)
    base_url: str = DEFAULT_BASE_URL
    start_date: datetime | None = None
    lookback_hours: int = 48
    window_days: int = 90
    asn_lookback_days: int = 85
    page_size: int = 750
    requests_per_minute: int = 300
    patience_seconds: int = 300
    batch_rows: int = 5_000
    pii: PiiMode = "hash"
    pii_key: str = field(default="", repr=False)
    destination: str = "duckdb"
    dsn: str = field(default="", repr=False)
    bucket: str = ""

    @property
    def place(self) -> Place:
        """Where the tables are."""
        from loop_returns.warehouse.place import Place

        return Place(self.paths.work_file, self.dsn)


def data_dir() -> Path:
    """`LOOP_RETURNS_DATA_DIR`, or `_data` in the working directory; below it each shop has its own."""
    return Path(os.environ.get("LOOP_RETURNS_DATA_DIR", "_data")).absolute()


def paths(name: str | None = None) -> Paths:
    """Where a shop's files are: `data_dir()`, or with `[shops]` its `shops/NAME`.

    Args:
        name: The shop; None: the one that the command works on.
    """
    name = shop() if name is None else name
    named = os.environ.get("DESTINATION__DUCKDB__CREDENTIALS", "").removeprefix("duckdb:///")
    elsewhere = Path(named).absolute() if named else None
    if not name:
        return Paths(data_dir(), elsewhere)
    own = elsewhere and elsewhere.with_stem(f"{elsewhere.stem}_{name}")
    return Paths(data_dir() / "shops" / name, own)


def _number(raw: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = raw.get(name)
    if value is None:
        return default
    try:
        number = int(str(value))
    except ValueError:
        raise UsageError(f"the setting {name} is not a whole number", cause=f"{value!r}") from None
    if not low <= number <= high:
        raise UsageError(f"the setting {name} is out of range", cause=f"{number} is not in {low}..{high}")
    return number


def _start(raw: Mapping[str, Any]) -> datetime | None:
    value = raw.get("start_date")
    if value is None or not str(value).strip():
        return None
    start = parse_instant(str(value), "start_date")
    check_start(start, now())
    return start


def _pii(raw: Mapping[str, Any]) -> PiiMode:
    mode = str(raw.get("pii") or "hash")
    if mode not in get_args(PiiMode):
        raise UsageError("the setting pii is unknown", cause=mode, hint="one of: hash, drop, keep")
    return cast("PiiMode", mode)


def speaker(named: str | None) -> str:
    """Who speaks: `--by`, else `LOOP_RETURNS_USER`, else the login name.

    Raises:
        UsageError: Nobody can be named.
    """
    try:
        name = named or os.environ.get("LOOP_RETURNS_USER") or getpass.getuser()
    except (KeyError, OSError):
        name = ""
    name = " ".join(name.split())
    if not name or not name.isprintable() or len(name) > 200:
        raise UsageError("it is not known who speaks", hint="say --by NAME, or set LOOP_RETURNS_USER")
    return name


def _raw() -> dict[str, Any]:
    prepare_dlt()
    import dlt

    name = shop()
    common: dict[str, Any] = {each: dlt.config.get(f"{shops.section('')}.{each}") for each in shops.PLAIN}
    own: dict[str, Any] = {each: dlt.config.get(f"{shops.section(name)}.{each}") for each in shops.PLAIN}
    given = {each: value for each, value in own.items() if value is not None}
    raw = common | shops.plain(whole(), name) | given
    return raw | {each: secret(each) for each in ("api_key", "pii_key")}


def read(*, need_key: bool = True) -> Settings:
    """Read and check all settings.

    Raises:
        KeyRefusedError: No API key is set (unless it is not needed).
        UsageError: A setting cannot be.
    """
    raw = _raw()
    key = str(raw.get("api_key") or "").strip()
    if need_key and not key:
        raise missing_key()
    name = destination.name()
    return Settings(
        paths=paths(),
        api_key=key,
        base_url=str(raw.get("base_url") or DEFAULT_BASE_URL),
        start_date=_start(raw),
        lookback_hours=_number(raw, "lookback_hours", 48, 0, 24 * 365),
        window_days=_number(raw, "window_days", 90, 1, 90),
        asn_lookback_days=_number(raw, "asn_lookback_days", 85, 1, 5 * 366),
        page_size=_number(raw, "page_size", 750, 1, 750),
        requests_per_minute=_number(raw, "requests_per_minute", 300, 1, 100_000),
        patience_seconds=_number(raw, "patience_seconds", 300, 1, 3600),
        batch_rows=_number(raw, "batch_rows", 5_000, 1, 1_000_000),
        pii=_pii(raw),
        pii_key=str(raw.get("pii_key") or ""),
        destination=name,
        dsn=destination.dsn(name, shop()),
        bucket=destination.bucket(name, shop()),
    )
