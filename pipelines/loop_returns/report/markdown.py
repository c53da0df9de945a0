"""The report as Markdown, for the summary of a CI job; every value is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loop_returns.report.document import Bar, Cell, Document, Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")
TONES = {"good": "✓", "look": "▲", "plain": "·"}


def text(document: Document) -> str:
    """The whole report; bars are left out, since their figures stand beside them."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Document) -> Iterator[str]:
    yield f"# {_escaped(document.title)}"
    yield from ("", _escaped(document.stand), "")
    for headline in document.headlines:
        yield f"- {TONES[headline.tone]} {_escaped(headline.text)}"
    for chapter in document.chapters:
        yield from ("", f"## {_escaped(chapter.title)}")
        for line in chapter.lines:
            yield from ("", _escaped(line))
        for table in chapter.tables:
            yield from _table(table)
    yield from ("", "---")
    for line in document.foot:
        yield from ("", _escaped(line))


def _table(table: Table) -> Iterator[str]:
    shown = [place for place, column in enumerate(table.columns) if column.kind != "bar"]
    columns = [table.columns[place] for place in shown]
    yield from ("", f"### {_escaped(table.title)}", "")
    yield _row([_escaped(column.title) for column in columns])
    yield _row(["---:" if column.kind == "figure" else "---" for column in columns])
    for number, row in enumerate(table.rows):
        cells = [_cell(row[place]) for place in shown]
        is_total = number >= len(table.rows) - table.totals
        yield _row([f"**{cell}**" if is_total and cell else cell for cell in cells])
    yield from ("", _escaped(table.source))
    if table.note:
        yield from ("", _escaped(table.note))


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Cell) -> str:
    return "" if isinstance(value, Bar) else _escaped(value)


def _escaped(value: str) -> str:
    r"""Text that Markdown shows as it is, on one line.

    >>> print(_escaped("a|b <i>\n*c*"))
    a\|b \<i\> \*c\*
    """
    return _SPECIAL.sub(r"\\\1", " ".join(value.split()))
