"""The project's settings for the `sqlmesh` command line; `loop-returns build` hands in the same ones."""

from loop_returns.settings import merchant, paths
from loop_returns.warehouse.mart_project import config as project_config

config = project_config(paths().work_file, merchant(), paths().work / "sqlmesh", is_optimized=True)
