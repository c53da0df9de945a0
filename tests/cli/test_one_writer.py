"""One process writes, many read: who waits, who is told, who is never disturbed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from support.errors import words_of
from support.newer_duckdb import write_newer_file
from support.truth import assert_complete

OpenShop = Callable[..., Any]


def test_a_work_file_that_someone_holds(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    shop.loop("load")
    simulator.seen.clear()
    (shop.folder / "loop.toml").write_text("[run]\nlock_wait_seconds = 1\n")
    holder = _hold(shop.work_file)
    try:
        said = words_of(shop.loop("load", exit_code=5).stderr)
    finally:
        holder.kill()
        holder.wait()

    assert said["error"] == "the work file is locked"
    assert f"(PID {holder.pid})" in said["cause"]
    assert simulator.seen == []


def test_a_work_file_that_is_let_go_is_waited_for(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    shop.loop("load")
    holder = _hold(shop.work_file)
    threading.Timer(4, holder.kill).start()

    shop.loop("load")
    holder.wait()


def _hold(file: Any) -> subprocess.Popen[str]:
    code = f"import duckdb, time; held = duckdb.connect({str(file)!r}); print('held', flush=True)"
    code += "; time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_two_runs_at_once(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    simulator.latency = 1.5  # the second run must start while the first is at work
    (shop.folder / "loop.toml").write_text("[run]\nlock_wait_seconds = 0\n")
    first = shop.start("load")
    while not simulator.seen:
        time.sleep(0.05)

    said = words_of(shop.loop("load", exit_code=5).stderr)

    assert said["error"] == "another run is at work"
    assert first.wait(60) == 0
    assert_complete(shop.work_file, simulator.world)


def test_a_reader_of_the_published_file_disturbs_nobody(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    shop.plan()
    shop.loop("run")
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys\n"
            f"held = duckdb.connect({str(shop.published)!r}, read_only=True)\n"
            "print('held', flush=True); sys.stdin.readline()\n"
            "print(held.execute('select count(*) from marts.recon_endpoint').fetchone()[0])",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    reader.stdout.readline()

    shop.loop("run")

    out, _ = reader.communicate("go\n", timeout=30)
    assert int(out) > 300
    assert list(shop.data.glob("*.wal")) == []


def test_a_work_file_of_a_newer_duckdb(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    shop.work_file.parent.mkdir(parents=True)
    write_newer_file(shop.work_file)

    said = words_of(shop.loop("run", exit_code=1).stderr)

    assert said["error"] == "the work file was written by another version of DuckDB"
    assert simulator.seen == []
