"""Dagster: one asset per shop, its tables; every hour; a check that fails on breaks.

    LOOP_RETURNS_COMMAND=/srv/returns/.venv/bin/loop-returns dagster dev -f dagster_loop_returns.py

The command runs in its own environment, so Dagster's versions do not meet our pins. dagster-dlt's
`@dlt_assets` does not serve here: it runs a dlt pipeline itself, while `run` reads windows until the pull is
proven complete, builds, audits and publishes, or does none of it.
"""

import json
import os
import shlex
import subprocess
from typing import Any

import dagster as dg

COMMAND = shlex.split(os.environ.get("LOOP_RETURNS_COMMAND", "loop-returns"))
SHOPS = os.environ.get("LOOP_RETURNS_SHOPS", "").split()  # names of [shops.NAME]; none: loop.toml is one shop
RETRIED = (1, 5)  # Loop is down, or another run is at work; all else needs a person


def loop_returns(context: dg.OpExecutionContext, *words: str) -> dict[str, Any]:
    """One command, its figures; what it says goes to the asset's log."""
    command = [*COMMAND, *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    for line in done.stderr.splitlines():
        context.log.info(line)
    if done.returncode:
        said = f"exit {done.returncode}: {done.stderr.strip()[-2000:]}"
        raise dg.Failure(said, allow_retries=done.returncode in RETRIED)
    return json.loads(done.stdout)


def tables(shop: str) -> list[Any]:
    """The asset of one shop, and its check."""
    of = ["--shop", shop] if shop else []
    name = f"loop_returns_{shop}" if shop else "loop_returns"

    @dg.asset(name=name, group_name="returns", retry_policy=dg.RetryPolicy(max_retries=2, delay=600))
    def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """loop_raw, staging and marts of one shop, audited and published."""
        found = loop_returns(context, "run", *of)
        return dg.MaterializeResult(
            metadata={
                "returns": found["rows"]["loop_raw.returns"],
                "open_breaks": found["breaks"]["open"],
                "as_of": str(found["as_of"]),
                "file": dg.MetadataValue.path(found["published"]),
            }
        )

    @dg.asset_check(asset=asset, name="no_severe_break")
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """No open break of severity 1, and no hole in what was read."""
        found = loop_returns(context, "status", *of)
        severe = found["breaks"]["severities"].get("1", 0)
        holes = found["coverage"]["holes"]
        found_so = {"severe": severe, "holes": len(holes)}
        return dg.AssetCheckResult(passed=not severe and not holes, metadata=found_so)

    return [asset, check]


built = [one for shop in SHOPS or [""] for one in tables(shop)]
assets, checks = built[::2], built[1::2]
hourly = dg.define_asset_job("loop_returns_hourly", selection=assets)
defs = dg.Definitions(
    assets=assets,
    asset_checks=checks,
    jobs=[hourly],
    schedules=[dg.ScheduleDefinition(job=hourly, cron_schedule="15 * * * *")],
)
