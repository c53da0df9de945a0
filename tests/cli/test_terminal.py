"""Colour where a person looks, and nowhere else; texts that fit a terminal of 80 columns."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest


def on_a_terminal(folder: Path, **env: str) -> bytes:
    """What `status` says on a terminal in a folder where nothing is published."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "loop_returns", "status"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "NO_COLOR"} | env,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:  # what Linux says when the other end is closed
            read = b""
        if not read:
            break
        said += read
    os.close(ours)
    assert process.wait() == 1
    return said


def test_a_terminal_shows_the_first_words_in_colour(tmp_path: Path) -> None:
    said = on_a_terminal(tmp_path, TERM="xterm-256color")

    assert said.startswith(b"\x1b[1;31merror:\x1b[0m nothing is published yet")
    assert b"\x1b[1mhint:\x1b[0m loop-returns run" in said


@pytest.mark.parametrize("env", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}])
def test_who_wants_plain_text_gets_it(tmp_path: Path, env: dict[str, str]) -> None:
    said = on_a_terminal(tmp_path, **env)

    assert said.startswith(b"error: nothing is published yet")
    assert b"\x1b" not in said


def test_a_pipe_gets_plain_text(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "loop_returns", "status"], cwd=tmp_path, capture_output=True, check=False
    )

    assert done.stderr.startswith(b"error: nothing is published yet")
    assert b"\x1b" not in done.stderr
