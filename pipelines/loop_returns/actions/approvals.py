"""What an approval does to the ledger: new actions, reopened ones, and holds that win.

Everything here runs inside the one transaction of `SqlLedger.approve`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import orjson

from loop_returns.actions.ledger import Approval, Enough
from loop_returns.actions.records import Decision, Entry, Row, plain, stamp
from loop_returns.actions.states import KINDS, REOPENABLE, TERMINAL, UNSENT, State
from loop_returns.actions.store import Store, first

Append = Callable[[str, str, str, Entry], None]


def record(store: Store, decision: Decision, row_digest: str | None) -> None:
    """Write down a decision."""
    store.change(
        "insert into decisions(flagged_item_id, decision, decided_by, decided_at, evidence_hash, plan_digest,"
        " row_digest, note, until) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            decision.flagged_item_id,
            decision.decision,
            decision.decided_by,
            stamp(decision.decided_at),
            decision.evidence_hash,
            decision.plan_digest,
            row_digest,
            decision.note,
            plain(decision.until),
        ),
    )


def approve(store: Store, approval: Approval, entry: Entry, is_enough: Enough, append: Append) -> list[str]:
    """Record who approved the plan and let its rows begin; see `Ledger.approve`."""
    sums: dict[str, Decimal] = {}
    for row in approval.rows:
        if row.request.amount is not None and row.request.currency:
            sums[row.request.currency] = sums.get(row.request.currency, Decimal(0)) + row.request.amount
    store.change(
        "insert into plans values (?, ?, ?, ?, ?, ?) on conflict (digest) do nothing",
        (
            approval.digest,
            stamp(entry.at),
            entry.actor,
            approval.settings_digest,
            len(approval.rows),
            orjson.dumps({currency: plain(amount) for currency, amount in sums.items()}).decode(),
        ),
    )
    return [
        _approve_row(store, approval, row, key, entry, is_enough, append)
        for row, key in zip(approval.rows, approval.keys, strict=True)
    ]


def _approve_row(
    store: Store,
    approval: Approval,
    row: Row,
    key: str,
    entry: Entry,
    is_enough: Enough,
    append: Append,
) -> str:
    request = row.request
    decision = Decision(
        request.flagged_item_id,
        "approve",
        entry.actor,
        entry.at,
        request.evidence_hash,
        approval.digest,
        approval.note,
    )
    record(store, decision, row.digest)
    people = _people(store, row)
    known = first(store, "select state, version, plan_digest from actions where action_key = ?", key)
    if known and known["state"] == State.APPROVED and known["plan_digest"] == approval.digest:
        return State.APPROVED
    if known and State(known["state"]) not in REOPENABLE | UNSENT:
        return f"is {known['state']} already"
    if busy := _makes_room(store, row, key, entry, append):
        return busy
    to = State.APPROVED if is_enough(row, people) else State.PLANNED
    if known and known["state"] == to and known["plan_digest"] == approval.digest:
        return to
    _begin(store, approval, row, key, people, to, entry, known)
    append(key, known["state"] if known else State.PLANNED, to, entry)
    return to


def _people(store: Store, row: Row) -> tuple[str, ...]:
    """Who has approved exactly this row, since it was asked for."""
    rows = store.rows(
        "select distinct decided_by from decisions where row_digest = ? and decision = 'approve'"
        " and decided_at >= ? order by 1",
        (row.digest, stamp(row.request.requested_at)),
    )
    return tuple(each["decided_by"] for each in rows)


def _makes_room(store: Store, row: Row, key: str, entry: Entry, append: Append) -> str | None:
    """One live action per return: a hold pushes out what is weaker and not begun; else it must wait."""
    ended = ", ".join(f"'{state}'" for state in sorted(TERMINAL))
    other = first(
        store,
        f"select * from actions where return_id = ? and action_key <> ? and state not in ({ended})",
        row.request.return_id,
        key,
    )
    if other is None:
        return None
    is_weaker = KINDS.index(other["action"]) > KINDS.index(row.request.action)
    if not is_weaker or State(other["state"]) not in UNSENT:
        return f"waits: {other['action']} of the same return is {other['state']}"
    because = Entry(entry.run_id, entry.actor, entry.at, f"{row.request.action} of the same return wins")
    store.change(
        "update actions set state = ?, version = version + 1, updated_at = ? where action_key = ?",
        (State.STALE, stamp(entry.at), other["action_key"]),
    )
    append(other["action_key"], other["state"], State.STALE, because)
    return None


def _begin(
    store: Store,
    approval: Approval,
    row: Row,
    key: str,
    people: tuple[str, ...],
    to: State,
    entry: Entry,
    known: Mapping[str, Any] | None,
) -> None:
    request = row.request
    values = {
        "return_id": request.return_id,
        "action": request.action,
        "state": to,
        "version": known["version"] + 1 if known else 1,
        "tries": 0,
        "amount": plain(request.amount),
        "currency": request.currency,
        "plan_digest": approval.digest,
        "flagged_item_id": request.flagged_item_id,
        "http_status": None,
        "answer_code": None,
        "evidence": "{}",
        "row": orjson.dumps(row.canonical).decode(),
        "approvers": orjson.dumps(people).decode(),
        "approved_at": stamp(entry.at),
        "not_before": None,
        "updated_at": stamp(entry.at),
    }
    if known:
        sets = ", ".join(f"{name} = ?" for name in values)
        store.change(f"update actions set {sets} where action_key = ?", (*values.values(), key))
        return
    values |= {"action_key": key, "attempt": 0}
    names, places = ", ".join(values), ", ".join("?" * len(values))
    store.change(f"insert into actions({names}) values ({places})", tuple(values.values()))
