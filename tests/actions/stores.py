"""Where the ledgers of the tests are: in memory, in SQLite files, in schemas of one Postgres."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from loop_returns.actions.postgres_store import PostgresStore
from loop_returns.actions.sql_ledger import SqlLedger
from loop_returns.actions.sqlite_store import SqliteStore

Address = Mapping[str, str]
"""`file`, or `dsn` and `schema`: what a runner in another process is told."""


def in_memory() -> SqlLedger:
    return SqlLedger(SqliteStore(None))


def in_file(file: Path) -> SqlLedger:
    return SqlLedger(SqliteStore(file))


def opened(address: Address) -> SqlLedger:
    if "file" in address:
        return in_file(Path(address["file"]))
    return SqlLedger(PostgresStore(address["dsn"], address["schema"]))


@dataclass(frozen=True)
class Stores:
    """Ledgers of one kind, by name; another connection to the same one each time that it is opened."""

    address: Callable[[str], Address]

    def open(self, name: str = "ledger") -> SqlLedger:
        return opened(self.address(name))
