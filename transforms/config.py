"""The project's settings for the `sqlmesh` command line; `loop-returns build` hands in the same ones."""

from loop_returns.settings import merchant, paths, shop
from loop_returns.warehouse.mart_project import config as project_config
from loop_returns.warehouse.publishing import place_of

config = project_config(place_of(shop()), merchant(), paths().work / "sqlmesh", is_optimized=True)
