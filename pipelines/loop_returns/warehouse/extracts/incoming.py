"""The rows of one source, as text, checked, cast, and put into the extract's table.

CSV, Parquet or table -> text, cleaned -> failures to ext.rejects, the others to ext.NAME
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from loop_returns.errors import UsageError
from loop_returns.warehouse.extracts.checks import Checks, Failure
from loop_returns.warehouse.extracts.columns import SCHEMA, TYPES, Extract, Kind
from loop_returns.warehouse.extracts.privacy import Privacy
from loop_returns.warehouse.extracts.sources import Source
from loop_returns.warehouse.extracts.tables import EXTRACTS

if TYPE_CHECKING:
    import pandas as pd

CHUNK_VECTORS = 20
"""Rows held at once, in DuckDB's vectors of 2,048."""
_CSV = "auto_detect = false, header = true, quote = '\"', escape = '\"', strict_mode = true"
_LINE = re.compile(r"Line: (\d+)")
_WHY = re.compile(r"Expected Number of Columns: \d+ Found: \d+|unterminated quote|not utf-8", re.IGNORECASE)
_SHOWN = 200


def take(
    database: duckdb.DuckDBPyConnection,
    source: Source,
    files: list[Path],
    privacy: Privacy,
) -> None:
    """Read all of a source into its table, inside the caller's transaction.

    Args:
        database: Connection to the work file.
        source: What to read.
        files: Its files; none: its table.
        privacy: What becomes of personal values.

    Raises:
        UsageError: A file or table cannot be read, or lacks a column.
    """
    with database.cursor() as reader:
        for each in (reader, database):
            each.execute(f"set TimeZone = '{source.timezone or 'UTC'}'")
        try:
            if source.database:
                _attach(reader, source.database)
            checks = Checks(EXTRACTS[source.name], database, has_timezone=bool(source.timezone))
            for name, relation in _relations(source, files):
                for frame in _frames(reader, source, name, relation):
                    _store(database, source.name, checks, frame, name, privacy)
        finally:
            database.execute("set TimeZone = 'UTC'")
            if source.database:
                reader.execute("detach database if exists extract_source")


def look(source: Source) -> None:
    """Open the files of a source, and compare their columns with what is wanted; a table is not looked at.

    Raises:
        UsageError: A file is not there, cannot be read, or lacks a column.
    """
    with duckdb.connect() as reader:
        for name, relation in _relations(source, source.files() if source.path else []):
            if source.path:
                next(_frames(reader, source, name, f"(from {relation} limit 1)"), None)


def _relations(source: Source, files: list[Path]) -> Iterator[tuple[str, str]]:
    """(name for people, what SQL reads from) of each file, or of the table."""
    if not files:
        yield source.table, f"extract_source.{source.table}" if source.database else source.table
    for file in files:
        path = _quoted(str(file))
        if file.name.lower().endswith(".parquet"):
            yield file.name, f"read_parquet({path})"
        else:
            yield file.name, f"read_csv({path}, {_CSV}, {_header(file)})"


def _header(file: Path) -> str:
    """Separator and columns by the header line: DuckDB can name a wrong line only if it need not guess."""
    is_packed = file.name.lower().endswith(".gz")
    line = ""
    with suppress(OSError, EOFError), gzip.open(file) if is_packed else file.open("rb") as opened:
        line = opened.readline(1 << 16).decode("utf-8-sig", errors="replace")
    separator = max(",;\t|", key=line.count)
    names: list[str] = []
    for name in next(csv.reader([line], delimiter=separator), [""]):
        names.append(name.strip() if name.strip() not in names else f"{name.strip()}_{len(names)}")
    columns = ", ".join(
        f"{_quoted(name or f'column_{place}')}: 'varchar'" for place, name in enumerate(names)
    )
    return f"delim = '{separator}', columns = {{{columns}}}"


def _attach(reader: duckdb.DuckDBPyConnection, file: Path) -> None:
    path = _quoted(str(file))
    try:
        reader.execute(f"attach {path} as extract_source (read_only)")
    except duckdb.Error as error:
        raise UsageError(
            f"the database {file.name} of an extract cannot be opened", cause=_safe(error)
        ) from error


def _frames(
    reader: duckdb.DuckDBPyConnection, source: Source, name: str, relation: str
) -> Iterator[pd.DataFrame]:
    """The rows as text, some at a time, under our names, with their place as `read_row`."""
    try:
        theirs = [column for column, *_ in reader.execute(f"describe select * from {relation}").fetchall()]
        listed = ", ".join(_selected(source, name, theirs))
        reader.execute(f"select {listed}, row_number() over () as read_row from {relation}")
        while len(frame := reader.fetch_df_chunk(CHUNK_VECTORS)):
            yield frame
    except duckdb.Error as error:
        raise UsageError(
            f"{name} of [extracts.{source.name}] cannot be read",
            cause=_safe(error),
            hint="it must be CSV in UTF-8 with one header line, Parquet, or a table that is there",
        ) from error


