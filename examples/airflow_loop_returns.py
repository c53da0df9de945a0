"""Airflow: `run` every hour, one task per shop, one DAG run at a time; a report once they are done.

    LOOP_RETURNS_COMMAND=/srv/returns/.venv/bin/loop-returns   in the environment of the workers

The command runs in its own environment, so Airflow's constraints do not meet our pins. dlt's
`PipelineTasksGroup` does not serve here: it makes a task of each dlt resource, while `run` reads windows
until the pull is proven complete, builds, audits and publishes, or does none of it.
"""

import json
import os
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.sdk import dag, task

COMMAND = shlex.split(os.environ.get("LOOP_RETURNS_COMMAND", "loop-returns"))
SHOPS = os.environ.get("LOOP_RETURNS_SHOPS", "").split()  # names of [shops.NAME]; none: loop.toml is one shop
RETRIED = (1, 5)  # Loop is down, or another run is at work; all else needs a person


def loop_returns(*words: str) -> dict[str, Any]:
    """One command, its figures; what it says goes to the task's log."""
    command = [*COMMAND, *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    print(done.stderr)
    if done.returncode:
        kind = AirflowException if done.returncode in RETRIED else AirflowFailException
        raise kind(f"exit {done.returncode}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


@dag(
    schedule="15 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
)
def loop_returns_hourly() -> None:
    """Load, build, audit, publish, then say how many breaks are open."""

    @task
    def run(shop: str) -> dict[str, Any]:
        found = loop_returns("run", *(["--shop", shop] if shop else []))
        return {"shop": shop, "open_breaks": found["breaks"]["open"], "as_of": found["as_of"]}

    @task
    def told(results: list[dict[str, Any]]) -> None:
        for each in results:
            print(
                f"{each['shop'] or 'loop-returns'}: {each['open_breaks']} open breaks, as of {each['as_of']}"
            )

    told(run.expand(shop=SHOPS or [""]))


loop_returns_hourly()
