"""The published file while it is replaced and its publisher is killed: readers always open a whole one."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

PUBLISHER = """
import sys
from pathlib import Path
import duckdb
from loop_returns.settings import Paths
from loop_returns.warehouse import workfile

paths = Paths(Path(sys.argv[1]))
while True:
    with duckdb.connect(str(paths.work_file)) as database:
        database.execute("insert into versions select max(n) + 1, repeat('x', 50_000) from versions")
        (n,) = database.execute("select max(n) from versions").fetchone()
    workfile.publish(paths)
    print(n, flush=True)
"""
READER = """
import sys
from pathlib import Path
import duckdb

last, reads, file, over = 0, 0, sys.argv[1], Path(sys.argv[2])
while not over.exists():
    with duckdb.connect(file, read_only=True) as database:
        n, rows = database.execute("select max(n), count(*) from versions").fetchone()
    assert n == rows and n >= last, (n, rows, last)
    last, reads = n, reads + 1
print(last, reads)
"""


def python(code: str, *words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], stdout=subprocess.PIPE, text=True, bufsize=1
    )


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_given_kills_of_the_publisher_when_read_then_the_file_is_whole_and_never_goes_back(
    tmp_path: Path, kills: int
) -> None:
    rng = random.Random(kills)
    work, file, over = tmp_path / "work" / "loop.duckdb", tmp_path / "loop.duckdb", tmp_path / "over"
    work.parent.mkdir()
    for each in (work, file):
        with duckdb.connect(str(each)) as database:
            database.execute("create table versions as select 1 as n, 'x' as filler")
    readers = [python(READER, file, over) for _ in range(4)]
    said = []

    for _ in range(kills):
        publisher = python(PUBLISHER, tmp_path)
        assert publisher.stdout is not None
        said.append(int(publisher.stdout.readline()))
        time.sleep(rng.uniform(0, 0.1))
        publisher.kill()
        said += map(int, publisher.communicate()[0].split())
        with duckdb.connect(str(file), read_only=True) as database:
            assert database.execute("select max(n) >= ? from versions", [said[-1]]).fetchone() == (True,)
    over.touch()

    seen = [[int(n) for n in reader.communicate()[0].split()] for reader in readers]
    assert [reader.returncode for reader in readers] == [0] * 4
    assert min(reads for _, reads in seen) > kills
    assert max(last for last, _ in seen) > kills
    assert said == sorted(said)
    print(f"{kills} kills, {len(said)} versions, {sum(reads for _, reads in seen)} reads by 4: all whole")
