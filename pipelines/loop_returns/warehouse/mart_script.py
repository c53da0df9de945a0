"""The script of a build: what SQLMesh executed for each model, kept in the work file to be executed again.

SQLMesh plans and builds -> mart_console hears each statement -> Step -> sqlmesh.loop_returns_script
next build, same digest  -> kept() -> mart_replay

SQLMesh stays the only author of SQL. Only the present differs from build to build: it stands in the script as
a placeholder. The digest names all that a statement depends on; another digest is another plan.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from loop_returns.warehouse import mart_project
from loop_returns.warehouse.dictionary import Described
from loop_returns.warehouse.place import Connection, Place, has

TABLE = f"{mart_project.STATE}.loop_returns_script"
PRESENT = "<execution time>"
_DATE = re.compile(rf"(?:CAST\()+'{PRESENT}' AS TIMESTAMPTZ\)(?: AS TIMESTAMPTZ\))* AS \"as_of\"")
_DATE_HANDED_ON = 'CAST("as_of" AS TIMESTAMPTZ) AS "as_of"'
"""The column of many models that says of which present a row is; once more around the query, when SQLMesh
builds a table that was there before."""
_CLOCK = re.compile(r"\b(?:now|today|get_current_\w+|current_(?:date|time|timestamp)|localtime\w*)\b", re.I)


Progress = Callable[[str, int, int], None]
"""Called after each model with its name, how many are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did: models in order, audits that held, what the models mean, whether it was planned."""

    models: list[str]
    audits: int
    described: Mapping[str, Described]
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One model of a build.

    Attributes:
        model: Its name, `schema.name`.
        statement: Makes its table anew.
        audits: Name and query of each audit, in order; the query counts the rows that are wrong.
        parents: Models that it reads: it is not built when one of them could not be.
        described: What it and its columns mean.
        tags: What the model says of itself besides.
    """

    model: str
    statement: str
    audits: Sequence[tuple[str, str]]
    parents: Sequence[str]
    described: Described
    tags: Sequence[str] = ()

    @property
    def is_timeless(self) -> bool:
        """Whether it is the same at any present."""
        return not any(PRESENT in one for one in (self.statement, *(query for _, query in self.audits)))

    @property
    def is_dated(self) -> bool:
        """Whether the present stands in its statement once, as the column `as_of`, and it reads no other."""
        rest, dates = _DATE.subn("", self.statement.replace(_DATE_HANDED_ON, ""))
        is_the_only = not any(PRESENT in one for one in (rest, *(query for _, query in self.audits)))
        return dates == 1 and is_the_only and "as_of" not in rest

    @property
    def table(self) -> str:
        """Its table, as SQL names it."""
        return ".".join(f'"{part}"' for part in self.model.split("."))

    def dating(self, as_of: datetime) -> str:
        """The statement that brings a table to this present whose rows are else what they were."""
        return f"update {self.table} set as_of = '{as_of}'"

    def at(self, as_of: datetime) -> Step:
        """The step with this present in the place of the placeholder."""
        return self._replaced(PRESENT, _text(as_of))

    def without(self, as_of: datetime) -> Step | None:
        """The step with a placeholder in the place of the present; None when other traces of a clock stay."""
        step = self._replaced("'" + _text(as_of), "'" + PRESENT)
        days = [f"{as_of + timedelta(days=shift):%Y-%m-%d}" for shift in (-1, 0, 1)]
        traces = [*days, str(int(as_of.timestamp())), str(int(as_of.timestamp() * 1000))]
        statements = [step.statement, *(query for _, query in step.audits)]
        if any(trace in one for trace in traces for one in statements) or any(map(_CLOCK.search, statements)):
            return None
        return step

    def _replaced(self, old: str, new: str) -> Step:
        audits = [(name, query.replace(old, new)) for name, query in self.audits]
        statement = self.statement.replace(old, new)
        return replace(self, statement=statement, audits=audits)


def _text(as_of: datetime) -> str:
    """The present as SQLMesh writes it into SQL, UTC: `@execution_ts`."""
    return str(as_of.replace(tzinfo=None))


