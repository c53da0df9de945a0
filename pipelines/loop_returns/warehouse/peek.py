"""A few models as they would be now, without a build: for what cannot wait for one.

loop_raw as it is loaded -> statements of the last build, in a transaction that is taken back -> a look
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from loop_returns.warehouse import mart_replay, mart_script
from loop_returns.warehouse.mart_project import model_variables, transforms_dir
from loop_returns.warehouse.mart_script import Step
from loop_returns.warehouse.place import Connection, Place


@contextmanager
def peeked(
    place: Place, settings: Mapping[str, Any], as_of: datetime, models: Sequence[str]
) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """Look at models, audited, as of what is loaded; the file stays as it is.

    Args:
        place: Where the tables are; whoever looks is their one writer.
        settings: The content of loop.toml.
        as_of: The present, aware.
        models: `schema.name` of each; what they read is made anew with them.

    Yields:
        A connection of DuckDB; None when models or settings have changed since the last build, or there was
            none.

    Raises:
        AuditFailedError: An audit of one of them did not hold.
    """
    digest = mart_script.digest(transforms_dir(), model_variables(settings), mart_script.engines())
    with mart_script.opened(place) as connection:
        _, steps = mart_script.kept(connection, digest)
        if steps is None:
            yield None
            return
        connection.begin()
        try:
            mart_replay.replay([connection], needed(steps, models), as_of.astimezone(UTC))
            with _as_duckdb(connection, place, models) as database:
                yield database
        finally:
            connection.rollback()


@contextmanager
def _as_duckdb(
    connection: Connection, place: Place, models: Sequence[str]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection itself, or a file of DuckDB that holds what Postgres shows of the models now."""
    if isinstance(connection, duckdb.DuckDBPyConnection):
        yield connection
        return
    from loop_returns.warehouse import snapshot

    with (
        TemporaryDirectory(dir=place.file.parent) as folder,
        duckdb.connect(str(Path(folder) / "peek.duckdb")) as database,
    ):
        database.execute("set timezone = 'UTC'")
        snapshot.copy(connection, database, models, Path(folder))
        yield database


def needed(steps: Sequence[Step], models: Sequence[str]) -> list[Step]:
    """The steps that make these models, with those of all that they read, in order."""
    wanted = set(models)
    for step in reversed(steps):
        if step.model in wanted:
            wanted.update(step.parents)
    return [step for step in steps if step.model in wanted]
