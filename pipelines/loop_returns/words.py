"""Figures as words: the texts that `run`, `status`, `verify` and `demo` print."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop_returns.meanings import meaning
from loop_returns.report import Figures, money
from loop_returns.terminal import table

if TYPE_CHECKING:
    from loop_returns.accepted import Word
    from loop_returns.extract.pull import PullResult
    from loop_returns.extract.verify import Verification
    from loop_returns.hand_flags import Flagged
    from loop_returns.pipeline import RunResult
    from loop_returns.report.document import Document
    from loop_returns.warehouse.marts import BuildResult

WIDTH = 80
SHOWN_TABLES = (
    "loop_raw.returns",
    "loop_raw.returns__line_items",
    "loop_raw.returns__exchanges",
    "loop_raw.returns__labels",
    "loop_raw.advanced_shipping_notices",
    "loop_raw.return_history",
)


def pull_text(pulled: PullResult) -> str:
    """What was read, and what came that nobody knows."""
    rows = sum(pulled.rows.values())
    lines = [
        f"loaded {rows:,} rows: {pulled.windows} windows, {pulled.pages} pages, {pulled.requests} requests"
    ]
    lines += _drift("fields that nobody knows, kept in unknown_fields", pulled.unknown)
    lines += _drift("values that do not fit, kept in unfit_values", pulled.unfit)
    return "\n".join(lines)


def _drift(what: str, counts: Mapping[str, int]) -> list[str]:
    if not counts:
        return []
    names = ", ".join(f"{name} ({count:,})" for name, count in sorted(counts.items()))
    return [f"note: {what}:", f"  {names}"]


def build_text(built: BuildResult, figures: Figures) -> str:
    """What was built, and where to look."""
    return "\n".join(
        [
            f"built {len(built.models)} models in {built.seconds:.1f} s; {built.audits} audits hold",
            breaks_text(figures),
            *causes_text(figures),
            flags_text(figures),
            f"published {figures['published']}",
        ]
    )


def flags_text(figures: Figures) -> str:
    """What the rules pick and what is asked for, in one line."""
    flags = figures["flags"]
    picks, requests = flags["candidates"], flags["open_requests"]
    on = f", {picks['on']:,} of rules that are on" if picks["on"] else ""
    return f"rules: {picks['shadow']:,} picks in shadow{on}; {requests:,} open requests"


def flagged_text(flagged: Flagged) -> str:
    """What became of the requests that were typed."""
    parts = [f"{len(flagged.added):,} requested"]
    if flagged.known:
        parts.append(f"{len(flagged.known):,} requested before")
    if flagged.refused:
        parts.append(f"{len(flagged.refused):,} refused")
    return ", ".join(parts)


def accept_text(word: Word) -> str:
    """What was said about a break."""
    said = "taken back" if word.until is None else f"accepted until {word.until}"
    return f"{said}: {word.break_key}\nshown in marts.open_breaks from the next build on"


def accepted_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """What is accepted, soonest end first; never wider than a terminal."""
    if not rows:
        return "no break is accepted"
    lines = []
    for row in rows:
        end = f"until {row['until']}" if row["is_valid"] else f"ended {row['until']}"
        lines += [f"{end}  {row['break_key']}", *_wrapped(f"{row['said_by']}: {row['reason']}", " " * 18)]
    return "\n".join(lines)


def timeline_text(events: Sequence[Mapping[str, Any]]) -> str:
    """What happened to a return, a line or more each, 80 columns wide."""
    lines = [f"RMA {events[0]['return_id']}: {len(events)} things known, times in UTC"]
    for event in events:
        worth = (
            "" if event["amount"] is None else f"  {event['currency'] or ''} {event['amount']:,.2f}".rstrip()
        )
        head = f"{event['happened_at']:%Y-%m-%d %H:%M}  {event['source']:<10}"
        first, *rest = _wrapped(f"{event['event']}{worth}", "") or [""]
        lines += [f"{head}  {first}", *_wrapped(" ".join([*rest, event["detail"] or ""]), " " * 30)]
    return "\n".join(lines)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH if indent else WIDTH - 30, initial_indent=indent, subsequent_indent=indent
    )


def run_text(result: RunResult, figures: Figures) -> str:
    """The whole run on a screen."""
    return "\n".join([pull_text(result.pulled), coverage_text(figures), build_text(result.built, figures)])


def coverage_text(figures: Figures) -> str:
    """How complete the pull is, in one line, and each hole in one more."""
    covered = figures["coverage"]
    if covered["from"] is None:
        return "nothing was read yet"
    holes = covered["holes"]
    span = f"{covered['from']:%Y-%m-%d} to {covered['to']:%Y-%m-%d %H:%M} UTC"
    if not holes:
        proof = f"{covered['windows']} windows, no hole"
        return f"complete: every state and every shipping notice, {proof}\n  {span}"
    return "\n".join(
        [
            f"NOT complete, {span}: {len(holes)} holes; the next run reads them",
            *(f"  {hole}" for hole in holes[:10]),
        ]
    )


def breaks_text(figures: Figures) -> str:
    """What does not reconcile: class, count, signed sums, ages."""
    breaks = figures["breaks"]
    if not breaks["open"]:
        return "everything reconciles: no open break"
    rows = [
        (
            meaning(kind["recon"], kind["break_type"]),
            kind["breaks"],
            money(kind["amounts"]),
            _days(kind["return_age_days"]),
            kind["severity"],
        )
        for kind in breaks["kinds"]
    ]
    header = ("what does not reconcile", "n", "signed amount", "oldest", "sev")
    return f"{breaks['open']} open breaks\n{table(header, rows, right=(1, 3, 4))}"


def causes_text(figures: Figures) -> list[str]:
    """Which share of the open breaks has no known cause, and what a person leaves as it is."""
    breaks = figures["breaks"]
    unknown, count, accepted = breaks["unknown_cause"], breaks["open"], breaks["accepted"]
    lines = [f"cause unknown: {unknown:,} of {count:,} ({unknown / count:.0%})"] if count else []
    return lines + ([f"accepted: {accepted:,} more, left by a person until a day"] if accepted else [])


def _days(days: int | None) -> str:
    return "-" if days is None else f"{days} d"


def worst_text(figures: Figures) -> str:
    """The worst breaks, one line each."""
    rows = [
        (
            f"RMA {one['return_id']}" if one["return_id"] else str(one["entity"]),
            meaning(one["recon"], one["break_type"]),
            money({one["currency"]: one["amount"]}) if one["amount"] is not None else "",
            _days(one["return_age_days"]),
        )
        for one in figures["breaks"]["worst"]
    ]
    return table(("worst first", "what", "amount", "age"), rows, right=(2, 3))


def rows_text(figures: Figures) -> str:
    """Rows of the raw tables."""
    counts = figures["rows"]
    return table(("table", "rows"), [(name, counts.get(name, 0)) for name in SHOWN_TABLES], right=(1,))


def changes_text(figures: Figures) -> str:
    """What the last run changed."""
    changes: Mapping[str, int] = figures["changes"] or {}
    return ", ".join(
        (
            f"{changes.get('new_returns', 0):,} new returns",
            f"{changes.get('changed_returns', 0):,} changed",
            f"{changes.get('opened_breaks', 0):,} breaks opened",
            f"{changes.get('cleared_breaks', 0):,} cleared",
        )
    )


def status_text(figures: Figures, now: datetime) -> str:
    """Where everything stands."""
    run: Mapping[str, Any] = figures["last_run"] or {}
    published = datetime.fromisoformat(figures["published_at"]).astimezone(UTC)
    last = f"{run['finished_at']:%Y-%m-%d %H:%M} UTC, {run['rows']:,} rows" if run else "none"
    cursor = ", ".join(f"{name} {at:%Y-%m-%d %H:%M}" for name, at in figures["coverage"]["cursor"].items())
    lines = [
        f"last load   {last}",
        f"cursor      {cursor}",
        f"published   {_ago(published, now)}: {figures['published']}",
        f"actions     {figures['pending_actions']} pending",
        rows_text(figures),
        coverage_text(figures),
        breaks_text(figures),
        *causes_text(figures),
    ]
    return "\n".join(lines)


def report_text(document: Document, written: Sequence[Path]) -> str:
    """The report in short, and where the rest of it is."""
    marks = {"good": "ok  ", "look": "look", "plain": "    "}
    lines = [document.title, *textwrap.wrap(document.stand, WIDTH)]
    for headline in document.headlines:
        lines += textwrap.wrap(
            headline.text, WIDTH, initial_indent=f"{marks[headline.tone]}  ", subsequent_indent=" " * 6
        )
    hint = [] if written else ["the whole report: loop-returns report --html report.html"]
    return "\n".join([*lines, *(f"wrote {file}" for file in written), *hint])


def _ago(then: datetime, now: datetime) -> str:
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} minutes ago"
    return f"{minutes // 60} hours ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"


def verification_text(found: Verification) -> str:
    """Each window that differs, or that none does."""
    api = sum(verdict.api for verdict in found.verdicts)
    since = f"; {found.changed_since:,} changed since the last run" if found.changed_since else ""
    if found.holds:
        return f"verified: {api:,} rows in {len(found.verdicts)} windows, the same at the API and here{since}"
    lines = [f"differs in {sum(not v.holds for v in found.verdicts)} of {len(found.verdicts)} windows{since}"]
    for verdict in found.verdicts:
        if not verdict.holds:
            counts = (("missing", verdict.missing), ("stale", verdict.stale), ("extra", verdict.extra))
            what = ", ".join(f"{len(ids)} {name} ({_few(ids)})" for name, ids in counts if ids)
            lines.append(f"  {verdict.span}: {what}")
    first = min(verdict.span.window.start for verdict in found.verdicts if not verdict.holds)
    return "\n".join([*lines, f"hint: loop-returns run --from {first:%Y-%m-%d} reads them again"])


def _few(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (", ..." if len(ids) > 3 else "")
