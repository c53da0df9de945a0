"""Can the figures be trusted: control totals, checks, exports of other systems."""

from __future__ import annotations

from loop_returns.report.document import Chapter, Column, Headline, Table, Voice, count, instant
from loop_returns.report.published import Figures

KEY = "trust"
_MOST = 20


def headlines(figures: Figures) -> list[Headline]:
    """Whether a total does not add up, or a check forbids to act."""
    pull, said = figures["pull"], []
    if pull["control"]["residuals"]:
        said.append(Headline("look", "Control totals do not add up: trust nothing here.", KEY))
    blocks = sorted({each["check_id"] for each in pull["checks"] if each["result"] == "block"})
    if blocks:
        names = ", ".join(blocks)
        said.append(Headline("look", f"Do not act on these figures yet: {names} says block.", KEY))
    return said


def chapter(figures: Figures, voice: Voice) -> Chapter:
    """What the checks say, what other systems gave."""
    pull = figures["pull"]
    control = pull["control"]
    lines = [
        f"Control totals: {count(control['classes'], 'class', 'classes')}"
        f" of {count(control['marts'], 'mart')};"
        f" {control['residuals']:,} of them do not add up to what there was to explain.",
        *_absent(pull),
    ]
    tables = [*_checks(pull, voice), *_extracts(pull, voice)]
    return Chapter(KEY, "Can these figures be trusted?", lines, tables)


def _checks(pull: Figures, voice: Voice) -> list[Table]:
    if not pull["checks"]:
        return []
    columns = (Column("Check"), Column("Result"), Column("Subject"), Column("Findings", "figure"))
    rows = [
        (each["check_id"], each["result"], each["subject"], f"{each['finding_count']:,}")
        for each in pull["checks"][:_MOST]
    ]
    told = ", ".join(f"{number:,} {result}" for result, number in pull["results"].items())
    note = f"All checks: {told}. block: act on nothing; warn: look."
    source = voice.source(voice.now, "marts.data_quality")
    return [Table("Checks that speak", source, columns, rows, note=note)]


def _extracts(pull: Figures, voice: Voice) -> list[Table]:
    present = [each for each in pull["extracts"] if each["is_present"]]
    if not present:
        return []
    columns = (
        Column("Export"),
        Column("Rows", "figure"),
        Column("Refused", "figure"),
        Column("Newest row", "figure"),
        Column("Read", "figure"),
    )
    rows = [
        (
            each["name"],
            f"{each['rows']:,}",
            f"{each['rejected']:,}",
            instant(each["newest_at"]) if each["newest_at"] else "-",
            instant(each["read_at"]),
        )
        for each in present
    ]
    source = voice.source("Whole files, read as below", "staging.stg_extracts")
    return [Table("Exports of other systems", source, columns, rows)]


def _absent(pull: Figures) -> list[str]:
    absent = [each["name"] for each in pull["extracts"] if not each["is_present"]]
    if not absent:
        return []
    return [f"Not connected: {', '.join(absent)}. What needs them is unverifiable here, never a break."]
