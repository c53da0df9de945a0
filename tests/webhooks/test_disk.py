"""Disks that fail: nothing is acknowledged that is not stored, and the process ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.webhooks.power import STRACE
from tests.webhooks.serving import Told, ask, body_of, deliver, get, request, serving, stored

SMALL_FILES = (
    sys.executable,
    "-c",
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000)); "
    "os.execv(sys.argv[1], sys.argv[1:])",
)


def until_it_ends(folder: Path, *, limits: Sequence[str] = ()) -> tuple[Told, int, str]:
    """Deliver until the receiver gives up: what was answered, its exit code, what it said."""
    with serving(folder, limits=limits) as running:
        told = deliver(running.port, [body_of(n, size=2_000) for n in range(3_000)], connections=8)
        code = running.process.wait(60)
        return told, code, running.log.read_text()


def check_that_nothing_is_lost(folder: Path, told: Told) -> None:
    """Start again on a disk that works."""
    with serving(folder) as running:
        assert ask(running.port, request(b'{"id":"1"}'))[0] == 200
        assert get(running.port, "/readyz")[0] == 200
    kept = {body for (body,) in stored(folder / "data")}
    assert set(told.acked) <= kept
    assert told.acked


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
def test_given_an_fsync_that_fails_when_delivered_then_503_and_the_process_ends(tmp_path: Path) -> None:
    inject = ("-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=6", "-o", "strace.log")

    told, code, said = until_it_ends(tmp_path, limits=[str(STRACE), "-f", *inject])

    assert code == 1
    assert set(told.others) == {503}
    assert "error: the inbox of the webhooks cannot be written" in said
    assert "disk I/O error" in said
    check_that_nothing_is_lost(tmp_path, told)


def test_given_a_file_that_cannot_grow_when_delivered_then_503_and_the_process_ends(tmp_path: Path) -> None:
    told, code, said = until_it_ends(tmp_path, limits=SMALL_FILES)

    assert code == 1
    assert set(told.others) == {503}
    assert "cannot be written" in said
    assert "Traceback" not in said
    check_that_nothing_is_lost(tmp_path, told)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, where the rights to make one are there."""
    folder = tmp_path / "data"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_given_a_full_disk_when_delivered_then_503_and_the_process_ends(
    small_disk: Path, tmp_path: Path
) -> None:
    told, code, said = until_it_ends(tmp_path)

    assert code == 1
    assert set(told.others) == {503}
    assert "full" in said
    subprocess.run(["mount", "-o", "remount,size=600m", str(small_disk)], check=True)
    check_that_nothing_is_lost(tmp_path, told)


def test_given_a_folder_that_cannot_be_written_when_started_then_the_error_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    env = os.environ | {"SOURCES__LOOP_RETURNS__WEBHOOK_SECRETS": "s"}
    words = ["serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    ended = subprocess.run(
        [sys.executable, "-m", "loop_returns", *words], env=env, capture_output=True, text=True
    )

    assert ended.returncode == 1
    assert "error: the inbox of the webhooks cannot be opened" in ended.stderr
    assert "Traceback" not in ended.stderr
