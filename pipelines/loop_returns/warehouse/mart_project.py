"""The SQLMesh project as this package runs it: where it lies, which database it writes, how it is set.

dlt's destination settings + loop.toml -> config() -> SQLMesh's Context, here and in transforms/config.py.
SQLMesh is imported inside the functions: it costs four seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop_returns.warehouse import calendar_days, rule_settings
from loop_returns.warehouse.mart_settings import variables

if TYPE_CHECKING:
    from sqlmesh.core.config import Config

    from loop_returns.warehouse.place import Place

CATALOG = "loop"
"""The name of a DuckDB database in SQL, whatever its file is called."""

STATE = "sqlmesh"
"""Schema of what SQLMesh and this package remember about builds."""

FIRST_DAY = "2015-01-01"
"""No model looks further back; SQLMesh wants a start, the models read everything."""

LINT_RULES = (
    "ambiguousorinvalidcolumn",
    "invalidselectstarexpansion",
    "noambiguousprojections",
    "nomissingaudits",
    "nomissingexternalmodels",
)
MEMORY_LIMIT = "1000MB"
"""What a build may hold; more goes to disk beside the work file."""


@dataclass(frozen=True, slots=True)
class Project:
    """What a build is of: a database, the merchant's settings, a folder of models; and where its log goes."""

    place: Place
    settings: Mapping[str, Any]
    models_dir: Path
    work_dir: Path


def transforms_dir() -> Path:
    """The folder of the models: inside the installed package, else beside the sources."""
    installed = Path(str(resources.files("loop_returns"))) / "transforms"
    if installed.is_dir():
        return installed
    return Path(__file__).parents[3] / "transforms"


def connection_settings(database: Path) -> dict[str, str]:
    """DuckDB's settings for a build."""
    return {
        "TimeZone": "UTC",
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": f"{database}.tmp",
    }


def model_variables(settings: Mapping[str, Any], models_dir: Path | None = None) -> dict[str, Any]:
    """What the models read as `@name`.

    Raises:
        UsageError: A value of loop.toml, or a row of seeds/calendar.csv, cannot be what it is.
    """
    rules = transforms_dir() / "models" / "rules"
    calendar = {"calendar": calendar_days.read((models_dir or transforms_dir()) / "seeds" / "calendar.csv")}
    return variables(settings) | rule_settings.variables(settings, rules) | calendar


def config(
    place: Place,
    settings: Mapping[str, Any],
    cache: Path,
    *,
    models_dir: Path | None = None,
    is_optimized: bool = False,
) -> Config:
    """How SQLMesh runs the models.

    Args:
        place: Where `loop_raw` is; SQLMesh keeps its own state there too, in the schema `sqlmesh`.
        settings: The content of loop.toml.
        cache: Folder for SQLMesh's cache; never the source tree, which may be read-only.
        models_dir: Another folder of models than the package's own.
        is_optimized: True lets SQLMesh qualify each query, which lint needs; it doubles a build's time.
    """
    from sqlmesh.core.config import (
        AutoCategorizationMode,
        CategorizerConfig,
        Config,
        LinterConfig,
        ModelDefaultsConfig,
        PlanConfig,
    )
    from sqlmesh.core.config.common import VirtualEnvironmentMode
    from sqlmesh.core.config.format import FormatConfig

    from loop_returns.warehouse import mart_gateway

    full = AutoCategorizationMode.FULL
    name, gateway = mart_gateway.of(place)
    return Config(
        gateways={name: gateway},
        default_gateway=name,
        model_defaults=ModelDefaultsConfig(
            dialect="duckdb", start=FIRST_DAY, allow_partials=True, optimize_query=is_optimized
        ),
        virtual_environment_mode=VirtualEnvironmentMode.DEV_ONLY,
        plan=PlanConfig(
            auto_categorize_changes=CategorizerConfig(external=full, python=full, sql=full, seed=full)
        ),
        # `x AT TIME ZONE 'UTC'::DATE` is what the formatter makes of a cast, and it casts the 'UTC'.
        format=FormatConfig(no_rewrite_casts=True, append_newline=True, indent=4, pad=4, max_text_width=100),
        linter=LinterConfig(enabled=True, rules=set(LINT_RULES)),
        variables=model_variables(settings, models_dir),
        disable_anonymized_analytics=True,
        cache_dir=str(cache),
    )
