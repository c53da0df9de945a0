"""The commands that hand returns to third parties: `forward`, `replay`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from cyclopts import Parameter

from loop_returns import settings as settings_of
from loop_returns.cli.wiring import From, Json, To, app, show, span
from loop_returns.errors import ActionInDoubtError, UsageError


@app.command(sort_key=10)
def forward(
    *,
    status: Annotated[bool, Parameter(negative=())] = False,
    name: str | None = None,
    arrived: str | None = None,
    lost: str | None = None,
    as_json: Json = False,
) -> int:
    """Hand new and changed returns to the systems of loop.toml.

    Exit 7: a delivery is parked, and a person must look.

    Args:
        status: Send nothing; show what is to send, dead or parked.
        name: Of this forward alone; with --status, --arrived, --lost.
        arrived: Idempotency key of a parked delivery that did arrive.
        lost: Idempotency key of one that did not: it is sent again.
        as_json: One JSON object on stdout.
    """
    from loop_returns import handover
    from loop_returns.warehouse import publishing

    merchant, paths = settings_of.merchant(), settings_of.paths()
    if name is not None and not (status or arrived or lost):
        raise UsageError("--name belongs to --status, --arrived and --lost")
    if arrived or lost:
        _resolve(name, arrived, lost)
        status = True
    if status:
        with handover.opened(paths.data) as outbox:
            found = handover.forwards(merchant, name)
            figures = {each.name: handover.told(outbox, each.name) for each in found}
    else:
        figures = handover.hand_over(
            partial(handover.published, publishing.published()), paths.data, merchant
        )
    show({"forwards": figures}, handover.text(figures), as_json=as_json)
    return ActionInDoubtError.exit_code if handover.is_parked(figures) else 0


def _resolve(name: str | None, arrived: str | None, lost: str | None) -> None:
    from loop_returns import handover

    if name is None or (arrived and lost):
        raise UsageError("say --name NAME, and --arrived KEY or --lost KEY")
    (endpoint,) = handover.forwards(settings_of.merchant(), name)
    handover.resolve(
        settings_of.paths().data, endpoint.name, arrived or lost or "", arrived=arrived is not None
    )


@app.command(sort_key=11)
def replay(
    *,
    name: Annotated[str, Parameter(name="--forward", help="Of loop.toml: [forward.NAME].")],
    start: From = None,
    end: To = None,
    return_id: Annotated[str | None, Parameter(name="--return", help="This return alone.")] = None,
    as_json: Json = False,
) -> int:
    """Send again the latest record of the returns chosen, same key.

    Of an unsafe forward only what was refused: the rest could be there twice. Exit 7: one is parked.
    """
    from loop_returns import handover

    first, last = span(start, end)
    (endpoint,) = handover.forwards(settings_of.merchant(), name)
    figures = {name: handover.replay(settings_of.paths().data, endpoint, first, last, return_id)}
    show({"forwards": figures}, handover.text(figures), as_json=as_json)
    return ActionInDoubtError.exit_code if handover.is_parked(figures) else 0
