"""What a report is made of, whatever it is shown in: chapters of sentences and tables, drawn bars in cells.

figures -> chapters -> Document -> html, markdown
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from loop_returns.report.amounts import NO_CURRENCY, number
from loop_returns.report.published import Figures

Tone = Literal["good", "look", "plain"]
Style = Literal["plus", "minus", "covered", "partly", "hole", "sev1", "sev2", "sev3", "sev4"]

SEVERITIES: dict[int, str] = {
    1: "money leaves wrongly",
    2: "money wrong or goods missing",
    3: "a customer waits",
    4: "hygiene",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar: where it begins and how long it is, both as shares of the bar's whole width."""

    start: float
    length: float
    style: Style


@dataclass(frozen=True, slots=True)
class Bar:
    """A drawing of figures that stand beside it; `label` says in words what it shows."""

    label: str
    parts: tuple[Part, ...]
    axis: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column; figures are aligned right, a bar takes what room there is."""

    title: str
    kind: Literal["text", "figure", "bar"] = "text"
    swatch: Style | None = None


SIGNED = (
    Column("Breaks", "figure"),
    Column("Plus", "figure", "plus"),
    Column("Minus", "figure", "minus"),
    Column("Signed sum", "figure"),
)
"""The columns of `Voice.signed`."""
Cell = str | Bar


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its first column names the row.

    Attributes:
        title: What it shows.
        source: Its period, where its figures are from, when they were loaded.
        totals: How many of the last rows are totals.
        note: How to read it.
    """

    title: str
    source: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    totals: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading, sentences, tables; `key` is its anchor."""

    key: str
    title: str
    lines: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Headline:
    """One sentence of the summary, and whether somebody should look."""

    tone: Tone
    text: str
    key: str


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report."""

    title: str
    stand: str
    headlines: list[Headline]
    chapters: list[Chapter]
    foot: list[str]


@dataclass(frozen=True, slots=True)
class Voice:
    """How instants, amounts and sources are said in one report."""

    as_of: datetime
    loaded_at: datetime | None
    units: dict[str, Decimal]

    @classmethod
    def of(cls, figures: Figures) -> Voice:
        """The voice of a report."""
        return cls(figures["as_of"], figures["pull"]["loaded_at"], figures["units"])

    def source(self, period: str, *tables: str) -> str:
        """The line that every table has."""
        return f"{period}. Source: {', '.join(tables)}; loaded {instant(self.loaded_at)}."

    @property
    def now(self) -> str:
        """The period of what stands at this moment."""
        return f"As of {instant(self.as_of)}"

    def amount(self, value: Decimal | None, currency: str, *, sign: bool = True) -> str:
        """An amount without its currency, for a row that names it."""
        return number(value, self.units.get(currency), sign=sign)

    def money(self, value: Decimal | None, currency: str, *, sign: bool = True) -> str:
        """An amount with its currency."""
        return f"{currency or NO_CURRENCY} {self.amount(value, currency, sign=sign)}"

    def signed(self, one: Figures) -> tuple[str, str, str, str]:
        """How many breaks, both sides of their sum, and the sum: the cells below `SIGNED`."""
        net = self.amount(one["net"], one["currency"])
        return f"{one['breaks']:,}", self.sides(one, "plus"), self.sides(one, "minus"), net

    def sides(self, one: Figures, side: Literal["plus", "minus"]) -> str:
        """How many breaks of a sign, and their sum: `56 at +5,307.74`; a dash for none."""
        count = one[f"{side}_breaks"]
        return f"{count:,} at {self.amount(one[side], one['currency'])}" if count else "-"


def instant(at: datetime | None) -> str:
    """A time as people read it."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else "never"


def count(number_of: int, what: str, many: str = "") -> str:
    """A number and its noun.

    >>> count(1, "break"), count(1200, "break"), count(2, "class", "classes")
    ('1 break', '1,200 breaks', '2 classes')
    """
    return f"{number_of:,} {what if number_of == 1 else many or what + 's'}"


def share(part: int, whole: int) -> str:
    """A share in per cent, as people say it.

    >>> share(1, 3), share(0, 0)
    ('33 %', '0 %')
    """
    return f"{part / whole if whole else 0:.0%}".replace("%", " %")
