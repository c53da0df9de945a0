"""Why: open breaks by root cause, and the share of which nobody knows it."""

from __future__ import annotations

from loop_returns.report.bars import diverging, scales
from loop_returns.report.document import SIGNED, Chapter, Column, Headline, Table, Voice, share
from loop_returns.report.published import Figures

KEY = "causes"


def headlines(figures: Figures) -> list[Headline]:
    """The share of unknown causes."""
    return [Headline("plain", _unknown(figures["breaks"]), KEY)] if figures["breaks"]["open"] else []


def _unknown(breaks: Figures) -> str:
    unknown, every = breaks["unknown_cause"], breaks["open"]
    return f"The cause is unknown for {unknown:,} of {every:,} open breaks ({share(unknown, every)})."


def chapter(figures: Figures, voice: Voice) -> Chapter:
    """Causes from the closed list, in counts and in money."""
    title = "Why, and how much of it is unknown?"
    if not figures["causes"]:
        return Chapter(KEY, title, ["No break is open."])
    columns = (
        Column("Root cause"),
        Column("Currency"),
        *SIGNED,
        Column("Minus and plus", "bar"),
    )
    scale = scales(figures["causes"], "plus", "minus")
    rows = [
        (
            each["root_cause"].replace("_", " "),
            each["currency"] or "-",
            *voice.signed(each),
            diverging(each, scale),
        )
        for each in figures["causes"]
    ]
    source = voice.source(f"{voice.now}, open now", "marts.open_breaks")
    return Chapter(
        KEY,
        title,
        [_unknown(figures["breaks"])],
        [Table("Open breaks by root cause and currency", source, columns, rows)],
    )
