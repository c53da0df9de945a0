"""The notebooks in the order in which people open them: file name, title, question."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[3] / "notebooks"
"""They are part of the source tree, not of the wheel."""


class Entry(NamedTuple):
    """A notebook's title, and what it answers."""

    title: str
    question: str


NOTEBOOKS = {
    "one_return": Entry(
        "One return, all evidence",
        "Everything that any source knows about one return: what happened and when, what was promised,"
        " carried out and paid, what does not reconcile, and what was decided.",
    ),
}
