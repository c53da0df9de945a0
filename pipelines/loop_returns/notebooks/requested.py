"""The last part of a page: returns to act on, as a file for `loop-returns flag --from-file`."""

from __future__ import annotations

import base64
import csv
import io
from html import escape

import marimo as mo
import pyarrow as pa

from loop_returns.actions.states import KINDS
from loop_returns.hand_flags import LONGEST_REASON, NEEDED
from loop_returns.notebooks.parts import Figure

THEN = (
    "Nothing is sent by this file: `loop-returns flag --from-file requests.csv` asks, `plan` shows what would"
    " be done, `approve` and `apply` do it."
)
MOST = 1_000
"""Rows that are offered: more than a person decides on, and than a day's limit of actions lets through."""


def _cut(rows: int) -> str:
    return f"Here are the first {MOST:,} of {rows:,}. " if rows > MOST else ""


class Requests(Figure):
    """Rows with return_id and reason; those that are picked, or all, become a file of requests."""

    def __init__(self, figure: Figure, action: str = "flag") -> None:
        super().__init__(
            figure.title,
            f"{figure.says} {_cut(figure.rows.num_rows)}{THEN}",
            figure.sql,
            figure.rows.slice(0, MOST),
            figure.caption,
            tips=figure.tips,
            select="multi",
            empty=figure.empty,
        )
        self.action = mo.ui.dropdown(sorted(KINDS), value=action, label="Ask for")
        self.file = mo.download(
            lambda: self.csv().encode(),
            filename="requests.csv",
            mimetype="text/csv",
            disabled=not figure.rows.num_rows,
            label="requests.csv: the picked rows, or all",
        )

    def csv(self) -> str:
        """The file: one request per return, the first reason that a return has."""
        picked = self.table.value if self.table is not None else None
        rows = picked if isinstance(picked, pa.Table) and picked.num_rows else self.rows
        by_return = {
            row["return_id"]: row["reason"] for row in reversed(rows.to_pylist()) if row["return_id"]
        }
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(NEEDED)
        for return_id, reason in reversed(by_return.items()):
            writer.writerow((return_id, self.action.value, reason[:LONGEST_REASON]))
        return text.getvalue()

    def _display_(self) -> mo.Html:
        buttons = mo.hstack([self.action, self.file], justify="start", wrap=True, gap=1)
        return mo.vstack([super()._display_(), buttons], gap=0.6)

    def html(self) -> str:
        """The table, and the file as a link that needs no server."""
        if not self.rows.num_rows:
            return super().html()
        data = base64.b64encode(self.csv().encode()).decode()
        link = f'<a download="requests.csv" href="data:text/csv;base64,{data}">requests.csv</a>'
        asked = escape(str(self.action.value))
        count = len(self.csv().splitlines()) - 1
        return f"{super().html()}<p>{link}: all {count:,} returns, asking for {asked}</p>"