def _safe(error: duckdb.Error) -> str:
    """What DuckDB said, without the content of the line that it shows."""
    text = str(error)
    told = [f"line {line[1]}" if (line := _LINE.search(text)) else "", *_WHY.findall(text)[:1]]
    return ", ".join(each for each in told if each) or text.splitlines()[0][:_SHOWN]


def _selected(source: Source, file: str, theirs: list[str]) -> Iterator[str]:
    by_name = {each.strip().lower(): each for each in reversed(theirs)}
    for ours, column in EXTRACTS[source.name].columns.items():
        wanted = source.columns.get(ours, ours)
        found = by_name.get(wanted.lower())
        if found is None and (column.is_required or ours in source.columns):
            raise UsageError(
                f"{file} of [extracts.{source.name}] has no column {wanted}",
                cause=f"row 1, the header, has: {', '.join(theirs)[:_SHOWN]}",
                hint=f'expected {ours}: {column.text}. Say which one it is: columns = {{ {ours} = "..." }}',
            )
        yield f"{_cleaned(found, column.kind)} as {ours}" if found else f"cast(null as varchar) as {ours}"


def _cleaned(theirs: str, kind: Kind) -> str:
    """The text of a column without what systems write around it; null when it says nothing."""
    quoted = theirs.replace('"', '""')
    text = f"""nullif(nullif(trim(cast("{quoted}" as varchar)), ''), 'N/A')"""
    if kind == "currency":
        return f"upper({text})"
    if kind == "id":  # Shopify's wrapping, and what pandas makes of a number in a column with gaps
        unwrapped = rf"regexp_replace({text}, '^gid://\w+/\w+/([^?]*).*$', '\1')"
        return rf"regexp_replace({unwrapped}, '^(\d+)\.0$', '\1')"
    if kind == "time":  # a blank before the offset, and offsets without a colon
        joined = rf"regexp_replace({text}, '(:\d\d(?:\.\d+)?)\s+([+-]\d\d)', '\1\2')"
        return rf"regexp_replace({joined}, '(:\d\d(?:\.\d+)?[+-]\d\d)(\d\d)$', '\1:\2')"
    return text


def _store(
    database: duckdb.DuckDBPyConnection,
    name: str,
    checks: Checks,
    frame: pd.DataFrame,
    read_from: str,
    privacy: Privacy,
) -> None:
    """Put the rows that fit into the table, and what is wrong with the others into the rejects.

    Frames are not registered: within a transaction DuckDB would hold each of them to its end.
    """
    extract = EXTRACTS[name]
    wrong = list(checks.failures(frame))
    if wrong:
        _refuse(database, name, frame, read_from, wrong, privacy)
    offered = frame.drop(index=frame.index[sorted({one.place for one in wrong})])
    for column, declared in extract.columns.items():
        if declared.personal == "email":
            offered[column] = offered[column].map(privacy.hide, na_action="ignore").astype(object)
    listed = [*_stored(extract, keeps_text=privacy.keeps_text), _quoted(read_from), "read_row"]
    database.from_df(offered).project(", ".join(listed)).insert_into(f"{SCHEMA}.{name}")


def _refuse(
    database: duckdb.DuckDBPyConnection,
    name: str,
    frame: pd.DataFrame,
    read_from: str,
    wrong: list[Failure],
    privacy: Privacy,
) -> None:
    """Write down what is wrong, all at once: a file without zones has as many failures as rows."""
    import pandas as pd

    refused = pd.DataFrame(
        {
            "read_row": [int(frame["read_row"].iloc[one.place]) for one in wrong],
            "column_name": [one.column for one in wrong],
            "shown": [None if one.value is None else privacy.scrub(one.value)[:_SHOWN] for one in wrong],
            "expected": [one.expected for one in wrong],
        }
    )
    listed = f"{_quoted(name)}, {_quoted(read_from)}, read_row, column_name, shown, expected"
    database.from_df(refused).project(listed).insert_into(f"{SCHEMA}.rejects")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _stored(extract: Extract, *, keeps_text: bool) -> Iterator[str]:
    for name, column in extract.columns.items():
        is_left_out = column.personal == "text" and not keeps_text
        yield f"cast(null as varchar) as {name}" if is_left_out else _cast(name, column.kind)
    for name, derived in extract.derived.items():
        yield f"try_cast({derived.sql} as {TYPES[derived.kind]}) as {name}"


def _cast(name: str, kind: Kind) -> str:
    text = f"cast({name} as decimal(18, 4))" if kind == "count" else name
    return f"cast({text} as {TYPES[kind]})"
