"""A notebook run in this process, as a reader sees it: its parts by their titles."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop_returns import notebooks as nb
from loop_returns.notebooks.catalogue import FOLDER
from loop_returns.notebooks.parts import Figure, Part


@dataclass(frozen=True)
class Page:
    """What a notebook showed.

    Attributes:
        parts: What its cells ended in, in order.
        defs: Its variables.
    """

    parts: list[Part]
    defs: dict[str, Any]

    def figure(self, title: str) -> Figure:
        """The figure of this title, or whose title begins so."""
        found = [one for one in self.parts if isinstance(one, Figure) and one.title.startswith(title)]
        assert len(found) == 1, (
            f"{title!r} is {len(found)} of {[getattr(one, 'title', '') for one in self.parts]}"
        )
        return found[0]

    def rows(self, title: str) -> list[dict[str, Any]]:
        """The rows of a figure."""
        rows: list[dict[str, Any]] = self.figure(title).rows.to_pylist()
        return rows

    @property
    def words(self) -> str:
        """All that it says in words."""
        return "\n".join(part.markdown() for part in self.parts)


def run(name: str, published: Path, **params: str) -> Page:
    """Run notebooks/NAME.py on a file, as if its link had these parameters."""
    spec = importlib.util.spec_from_file_location(f"notebook_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    outputs, defs = module.app.run(defs={"link": nb.Link(params), "published": published})
    return Page([output for output in outputs if output is not None], dict(defs))
