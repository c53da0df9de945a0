"""Which models sqlglot carries over to other warehouses, and what it says it cannot.

    python -m benchmarks.transpile          # from the root of the repository; nothing connects

models in DuckDB's dialect -> SQLMesh renders them -> sqlglot writes and reads back each dialect -> a table.
Carried over is not the same as run: of these, DuckDB and Postgres are.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from loop_returns.warehouse.mart_project import config, transforms_dir

if TYPE_CHECKING:
    from sqlglot import exp

DIALECTS = ("snowflake", "bigquery", "databricks", "redshift")


def rendered() -> dict[str, exp.Query]:
    """Every SQL model by name, its macros worked out."""
    from sqlmesh import Context
    from sqlmesh.core.console import NoopConsole, set_console

    set_console(NoopConsole())
    with tempfile.TemporaryDirectory() as folder:
        settings = config(Path(folder) / "none.duckdb", {}, Path(folder) / "cache")
        project = Context(paths=[str(transforms_dir())], config=settings)
        models = [model for model in project.models.values() if model.is_sql]
        queries = {f"{model.schema_name}.{model.view_name}": model.render_query() for model in models}
    return {name: query for name, query in queries.items() if query is not None}


def troubles(queries: Mapping[str, exp.Query], dialect: str) -> dict[str, list[str]]:
    """What sqlglot says of the models that it cannot carry over as they are."""
    import sqlglot
    from sqlglot.errors import ErrorLevel, ParseError, UnsupportedError

    found = {}
    of = sqlglot.Dialect.get_or_raise(dialect)
    for name, query in queries.items():
        try:
            sql = of.generator(unsupported_level=ErrorLevel.RAISE, max_unsupported=100).generate(query)
            sqlglot.parse_one(sql, read=dialect)
        except UnsupportedError as error:
            found[name] = sorted({line for line in str(error).splitlines() if line})
        except ParseError as error:
            found[name] = [f"does not read its own SQL: {error.errors[0]['description']}"]
    return found


def main() -> None:
    """Print the table."""
    queries = rendered()
    print("| dialect | models | carried over | what is said of the others |\n| --- | --- | --- | --- |")
    for dialect in DIALECTS:
        found = troubles(queries, dialect)
        said = sorted({line for lines in found.values() for line in lines})
        names = ", ".join(sorted(found))
        why = f"{'; '.join(said)}: {names}" if found else ""
        print(f"| {dialect} | {len(queries)} | {len(queries) - len(found)} | {why} |")


if __name__ == "__main__":
    sys.exit(main())
