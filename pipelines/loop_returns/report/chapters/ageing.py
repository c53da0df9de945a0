"""How old is it: breaks by the days since they were first seen."""

from __future__ import annotations

from loop_returns.report.bars import diverging, scales, stacked
from loop_returns.report.document import SIGNED, Cell, Chapter, Column, Style, Table, Voice
from loop_returns.report.published import Figures

KEY = "ageing"
_STYLES: tuple[Style, ...] = ("sev1", "sev2", "sev3", "sev4")


def chapter(figures: Figures, voice: Voice) -> Chapter:
    """In counts, by severity; and in money, by currency."""
    ageing = figures["ageing"]
    if not ageing["breaks"]:
        return Chapter(KEY, "How old are the breaks?", ["No break is open."])
    lines = [
        "Days count from the day a break was first seen; at 15, 31 and 61 days its severity rises by one."
        " The first report of a shop finds all of them young."
    ]
    tables = [_counts(ageing["breaks"], voice), *_money(ageing["money"], voice)]
    return Chapter(KEY, "How old are the breaks?", lines, tables)


def _counts(found: list[Figures], voice: Voice) -> Table:
    columns = (
        Column("Days since first seen"),
        *(
            Column(f"Severity {number}", "figure", style)
            for number, style in zip(range(1, 5), _STYLES, strict=True)
        ),
        Column("Breaks", "figure"),
        Column("Share of the largest group", "bar"),
    )
    most = max(each["breaks"] for each in found)
    rows: list[tuple[Cell, ...]] = []
    for each in found:
        parts = [(style, each[f"severity_{style[-1]}"]) for style in _STYLES]
        label = ", ".join(f"{number:,} of severity {style[-1]}" for style, number in parts)
        rows.append(
            (
                each["age_bucket"],
                *(f"{number:,}" for _, number in parts),
                f"{each['breaks']:,}",
                stacked(label, parts, most),
            )
        )
    total = [f"{sum(each[name] for each in found):,}" for name in [f"severity_{n}" for n in range(1, 5)]]
    rows.append(("All", *total, f"{sum(each['breaks'] for each in found):,}", ""))
    source = voice.source(f"{voice.now}, open now", "marts.open_breaks")
    return Table("Open breaks by age and severity", source, columns, rows, totals=1)


def _money(found: list[Figures], voice: Voice) -> list[Table]:
    if not found:
        return []
    columns = (
        Column("Days since first seen"),
        Column("Currency"),
        *SIGNED,
        Column("Minus and plus", "bar"),
    )
    scale = scales(found, "plus", "minus")
    rows = [
        (
            each["age_bucket"],
            each["currency"],
            *voice.signed(each),
            diverging(each, scale),
        )
        for each in found
    ]
    source = voice.source(f"{voice.now}, open now", "marts.open_breaks")
    return [Table("The same in money, of all owners", source, columns, rows)]
