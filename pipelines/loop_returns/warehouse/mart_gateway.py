"""SQLMesh's door to the database: a DuckDB file under one fixed name, or a Postgres database.

Place -> of() -> mart_project.config()

The name of a gateway is its engine's: `transforms/macros/engines.py` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlmesh.core.config import DuckDBConnectionConfig, GatewayConfig, PostgresConnectionConfig

from loop_returns.warehouse import postgres
from loop_returns.warehouse.mart_project import CATALOG, STATE, connection_settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as connection_of

    from loop_returns.warehouse.place import Place

POSTGRES = "postgres"
"""Gateway of Postgres, as the macros know it."""


def of(place: Place) -> tuple[str, GatewayConfig]:
    """The gateway to a place, and its name."""
    connector: dict[str, Any] = connection_settings(place.file)
    test = DuckDBConnectionConfig(connector_config=connector)
    if place.is_postgres:
        gateway = GatewayConfig(connection=_postgres(place.dsn), test_connection=test, state_schema=STATE)
        return POSTGRES, gateway
    file = DuckDBConnectionConfig(
        catalogs={CATALOG: str(place.file)}, connector_config=connector, register_comments=False
    )
    return CATALOG, GatewayConfig(connection=file, test_connection=test)


def _postgres(dsn: str) -> PostgresConnectionConfig:
    """SQLMesh is told the database's name, which it writes before each table; the rest stays with us."""
    with postgres.connected(dsn) as connection:
        found = connection.execute("select current_database(), current_user").fetchone()
    database, user = found or ("", "")
    return _Postgres(
        host="-",
        user=user,
        password="",
        port=5432,
        database=database,
        register_comments=False,
        concurrent_tasks=1,
    ).at(dsn)


class _Postgres(PostgresConnectionConfig):
    """Connects as the rest of the package does: with every word of the address, in UTC."""

    _dsn: str = ""

    def at(self, dsn: str) -> _Postgres:
        """The same, with the address to connect to."""
        self._dsn = dsn
        return self

    @property
    def _connection_kwargs_keys(self) -> set[str]:
        return set()

    @property
    def _connection_factory(self) -> Callable[..., connection_of]:
        def connect() -> connection_of:
            connection = postgres.connect(self._dsn)
            connection.autocommit = False  # SQLMesh commits by itself
            return connection

        return connect
