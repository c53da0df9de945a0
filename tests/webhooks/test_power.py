"""Power cuts: what was told durable is there, and the answer leaves only after the fsync."""

from __future__ import annotations

import random
import re
import sqlite3
from pathlib import Path

import pytest
from tests.webhooks.power import STRACE, Disk, record
from tests.webhooks.serving import SERVE, ask, body_of, request, serving

from loop_returns.webhooks.store import Store

needs_strace = pytest.mark.skipif(STRACE is None, reason="strace is not installed")


def losses(folder: Path, events: int, cuts: int, synchronous: str, seed: int) -> tuple[int, int]:
    """Cut the power at many moments of one recording: how often something acknowledged was lost."""
    rng, disk = random.Random(seed), Disk()
    operations = record(folder, events, synchronous)
    moments = sorted(rng.choices(range(1, len(operations) + 1), k=cuts))
    lost, left, done = 0, folder / "left", 0
    left.mkdir()
    for moment in moments:
        while done < moment:
            disk.do(operations[done])
            done += 1
        disk.cut(left, rng)
        lost += not disk.acked <= _kept(left)
    return lost, cuts


def _kept(folder: Path) -> set[int]:
    """The numbers of the events that SQLite finds after the cut."""
    (folder / "inbox.sqlite-shm").unlink(missing_ok=True)
    database = sqlite3.connect(folder / "inbox.sqlite")
    try:
        if not database.execute("select 1 from sqlite_master where name = 'inbox'").fetchone():
            return set()
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
        bodies = [bytes(body) for (body,) in database.execute("select body from inbox")]
        numbers = {int(re.search(rb'"n":(\d+)', body)[1]) for body in bodies}  # type: ignore[index]
        assert {body_of(number, size=300) for number in numbers} == set(bodies)
        return numbers
    finally:
        database.close()


@needs_strace
@pytest.mark.parametrize(
    ("events", "cuts"), [(120, 100), pytest.param(400, 1_500, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_given_power_cuts_when_opened_again_then_nothing_acknowledged_is_lost(
    tmp_path: Path, events: int, cuts: int
) -> None:
    seed = random.randrange(1 << 30)

    lost, of = losses(tmp_path, events, cuts, "FULL", seed)

    print(f"seed {seed}: {of} power cuts, {lost} lost")
    assert lost == 0, f"seed {seed}"


@needs_strace
def test_given_commits_without_fsync_when_the_power_goes_then_it_loses(tmp_path: Path) -> None:
    """The mutant WAL + NORMAL: if it lost nothing, the test above would prove nothing."""
    lost, of = losses(tmp_path, 120, 60, "NORMAL", 1)

    print(f"NORMAL: {of} power cuts, {lost} lost")
    assert lost > 0


def test_the_shipped_pragmas_are_those_that_were_tested(tmp_path: Path) -> None:
    store = Store(tmp_path)
    settings = [
        store._database.execute(f"pragma {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "fullfsync", "wal_autocheckpoint", "secure_delete")
    ]
    store.close()

    assert settings == ["wal", 2, 1, 0, 1]


@needs_strace
def test_the_answer_is_written_only_after_the_fsync_of_the_log_came_back(tmp_path: Path) -> None:
    log = tmp_path / "strace.log"
    calls = "trace=sendto,write,fdatasync,fsync,pwrite64"
    strace = [str(STRACE), "-f", "-y", "-s", "40", "-e", calls, "-e", "signal=none", "-o", str(log)]
    with serving(tmp_path, command=SERVE, limits=strace) as running:
        for number in range(20):
            assert ask(running.port, request(body_of(number)))[0] == 200
        text = log.read_text()

    written = synced = answers = 0
    for line in text.splitlines():
        if "inbox.sqlite-wal" in line and "pwrite64" in line:
            written += 1
            synced = 0
        elif re.search(r"f(data)?sync", line) and re.search(r"= 0$", line):
            synced = written
        elif "HTTP/1.1 200" in line:
            answers += 1
            assert synced == written > 0, line
            written = 0
    assert answers == 20
