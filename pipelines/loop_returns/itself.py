"""This program as a process of its own, from the same interpreter and the same source."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


def command(*words: str) -> list[str]:
    """The command line `loop-returns WORDS`."""
    return [sys.executable, "-m", "loop_returns", *words]


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with other values, and its modules where it found them."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each), **own}
