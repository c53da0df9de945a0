"""The tables of a shop against the truth of its simulated world."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

from loop_returns.api.fields import TABLES
from loop_returns.simulator.world import World
from loop_returns.warehouse.place import Connection, Place


@contextmanager
def looking(place: Path | Place) -> Iterator[Connection]:
    """A connection that changes nothing; a work file stays free for others who look."""
    if isinstance(place, Place) and place.is_postgres:
        with place.opened() as database:
            yield database
        return
    file = place.file if isinstance(place, Place) else place
    with duckdb.connect(str(file), read_only=True) as database:
        yield database


def tables(file: Path | Place) -> dict[str, Any]:
    """What the raw tables hold, in the shape of `World.expected`; a list where the world has a set."""
    with looking(file) as database:

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return database.execute(sql).fetchall()

        returns = rows("select id, state, updated_at from loop_raw.returns")
        return {
            "returns": [(key, (state, at.astimezone(UTC).isoformat())) for key, state, at in returns],
            "line_items": rows("select return_id, line_item_id from loop_raw.returns__line_items"),
            "exchanges": rows("select return_id, exchange_id from loop_raw.returns__exchanges"),
            "labels": rows("select return_id, cast(list_idx as varchar) from loop_raw.returns__labels"),
            "asn": rows("select id, return_line_item_id from loop_raw.advanced_shipping_notices"),
        }


def doubled(file: Path | Place) -> list[str]:
    """Raw tables in which a key stands twice."""
    with looking(file) as database:
        return [
            name
            for name, table in TABLES.items()
            if database.execute(
                f"select count(*) - count(distinct ({', '.join(table.primary_key)})) from loop_raw.{name}"
            ).fetchone()
            != (0,)
        ]


def assert_complete(
    file: Path | Place, world: World, *, asn_id: str = "return", gone_notices: bool = False
) -> None:
    """Every row of the truth is in the tables, once, and nothing else.

    Args:
        file: DuckDB file, or wherever the tables are.
        world: The truth.
        asn_id: As in `Switches`.
        gone_notices: Notices whose line vanished upstream may still be there (staging leaves them out).
    """
    held, expected = tables(file), world.expected(asn_id=asn_id)
    expected["returns"] = set(expected["returns"].items())
    for name, rows in held.items():
        missing, extra = expected[name] - set(rows), set(rows) - expected[name]
        assert not missing, (
            f"{name}: {len(missing)} of {len(expected[name])} missing, such as {sorted(missing)[:3]}"
        )
        assert not extra or (name == "asn" and gone_notices), (
            f"{name}: {len(extra)} too many: {sorted(extra)[:3]}"
        )
    assert doubled(file) == []
