"""The command `report`: the finance report of the published file, as a page, as Markdown, as figures."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from loop_returns import settings as settings_of
from loop_returns.cli.wiring import Json, app, show
from loop_returns.errors import BreaksAboveLimitError, LoopReturnsError, UsageError
from loop_returns.instants import parse_instant

if TYPE_CHECKING:
    from loop_returns.report.document import Document

FailOn = Annotated[tuple[str, ...], Parameter(name="--fail-on", negative=())]


@app.command(name="report", sort_key=7)
def report_all(
    *,
    html: Path | None = None,
    markdown: Path | None = None,
    since: str | None = None,
    fail_on: FailOn = (),
    as_json: Json = False,
) -> int:
    """The finance report: what reconciles, what does not, what changed.

    Reads the published file alone. Exit 3: more breaks are open than --fail-on allows.

    Args:
        html: Write it there as one page without scripts or requests.
        markdown: Write it there for the summary of a CI job.
        since: Compare with this instant, UTC; default: the last report that was written.
        fail_on: Most open breaks, 20; or of a severity or worse, 2:0. May be given again.
        as_json: The same figures as one JSON object on stdout.
    """
    from loop_returns import alerts, words
    from loop_returns.report import finance, last, limits, story
    from loop_returns.warehouse import publishing

    allowed = limits.read(fail_on)
    published = publishing.published()
    as_of = finance.as_of(published)
    start = _since(since, as_of) if since else last.since(published, as_of)
    figures = finance.figures(published, start)
    figures["exceeded"] = limits.exceeded(allowed, figures["breaks"]["severities"])
    document = story.document(figures)
    written = _write(document, html, markdown)
    if written and since is None:
        last.keep(published, as_of)
    show(figures, words.report_text(document, written), as_json=as_json)
    if allowed:
        lines = [headline.text for headline in document.headlines]
        alerts.too_many(settings_of.paths().data, "report", figures["exceeded"], fail_on, lines)
    if figures["exceeded"]:
        raise BreaksAboveLimitError(
            "more breaks are open than --fail-on allows",
            cause="; ".join(figures["exceeded"]),
            hint=f"look at {written[0]}" if written else "loop-returns report --html report.html",
        )
    return 0


def _since(text: str, as_of: datetime) -> datetime:
    start = parse_instant(text, "--since")
    if start >= as_of:
        raise UsageError(
            "--since is not before what is reported",
            cause=f"{start:%Y-%m-%d %H:%M} is given, the marts are of {as_of:%Y-%m-%d %H:%M} UTC",
        )
    return start


def _write(document: Document, html: Path | None, markdown: Path | None) -> list[Path]:
    """Write what was asked for; give the files."""
    from loop_returns.report import html as html_of
    from loop_returns.report import markdown as markdown_of

    views = [(html, html_of.page), (markdown, markdown_of.text)]
    written = []
    for file, view in views:
        if file is not None:
            _put(file, view(document))
            written.append(file)
    return written


def _put(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LoopReturnsError(
            f"{file} cannot be written", cause=error.strerror or "", hint="name another file"
        ) from error
