"""The examples for orchestrators ask for what the commands print; in the long suite they run for real.

Dagster and Airflow are too heavy for this project's environment, so each gets one of its own.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conftest import END
from loop_returns import itself, report
from loop_returns.simulator.world import build_world
from loop_returns.terminal import as_json

if TYPE_CHECKING:
    from tests.support.whole_shop import WholeShop

EXAMPLES = Path(__file__).parents[2] / "examples"
IN_DAGSTER = """
import dagster_loop_returns as example
done = example.defs.resolve_job_def("loop_returns_hourly").execute_in_process()
(made,) = done.asset_materializations_for_node("loop_returns")
(check,) = done.get_asset_check_evaluations()
print("figures", made.metadata["returns"].value, check.metadata["holes"].value)
"""
IN_AIRFLOW = "airflow db migrate >migrate.log 2>&1 && airflow dags test loop_returns_hourly"
RUNS = [
    ("dagster", ["python", "-c", IN_DAGSTER], r"figures 3\d 0"),
    ("apache-airflow>=3", ["bash", "-c", IN_AIRFLOW], r"loop-returns: \d+ open breaks, as of 2026-11-20"),
]


@pytest.mark.parametrize("name", ["dagster_loop_returns.py", "airflow_loop_returns.py"])
def test_what_an_example_reads_is_what_the_commands_print(name: str, whole_shop: WholeShop) -> None:
    figures = json.loads(as_json(report.figures(whole_shop.published)))

    paths = re.findall(r'found((?:\["[a-z_.]+"\])+)', (EXAMPLES / name).read_text())

    assert paths
    for path in paths:
        of: Any = figures
        for key in re.findall(r'"([a-z_.]+)"', path):
            of = of[key]


@pytest.mark.slow
@pytest.mark.parametrize(("package", "command", "said"), RUNS)
def test_an_orchestrator_runs_its_example(
    package: str, command: list[str], said: str, open_shop: Callable[..., Any], tmp_path: Path
) -> None:
    shop, _ = open_shop(build_world(seed=7, returns=40, days=60, end=END))
    shop.plan()
    home = tmp_path / "orchestrator"
    home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(home / "venv")], check=True)
    subprocess.run([home / "venv/bin/pip", "install", "--quiet", package], check=True)
    ours = shlex.join(["env", f"PYTHONPATH={itself.environment({})['PYTHONPATH']}", *itself.command()])
    env = shop.environment() | {"LOOP_RETURNS_COMMAND": ours, "PYTHONPATH": str(EXAMPLES)}
    env |= {"PATH": f"{home / 'venv/bin'}:{env['PATH']}", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    env |= {"DAGSTER_HOME": str(home), "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES)}

    done = subprocess.run(command, env=env, cwd=shop.folder, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(said, done.stdout), done.stdout[-3000:]
