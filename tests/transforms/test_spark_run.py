"""The marts that Spark builds over the files are those that DuckDB builds over them, row by row.

PySpark is too heavy for this project's environment: the test installs it into a folder of its own.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conftest import END, KEY, Shop
from loop_returns import itself
from loop_returns.simulator.app import Simulator
from loop_returns.simulator.elsewhere.files import plant, render
from loop_returns.simulator.world import build_world

SPARK = """
spark.master local-cluster[2,1,1024]
spark.ui.enabled false
spark.sql.shuffle.partitions 2
spark.driver.memory 4g
spark.executor.memory 1g
spark.sql.warehouse.dir file:{folder}/warehouse
spark.driver.extraJavaOptions -Duser.timezone=UTC -XX:+UseSerialGC -Dderby.system.home={folder}/derby
spark.executor.extraJavaOptions -Duser.timezone=UTC -XX:+UseSerialGC
spark.log.level ERROR
"""
TABLES = """
    select schema_name, table_name from duckdb_tables()
    where schema_name in ('staging', 'rules', 'marts') and table_name <> 'data_dictionary' order by all
"""


def shop_in_files(folder: Path) -> Shop:
    """A planted shop with the exports of its other systems, loaded into files; its marts built by DuckDB."""
    world = build_world(seed=33, returns=150, days=120, end=END)
    plant(world)
    render(world).write(folder)
    with Simulator(world, api_key=KEY) as simulator:
        shop = Shop(folder, simulator.base_url)
        shop.env["DESTINATION__NAME"] = "filesystem"
        shop.env["DESTINATION__FILESYSTEM__BUCKET_URL"] = f"file://{folder / 'bucket'}"
        shop.loop("run")
    return shop


def build_on_spark(shop: Shop, spark: Path) -> None:
    """The same models on PySpark, one driver and two executors."""
    site, conf = spark / "site", spark / "conf"
    conf.mkdir(parents=True)
    (conf / "spark-defaults.conf").write_text(SPARK.format(folder=spark))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site), "pyspark>=4,<5"]
    subprocess.run(pip, check=True)
    python = f"{site}:{itself.environment({})['PYTHONPATH']}"
    env = shop.environment() | {"SPARK_CONF_DIR": str(conf), "PYTHONPATH": python}
    command = [sys.executable, "-m", "loop_returns.on_spark"]
    done = subprocess.run(command, env=env, cwd=shop.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def rows(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """In one order, numbers by their value, doubles to twelve digits, instants in UTC."""
    return sorted((tuple(map(_plain, row)) for row in found), key=repr)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value).normalize()
    return value


@pytest.mark.slow
def test_given_files_when_spark_builds_the_marts_then_no_row_differs_from_duckdb(tmp_path: Path) -> None:
    shop = shop_in_files(tmp_path)
    build_on_spark(shop, tmp_path / "spark")

    different, compared = [], 0
    with duckdb.connect(str(shop.work_file), read_only=True) as database:
        database.execute("set timezone = 'UTC'")
        for schema, table in database.execute(TABLES).fetchall():
            files = [*map(str, (tmp_path / f"spark/warehouse/{schema}.db/{table}").rglob("*.parquet"))]
            expected = database.execute(f"select * from {schema}.{table}").fetchall()
            if not files:
                assert expected == [], f"{schema}.{table}"
                continue
            columns = [name for (name, *_) in database.execute(f"describe {schema}.{table}").fetchall()]
            named = ", ".join(f'"{name}"' for name in columns)
            found = database.execute(f"select {named} from read_parquet(?)", [files]).fetchall()
            compared += len(expected)
            if rows(found) != rows(expected):
                different.append(f"{schema}.{table}")
    print(f"{compared:,} rows compared")
    assert different == []
    assert compared > 10_000
