"""Every model is rendered for Spark: with its macros' own words, and readable as Spark's SQL."""

from __future__ import annotations

from pathlib import Path

import sqlglot
from sqlglot import ErrorLevel, exp

from loop_returns.warehouse.mart_project import FIRST_DAY, model_variables, transforms_dir

NOT_OF_SPARK = ("JSON_TYPE", "JSON_KEYS", "GENERATE_SERIES", "QUANTILE_CONT", "PG_INPUT_IS_VALID", "EPOCH_US")


def test_every_model_is_rendered_for_spark(tmp_path: Path) -> None:
    from sqlmesh import Context
    from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig
    from sqlmesh.core.console import NoopConsole, set_console

    set_console(NoopConsole())
    settings = Config(  # macros go by the gateway's name; nothing connects, so that Spark need not be here
        gateways={"spark": GatewayConfig(connection=DuckDBConnectionConfig())},
        default_gateway="spark",
        model_defaults=ModelDefaultsConfig(dialect="duckdb", start=FIRST_DAY, optimize_query=False),
        variables=model_variables({}),
        disable_anonymized_analytics=True,
        cache_dir=str(tmp_path),
    )
    project = Context(paths=[str(transforms_dir())], config=settings)
    foreign = {}
    for name, model in project.models.items():
        if model.kind.is_external or model.kind.is_seed:
            continue
        sql = model.render_query_or_raise(execution_time="2026-11-20").sql("spark")
        query = sqlglot.parse_one(sql, dialect="spark", error_level=ErrorLevel.RAISE)
        calls = {call.name.upper() for call in query.find_all(exp.Anonymous)}
        if calls.intersection(NOT_OF_SPARK) or "EXTRACT(EPOCH" in sql:
            foreign[name] = sorted(calls)
    assert foreign == {}
    assert len(project.models) > 100
