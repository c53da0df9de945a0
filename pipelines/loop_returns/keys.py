"""Keys and other secrets, from dlt's providers: never in loop.toml, an error, or what a `repr` shows.

SOURCES__LOOP_RETURNS__API_KEY, .dlt/secrets.toml -> secret()    with `[shops]` the shop's own first
"""

from __future__ import annotations

import os

from loop_returns import shops
from loop_returns.errors import KeyRefusedError
from loop_returns.loop_toml import shop

_DLT = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
}


def prepare_dlt() -> None:
    """Tell dlt what it must know before it is imported; a user's own value wins."""
    for name, value in _DLT.items():
        os.environ.setdefault(name, value)


def secret(setting: str, of: str | None = None) -> str:
    """A secret from dlt's providers; empty: it is not set.

    Args:
        setting: As `api_key`, `forward_secrets.erp`.
        of: The shop; None: the one that the command works on. It takes from the common ones what
            shops may share, and no other shop's key ever.
    """
    prepare_dlt()
    import dlt

    name = shop() if of is None else of
    own: object = dlt.secrets.get(f"{shops.section(name)}.{setting}")
    if not own and setting not in shops.OWN_ONLY:
        own = dlt.secrets.get(f"{shops.section('')}.{setting}")
    return str(own or "")


def variable(setting: str) -> str:
    """The environment variable that sets a setting of the shop that the command works on."""
    return shops.variable(shop(), setting)


def action_key() -> str:
    """The key of the actions, `action_api_key`: read by `apply --execute` and by nothing else.

    Raises:
        KeyRefusedError: It is not set.
    """
    if key := secret("action_api_key").strip():
        return key
    raise KeyRefusedError(
        "no action key is set",
        hint=f"set {variable('action_api_key')} for `apply --execute` alone; a key of its own",
    )


def forward_secret(name: str) -> str:
    """What signs the records that `[forward.NAME]` sends: `forward_secrets.NAME`.

    Raises:
        KeyRefusedError: It is not set.
    """
    if found := secret(f"forward_secrets.{name}").strip():
        return found
    raise KeyRefusedError(
        f"the secret of [forward.{name}] is not set",
        hint=f"set {variable(f'forward_secrets__{name}')} to whsec_ and base64",
    )


def alert_webhook() -> str:
    """Where alerts go, `alert_webhook`: an address that is a secret; empty: nowhere."""
    return secret("alert_webhook").strip()


def missing_key() -> KeyRefusedError:
    """What is said when no key is set."""
    return KeyRefusedError(
        "no API key is set",
        hint=f"set {variable('api_key')}, or run `loop-returns init` and fill .dlt/secrets.toml",
    )
