"""Read the extracts into `ext`: files or tables -> checked -> tables of `ext`, one transaction each.

    loop.toml -> sources.py -> rows as text -> checks.py -> ext.NAME, ext.rejects -> ext.extracts

A table is replaced whole. Files whose names, sizes and times are those of the last reading are not
read again. What is personal is hashed or left out before it reaches a table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from loop_returns.errors import UsageError
from loop_returns.warehouse.extracts import carry, incoming, tables
from loop_returns.warehouse.extracts.columns import TYPES
from loop_returns.warehouse.extracts.privacy import Privacy
from loop_returns.warehouse.extracts.sources import Source
from loop_returns.warehouse.extracts.tables import EXTRACTS
from loop_returns.warehouse.mart_project import MEMORY_LIMIT
from loop_returns.warehouse.place import Place


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of one extract; `is_new` is false where nothing had changed."""

    name: str
    rows: int
    rejected: int
    is_new: bool


def read(place: Place, found: Mapping[str, Source], privacy: Privacy, at: datetime) -> list[Read]:
    """Bring `ext` to what loop.toml names now; the caller is the one writer.

    Args:
        place: Where the tables are; on Postgres they are read into a DuckDB file first.
        found: The extracts that are configured; the tables of all others are emptied.
        privacy: What becomes of personal values.
        at: The run's present, aware.

    Raises:
        UsageError: A file or table cannot be read, lacks a required column, or no row of it fits. Extracts
            read before it stay read; the one that failed is as it was.
    """
    with duckdb.connect(str(_file(place))) as database:
        database.execute(f"set TimeZone = 'UTC'; set memory_limit = '{MEMORY_LIMIT}'")
        tables.ensure(database)
        for name in EXTRACTS:
            if name not in found:
                _forget(database, name)
        done = []
        for source in found.values():
            with carry.exported(source, place) as here:
                done.append(_read(database, here, privacy, at))
        if place.is_postgres:
            carry.carry(database, place)
    return done


def _file(place: Place) -> Path:
    return place.file.with_name("extracts.duckdb") if place.is_postgres else place.file


def _forget(database: duckdb.DuckDBPyConnection, name: str) -> None:
    # No parameter: DuckDB imports pandas to look at one.
    was = database.execute(
        f"select is_present or digest is not null from ext.extracts where name = '{name}'"
    ).fetchone()
    if was and was[0]:
        with _transaction(database):
            _empty(database, name)
            _register(database, name, False, None, 0, 0, None, None, None)


def _read(database: duckdb.DuckDBPyConnection, source: Source, privacy: Privacy, at: datetime) -> Read:
    files = source.files() if source.path else []
    digest = _digest(source, files, privacy)
    known = database.execute(
        "select rows, rejected from ext.extracts where name = ? and is_present and digest = ?",
        [source.name, digest],
    ).fetchone()
    if files and known:
        return Read(source.name, known[0], known[1], is_new=False)
    with _transaction(database):
        _empty(database, source.name)
        incoming.take(database, source, files, privacy)
        _drop_repeated(database, source.name)
        rows, rejected, newest = _counted(database, source.name)
        if rejected and not rows:
            raise _nothing_fits(database, source)
        _register(database, source.name, True, source.label, rows, rejected, newest, at, digest)
    return Read(source.name, rows, rejected, is_new=True)


def _nothing_fits(database: duckdb.DuckDBPyConnection, source: Source) -> UsageError:
    """An extract of which nothing can be taken is wrong as a whole: as an empty one it would make breaks."""
    ((file, row, column, expected),) = database.execute(
        "select read_from, read_row, column_name, expected from ext.rejects where name = ?"
        " order by read_from, read_row limit 1",
        [source.name],
    ).fetchall()
    return UsageError(
        f"no row of [extracts.{source.name}] can be taken",
        cause=f"{file}, row {row}, column {column}: expected {expected}",
        hint=f"loop-returns extracts --template {source.name} says how each column is written",
    )


@contextmanager
def _transaction(database: duckdb.DuckDBPyConnection) -> Iterator[None]:
    database.begin()
    try:
        yield
    except BaseException:
        database.rollback()
        raise
    database.commit()


def _empty(database: duckdb.DuckDBPyConnection, name: str) -> None:
    database.execute(f"delete from ext.{name}")
    database.execute("delete from ext.rejects where name = ?", [name])


def _register(database: duckdb.DuckDBPyConnection, name: str, *values: object) -> None:
    database.execute("delete from ext.extracts where name = ?", [name])
    database.execute("insert into ext.extracts values (?, ?, ?, ?, ?, ?, ?, ?)", [name, *values])


def _digest(source: Source, files: list[Path], privacy: Privacy) -> str:
    """Names what is read and how: files, settings, policy, declaration."""
    stats = [(str(file), (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files]
    how = {**asdict(source), "database": str(source.database), "columns": dict(source.columns)}
    declared = [*EXTRACTS[source.name].columns.items(), *EXTRACTS[source.name].derived.items()]
    named = json.dumps([stats, how, privacy.name, declared], default=str, sort_keys=True)
    return hashlib.sha256(named.encode()).hexdigest()


def _drop_repeated(database: duckdb.DuckDBPyConnection, name: str) -> None:
    """Of rows with the same key the last one stays; overlapping exports are in order of their names."""
    key = ", ".join(EXTRACTS[name].key)
    database.execute(f"""
        create or replace temp table repeated as
        select rowid as id, read_from, read_row, max_by(read_from, rowid) over w as other_from,
            max_by(read_row, rowid) over w as other_row
        from ext.{name}
        window w as (partition by {key})
        qualify rowid <> max(rowid) over w
    """)
    database.execute(
        "insert into ext.rejects select ?, read_from, read_row, ?, null, 'a key of its own: row '"
        " || other_row || ' of ' || other_from || ' has the same one, and is taken' from repeated",
        [name, key],
    )
    database.execute(f"delete from ext.{name} where rowid in (select id from repeated)")
    database.execute("drop table repeated")


def _counted(database: duckdb.DuckDBPyConnection, name: str) -> tuple[int, int, datetime | None]:
    last = f"cast(max({EXTRACTS[name].newest}) as {TYPES['time']})"
    ((rows, newest, rejected),) = database.execute(
        f"select count(*), {last}, (select count(distinct (read_from, read_row)) from ext.rejects"
        f" where name = ?) from ext.{name}",
        [name],
    ).fetchall()
    return rows, rejected, newest
