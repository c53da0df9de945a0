"""The published file as a notebook reads it: attached read-only to a connection of the page's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb
import marimo as mo
import pyarrow as pa

from loop_returns.errors import LoopReturnsError
from loop_returns.notebooks import cells, charts, header
from loop_returns.notebooks.catalogue import NOTEBOOKS
from loop_returns.notebooks.filters import Link, days
from loop_returns.notebooks.parts import Figure, Note, OnPick
from loop_returns.notebooks.requested import Requests
from loop_returns.notebooks.sql import literal, tables, tidy

Draw = Callable[[list[cells.Row]], charts.Chart]
_TIPS = "select table_schema || '.' || table_name, column_name, description from marts.data_dictionary"
_OLDER = "This file is older than the table that it should come from: run `loop-returns build`."


class Shop:
    """A published file, open for one page: it sees one whole build, and the next page sees the next.

    Attributes:
        facts: Run, present, watermarks, name of models and settings.
    """

    def __init__(self, published: Path) -> None:
        """Open it.

        Raises:
            LoopReturnsError: Nothing is published yet, or the file is not one of ours.
        """
        if not published.exists():
            raise LoopReturnsError(
                "nothing is published yet", cause=f"{published} is not there", hint="loop-returns run"
            )
        self._database = duckdb.connect()
        try:
            self._database.execute("set timezone = 'UTC'")
            self._database.execute(f"attach {literal(str(published))} as loop (read_only)")
            self._database.execute("use loop")
            # Whatever stands in a page's link, a statement can reach nothing but this file.
            self._database.execute("set enable_external_access = false")
            self._database.execute("set lock_configuration = true")
            self.facts = header.facts(self._database, "/".join(published.parts[-2:]))
            self._tips = {
                (table, column): tip for table, column, tip in self._database.execute(_TIPS).fetchall()
            }
        except duckdb.Error as error:
            raise LoopReturnsError(
                "the published file cannot be read",
                cause=str(error).splitlines()[0],
                hint="loop-returns build",
            ) from error

    def rows(self, sql: str) -> pa.Table:
        """What a statement gives; money as exact decimals, times in UTC."""
        return self._database.execute(sql).to_arrow_table()

    def values(self, sql: str) -> list[Any]:
        """The first column of what a statement gives."""
        return [row[0] for row in self._database.execute(sql).fetchall()]

    def has(self, table: str) -> bool:
        """Whether the file has a table; `schema.name`."""
        schema, name = table.split(".")
        wanted = f"schema_name = {literal(schema)} and table_name = {literal(name)}"
        return bool(self.values(f"select 1 from duckdb_tables() where database_name = 'loop' and {wanted}"))

    def currencies(self) -> list[str]:
        """The currencies of the returns, the most used first."""
        return self.values(
            "select currency from staging.stg_returns where currency is not null"
            " group by currency order by count(*) desc, currency"
        )

    def span(self, link: Link) -> mo.ui.date_range:
        """The filter of days, from the first day on which a return was made to the build's present."""
        of = self.facts
        last = of.as_of.date() if of.as_of else date(2000, 1, 1)
        return days(link, min(of.first or last, last), last)

    def header(self, notebook: str) -> header.Header:
        """The head of a page, named by its file."""
        return header.Header(*NOTEBOOKS[notebook], self.facts)

    def figure(
        self,
        title: str,
        says: str,
        sql: str,
        *,
        period: str | None = None,
        draw: Draw | None = None,
        select: Literal["single", "multi"] | None = None,
        on_pick: OnPick | None = None,
        shows_table: bool = True,
        empty: str = "There is nothing to show.",
    ) -> Figure:
        """A figure from a statement.

        Args:
            title: What it is.
            says: What it answers and how to read it, in Markdown.
            sql: The statement, shown as it is executed.
            period: What time it covers, in words; left out: the state at the build's present.
            draw: Makes the chart from the rows.
            select: Whether rows can be picked; a cell reads them from `.table`.
            on_pick: Hears the row that is picked.
            shows_table: False: the chart says it all, and its rows are in the SQL.
            empty: What it says without rows.
        """
        sql = tidy(sql)
        try:
            rows = self.rows(sql)
        except (duckdb.CatalogException, duckdb.BinderException):
            rows, empty = pa.table({}), _OLDER
        chart = draw(cells.plain(rows)) if draw and rows.num_rows else None
        return Figure(
            title,
            says,
            sql,
            rows,
            self._caption(sql, period),
            chart=chart,
            tips=self._tips_of(sql, rows.column_names),
            select=select,
            on_pick=on_pick,
            shows_table=shows_table or chart is None,
            empty=empty,
        )

    def _caption(self, sql: str, period: str | None) -> str:
        of = self.facts
        what = period or f"state as of {cells.shown('', of.as_of)} UTC"
        return (
            f"Period: {what}. Source: {', '.join(tables(sql))}. Loaded {cells.shown('', of.loaded_at)} UTC."
        )

    def _tips_of(self, sql: str, columns: list[str]) -> dict[str, str]:
        found = {name: self._tips.get((table, name)) for table in reversed(tables(sql)) for name in columns}
        for table in tables(sql):
            found |= {name: self._tips[table, name] for name in columns if (table, name) in self._tips}
        return {name: tip for name, tip in found.items() if tip}

    def requests(
        self, title: str, says: str, sql: str, *, action: str = "flag", empty: str = "There is none."
    ) -> Requests:
        """The last part of a page: rows with return_id and reason that can be asked for."""
        return Requests(self.figure(title, says, sql, empty=empty), action)

    def story(self, return_id: str | None, where: str = "the table above") -> Figure | Note:
        """Everything known about one return in time order, or how to choose one."""
        if not return_id:
            return Note(f"Pick a row of {where}: what is known about that return stands here, in time order.")
        return self.figure(
            f"The story of return {return_id}",
            f"All sources, oldest first. The whole evidence: notebook *One return*, `?return_id={return_id}`;"
            f" in a terminal `loop-returns explain {return_id}`.",
            "select happened_at, source, event, detail, amount, currency"
            f" from marts.explain({literal(return_id)})",
            period="the whole life of the return",
            empty="No source knows this return.",
        )

    def without(self, extract: str, says: str) -> Note | None:
        """What a page cannot say because an extract is absent; None when it is here."""
        here = f"select 1 from staging.stg_extracts where is_present and name = {literal(extract)}"
        if self.values(here):
            return None
        return Note(
            f"No extract `{extract}` is here: {says} `loop-returns extracts --template {extract}` says what"
            " it must look like.",
            kind="warn",
        )
