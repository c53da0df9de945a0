"""How dlt makes the raw tables on Postgres, and what a load wants there beyond dlt's tables.

dsn -> destination() -> dlt makes the tables -> index()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlt
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.impl.postgres.factory import PostgresTypeMapper

from loop_returns.api import fields

if TYPE_CHECKING:
    from loop_returns.warehouse.place import Connection


class _Types(PostgresTypeMapper):
    # jsonb would write 1.10 and the order of keys anew; json keeps what Loop sent, as DuckDB does.
    sct_to_unbound_dbt = {**PostgresTypeMapper.sct_to_unbound_dbt, "json": "json"}  # noqa: RUF012 - dlt's own


def destination(dsn: str) -> dlt.destinations.postgres:
    """The Postgres of dlt at this address, in UTC; a user without a password has an empty one."""
    credentials = PostgresCredentials()
    credentials.parse_native_representation(dsn)
    credentials.password = credentials.password or ""
    credentials.session_timezone = "UTC"
    credentials.resolve()
    return dlt.destinations.postgres(credentials, type_mapper=_Types)


def index(connection: Connection, schema: str) -> None:
    """A unique index on each table's key: a load finds what it replaces without reading all of it."""
    keys = {name: spec.primary_key for name, spec in fields.TABLES.items()}
    keys |= {
        "return_history": ("return_id", "version_key"),
        "return_details": fields.RETURN_DETAIL_KEY,
        "webhook_events": fields.WEBHOOK_EVENT_KEY,
        "webhook_counters": fields.WEBHOOK_COUNTER_KEY,
    }
    for table, key in keys.items():
        connection.execute(
            f"create unique index if not exists {table}_key on {schema}.{table} ({', '.join(key)})"
        )
