"""What is wanted of a figure, and whether it holds: the table that `make bench` prints and keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table.

    Attributes:
        what: What was measured.
        goal: The most (or least) that it may be, in words.
        figure: What it was, with the medians that a ratio is made of.
        holds: Whether the goal holds.
    """

    what: str
    goal: str
    figure: str
    holds: bool


def at_most(what: str, limit: float, value: float, unit: str, how: str = "") -> Goal:
    """A goal that a figure may not pass."""
    return Goal(what, f"<= {limit:g}{unit}", _said(value, unit, how), value <= limit)


def at_least(what: str, limit: float, value: float, unit: str, how: str = "") -> Goal:
    """A goal that a figure must reach."""
    return Goal(what, f">= {limit:g}{unit}", _said(value, unit, how), value >= limit)


def ratio(of: Sequence[float], to: Sequence[float]) -> tuple[float, str]:
    """Median of one over median of the other, and the two in words: seconds."""
    upper, lower = median(of), median(to)
    return upper / lower, f"{upper:.1f} s / {lower:.1f} s"


def as_table(goals: Sequence[Goal]) -> str:
    """A Markdown table, its columns in line."""
    rows = [("what", "goal", "figure", "holds")]
    rows += [(one.what, one.goal, one.figure, "yes" if one.holds else "no") for one in goals]
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _said(value: float, unit: str, how: str) -> str:
    return f"{value:.2f}{unit}" + (f" ({how})" if how else "")
