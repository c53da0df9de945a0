"""The disk is full: said in words, nothing lost, nothing moved; it heals when there is room again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.truth import assert_complete


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system can only be mounted by root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("room", [0, 600_000, 1_200_000])
def test_given_a_full_disk_when_a_run_fails_then_nothing_moves_and_the_next_one_heals(
    room: int, small_disk: Path, open_shop: Callable[..., Any]
) -> None:
    shop, simulator = open_shop()
    data = small_disk / "data"
    shop.env["LOOP_RETURNS_DATA_DIR"] = str(data)
    shop.loop("load")
    work_file = data / "work" / "loop.duckdb"
    ballast = small_disk / "ballast"
    simulator.world.advance(1)
    now = {"LOOP_RETURNS_AS_OF": simulator.world.end.isoformat()}

    _fill(ballast, os.statvfs(small_disk), room)
    error = shop.loop("run", exit_code=1, **now).stderr
    ballast.unlink()

    assert error.splitlines()[0] == "error: the disk is full"
    assert "Traceback" not in error
    shop.loop("load", **now)
    assert_complete(work_file, simulator.world, gone_notices=True)


def _fill(file: Path, disk: os.statvfs_result, room: int) -> None:
    with file.open("wb") as handle:
        handle.write(b"\0" * max(0, disk.f_bavail * disk.f_bsize - room))
