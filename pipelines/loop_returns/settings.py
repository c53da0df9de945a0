"""What a user can set, read once and checked: dlt's providers, `loop.toml`, the environment.

SOURCES__LOOP_RETURNS__*, .dlt/config.toml, .dlt/secrets.toml  -> Settings   (needs dlt)
LOOP_RETURNS_DATA_DIR                                          -> Paths
loop.toml, or the file that LOOP_RETURNS_CONFIG names          -> merchant() (policy, thresholds)
"""

from __future__ import annotations

import getpass
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast, get_args

from loop_returns.errors import KeyRefusedError, UsageError
from loop_returns.instants import check_start, now, parse_instant

SECTION = "sources.loop_returns"
_DLT = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
}
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
    def plans(self) -> Path:
        """Plans that were printed, one file each."""
        return self.data / "plans"

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


def paths() -> Paths:
    """The data directory: `LOOP_RETURNS_DATA_DIR`, or `_data` in the working directory."""
    named = os.environ.get("DESTINATION__DUCKDB__CREDENTIALS", "").removeprefix("duckdb:///")
    data = Path(os.environ.get("LOOP_RETURNS_DATA_DIR", "_data")).absolute()
    return Paths(data, Path(named).absolute() if named else None)


def config_file() -> Path:
    """The merchant's file: `LOOP_RETURNS_CONFIG`, or `loop.toml` in the working directory."""
    return Path(os.environ.get("LOOP_RETURNS_CONFIG", "loop.toml"))


def merchant() -> dict[str, Any]:
    """Policy and thresholds from `loop.toml`; empty when there is none: the built-in defaults hold.

    Raises:
        UsageError: The file named by LOOP_RETURNS_CONFIG is missing, or it is not TOML.
    """
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


def _destination() -> str:
    name = os.environ.get("DESTINATION__NAME", "duckdb")
    if name != "duckdb":
        raise UsageError(
            "this destination is not supported yet",
            cause=f"DESTINATION__NAME is {name}",
            hint="leave it out: duckdb",
        )
    return name


def prepare_dlt() -> None:
    """Tell dlt what it must know before it is imported; a user's own value wins."""
    for name, value in _DLT.items():
        os.environ.setdefault(name, value)


def _raw() -> dict[str, Any]:
    prepare_dlt()
    import dlt

    plain = "base_url start_date lookback_hours window_days asn_lookback_days page_size requests_per_minute"
    raw: dict[str, Any] = {
        name: dlt.config.get(f"{SECTION}.{name}")
        for name in [*plain.split(), "patience_seconds", "batch_rows", "pii"]
    }
    return raw | {name: dlt.secrets.get(f"{SECTION}.{name}") for name in ("api_key", "pii_key")}


def action_key() -> str:
    """The key of the actions, `action_api_key`: read by `apply --execute` and by nothing else.

    Raises:
        KeyRefusedError: It is not set.
    """
    prepare_dlt()
    import dlt

    key = str(dlt.secrets.get(f"{SECTION}.action_api_key") or "").strip()
    if not key:
        raise KeyRefusedError(
            "no action key is set",
            hint="set SOURCES__LOOP_RETURNS__ACTION_API_KEY for `apply --execute` alone; a key of its own",
        )
    return key


def forward_secret(name: str) -> str:
    """What signs the records that `[forward.NAME]` sends: `forward_secrets.NAME`.

    Raises:
        KeyRefusedError: It is not set.
    """
    prepare_dlt()
    import dlt

    secret = str(dlt.secrets.get(f"{SECTION}.forward_secrets.{name}") or "").strip()
    if not secret:
        raise KeyRefusedError(
            f"the secret of [forward.{name}] is not set",
            hint=f"set SOURCES__LOOP_RETURNS__FORWARD_SECRETS__{name.upper()} to whsec_ and base64",
        )
    return secret


def alert_webhook() -> str:
    """Where alerts go, `alert_webhook`: an address that is a secret; empty: nowhere."""
    prepare_dlt()
    import dlt

    return str(dlt.secrets.get(f"{SECTION}.alert_webhook") or "").strip()


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


def missing_key() -> KeyRefusedError:
    """What is said when no key is set."""
    return KeyRefusedError(
        "no API key is set",
        hint="set SOURCES__LOOP_RETURNS__API_KEY, or run `loop-returns init` and fill .dlt/secrets.toml",
    )


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
        destination=_destination(),
    )
