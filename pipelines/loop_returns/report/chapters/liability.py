"""What is owed on open returns, how likely it is, and what moved it."""

from __future__ import annotations

from decimal import Decimal

from loop_returns.report.bars import scales, simple
from loop_returns.report.document import Cell, Chapter, Column, Headline, Table, Voice, count
from loop_returns.report.published import Figures

KEY = "liability"
STAGES = {
    "no_label": "no label yet",
    "label_only": "label made, not used",
    "in_transit": "on the way",
    "delivered": "delivered",
    "failed": "label failed",
    "no_parcel": "needs no parcel",
    "unknown": "not known",
}
_NONE = "No return is open or in review: nothing is owed."


def headlines(figures: Figures) -> list[Headline]:
    """What is owed at most, per currency."""
    voice, now = Voice.of(figures), figures["liability"]["now"]
    if not now:
        return [Headline("good", _NONE, KEY)]
    told = "; ".join(
        f"{voice.money(each['most'], each['currency'], sign=False)}"
        f" on {count(each['returns'], 'open return')}"
        for each in now
    )
    return [Headline("plain", f"Owed at most: {told}.", KEY)]


def chapter(figures: Figures, voice: Voice) -> Chapter:
    """Now, by currency; by stage and age; and the months before."""
    liability = figures["liability"]
    title = "What is owed?"
    if not liability["now"]:
        return Chapter(KEY, title, [_NONE], _months(liability, voice))
    lines = [
        "Promised on returns that are open or in review, and not known to be paid, issued or ordered."
        " It is a figure and a method, not a booking."
    ]
    tables = [
        _now(liability, voice),
        _split(liability["stages"], "stage", "How far the goods are", STAGES, voice),
        _split(liability["ages"], "age_bucket", "Days since the return was made", {}, voice),
        *_months(liability, voice),
    ]
    return Chapter(KEY, title, lines, tables)


def _now(liability: Figures, voice: Voice) -> Table:
    columns = (
        Column("Currency"),
        Column("Returns", "figure"),
        Column("Cash", "figure"),
        Column("Store credit", "figure"),
        Column("Exchange", "figure"),
        Column("Most", "figure"),
        Column("Least", "figure"),
        Column("To be expected", "figure"),
    )
    names = ("cash", "credit", "exchange", "most", "least")
    rows = [
        (
            each["currency"] or "-",
            f"{each['returns']:,}",
            *(voice.amount(each[name], each["currency"], sign=False) for name in names),
            _expected(each, voice),
        )
        for each in liability["now"]
    ]
    note = (
        "Least: a return in review may have been carried out in part, which Loop's list does not say."
        " To be expected: by what became of earlier returns of that stage and age, 95 % interval."
    )
    source = voice.source(f"{voice.now}, open now", "marts.fin_open_returns", "marts.fin_liability_expected")
    return Table("Owed now", source, columns, rows, note=note)


def _expected(each: Figures, voice: Voice) -> str:
    if each["low"] is None:
        return "-"
    low, high = (voice.amount(each[name], each["currency"], sign=False) for name in ("low", "high"))
    return f"{low} to {high}"


def _split(found: list[Figures], name: str, title: str, words: dict[str, str], voice: Voice) -> Table:
    columns = (
        Column(title),
        Column("Currency"),
        Column("Returns", "figure"),
        Column("Promised", "figure"),
        Column("Share of the largest", "bar"),
    )
    scale = scales(found, "amount")
    rows: list[tuple[Cell, ...]] = []
    for each in found:
        amount = voice.amount(each["amount"], each["currency"], sign=False)
        bar = simple(
            f"{each['currency']} {amount}", each["amount"] or Decimal(0), scale[each["currency"]], "covered"
        )
        named = words.get(each[name], str(each[name]))
        rows.append((named, each["currency"] or "-", f"{each['returns']:,}", amount, bar))
    source = voice.source(f"{voice.now}, open now", "marts.fin_open_returns")
    by = "stage of the parcel" if name == "stage" else "age"
    return Table(f"Owed now, by {by}", source, columns, rows)


def _months(liability: Figures, voice: Voice) -> list[Table]:
    months = liability["months"]
    if not months:
        return []
    columns = (
        Column("Month"),
        Column("Currency"),
        Column("Opening", "figure"),
        Column("Created", "figure"),
        Column("Changed", "figure"),
        Column("Closed", "figure"),
        Column("Cancelled, expired", "figure"),
        Column("Closing", "figure"),
        Column("Closing, of the largest", "bar"),
    )
    scale = scales(months, "closing")
    rows: list[tuple[Cell, ...]] = []
    for each in months:
        currency = each["currency"]
        closing = voice.amount(each["closing"], currency, sign=False)
        rows.append(
            (
                f"{each['month']:%Y-%m}",
                currency,
                voice.amount(each["opening"], currency, sign=False),
                *(voice.amount(each[name], currency) for name in ("created", "edited")),
                *(voice.amount(-each[name], currency) for name in ("processed", "ended_otherwise")),
                closing,
                simple(f"{currency} {closing}", each["closing"], scale[currency], "covered"),
            )
        )
    off = sum(1 for each in months if each["control"])
    note = (
        f"Opening and movements give the closing in {len(months) - off:,} of {len(months):,} rows."
        " Closed in Loop does not mean paid. The last month is not over."
    )
    source = voice.source("Months as below, UTC; all components", "marts.fin_liability")
    return [Table("What moved it, month by month", source, columns, rows, note=note)]
