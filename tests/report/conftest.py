"""A shop of four returns, built twice: what one report said, and what changed up to the next."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.transforms.shop import NOW, WINDOWS, Row, a_line, a_notice, a_return, days_ago, planned, raw

from conftest import Shop
from loop_returns.warehouse import ops_tables
from loop_returns.warehouse.marts import build
from loop_returns.warehouse.place import Place

EARLIER = NOW - timedelta(hours=6)
HOSTILE = "<script>a|b</script>"
ENV = {"LOOP_RETURNS_AS_OF": NOW.isoformat()}


def version(return_id: str, at: Any) -> Row:
    plain = {"return_id": return_id, "version_key": f"{return_id}{at}", "currency": "USD", "source": "list"}
    return plain | {"observed_at": at, "updated_at": at, "state": "closed"}


def rows(totals: dict[str, str], **states: str) -> dict[str, list[Row]]:
    """Returns whose total is off by what is said: `11.00` is one too much."""
    currencies = {"1002": "EUR", "1003": "JPY", "1004": HOSTILE}
    returns = [
        a_return(
            name,
            return_total=total,
            state=states.get(f"r{name}", "closed"),
            currency=currencies.get(name, "USD"),
            customer="ann@example.com",
        )
        for name, total in totals.items()
    ]
    return {
        "returns": returns,
        "returns__line_items": [a_line(name) for name in totals],
        "asn": [
            a_notice(name, currency=currencies.get(name, "USD"), state=states.get(f"r{name}", "closed"))
            for name in totals
        ],
        "windows": [window | {"pages": 1, "rows": 1, "requests": 1} for window in WINDOWS],
    }


def ask(file: Path) -> None:
    """A request that nobody has decided, an action that is parked."""
    with duckdb.connect(str(file)) as database:
        ops_tables.ensure(database)
        database.execute(
            "insert into ops.flagged_items"
            " (flagged_item_id, return_id, action, reason, requested_by, requested_at)"
            " values ('i', '1001', 'flag', 'ann@example.com called', 'ann', ?)",
            [days_ago(3)],
        )
        database.execute(
            "insert into ops.actions (action_key, return_id, action, state, updated_at, amount, currency)"
            " values ('k', '1002', 'process', 'PARKED', ?, 5, 'EUR')",
            [NOW - timedelta(hours=1)],
        )


@pytest.fixture(scope="session")
def build_shop(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], tuple[Path, Path]]:
    """The published files of both builds, made once."""
    made: list[tuple[Path, Path]] = []

    def files() -> tuple[Path, Path]:
        if not made:
            folder = tmp_path_factory.mktemp("reported")
            work, first, second = (folder / f"{name}.duckdb" for name in ("work", "first", "second"))
            history = [version("1001", days_ago(2)), version("1002", days_ago(2))]
            raw(planned(work), rows({"1001": "11.00", "1002": "7.50"}) | {"return_history": history})
            build(Place(work), as_of=EARLIER, work_dir=folder / "build")
            shutil.copyfile(work, first)
            later = [*history, version("1002", NOW), version("1003", NOW), version("1004", NOW)]
            changed = rows({"1001": "10.00", "1002": "6.00", "1003": "14", "1004": "12.00"}, r1001="open")
            raw(work, changed | {"return_history": later})
            ask(work)
            build(Place(work), as_of=NOW, work_dir=folder / "build")
            shutil.copyfile(work, second)
            made.append((first, second))
        return made[0]

    return files


@pytest.fixture
def shop(tmp_path: Path, build_shop: Callable[[], tuple[Path, Path]]) -> Shop:
    """A shop whose second build is published."""
    opened = Shop(tmp_path, "http://127.0.0.1:9", ENV)
    publish(opened, build_shop()[1])
    return opened


def publish(shop: Shop, file: Path) -> None:
    shop.data.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, shop.published)
