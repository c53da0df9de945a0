"""Is the pull complete?"""

from __future__ import annotations

from loop_returns.report.bars import strip
from loop_returns.report.document import Cell, Chapter, Column, Headline, Table, Voice, count, instant
from loop_returns.report.published import Figures

KEY = "pull"
PASSES = {
    ("returns", "default"): "Returns: open, closed, expired",
    ("returns", "cancelled"): "Returns: cancelled",
    ("returns", "review"): "Returns: in review",
    ("advanced_shipping_notices", "all"): "Shipping notices",
}
_MOST = 10


def headlines(figures: Figures) -> list[Headline]:
    """Whether all was read."""
    pull = figures["pull"]
    return [Headline("good" if pull["is_complete"] else "look", _complete(pull), KEY)]


def _complete(pull: Figures) -> str:
    if pull["from"] is None:
        return "Nothing was read yet."
    span = f"{pull['from']:%Y-%m-%d} to {instant(pull['to'])}"
    if pull["is_complete"]:
        return f"The pull is complete: every state and every shipping notice, {span}."
    return f"The pull is NOT complete, {span}: {count(len(pull['holes']), 'span')} not read."


def chapter(figures: Figures, voice: Voice) -> Chapter:
    """What was read, and what was not."""
    pull = figures["pull"]
    lines = [
        _complete(pull),
        f"{count(pull['rows'] or 0, 'row')} in {count(pull['windows'], 'window')} with"
        f" {count(pull['requests'] or 0, 'request')}; the last load ended {instant(pull['loaded_at'])}.",
        *(f"Not read: {hole}" for hole in pull["holes"][:_MOST]),
    ]
    return Chapter(KEY, "Is the pull complete?", lines, [_passes(pull, voice)])


def _passes(pull: Figures, voice: Voice) -> Table:
    columns = (
        Column("What was read"),
        Column("From", "figure"),
        Column("To", "figure"),
        Column("Days", "figure"),
        Column("Complete", "figure", "covered"),
        Column("In part", "figure", "partly"),
        Column("Not read", "figure", "hole"),
        Column("Rows", "figure"),
        Column("Days, oldest first", "bar"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            PASSES.get((each["endpoint"], each["pass"]), f"{each['endpoint']}, {each['pass']}"),
            f"{each['first_day']}",
            f"{each['last_day']}",
            *(f"{each[name] or 0:,}" for name in ("days", "covered", "partly", "holes", "rows")),
            strip(each),
        )
        for each in sorted(pull["passes"], key=_order)
    ]
    source = voice.source("Days as below, UTC", "marts.recon_coverage")
    return Table("Days read, by what was asked for", source, columns, rows)


def _order(each: Figures) -> int:
    named = (each["endpoint"], each["pass"])
    return list(PASSES).index(named) if named in PASSES else len(PASSES)
