"""A merchant with exports in a folder, and what one row of them is."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from loop_returns.warehouse.extracts.privacy import Privacy
from loop_returns.warehouse.extracts.reading import Read, read
from loop_returns.warehouse.extracts.sources import sources
from loop_returns.warehouse.place import Place

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HASHING = Privacy("hash", hide=lambda value: f"hash of {len(value)}", scrub=lambda value: value)
KEEPING = Privacy("keep", hide=lambda value: value, scrub=lambda value: value, keeps_text=True)
REFUND = {
    "refund_id": "1",
    "order_id": "4801",
    "created_at": "2026-03-01T10:00:00Z",
    "transaction_amount": "10.00",
    "currency": "USD",
    "gateway_name": "card",
}
CARD = {
    "gift_card_id": "5",
    "initial_value": "55.00",
    "currency": "USD",
    "created_at": "2026-03-01T10:00:00Z",
}


class Merchant:
    """A folder with exports and a work file, or a Postgres database in its stead."""

    def __init__(self, folder: Path, dsn: str = "") -> None:
        self.folder = folder
        self.place = Place(folder / "work.duckdb", dsn)
        self.tables: dict[str, Any] = {}

    def export(self, name: str, *rows: dict[str, str], file: str = "", **settings: Any) -> Path:
        path = self.folder / (file or f"{name}.csv")
        with path.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
        self.tables[name] = {"path": path.name, **settings}
        return path

    def read(self, privacy: Privacy = HASHING) -> list[Read]:
        found = sources({"extracts": self.tables}, self.folder)
        return read(self.place, found, privacy, NOW)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.place.opened() as database:
            return database.execute(sql).fetchall()


@pytest.fixture
def merchant(tmp_path: Path) -> Merchant:
    return Merchant(tmp_path)
