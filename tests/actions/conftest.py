"""The ledger over each database, in Postgres a schema per ledger; and the office of `office.py`."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from actions.office import office as office
from actions.office import pulled as pulled
from actions.stores import Address, Stores

_count = itertools.count()


def in_files(folder: Path) -> Stores:
    return Stores(lambda name: {"file": str(folder / f"{name}.sqlite")})


def in_postgres(uri: str) -> Stores:
    number = next(_count)

    def address(name: str) -> Address:
        return {"dsn": uri, "schema": f"{name}_{number}".replace("-", "_")}

    return Stores(address)


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    if request.param == "sqlite":
        return in_files(tmp_path)
    return in_postgres(request.getfixturevalue("postgres_server").uri())
