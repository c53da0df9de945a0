"""The command `flag`: people put returns into the table of requests; nothing is sent by it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from loop_returns import settings as settings_of
from loop_returns.cli.wiring import Json, app, job, show
from loop_returns.errors import UsageError
from loop_returns.instants import now

if TYPE_CHECKING:
    from loop_returns.hand_flags import Flagged

REFUSED = UsageError.exit_code


@app.command(sort_key=9)
def flag(
    return_id: str | None = None,
    /,
    *,
    action: str | None = None,
    reason: str | None = None,
    amount: str | None = None,
    currency: str | None = None,
    until: str | None = None,
    by: str | None = None,
    from_file: Annotated[Path | None, Parameter(name="--from-file")] = None,
    as_json: Json = False,
) -> int:
    """Ask for an action on a return; plan, approve and apply follow.

    Exit 2: a request cannot be; of a file, the other ones were taken, and each refused line is named.

    Args:
        return_id: The return, as Loop numbers it.
        action: flag, cancel or process.
        reason: Why, at most 200 characters; goes to the return as a note.
        amount: Money that it moves; default: what the tables say.
        currency: Of the amount; must be the return's.
        until: Not to be done after this day or instant, UTC.
        by: Who asks; default: LOOP_RETURNS_USER, else the login name.
        from_file: CSV of many: return_id, action, reason, and if wanted by, amount, currency, until.
        as_json: One JSON object on stdout.
    """
    given = {"return_id": return_id, "action": action, "reason": reason}
    given |= {"amount": amount, "currency": currency, "until": until}
    if from_file is not None and any(given.values()):
        raise UsageError(
            "--from-file takes the requests from the file alone", hint="loop-returns flag --help"
        )
    from loop_returns import hand_flags, pipeline, words

    speaker, present = settings_of.speaker(by), now()
    wishes = (
        [hand_flags.ask(given, speaker, present)]
        if from_file is None
        else list(hand_flags.read(from_file, speaker, present))
    )
    with job(need_key=False) as this:
        done = pipeline.flag(this, wishes)
    if from_file is None and done.refused:
        raise done.refused[0][1]
    return _told(done, words.flagged_text(done), as_json=as_json)


def _told(done: Flagged, text: str, *, as_json: bool) -> int:
    for line, error in done.refused:
        print(f"line {line}: {error.message}", file=sys.stderr)
    refused = [{"line": line, "error": error.message} for line, error in done.refused]
    show({"added": done.added, "known": done.known, "refused": refused}, text, as_json=as_json)
    return REFUSED if done.refused else 0
