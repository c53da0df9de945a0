"""kill -9 at each kind of moment inside the one transaction of a load: all of a batch, or nothing of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from support.truth import assert_complete

# Dies after so many statements of a load (counted from its end when negative), or just after the commit.
DRIVER = """
import os, signal, sys
from loop_returns import cli
from loop_returns.extract import arrow_load, pull_windows

moment, die = sys.argv[1], lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if moment == "committed":
    pull_windows.PullWindows.finish = die
else:
    inner = arrow_load._statements

    def statements(*words):
        made = inner(*words)
        at = int(moment) if int(moment) >= 0 else len(made) + int(moment) + 1
        yield from made[:at]
        die()

    arrow_load._statements = statements
cli.run(["load"])
"""


@pytest.mark.parametrize(
    ("moment", "open_either"),
    [
        *((moment, "duckdb") for moment in ("0", "4", "-1", "committed")),
        *((moment, "postgres") for moment in ("-1", "committed")),
    ],
    indirect=["open_either"],
)
def test_given_a_kill_inside_a_load_then_nothing_of_it_shows_and_the_next_one_heals(
    moment: str, open_either: Callable[..., Any]
) -> None:
    shop, simulator = open_either()
    shop.loop("load")
    before = shop.rows("select id, updated_at, _dlt_load_id from loop_raw.returns order by id")
    simulator.world.advance(1)
    now = {"LOOP_RETURNS_AS_OF": simulator.world.end.isoformat()}

    killed = subprocess.run(
        [sys.executable, "-c", DRIVER, moment],
        cwd=shop.folder,
        env=shop.environment() | now,
        capture_output=True,
        text=True,
    )

    assert killed.returncode == -9, killed.stderr
    after = shop.rows("select id, updated_at, _dlt_load_id from loop_raw.returns order by id")
    assert (after == before) is (moment != "committed")
    orphans = "from loop_raw.returns__line_items where return_id not in (select id from loop_raw.returns)"
    assert shop.rows(f"select count(*) {orphans}") == [(0,)]
    shop.loop("load", **now)
    assert_complete(shop.place, simulator.world, gone_notices=True)
