"""What changed since the last report?"""

from __future__ import annotations

from decimal import Decimal

from loop_returns.meanings import meaning
from loop_returns.report.document import Cell, Chapter, Column, Headline, Table, Voice, count, instant
from loop_returns.report.published import Figures

KEY = "changes"
_FIRST = "This is the first report here: there is nothing yet to compare with."
_MOST = 20


def headlines(figures: Figures) -> list[Headline]:
    """How many were opened and cleared."""
    changes = figures["changes"]
    if changes is None:
        return [Headline("plain", _FIRST, KEY)]
    breaks, returns = changes["breaks"], changes["returns"]
    text = (
        f"Since the last report, {instant(changes['since'])}: {count(breaks['opened'], 'break')} opened,"
        f" {breaks['cleared']:,} cleared, {breaks['changed']:,} of another amount;"
        f" {count(returns['new_returns'], 'new return')}, {returns['changed_returns']:,} changed."
    )
    return [Headline("plain", text, KEY)]


def chapter(figures: Figures, voice: Voice) -> Chapter:
    """Both ends of the time between, and what lies between them; it must close."""
    changes = figures["changes"]
    if changes is None:
        how = f"The next one compares with {instant(voice.as_of)}; report --since names another instant."
        return Chapter(KEY, "What changed since the last report?", [_FIRST, how])
    lines = [headlines(figures)[0].text]
    if changes["ledger_begins"] and changes["ledger_begins"] > changes["since"]:
        lines.append(
            f"The ledger of breaks begins {instant(changes['ledger_begins'])}:"
            " what was open before is not known, and counts as opened."
        )
    return Chapter(
        KEY,
        "What changed since the last report?",
        lines,
        [_rolled(changes, voice), *_kinds(changes, voice)],
    )


def _rolled(changes: Figures, voice: Voice) -> Table:
    columns = (
        Column("Breaks"),
        Column("Open then", "figure"),
        Column("Opened", "figure"),
        Column("Cleared", "figure"),
        Column("Changed", "figure"),
        Column("Open now", "figure"),
    )
    counts = changes["breaks"]
    names = ("open_then", "opened", "cleared", "changed", "open_now")
    rows: list[tuple[Cell, ...]] = [
        (
            "Count",
            f"{counts['open_then']:,}",
            f"{counts['opened']:+,}" if counts["opened"] else "0",
            f"{-counts['cleared']:,}",
            f"({counts['changed']:,})",
            f"{counts['open_now']:,}",
        )
    ]
    for each in changes["money"]:
        signs = {"cleared": Decimal(-1)}
        amounts = [voice.amount(each[name] * signs.get(name, Decimal(1)), each["currency"]) for name in names]
        rows.append((f"{each['currency']}, signed sum", *amounts))
    note = "Open then + opened + cleared + changed = open now, in each currency. With what a person accepted."
    source = voice.source(_period(changes, voice), "marts.break_ledger")
    return Table("From the last report to this one", source, columns, rows, note=note)


def _kinds(changes: Figures, voice: Voice) -> list[Table]:
    kinds = changes["kinds"]
    if not kinds:
        return []
    columns = (
        Column("What"),
        Column("Since then"),
        Column("Currency"),
        Column("Breaks", "figure"),
        Column("Signed sum", "figure"),
    )
    rows = [
        (
            meaning(each["recon"], each["break_type"]),
            each["what"],
            each["currency"] or "-",
            f"{each['breaks']:,}",
            voice.amount(each["net"], each["currency"]),
        )
        for each in kinds[:_MOST]
    ]
    note = f"{len(kinds) - _MOST:,} more rows are in the figures of --json." if len(kinds) > _MOST else ""
    source = voice.source(_period(changes, voice), "marts.break_ledger")
    return [Table("Opened and cleared, by what they are", source, columns, rows, note=note)]


def _period(changes: Figures, voice: Voice) -> str:
    return f"{instant(changes['since'])} to {instant(voice.as_of)}"
