"""A page that needs no script, no network and no other file."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from loop_returns.notebooks.catalogue import NOTEBOOKS

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #111827; background: #fff;
  max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1, h2 { line-height: 1.25; } h2 { margin-top: 2.5rem; }
small, figcaption { color: #4B5563; font-size: .85rem; } code { font-size: .9em; overflow-wrap: anywhere; }
figure { margin: 1rem 0; overflow-x: auto; } svg { max-width: 100%; height: auto; }
.scrolls { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { padding: .25rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #E5E7EB; }
thead th { border-bottom: 2px solid #6B7280; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.note { border-left: 4px solid #0072B2; background: #F3F4F6; padding: .1rem 1rem; margin: 1rem 0; }
.note.warn { border-color: #E69F00; } .note.danger { border-color: #D55E00; }
details { margin: .5rem 0; } summary { cursor: pointer; color: #0072B2; }
pre { overflow-x: auto; background: #F3F4F6; padding: .75rem; font-size: .8rem; }
a { color: #0072B2; } li { margin: .6rem 0; }
@media print { details { display: none; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""


def page(title: str, body: str) -> str:
    """A whole HTML document."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def index(names: Iterable[str], ending: str) -> str:
    """The notebooks as links, each with its question."""
    listed = "".join(
        f'<li><a href="{name}{ending}">{escape(NOTEBOOKS[name].title)}</a><br>'
        f"{escape(NOTEBOOKS[name].question)}</li>"
        for name in names
    )
    return f"<h1>Notebooks</h1><ol>{listed}</ol>"
