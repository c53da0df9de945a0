"""Which file a notebook opens, and what it says when there is none."""

from __future__ import annotations

from pathlib import Path

import marimo as mo

from loop_returns import settings
from loop_returns.errors import LoopReturnsError
from loop_returns.notebooks.parts import Note
from loop_returns.notebooks.shop import Shop
from loop_returns.warehouse import publishing


def published() -> Path:
    """The published file; the demo's as long as nothing else was published."""
    own = settings.paths()
    file = publishing.published()
    demo = settings.Paths(own.data / "demo").published
    return demo if demo.exists() and not file.exists() else file


def opened(file: Path) -> Shop:
    """Open the published file for one reader; without one the page says why, and no later cell runs."""
    try:
        return Shop(file)
    except LoopReturnsError as error:
        says = f"**{error.message}**: {error.cause or ''}\n\nTry: `{error.hint}`, or `loop-returns demo`"
        mo.stop(True, Note(says, kind="danger"))
        raise
