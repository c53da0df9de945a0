"""The parts of a page: words and figures. Each shows itself in marimo, in static HTML and in Jupyter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any, Literal

import marimo as mo
import pyarrow as pa

from loop_returns.notebooks import cells, charts

Kind = Literal["info", "warn", "danger"]
OnPick = Callable[[cells.Row], None]
"""Hears which row a person picks."""


@dataclass(frozen=True, slots=True)
class JupyterCell:
    """A cell of an .ipynb: words, or a statement with its outputs by MIME type."""

    text: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    is_sql: bool = False


class Part(ABC):
    """What a cell of a notebook ends in."""

    @abstractmethod
    def _display_(self) -> object:
        """What marimo shows."""

    @abstractmethod
    def html(self) -> str:
        """The same without scripts."""

    @abstractmethod
    def markdown(self) -> str:
        """Its words."""

    def jupyter(self) -> list[JupyterCell]:
        """Its cells in an .ipynb."""
        return [JupyterCell(self.markdown())]


class Note(Part):
    """A paragraph: a finding in words, a warning, what is missing."""

    def __init__(self, says: str, kind: Kind = "info") -> None:
        self.says = says
        self.kind: Kind = kind

    def _display_(self) -> mo.Html:
        return mo.callout(mo.md(self.says), kind=self.kind)

    def html(self) -> str:
        """The paragraph in a frame."""
        return f'<div class="note {self.kind}">{mo.md(self.says).text}</div>'

    def markdown(self) -> str:
        """The paragraph."""
        return self.says


class Figure(Part):
    """A table and its chart, with what they say, their period, source and load time, and their SQL.

    Attributes:
        rows: What the statement gave, money as exact decimals.
        sql: The statement, as it was executed.
        table: marimo's table, whose selection a cell may read; None when there is no row.
    """

    def __init__(
        self,
        title: str,
        says: str,
        sql: str,
        rows: pa.Table,
        caption: str,
        *,
        chart: charts.Chart | None = None,
        tips: Mapping[str, str] | None = None,
        select: Literal["single", "multi"] | None = None,
        on_pick: OnPick | None = None,
        shows_table: bool = True,
        empty: str = "There is nothing to show.",
    ) -> None:
        self.title, self.says, self.sql, self.rows, self.caption = title, says, sql, rows, caption
        self.chart = chart if rows.num_rows else None
        self.tips = {name: tip for name, tip in (tips or {}).items() if name in rows.column_names}
        self.empty = empty
        self.shows_table = shows_table
        self.table = ui_table(rows, self.tips, select, on_pick) if rows.num_rows and shows_table else None

    def _display_(self) -> mo.Html:
        parts: list[object] = [mo.md(f"## {self.title}\n\n{self.says}")]
        if not self.rows.num_rows:
            parts.append(mo.callout(mo.md(self.empty), kind="neutral"))
        if self.chart is not None:
            names = charts.legend(self.chart)
            parts += [mo.Html(names), self.chart] if names else [self.chart]
        parts += [self.table] if self.table is not None else []
        parts.append(mo.md(f"<small>{escape(self.caption)}</small>"))
        parts.append(mo.accordion({"SQL": mo.md(f"```sql\n{self.sql}\n```")}))
        return mo.vstack(parts, gap=0.6)

    @cached_property
    def drawn(self) -> str:
        """The chart as SVG with the names of its colours; empty when there is none."""
        return charts.legend(self.chart) + charts.svg(self.chart) if self.chart is not None else ""

    def html(self) -> str:
        """The figure as a section."""
        table = cells.html_table(self.rows, self.tips) if self.rows.num_rows and self.shows_table else ""
        nothing = "" if self.rows.num_rows else f'<div class="note">{mo.md(self.empty).text}</div>'
        return (
            f"<section>{mo.md(f'## {self.title}').text}{mo.md(self.says).text}{nothing}"
            f"<figure>{self.drawn}<figcaption>{escape(self.caption)}</figcaption></figure>{table}"
            f"<details><summary>SQL</summary><pre>{escape(self.sql)}</pre></details></section>"
        )

    def markdown(self) -> str:
        """Heading, words, and where the figures come from."""
        nothing = "" if self.rows.num_rows else f"\n\n*{self.empty}*"
        return f"## {self.title}\n\n{self.says}{nothing}\n\n*{self.caption}*"

    def jupyter(self) -> list[JupyterCell]:
        """The words, then the statement with its table and chart as outputs."""
        outputs = {"text/html": self.drawn + cells.html_table(self.rows, self.tips)}
        return [JupyterCell(self.markdown()), JupyterCell(self.sql, outputs, is_sql=True)]


def ui_table(
    rows: pa.Table,
    tips: Mapping[str, str],
    select: Literal["single", "multi"] | None,
    on_pick: OnPick | None = None,
) -> mo.ui.table:
    """Marimo's table of these rows: numbers right, tips on the headings, ten rows a page."""

    def changed(selected: Any) -> None:  # noqa: ANN401 # what marimo gives: rows in the type of the data
        if on_pick and isinstance(selected, pa.Table) and selected.num_rows:
            on_pick(selected.to_pylist()[0])

    justify: Any = dict.fromkeys(cells.numeric(rows), "right")
    return mo.ui.table(
        rows,
        selection=select,
        page_size=10,
        show_column_summaries=False,
        show_data_types=False,
        format_mapping=cells.formats(rows),
        text_justify_columns=justify,
        header_tooltip=dict(tips),
        max_columns=None,
        on_change=changed,
    )
