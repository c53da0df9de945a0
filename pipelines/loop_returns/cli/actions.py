"""The commands that act: `plan`, `approve`, `apply`, `actions`, `resolve`, `reject`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from loop_returns import settings as settings_of
from loop_returns.cli.wiring import Json, app, job, show
from loop_returns.errors import ActionInDoubtError, ActionRefusedError, GuardRefusedError, UsageError

if TYPE_CHECKING:
    from loop_returns.actions.plan import Plan

By = Annotated[str | None, Parameter(help="Who speaks; else LOOP_RETURNS_USER, else the login name.")]
Reason = Annotated[str, Parameter(help="Why, in words; it is kept for ever.")]
Digest = Annotated[str, Parameter(help="Of the plan, or its first twelve digits.")]
Out = Annotated[Path | None, Parameter(help="Write the plan as JSON there, too.")]
Note = Annotated[str | None, Parameter(help="Kept with the decision.")]
Execute = Annotated[
    bool, Parameter(negative=(), show_default=False, help="Send. Needs the action key, action_api_key.")
]
Key = Annotated[str, Parameter(help="Of the action, or its first digits, as `actions` shows it.")]
Worked = Annotated[
    bool, Parameter(negative=(), show_default=False, help="It worked, as the Loop admin shows.")
]
Failed = Annotated[
    bool, Parameter(negative=(), show_default=False, help="Nothing arrived: it may be sent again.")
]


@app.command(sort_key=20)
def plan(*, as_json: Json = False, out: Out = None) -> int:
    """What would be done on flagged returns, and why. Sends nothing.

    Guards: enabled, allow, hours, kill switch, data quality, limits of count, amount and share of open
    returns, second person, holds first. Exit 8: a guard held rows back; 9: rows that cannot be.
    """
    from loop_returns.ops import plans, text
    from loop_returns.terminal import as_json as to_json

    with job(need_key=False) as this:
        found = plans.plan(this)
    if out is not None:
        out.write_text(to_json(found.to_json()) + "\n")
    show(found.to_json(), text.plan_text(found), as_json=as_json)
    return _plan_code(found)


def _plan_code(found: Plan) -> int:
    from loop_returns.ops.text import QUIET

    guards = {one.guard for one in found.held} - set(QUIET)
    if "bad row" in guards:
        return ActionRefusedError.exit_code
    return GuardRefusedError.exit_code if guards else 0


@app.command(sort_key=21)
def approve(digest: Digest, *, by: By = None, note: Note = None, as_json: Json = False) -> int:
    """Say yes to a plan. Exit 8: rows wait for a second person."""
    from loop_returns.ops import plans, text

    with job(need_key=False) as this:
        found = plans.approve(this, digest, settings_of.speaker(by), note)
    said = [str(each) for each in found.said]
    rows = [{"action_key": key, "said": each} for key, each in zip(found.plan.keys, said, strict=True)]
    show({"digest": found.plan.digest, "rows": rows}, text.approved_text(found), as_json=as_json)
    return 0 if set(said) <= {"APPROVED"} else GuardRefusedError.exit_code


@app.command(sort_key=22)
def apply(digest: Digest, *, execute: Execute = False, by: By = None, as_json: Json = False) -> int:
    """Carry an approved plan out; without --execute a rehearsal.

    Exit 7: an action is parked or in doubt; 8: a guard held something;
    9: Loop refused, or a row is stale.

    Guards: kill switch, enabled, allow, allowed hours, data quality, actions
    per run and day, money per action, run and day, share of open returns, a
    second person, a canary, stops after errors, doubts and failures.
    """
    from loop_returns.ops import apply as apply_of
    from loop_returns.ops import text

    with job(need_key=False) as this:
        if not execute:
            whole, trials, stop = apply_of.rehearse(this, digest)
            figures = [
                text.action_figures(one.action, one.reason) | {"would": str(one.would)} for one in trials
            ]
            shown = {"digest": whole, "executed": False, "blocked": stop, "actions": figures}
            show(shown, text.rehearsal_text(trials, stop), as_json=as_json)
            return 0
        done = apply_of.execute(this, digest, settings_of.speaker(by))
    figures = [text.action_figures(each, done.report.held.get(each.action_key, "")) for each in done.actions]
    shown = {"digest": done.digest, "executed": True, "stopped": done.report.stopped, "actions": figures}
    show(shown, text.applied_text(done), as_json=as_json)
    return done.exit_code


actions = App(
    name="actions", sort_key=23, help="What was done, confirmed, refused, parked; and the kill switch."
)
app.command(actions)


@actions.default
def actions_list(*, as_json: Json = False) -> int:
    """What was done, confirmed, refused, parked. Exit 7: something is parked or in doubt."""
    from loop_returns.actions.states import State
    from loop_returns.ops import text, verdicts

    with job(need_key=False) as this:
        found = verdicts.overview(this)
    figures = [text.action_figures(each, found.reasons.get(each.action_key, "")) for each in found.actions]
    show({"stopped": found.stopped, "actions": figures}, text.overview_text(found), as_json=as_json)
    unsure = {State.PARKED, State.IN_DOUBT}
    return ActionInDoubtError.exit_code if any(each.state in unsure for each in found.actions) else 0


@actions.command(name="verify-audit")
def verify_audit(*, as_json: Json = False) -> int:
    """Walk the hash chain of the events, and compare it with its mirror."""
    from loop_returns.ops import verdicts

    with job(need_key=False) as this:
        count, head = verdicts.verify_audit(this)
    show({"events": count, "head": head}, f"the chain holds: {count:,} events, head {head}", as_json=as_json)
    return 0


@actions.command
def stop(*, reason: Reason, by: By = None) -> int:
    """Turn the kill switch on: nothing more is sent, not even by an apply at work."""
    from loop_returns.ops import verdicts

    with job(need_key=False) as this:
        verdicts.stop(this, reason=reason, by=settings_of.speaker(by))
    print("stopped: nothing is sent until `loop-returns actions resume`")
    return 0


@actions.command
def resume(*, reason: Reason, by: By = None) -> int:
    """Turn the kill switch off."""
    from loop_returns.ops import verdicts

    with job(need_key=False) as this:
        verdicts.resume(this, reason=reason, by=settings_of.speaker(by))
    print("resumed: approved plans can be applied again")
    return 0


@app.command(sort_key=24)
def resolve(
    key: Key, *, applied: Worked = False, not_applied: Failed = False, reason: Reason, by: By = None
) -> int:
    """Say what became of a parked action; a second person does."""
    if applied == not_applied:
        raise UsageError("say what became of it: --applied or --not-applied")
    from loop_returns.ops import verdicts

    with job(need_key=False) as this:
        found = verdicts.resolve(this, key, applied=applied, reason=reason, by=settings_of.speaker(by))
    print(f"{found.action} of RMA {found.return_id} is {found.state}")
    return 0


@app.command(sort_key=25)
def reject(flagged_item_id: str, *, reason: Reason, by: By = None) -> int:
    """Reviewed and released: not done, nor asked again on the same facts."""
    from loop_returns.ops import verdicts

    with job(need_key=False) as this:
        verdicts.release(this, flagged_item_id, reason=reason, by=settings_of.speaker(by))
    print(f"released: {flagged_item_id} is asked for again only when its facts change")
    return 0
