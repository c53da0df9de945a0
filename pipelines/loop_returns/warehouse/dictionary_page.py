"""`docs/data-dictionary.md`: every table and column in words, written by `make dictionary`.

headers of transforms/models, api/fields.py, warehouse/ops_tables.py, extracts -> Markdown
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from loop_returns.api.fields import SQL_TYPES, raw_columns
from loop_returns.warehouse import dictionary, ops_tables
from loop_returns.warehouse.dictionary import Described
from loop_returns.warehouse.extracts import columns as extract_columns
from loop_returns.warehouse.extracts import tables as extract_tables
from loop_returns.warehouse.mart_project import config, transforms_dir
from loop_returns.warehouse.marts import RAW_SCHEMA
from loop_returns.warehouse.place import Place

if TYPE_CHECKING:
    from sqlmesh.core.model import Model

SCHEMAS: Mapping[str, str] = {
    "marts": "Reconciled: begin here.",
    "rules": "What each rule picks; marts.flag_candidates has all of them in one shape.",
    "ops": "What people and rules ask for, and what was done.",
    "staging": "loop_raw and ext cleaned, and the lists that the marts use.",
    "ext": "Exports of other systems, as read.",
    "loop_raw": "As Loop sent it, typed; and the record of what was read.",
}
_HEAD = """\
# Data dictionary

Written by `make dictionary` from the models' own headers; a test compares the two. The same is in the
published file: as comments on tables and columns, and as the table `marts.data_dictionary`. Times are UTC;
money is `decimal(18,4)` with its currency beside it. Views with other connectors' names (`compat`):
[marts.md](marts.md).
"""

Types = Mapping[str, Mapping[str, str]]


def page(models: Mapping[str, Model]) -> str:
    """The whole page.

    Args:
        models: Of the SQLMesh project, by `schema.name`.
    """
    built = {
        name: Described(model.description or "", dict(model.column_descriptions or {}))
        for name, model in models.items()
    }
    texts = {**built, **dictionary.beside(built)}
    types = {**_types_beside(), **{name: _types(model) for name, model in models.items()}}
    return "\n".join(_lines(texts, types)) + "\n"


def _lines(texts: Mapping[str, Described], types: Types) -> Iterator[str]:
    yield _HEAD
    by_schema = {
        schema: sorted(name for name in texts if name.partition(".")[0] == schema) for schema in SCHEMAS
    }
    for schema, names in by_schema.items():
        listed = ", ".join(f"[{_bare(name)}](#{name.replace('.', '')})" for name in names)
        yield f"- `{schema}`: {listed}"
    for schema, names in by_schema.items():
        yield from ("", f"## {schema}", "", SCHEMAS[schema])
        for name in names:
            yield from _table(name, texts[name], types[name])


def _table(name: str, described: Described, types: Mapping[str, str]) -> Iterator[str]:
    yield from ("", f"### {name}", "", _cell(described.text), "")
    yield from ("| column | type | what it means |", "| --- | --- | --- |")
    for column, type_ in types.items():
        yield f"| `{column}` | {type_.lower()} | {_cell(described.columns.get(column, ''))} |"


def _bare(name: str) -> str:
    return name.partition(".")[2]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


def _types(model: Model) -> dict[str, str]:
    return {name: type_.sql("duckdb") for name, type_ in (model.columns_to_types or {}).items()}


def _types_beside() -> dict[str, dict[str, str]]:
    raw = {
        f"{RAW_SCHEMA}.{table}": {name: SQL_TYPES[column.type] for name, column in columns.items()}
        for table, columns in raw_columns().items()
    }
    ops = {
        f"{ops_tables.SCHEMA}.{table}": {name: column.type for name, column in each.columns.items()}
        for table, each in ops_tables.TABLES.items()
    }
    extracts = {
        f"{extract_columns.SCHEMA}.{table}": {name: type_ for name, (type_, _) in stored.items()}
        for table, (_, stored) in extract_tables.tables().items()
    }
    return {**raw, **ops, **extracts}


def main() -> None:
    """Write the page to the file that is named."""
    from sqlmesh import Context

    with tempfile.TemporaryDirectory() as folder:
        project = config(Place(Path(folder) / "loop.duckdb"), {}, Path(folder) / "cache", is_optimized=True)
        context = Context(paths=[str(transforms_dir())], config=project)
        models = {each.name: each for each in context.models.values() if not each.kind.is_external}
        text = page(models)
        context.close()
    Path(sys.argv[1]).write_text(text)


if __name__ == "__main__":
    main()
