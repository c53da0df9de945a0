"""Money that does not foot, and what else does not reconcile: counts and signed sums side by side."""

from __future__ import annotations

from loop_returns.meanings import meaning
from loop_returns.report.bars import diverging, scales
from loop_returns.report.document import (
    SEVERITIES,
    SIGNED,
    Cell,
    Chapter,
    Column,
    Headline,
    Table,
    Voice,
    count,
    instant,
)
from loop_returns.report.published import Figures

MONEY, OTHERS = "money", "others"
FINANCE = "finance"
OWNERS = {"ops": "operations"}
_SIGNS = (
    "Plus: Loop says more than the other side, or the parts of a return more than its total; minus: less."
    " The net hides what the two hide in each other."
)
_AT_STAKE = "An amount here is what the return promises: at stake, not lost."


def headlines(figures: Figures) -> list[Headline]:
    """How many breaks are open, how bad, and the money that finance must explain."""
    breaks = figures["breaks"]
    if not breaks["open"]:
        return [Headline("good", "Everything reconciles: no break is open.", MONEY)]
    worst = min(breaks["severities"])
    text = (
        f"{count(breaks['open'], 'break is', 'breaks are')} open on {count(breaks['returns'], 'return')};"
        f" {breaks['severities'][worst]:,} of severity {worst} ({SEVERITIES.get(worst, 'hygiene')})."
    )
    return [Headline("look", text, OTHERS), *_sums(figures)]


def _sums(figures: Figures) -> list[Headline]:
    voice = Voice.of(figures)
    totals = [each for each in figures["breaks"]["totals"] if each["owner"] == FINANCE]
    told = [
        f"{each['currency']} {voice.sides(each, 'plus')} and {voice.sides(each, 'minus')},"
        f" net {voice.amount(each['net'], each['currency'])}"
        for each in totals
        if each["plus_breaks"] or each["minus_breaks"]
    ]
    return [Headline("look", f"Money that does not foot: {'; '.join(told)}.", MONEY)] if told else []


def chapters(figures: Figures, voice: Voice) -> list[Chapter]:
    """Finance first, then the other owners, then the worst breaks one by one."""
    breaks = figures["breaks"]
    kinds = breaks["kinds"]
    owners = sorted({each["owner"] for each in kinds} - {FINANCE})
    money = [_table(figures, FINANCE, voice, _SIGNS)] if any(e["owner"] == FINANCE for e in kinds) else []
    others = [_table(figures, owner, voice, _AT_STAKE) for owner in owners]
    worst = [_worst(breaks, voice)] if breaks["worst"] else []
    footing = [] if money else ["All money foots: no break that finance looks after is open."]
    return [
        Chapter(MONEY, "Money that does not foot", footing, money),
        Chapter(OTHERS, "What else does not reconcile", _standing(breaks), [*others, *worst]),
    ]


def _standing(breaks: Figures) -> list[str]:
    if not breaks["open"]:
        return ["No break is open."]
    each = (
        f"{number:,} of severity {severity} ({SEVERITIES.get(severity, 'hygiene')})"
        for severity, number in breaks["severities"].items()
    )
    said = [f"{count(breaks['open'], 'break is', 'breaks are')} open, of all owners: {', '.join(each)}."]
    if breaks["reopened"]:
        said.append(f"{breaks['reopened']:,} of them came back after they were cleared.")
    if breaks["accepted"]:
        said.append(
            f"{breaks['accepted']:,} more are accepted: a person leaves them until a day."
            " They are in no table here but that of the changes."
        )
    return said


def _table(figures: Figures, owner: str, voice: Voice, note: str) -> Table:
    breaks = figures["breaks"]
    kinds = [each for each in breaks["kinds"] if each["owner"] == owner]
    totals = [each for each in breaks["totals"] if each["owner"] == owner]
    scale = scales(kinds, "plus", "minus")
    columns = (
        Column("What"),
        Column("Severity", "figure"),
        Column("Currency"),
        *SIGNED,
        Column("Oldest", "figure"),
        Column("Minus and plus", "bar"),
    )
    rows = [
        (
            *_row(meaning(each["recon"], each["break_type"]), str(each["severity"]), each, voice),
            f"{each['age_days']:,} d",
            diverging(each, scale),
        )
        for each in kinds
    ]
    sums = [(*_row(f"All {each['currency']}", "", each, voice), "", "") for each in totals]
    where = ", ".join(sorted({f"marts.{each['recon']}" for each in kinds}))
    source = voice.source(f"{voice.now}, open now", "marts.open_breaks", where)
    title = f"Open breaks that {OWNERS.get(owner, owner)} looks after, by what they are and by currency"
    return Table(title, source, columns, [*rows, *sums], totals=len(sums), note=note)


def _row(name: str, severity: str, each: Figures, voice: Voice) -> tuple[Cell, ...]:
    return (name, severity, each["currency"] or "-", *voice.signed(each))


def _worst(breaks: Figures, voice: Voice) -> Table:
    columns = (
        Column("Return"),
        Column("What"),
        Column("Severity", "figure"),
        Column("Amount", "figure"),
        Column("One side says"),
        Column("The other"),
        Column("First seen", "figure"),
        Column("Return made", "figure"),
    )
    rows = [
        (
            f"RMA {each['return_id']}" if each["return_id"] else each["entity"],
            meaning(each["recon"], each["break_type"]),
            str(each["severity"]),
            "-" if each["amount"] is None else voice.money(each["amount"], each["currency"]),
            each["left_ref"] or "-",
            each["right_ref"] or "-",
            instant(each["first_seen_at"]),
            "-" if each["return_age_days"] is None else f"{each['return_age_days']:,} d ago",
        )
        for each in breaks["worst"]
    ]
    source = voice.source(f"{voice.now}, open now", "marts.open_breaks")
    note = "The command loop-returns explain tells all that is known of one return."
    return Table("The worst ones", source, columns, rows, note=note)
