"""The head of each page: its question, and the facts that all its figures stand on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from html import escape

import duckdb
import marimo as mo
import pyarrow as pa

from loop_returns.notebooks import cells
from loop_returns.notebooks.parts import Part

WATERMARKS = """
select endpoint as source, max(bound) as read_to, max(finished_at) as loaded_at,
    sum(rows)::bigint as rows_read
from loop_raw.pull_windows where status = 'complete' group by all
union all
select 'webhooks', max(received_at), null, count(*) from loop_raw.webhook_events having count(*) > 0
union all
select 'extract ' || name, newest_at, read_at, rows from staging.stg_extracts where is_present
order by 1
"""
_RUN = """
select run_id, finished_at from loop_raw.pull_windows where status = 'complete'
order by finished_at desc limit 1
"""
_SPAN = "select min(created_at)::date, max(created_at)::date from staging.stg_returns"
_BLOCKED = (
    "select check_id || ' (' || subject || ')' from marts.data_quality where result = 'block' order by 1"
)
_CONFIG = "select digest from sqlmesh.loop_returns_script"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a published file says of itself; times are UTC.

    Attributes:
        config: Names the models and the settings that built it; other ones, another name.
        first, last: First and last day on which a return was made.
        blocked: Checks that say: act on nothing.
    """

    file: str
    run_id: str
    loaded_at: datetime | None
    as_of: datetime | None
    config: str
    first: date | None
    last: date | None
    blocked: tuple[str, ...]
    watermarks: pa.Table


def facts(database: duckdb.DuckDBPyConnection, file: str) -> Facts:
    """Ask a published file, attached and in use, what it stands on."""
    run_id, loaded_at = database.execute(_RUN).fetchone() or ("none", None)
    (as_of,) = database.execute("select max(as_of) from marts.run_control").fetchone() or (None,)
    first, last = database.execute(_SPAN).fetchone() or (None, None)
    blocked = tuple(row[0] for row in database.execute(_BLOCKED).fetchall())
    try:
        (config,) = database.execute(_CONFIG).fetchone() or ("not kept",)
    except duckdb.CatalogException:
        config = "not kept"
    watermarks = database.execute(WATERMARKS).to_arrow_table()
    return Facts(file, run_id, loaded_at, as_of, str(config)[:12], first, last, blocked, watermarks)


class Header(Part):
    """Title, question, run, present, watermarks, and the name of models and settings."""

    def __init__(self, title: str, question: str, of: Facts) -> None:
        self.title, self.question, self.of = title, question, of
        self.table = mo.ui.table(
            of.watermarks,
            selection=None,
            show_column_summaries=False,
            show_data_types=False,
            format_mapping=cells.formats(of.watermarks),
            text_justify_columns={"rows_read": "right"},
            page_size=20,
        )

    @property
    def said(self) -> str:
        """The facts in one line of Markdown."""
        of = self.of
        return (
            f"run `{of.run_id}` · as of {cells.shown('', of.as_of)} UTC"
            f" · loaded {cells.shown('', of.loaded_at)} UTC"
            f" · models and settings `{of.config}` · file `{of.file}`"
        )

    @property
    def warning(self) -> str:
        """Said when the marts are not to be acted on; else empty."""
        checks = ", ".join(self.of.blocked)
        return f"**Act on nothing:** a check blocks: {checks}. See `marts.data_quality`." if checks else ""

    def _display_(self) -> mo.Html:
        parts: list[object] = [mo.md(f"# {self.title}\n\n{self.question}\n\n<small>{self._small()}</small>")]
        if self.warning:
            parts.append(mo.callout(mo.md(self.warning), kind="danger"))
        parts.append(mo.accordion({"Sources, and up to when each was read": self.table}))
        return mo.vstack(parts, gap=0.6)

    def _small(self) -> str:
        parts = self.said.split("`")
        return "".join(
            f"<code>{escape(each)}</code>" if place % 2 else each for place, each in enumerate(parts)
        )

    def html(self) -> str:
        """The head of a static page."""
        warning = f'<div class="note danger">{mo.md(self.warning).text}</div>' if self.warning else ""
        return (
            f"<header><h1>{escape(self.title)}</h1>{mo.md(self.question).text}<p><small>{self._small()}</small></p>"
            f"{warning}<details><summary>Sources, and up to when each was read</summary>"
            f"{cells.html_table(self.of.watermarks, {})}</details></header>"
        )

    def markdown(self) -> str:
        """The head in Markdown."""
        return "\n\n".join(
            each for each in (f"# {self.title}", self.question, self.said, self.warning) if each
        )