def engines() -> str:
    """Versions of what writes the statements."""
    return f"sqlmesh {version('sqlmesh')}, sqlglot {version('sqlglot')}"


def digest(models_dir: Path, variables: Mapping[str, Any], written_by: str) -> str:
    """Names everything that a statement depends on: models, settings, this package's project, `engines()`."""
    found = hashlib.sha256(json.dumps([variables, written_by], sort_keys=True).encode())
    for file in (Path(mart_project.__file__), Path(__file__)):
        found.update(file.read_bytes())
    for file in sources(models_dir):
        found.update(str(file.relative_to(models_dir)).encode() + file.read_bytes())
    return found.hexdigest()


def sources(models_dir: Path) -> Iterator[Path]:
    """The files that a plan reads."""
    for file in sorted(models_dir.rglob("*")):
        if file.suffix in {".sql", ".csv", ".py", ".yaml"} and "tests" not in file.parts:
            yield file


def is_recognisable(as_of: datetime, models_dir: Path, variables: Mapping[str, Any]) -> bool:
    """Whether this present, found in a statement, can be nothing but the present."""
    text = _text(as_of)
    written = [json.dumps(variables), *(file.read_text() for file in sources(models_dir))]
    return not any(text in one for one in written)


@contextmanager
def opened(place: Place) -> Iterator[Connection]:
    """The database under the name and with the settings that the statements were written for."""
    if place.is_postgres:
        with place.opened() as connection:
            yield connection
        return
    with duckdb.connect() as database:
        database.execute(f"attach '{_quoted(str(place.file))}' as {mart_project.CATALOG}")
        _set(database, place.file)
        yield database


@contextmanager
def one_more(connection: Connection, place: Place) -> Iterator[Connection]:
    """A second connection to an opened database, for a thread of its own; what one commits the other sees."""
    if not isinstance(connection, duckdb.DuckDBPyConnection):
        with place.opened() as another:
            yield another
        return
    with connection.cursor() as another:
        _set(another, place.file)
        threads = another.execute("select current_setting('threads')").fetchone()
        another.execute(f"set threads = {max(1, threads[0] - 1 if threads else 1)}")
        yield another


def _set(connection: duckdb.DuckDBPyConnection, database: Path) -> None:
    for name, value in mart_project.connection_settings(database).items():
        connection.execute(f"set {name} = '{_quoted(value)}'")
    connection.execute(f"use {mart_project.CATALOG}")


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Each model after those that it reads."""
    named = {step.model: step for step in steps}
    reads = {step.model: named.keys() & set(step.parents) for step in named.values()}
    return [named[model] for model in TopologicalSorter(reads).static_order()]


def keep(connection: Connection, project: str, steps: Sequence[Step] | None) -> None:
    """Keep the script of this digest; None: there is none, SQLMesh is asked each time."""
    script = None if steps is None else json.dumps([asdict(step) for step in steps])
    connection.begin()
    connection.execute(f"create or replace table {TABLE} (digest varchar, script varchar)")
    connection.execute(f"insert into {TABLE} select ?, ?", [project, script])
    connection.commit()


def kept(connection: Connection, project: str) -> tuple[bool, list[Step] | None]:
    """Whether a build of this digest came to its end, and its script, if it has one."""
    if not has(connection, *TABLE.split(".")):
        return False, None
    # No parameter: DuckDB imports pandas to look at one.
    row = connection.execute(f"select script from {TABLE} where digest = '{project}'").fetchone()
    steps = json.loads(row[0]) if row and row[0] else None
    return row is not None, [_read(step) for step in steps] if steps else None


def _read(step: dict[str, Any]) -> Step:
    return Step(**step | {"described": Described(**step["described"])})


def forget(connection: Connection) -> None:
    """There is no script until a plan has come to its end: a killed one is planned again."""
    connection.execute(f"drop table if exists {TABLE}")


def _quoted(text: str) -> str:
    return text.replace("'", "''")
