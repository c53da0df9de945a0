"""The commands about breaks and single returns: `accept`, `explain`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from loop_returns import settings as settings_of
from loop_returns.cli.wiring import Json, app, job, show
from loop_returns.errors import UsageError
from loop_returns.instants import now

Listed = Annotated[bool, Parameter(name="--list", negative=(), show_default=False)]
Back = Annotated[bool, Parameter(name="--take-back", negative=(), show_default=False)]


@app.command(sort_key=10)
def explain(return_id: str, /, *, as_json: Json = False) -> int:
    """Everything known about one return, in time order, from all sources.

    Args:
        return_id: Loop's id, the RMA number.
        as_json: One JSON object on stdout.
    """
    from loop_returns import words
    from loop_returns.warehouse import publishing, timeline

    events = timeline.of_return(publishing.published(), return_id.strip())
    show({"return_id": return_id.strip(), "events": events}, words.timeline_text(events), as_json=as_json)
    return 0


@app.command(sort_key=11)
def accept(
    break_key: str | None = None,
    /,
    *,
    reason: str | None = None,
    until: str | None = None,
    by: str | None = None,
    list_all: Listed = False,
    take_back: Back = False,
    as_json: Json = False,
) -> int:
    """Leave a known break until a day, or until its amount changes.

    Shown in marts.open_breaks from the next build on. It does not hide the break.

    Args:
        break_key: As marts.open_breaks has it; in quotes.
        reason: Why, in words; it is kept.
        until: Last day, UTC.
        by: Who speaks; default: LOOP_RETURNS_USER, else the login name.
        list_all: What is accepted, soonest end first.
        take_back: End an acceptance; needs a reason, too.
        as_json: One JSON object on stdout.
    """
    from loop_returns import accepted, pipeline, words
    from loop_returns.warehouse import publishing

    if list_all:
        if break_key or reason or until or take_back:
            raise UsageError("--list goes alone")
        rows = accepted.listed(publishing.published(), now().date())
        show({"accepted": rows}, words.accepted_text(rows), as_json=as_json)
        return 0
    if take_back == bool(until):
        raise UsageError("say --until DAY, or --take-back", hint="loop-returns accept --help")
    word = accepted.ask(break_key, reason, until, settings_of.speaker(by), now())
    with job(need_key=False) as this:
        pipeline.accept(this, word)
    said = {"break_key": word.break_key, "until": word.until, "by": word.by}
    show(said, words.accept_text(word), as_json=as_json)
    return 0
