"""Which destination, and where it is, by dlt's own settings.

DESTINATION__NAME, DESTINATION__POSTGRES__CREDENTIALS (whole or in parts) -> name(), dsn()
DESTINATION__FILESYSTEM__BUCKET_URL                                       -> bucket()
"""

from __future__ import annotations

import os

from loop_returns import shops
from loop_returns.errors import UsageError
from loop_returns.keys import prepare_dlt
from loop_returns.loop_toml import whole

DESTINATIONS = ("duckdb", "filesystem", "postgres")


def name() -> str:
    """`DESTINATION__NAME`; duckdb when it is not set.

    Raises:
        UsageError: It is none of `DESTINATIONS`.
    """
    said = os.environ.get("DESTINATION__NAME", "duckdb")
    if said not in DESTINATIONS:
        raise UsageError(
            "this destination is not supported",
            cause=f"DESTINATION__NAME is {said}",
            hint="one of: " + ", ".join(DESTINATIONS),
        )
    return said


def dsn(destination: str, shop: str = "") -> str:
    """The address of Postgres as a libpq URI, its password in it; empty with another destination.

    Args:
        destination: As `name()` gives it.
        shop: With `[shops]` the shop, which has a database of its own: `shops.database`.

    Raises:
        UsageError: Host, database or user is not said, or it cannot be read.
    """
    if destination != "postgres":
        return ""
    prepare_dlt()
    import dlt
    from dlt.common.configuration.exceptions import ConfigurationException
    from dlt.common.configuration.resolve import resolve_configuration
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials

    where = ("destination", "postgres", "credentials")
    try:
        found = dlt.secrets.get(".".join(where), PostgresCredentials)
        found = found or resolve_configuration(PostgresCredentials(), sections=where)
        if found.drivername in ("postgres", "postgresql") and found.host and found.database:
            found.database = shops.database(whole(), shop, found.database)
            return str(found.to_native_representation())
    except (ConfigurationException, ValueError):
        pass  # its text may quote a part of the password
    raise UsageError(
        "it is not said where Postgres is",
        hint="set DESTINATION__POSTGRES__CREDENTIALS to postgresql://USER:PASSWORD@HOST:5432/DATABASE,"
        " or its parts __HOST, __DATABASE, __USERNAME, __PASSWORD, __PORT",
    )


def bucket(destination: str, shop: str = "") -> str:
    """Where the files go: a folder or a bucket's address; empty with another destination.

    Args:
        destination: As `name()` gives it.
        shop: With `[shops]` the shop, which has a folder of its own there.

    Raises:
        UsageError: It is not said.
    """
    if destination != "filesystem":
        return ""
    prepare_dlt()
    import dlt

    url = str(dlt.config.get("destination.filesystem.bucket_url") or "").rstrip("/")
    if not url:
        raise UsageError(
            "it is not said where the files go",
            hint="set DESTINATION__FILESYSTEM__BUCKET_URL to a folder, s3://BUCKET, gs://BUCKET or az://CONTAINER",
        )
    return f"{url}/{shop}" if shop else url
