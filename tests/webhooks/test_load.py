"""Speed, memory, and company: figures of a receiver under 64 connections."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import duckdb
import pytest
from tests.webhooks.serving import Served, body_of, deliver


def cpu_seconds(served: Served) -> float:
    fields = Path(f"/proc/{served.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(served: Served) -> float:
    text = Path(f"/proc/{served.process.pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    ("events", "least"),
    [(2_000, 10), pytest.param(100_000, 300, marks=pytest.mark.slow)],
    ids=["short", "long"],
)
def test_64_connections_are_answered_quickly_in_little_memory(
    served: Served, events: int, least: int
) -> None:
    before, started, seconds, acked = cpu_seconds(served), time.monotonic(), [], 0
    for first in range(0, events, 10_000):
        told = deliver(
            served.port, [body_of(n) for n in range(first, min(events, first + 10_000))], connections=64
        )
        seconds += told.seconds
        acked += len(told.acked)
    wall, cpu = time.monotonic() - started, cpu_seconds(served) - before
    seconds.sort()

    figures = {
        "requests/s": round(events / wall),
        "p50 ms": round(1e3 * seconds[len(seconds) // 2], 1),
        "p99 ms": round(1e3 * seconds[len(seconds) * 99 // 100], 1),
        "CPU us/request": round(1e6 * cpu / events),
        "peak MB": round(peak_mb(served), 1),
    }
    print(figures)
    assert acked == events
    assert figures["requests/s"] > least
    assert figures["CPU us/request"] < 1_500
    assert figures["peak MB"] < 120


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.slow)], ids=["short", "long"])
def test_given_a_pipeline_and_an_analyst_in_duckdb_when_delivered_then_all_is_answered(
    served: Served, seconds: float
) -> None:
    (served.data / "work").mkdir()
    duckdb.connect(str(served.data / "loop.duckdb")).close()
    work = duckdb.connect(str(served.data / "work" / "loop.duckdb"))
    analyst = duckdb.connect(str(served.data / "loop.duckdb"), read_only=True)
    work.execute("create table numbers as select range as n from range(1000)")
    is_over = threading.Event()

    def load() -> None:
        while not is_over.is_set():
            work.execute("insert into numbers select n + 1 from numbers limit 10000")

    loader = threading.Thread(target=load)
    loader.start()
    try:
        ends, first, others = time.monotonic() + seconds, 0, []
        while time.monotonic() < ends:
            told = deliver(served.port, [body_of(n) for n in range(first, first + 200)])
            first += 200
            others += told.others
            assert len(told.acked) == 200
    finally:
        is_over.set()
        loader.join()
        work.close()
        analyst.close()

    assert others == []
