"""`demo`: the whole job against a simulated shop, again after a day, and one return acted on."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from loop_returns import hand_flags, itself, pipeline, report, terminal, words
from loop_returns.errors import LoopReturnsError
from loop_returns.instants import now
from loop_returns.job import Job
from loop_returns.ops import apply, plans
from loop_returns.pipeline import RunResult
from loop_returns.settings import Paths, Settings
from loop_returns.simulator.app import Simulator
from loop_returns.simulator.elsewhere.files import render
from loop_returns.simulator.world import World, build_world
from loop_returns.terminal import Reporter

RETURNS = 400
DAYS = 180
ACTING = {"actions": {"enabled": True}}
WORST_GRADED = (
    "select return_id from marts.open_breaks where break_type = 'bad_grade' order by abs(amount) desc limit 1"
)
HOOK_SECRET = "of-the-demo"  # noqa: S105 - invented
TOLD = """
select count(*), min(return_id) filter (trigger = 'return.created')
from loop_raw.webhook_events semi join loop_raw.returns on returns.id = webhook_events.return_id
"""
QUERIES = (
    "from marts.open_breaks order by severity, abs(amount) desc limit 10;",
    "select stage, currency, sum(amount) from marts.fin_open_returns group by all;",
    "select table_name, column_name, description from marts.data_dictionary;",
)


def run(paths: Paths, reporter: Reporter, *, as_json: bool = False) -> int:
    """Run the demo into `demo` below the data directory, from nothing each time.

    Returns:
        The exit code.
    """
    home = Paths(paths.data / "demo")
    shutil.rmtree(home.data, ignore_errors=True)
    world = build_world(seed=7, returns=RETURNS, days=DAYS, end=now() - timedelta(days=1))
    with Simulator(world, api_key="demo-key", webhook_secret=HOOK_SECRET) as shop:
        first, before = _run(home, world, shop.base_url, reporter)
        if not as_json:
            terminal.say(_first_text(first, before))
        with _receiver(home) as port:
            for trigger in ("return.created", "return.updated"):
                shop.hooks.subscribe(
                    trigger, f"http://127.0.0.1:{port}/hooks/loop/{trigger.replace('.', '-')}"
                )
            world.advance(1)
            shop.hooks.postman.wait()
        second, after = _run(home, world, shop.base_url, reporter)
        told = _told(home)
        acted = _act(Job(_settings(home, world, shop.base_url), ACTING, world.end, reporter))
    if as_json:
        print(terminal.as_json({"first": before, "second": after, "webhooks": told, "action": acted}))
    else:
        terminal.say(_second_text(second, after, told, acted, home.published))
    return 0


def _run(home: Paths, world: World, base_url: str, reporter: Reporter) -> tuple[RunResult, report.Figures]:
    elsewhere = {"extracts": render(world).write(home.data / "exports")}
    result = pipeline.run(Job(_settings(home, world, base_url), elsewhere, world.end, reporter))
    reporter.close()
    return result, report.figures(result.published)


def _settings(home: Paths, world: World, base_url: str) -> Settings:
    return Settings(
        paths=home,
        api_key="demo-key",
        base_url=base_url,
        start_date=world.end.replace(hour=0, minute=0, second=0) - timedelta(days=DAYS + 5),
        pii_key="demo",
    )


@contextmanager
def _receiver(home: Paths) -> Iterator[int]:
    """`loop-returns serve` as a process of its own, as in earnest; gives its port."""
    policy = home.data / "serve.toml"
    policy.touch()
    own = {
        "SOURCES__LOOP_RETURNS__WEBHOOK_SECRETS": HOOK_SECRET,
        "LOOP_RETURNS_CONFIG": str(policy),
    }
    command = itself.command("serve", "--port", "0", "--data-dir", str(home.data))
    with (
        (home.data / "serve.log").open("w") as log,
        subprocess.Popen(  # noqa: S603 - this program itself
            command, env=itself.environment(own), stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdout is not None
        found = re.search(r":(\d+)/hooks/loop/", process.stdout.readline())
        try:
            if not found:
                raise LoopReturnsError(
                    "the webhook receiver of the demo did not start", cause=str(home.data / "serve.log")
                )
            yield int(found[1])
        finally:
            process.terminate()


def _told(home: Paths) -> dict[str, Any]:
    """What the webhooks brought: how many, and the first new return of which the list knows as well."""
    with duckdb.connect(str(home.published), read_only=True) as database:
        ((deliveries, return_id),) = database.execute(TOLD).fetchall()
    return {"deliveries": deliveries, "return_id": return_id}


def _act(job: Job) -> dict[str, Any]:
    """Flag the worst graded return that is open: asked for, planned, approved, applied, confirmed."""
    with duckdb.connect(str(job.settings.paths.published), read_only=True) as database:
        ((return_id,),) = database.execute(WORST_GRADED).fetchall()
    wish = {
        "return_id": return_id,
        "action": "flag",
        "reason": "graded bad: look before it is paid",
    }
    pipeline.flag(job, [hand_flags.ask(wish, "ann", job.present)])
    plan = plans.plan(job)
    plans.approve(job, plan.digest, "bob")
    (action,) = apply.execute(job, plan.digest, "bob", key="demo-key").actions
    return {
        "plan": plan.digest,
        "return_id": action.return_id,
        "action": action.action,
        "state": action.state,
    }


def _first_text(result: RunResult, figures: report.Figures) -> str:
    return "\n".join(
        [
            "A simulated shop, read over HTTP as Loop's API would be:",
            words.pull_text(result.pulled),
            words.rows_text(figures),
            words.coverage_text(figures),
            "",
            words.breaks_text(figures),
            "",
            words.worst_text(figures),
            "",
            words.flags_text(figures),
            "",
        ]
    )


def _second_text(
    result: RunResult,
    figures: report.Figures,
    told: Mapping[str, Any],
    acted: Mapping[str, Any],
    file: Path,
) -> str:
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    queries = (f"  {query}" for query in QUERIES)
    read, requests = sum(result.pulled.rows.values()), result.pulled.requests
    return "\n".join(
        [
            "A day later, the incremental run:",
            f"{told['deliveries']} webhooks came meanwhile and were kept:"
            f" RMA {told['return_id']} by return.created",
            f"{read:,} rows, {requests} requests: {words.changes_text(figures)}",
            f"RMA {acted['return_id']} {acted['action']}ged: ann asked, bob approved {acted['plan'][:12]},"
            f" {acted['state']}",
            "",
            f"The tables are in {shown}",
            f"  duckdb -readonly {shown}",
            f"  duckdb.connect({str(shown)!r}, read_only=True)",
            "Three queries to try:",
            *queries,
        ]
    )
