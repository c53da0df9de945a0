"""A backfill against the simulator with 0.8 s a page: how much of the limit is used, and how many requests.

The least that a backfill can need: a request for each page of each window in each pass, one more for each
window that is empty, and one for each window of shipping notices.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.data import END
from benchmarks.goals import Goal, at_least, at_most
from benchmarks.harness import START, run

from loop_returns.api.windows import windows
from loop_returns.simulator.app import Simulator
from loop_returns.simulator.world import World, build_world

PER_MINUTE = 300
PAGE = 25
KEY = "bench-key"


def goals(returns: int) -> list[Goal]:
    """Run one and judge it."""
    world = build_world(seed=5, returns=returns, days=720, end=END)
    with Simulator(world, api_key=KEY) as simulator, tempfile.TemporaryDirectory() as folder:
        simulator.latency = 0.8
        took = run(["-m", "loop_returns", "load"], _env(simulator, Path(folder)))
        times = sorted(request.at for request in simulator.seen)
    used = (len(times) - 1) / (times[-1] - times[0]) * 60
    most = max(sum(1 for at in times if start <= at < start + 60) for start in times)
    least = _least(world)
    said = f"{len(times)} requests in {times[-1] - times[0]:.0f} s; whole process {took.wall:.0f} s"
    return [
        at_least("backfill, 0.8 s a page: share of the limit used", 0.95, used / PER_MINUTE, "", said),
        at_most("the same: requests in any minute", PER_MINUTE, most, ""),
        at_most("the same: requests over the least possible", 1.05, len(times) / least, "", f"least {least}"),
    ]


def _env(simulator: Simulator, folder: Path) -> dict[str, str]:
    return {
        "SOURCES__LOOP_RETURNS__BASE_URL": simulator.base_url,
        "SOURCES__LOOP_RETURNS__API_KEY": KEY,
        "SOURCES__LOOP_RETURNS__PII_KEY": "bench",
        "SOURCES__LOOP_RETURNS__REQUESTS_PER_MINUTE": str(PER_MINUTE),
        "SOURCES__LOOP_RETURNS__PAGE_SIZE": str(PAGE),
        "SOURCES__LOOP_RETURNS__START_DATE": START.isoformat(),
        "LOOP_RETURNS_DATA_DIR": str(folder),
        "LOOP_RETURNS_AS_OF": END.isoformat(),
    }


def _least(world: World) -> int:
    count = 0
    for window in windows(START, END):
        held = Counter(
            one.state if one.state in ("cancelled", "review") else "default"
            for one in world.returns
            if window.start <= one.updated_at < window.end
        )
        count += sum(max(1, math.ceil(held[of] / PAGE)) for of in ("default", "cancelled", "review")) + 1
    return count
