"""The floor: DuckDB's own `read_json` over the same pages, into the same typed tables; nothing else.

    python -m benchmarks.floor PAGES_FILE DATABASE

No key is checked, no field that nobody knows is kept, no personal data is dealt with, nothing can be resumed.
"""

from __future__ import annotations

import sys
import time

import duckdb

from loop_returns.api import fields
from loop_returns.api.fields import SQL_TYPES

MOST_BYTES = 6 << 20
Shape = dict[str, "str | Shape"]


def shape(table: str) -> Shape:
    """The fields of a table as `read_json` is told them; times of PHP objects are read as such."""
    found: Shape = {}
    for path, of in fields.TABLES[table].fields.items():
        outer, _, inner = path.partition(".")
        if inner:
            nested = found.setdefault(outer, {})
            assert isinstance(nested, dict)
            nested[inner] = {"date": "varchar"}
        else:
            found[outer] = "json" if of.type == "json" else "varchar"
    return found


def as_type(of: Shape) -> str:
    """A shape as a DuckDB struct."""
    inner = (f'"{name}" {each if isinstance(each, str) else as_type(each)}' for name, each in of.items())
    return f"struct({', '.join(inner)})"


def selected(table: str, row: str) -> str:
    """The typed columns of a table out of a struct."""
    columns = []
    for path, of in fields.TABLES[table].fields.items():
        value = ".".join(f'"{part}"' for part in path.split("."))
        value = f"{row}.{value}" + ('."date"' if "." in path else "")
        columns.append(f'try_cast({value} as {SQL_TYPES[of.type]}) as "{fields.column_name(path)}"')
    return ", ".join(columns)


def statements(pages: str) -> list[str]:
    """Read the pages once, then fill the five tables."""
    row = shape("returns")
    arrays = {spec.array: name for name, spec in fields.TABLES.items() if spec.array}
    lists = ", ".join(f'"{array}" {as_type(shape(name))}[]' for array, name in arrays.items())
    whole = as_type(row)[:-1] + f", {lists})"
    made = [
        f"create temp table pages as select unnest(returns) as r from read_json('{pages}', format='nd',"
        f" maximum_object_size={MOST_BYTES}, columns={{returns: '{whole}[]'}})",
        f"create table loop_raw.returns as select {selected('returns', 'r')} from pages",
    ]
    for array, name in arrays.items():
        made.append(
            f"create table loop_raw.{name} as select return_id, list_idx, {selected(name, 'child')} from ("
            f'select r.id as return_id, unnest(range(len(r."{array}"))) as list_idx,'
            f' unnest(r."{array}") as child from pages)'
        )
    return made


def main(pages: str, database: str) -> None:
    """Fill a new database, and print the seconds that it took."""
    started = time.monotonic()
    with duckdb.connect(database) as connection:
        connection.execute("set timezone = 'UTC'; create schema loop_raw")
        for statement in statements(pages):
            connection.execute(statement)
    print(time.monotonic() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
