"""The published file: put in its place after a build, and brought up to date where somebody reads.

work file -> workfile.publish, or Postgres -> snapshot.take -> publish() -> _data/loop.duckdb -> published()
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fasteners import InterProcessLock

from loop_returns import destination
from loop_returns import settings as settings_of
from loop_returns.settings import Paths
from loop_returns.warehouse import mart_marks, workfile
from loop_returns.warehouse.place import Place


def publish(place: Place, paths: Paths) -> Path:
    """Replace the published file by what the warehouse holds now, whole, in one step.

    A reader that has the old file open keeps it. A death in between leaves the old one.

    Raises:
        LoopReturnsError: The server does not answer.
    """
    if not place.is_postgres:
        return workfile.publish(paths)
    from loop_returns.warehouse import snapshot

    with place.opened() as connection:
        snapshot.announce(connection)
    return _taken(place, paths)


def publish_between_builds(place: Place, paths: Paths, note: Callable[[str], None]) -> None:
    """Publish what people asked for, or what became of it, since the last build.

    After a build that failed the marts are half new, or did not pass their audits: those that people open
    stay, with `ops` as it is now. On Postgres the whole file stays until the next build.
    """
    with place.opened() as connection:
        is_whole = mart_marks.are_kept(connection)
    if is_whole or not paths.published.exists():
        publish(place, paths)
        return
    note("the last build did not come to its end: the marts that people open stay as they are until the next")
    if not place.is_postgres:
        workfile.publish_ops(paths)


def published(of: str | None = None) -> Path:
    """The file that people open; on Postgres it is taken anew when it is not of the last publication.

    Args:
        of: The shop; None: the one that the command works on.

    Returns:
        Its path; it is not there when nothing was ever published.

    Raises:
        LoopReturnsError: The server does not answer, or there is no file and none can be made now.
    """
    shop = settings_of.shop() if of is None else of
    return fresh(place_of(shop), settings_of.paths(shop))


def place_of(shop: str) -> Place:
    """Where a shop's tables are; dlt is imported for the address of a server alone.

    Raises:
        UsageError: The destination cannot be.
    """
    return Place(settings_of.paths(shop).work_file, destination.dsn(destination.name(), shop))


def fresh(place: Place, paths: Paths) -> Path:
    """The same, of this place."""
    if place.is_postgres:
        from loop_returns.warehouse import snapshot

        if not snapshot.is_current(place, paths.published):
            return _taken(place, paths)
    return paths.published


def _taken(place: Place, paths: Paths) -> Path:
    from loop_returns.warehouse import snapshot

    paths.work.mkdir(parents=True, exist_ok=True)
    with InterProcessLock(str(paths.work / "publish.lock")), workfile.replacing(paths.published) as half:
        snapshot.take(place, half)
    return paths.published
