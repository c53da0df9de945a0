"""What did the machine do, and what waits for a person?"""

from __future__ import annotations

from datetime import datetime

from loop_returns.report.document import Chapter, Column, Headline, Table, Voice, count, instant
from loop_returns.report.published import Figures

MACHINE, WAITING = "machine", "waiting"
BECAME = {
    "waiting": "not sent yet",
    "pending": "taken by Loop, under way",
    "unconfirmed": "sent, and not seen to be done",
    "confirmed": "done, and seen to be done",
    "diverted": "processed, and ended in review",
    "refused": "refused by Loop",
    "unknown": "sent, and nobody can say what became of it",
    "contradicted": "done, and the return says otherwise",
    "drift": "not sent: the return had changed",
    "not_sent": "proved not to have arrived",
    "expired": "not sent: its approval ended",
}
MODES = {"on": "on: it asks", "shadow": "in shadow: only shown"}


def headlines(figures: Figures) -> list[Headline]:
    """How much waits for a person."""
    waiting = figures["waiting"]
    urgent = waiting["parked"] + waiting["in_doubt"]
    text = (
        f"Waiting for a person: {count(urgent, 'action')} in doubt,"
        f" {count(waiting['undecided']['requests'], 'request')} to decide,"
        f" {count(waiting['review']['in_review'], 'return')} in review."
    )
    return [Headline("look" if urgent else "plain", text, WAITING)]


def chapters(figures: Figures, voice: Voice) -> list[Chapter]:
    """What was done; what is left to people."""
    return [_machine(figures["machine"], voice), _waiting(figures["waiting"], voice)]


def _machine(machine: Figures, voice: Voice) -> Chapter:
    since = machine["since"]
    span = f"{instant(since)} to {instant(voice.as_of)}" if since else f"Up to {instant(voice.as_of)}"
    lines = [] if machine["outcomes"] else [f"Nothing was done. {span}."]
    lines += [] if machine["rules"] else ["No rule picks a return now."]
    tables = [_outcomes(machine, span, voice)] if machine["outcomes"] else []
    return Chapter(MACHINE, "What did the machine do?", lines, tables + _rules(machine, voice))


def _outcomes(machine: Figures, span: str, voice: Voice) -> Table:
    columns = (
        Column("Action"),
        Column("What became of it"),
        Column("Attempts", "figure"),
        Column("Returns", "figure"),
        Column("Amount", "figure"),
        Column("Last", "figure"),
    )
    rows = [
        (
            each["action"],
            BECAME.get(each["match_class"], each["match_class"]),
            f"{each['attempts']:,}",
            f"{each['returns']:,}",
            "-" if each["amount"] is None else voice.money(each["amount"], each["currency"], sign=False),
            instant(each["last_at"]),
        )
        for each in machine["outcomes"]
    ]
    source = voice.source(span, "marts.action_outcome")
    note = "A person approved each of them first; the command loop-returns actions lists them one by one."
    return Table("Actions, and what became of them", source, columns, rows, note=note)


def _rules(machine: Figures, voice: Voice) -> list[Table]:
    if not machine["rules"]:
        return []
    columns = (
        Column("Rule"),
        Column("Mode"),
        Column("Would ask for"),
        Column("Returns", "figure"),
        Column("Exempt", "figure"),
    )
    rows = [
        (
            each["rule_id"],
            MODES.get(each["mode"], each["mode"]),
            "a task for people" if each["action"] == "none" else each["action"],
            f"{each['picks']:,}",
            f"{each['exempt']:,}",
        )
        for each in machine["rules"]
    ]
    source = voice.source(voice.now, "marts.flag_candidates")
    return [Table("What the rules pick now", source, columns, rows)]


def _waiting(waiting: Figures, voice: Voice) -> Chapter:
    undecided, review = waiting["undecided"], waiting["review"]
    found: list[tuple[str, int, datetime | None, str]] = [
        ("Actions that nobody can know about", waiting["parked"], None, "look in Loop, then resolve"),
        ("Actions sent, no answer read yet", waiting["in_doubt"], None, "the next run or apply reads back"),
        ("Actions that want a second yes", waiting["planned"], None, "approve, by another person"),
        ("Requests nobody has decided", undecided["requests"], undecided["oldest_at"], "plan, then approve"),
        ("Returns in review at Loop", review["in_review"], review["oldest_at"], "decide them in Loop"),
        ("Accepted breaks that end within a week", waiting["ending"], None, "mend them, or accept again"),
    ]
    columns = (Column("What"), Column("How many", "figure"), Column("Oldest", "figure"), Column("What to do"))
    rows = [
        (what, f"{number:,}", f"since {oldest:%Y-%m-%d}" if oldest and number else "-", todo)
        for what, number, oldest, todo in found
    ]
    source = voice.source(
        voice.now, "ops.actions", "ops.flagged_items", "marts.fin_open_returns", "marts.open_breaks"
    )
    table = Table("What goes no further by itself", source, columns, rows)
    return Chapter(WAITING, "What waits for a person?", [], [table])
