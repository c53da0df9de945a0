"""`plan` and `approve`: what would be done, and a person's yes to exactly that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from loop_returns.actions import guards
from loop_returns.actions.ledger import Approval, Used
from loop_returns.actions.plan import Inputs, Plan, make_plan, row_of
from loop_returns.actions.records import Request
from loop_returns.errors import ActionRefusedError, UsageError
from loop_returns.job import Job
from loop_returns.ops.desk import Desk, confirm, desk, mirror

SHORTEST_DIGEST = 12


def plan(job: Job) -> Plan:
    """What would be done now; confirms first, and keeps the plan in the ledger for whoever approves it."""
    with desk(job) as at:
        confirm(at)
        found = planned(at)
        if found.rows:
            with at.made() as ledger:
                ledger.keep_plan(found.digest, orjson.dumps(found.to_json()).decode(), datetime.now(UTC))
        return found


def planned(at: Desk) -> Plan:
    """The plan of this moment."""
    now = datetime.now(UTC)
    ledger = at.ledger
    stop = ledger.stopped() if ledger else None
    inputs = Inputs(
        requests=at.tables.requests,
        returns=at.tables.returns,
        actions=ledger.actions() if ledger else (),
        decisions=ledger.decisions() if ledger else (),
        used=ledger.used(now) if ledger else Used(),
        limits=at.limits,
        facts=at.tables.facts,
        shop=at.shop,
        now=now,
        blocked=guards.before_run(at.limits, at.tables.facts, now, stop),
    )
    return make_plan(inputs)


def _printed(at: Desk, digest: str) -> Plan:
    """A plan that was printed, by its digest or the first twelve digits of it."""
    found = at.ledger.kept_plans(digest) if at.ledger else []
    if len(found) != 1:
        raise UsageError(f"no plan has the digest {digest[:16]}", hint="loop-returns plan prints one")
    return Plan.from_json(orjson.loads(found[0]))


def check_digest(digest: str) -> None:
    """Refuse what cannot be a digest, or the first twelve digits of one.

    Raises:
        UsageError: It cannot.
    """
    if not SHORTEST_DIGEST <= len(digest) <= 64 or set(digest) - set("0123456789abcdef"):
        raise UsageError(
            "this is no digest of a plan", cause=f"{digest[:70]!r}", hint="loop-returns plan prints one"
        )


@dataclass(frozen=True, slots=True)
class Approved:
    """What an approval led to: per row a state, or why nothing."""

    plan: Plan
    said: Sequence[str]


def approve(job: Job, digest: str, by: str, note: str | None = None) -> Approved:
    """Say yes to a plan as it was printed.

    Raises:
        UsageError: There is no such plan, or it was changed.
        ActionRefusedError: The plan is stale: limits, requests or returns are not what they were.
    """
    check_digest(digest)
    with desk(job, by=by) as at:
        found = _printed(at, digest)
        _refuse_stale(at, found)
        approval = Approval(found.digest, found.rows, found.keys, found.settings_digest, note)
        said = at.need.approve(
            approval, at.entry("approved"), lambda row, people: guards.is_enough(at.limits, row, people)
        )
        mirror(at)
        return Approved(found, said)


def _refuse_stale(at: Desk, found: Plan) -> None:
    if found.settings_digest != at.limits.digest:
        raise ActionRefusedError(
            "plan is stale: [actions] in loop.toml is not what it was", hint="loop-returns plan"
        )
    differing = [
        f"{row.request.action} of {row.request.return_id}: {why}"
        for row in found.rows
        if (why := changed(at, row.request.flagged_item_id, row.digest))
    ]
    if differing:
        raise ActionRefusedError(
            f"plan is stale: {len(differing)} of {len(found.rows)} rows are not what they were",
            cause="; ".join(differing[:3]),
            hint="loop-returns plan",
        )


def changed(at: Desk, flagged_item_id: str, digest: str) -> str | None:
    """Why a row no longer stands on an open request and an unchanged return; None: it does."""
    request = next(
        (
            each
            for each in at.tables.requests
            if isinstance(each, Request) and each.flagged_item_id == flagged_item_id
        ),
        None,
    )
    if request is None:
        return "the request is no longer open"
    known = at.tables.returns.get(request.return_id)
    if known is None:
        return "the return is no longer in the tables"
    return None if row_of(request, known).digest == digest else "the request or the return has changed"
