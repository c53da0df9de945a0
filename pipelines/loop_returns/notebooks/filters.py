"""Filters of a page: each stands in the page and in its link, `?currency=EUR`, so that a view can be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from html import escape
from typing import Any, Protocol

import marimo as mo
import pyarrow as pa

from loop_returns.notebooks.parts import Part


class Params(Protocol):
    """The parameters of a link: marimo's, or a dict in tests."""

    def get(self, key: str, default: Any = None, /) -> Any:  # noqa: ANN401 # marimo gives text or a list of texts
        """The value of a name."""


class Link:
    """The parameters of the page's link, read once and written when a filter changes.

    It is no reactive state: a change of the link must not build the filters anew.
    """

    def __init__(self, params: Params) -> None:
        self._params = params

    def get(self, name: str) -> str | None:
        """The value of a parameter, of several the last; None when it is not given or empty."""
        value = self._params.get(name)
        value = value[-1] if isinstance(value, list) and value else value
        return str(value).strip() or None if value else None

    def set(self, name: str, value: str | None) -> None:
        """Write a value into the link of the page that is shown."""
        if hasattr(self._params, "set"):
            self._params.set(name, value)


def choice(
    link: Link, name: str, options: Sequence[str] | Mapping[str, str], label: str, everything: str | None
) -> mo.ui.dropdown:
    """A choice of one, or of everything.

    Args:
        link: Where its value stands.
        name: Its name there.
        options: Values, or by the words that are shown.
        label: What stands before it.
        everything: Words for no choice, whose value is None; None: one must be chosen, first the first.
    """
    values: dict[str, str | None] = {everything: None} if everything is not None else {}
    values |= options if isinstance(options, Mapping) else {each: each for each in options}
    given = link.get(name)
    shown = next((words for words, value in values.items() if value == given), None)
    return mo.ui.dropdown(
        values,
        value=shown or next(iter(values), None),
        label=label,
        on_change=lambda value: link.set(name, value),
    )


def text(label: str, value: str | None, on_change: Callable[[str | None], None]) -> mo.ui.text:
    """A word to type, taken when it is left or by Enter; None when it is empty."""
    return mo.ui.text(
        value=value or "", label=label, on_change=lambda typed: on_change(typed.strip() or None)
    )


def days(link: Link, first: date, last: date, label: str = "Days (UTC)") -> mo.ui.date_range:
    """A span of days, both included; `from` and `to` in the link. At first everything."""
    first, last = min(first, last), max(first, last)
    start = _within(link.get("from"), first, last) or first
    stop = _within(link.get("to"), first, last) or last

    def changed(span: tuple[date, date]) -> None:
        link.set("from", span[0].isoformat())
        link.set("to", span[1].isoformat())

    return mo.ui.date_range(
        start=first, stop=last, value=(min(start, stop), max(start, stop)), label=label, on_change=changed
    )


def _within(given: str | None, first: date, last: date) -> date | None:
    try:
        day = date.fromisoformat(given or "")
    except ValueError:
        return None
    return min(max(day, first), last)


def picked(table: mo.ui.table | None, column: str) -> str | None:
    """The value of a column in the row that is picked; None when none is, or there is no table."""
    rows = table.value if table is not None else None
    return rows.to_pylist()[0][column] if isinstance(rows, pa.Table) and rows.num_rows else None


class Filters(Part):
    """The filters of a page, side by side; in an export, what they were set to."""

    def __init__(self, **elements: Any) -> None:  # noqa: ANN401 # any element of marimo
        self.elements = elements

    def _display_(self) -> mo.Html:
        return mo.hstack(list(self.elements.values()), wrap=True, justify="start", gap=1.5)

    def _said(self) -> Iterator[str]:
        for name, element in self.elements.items():
            value = element.value
            if isinstance(value, tuple):
                value = " to ".join(each.isoformat() for each in value)
            yield f"{name} = {value or 'all'}"

    def html(self) -> str:
        """What the filters were set to when the page was made."""
        return f'<p class="filters">Filters: {escape(", ".join(self._said()))}</p>'

    def markdown(self) -> str:
        """The same for a Jupyter notebook."""
        return f"Filters: {', '.join(self._said())}"
