"""The ledger in SQL: every arrow is one compare-and-set transaction plus one chained event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

from loop_returns.actions import approvals, audit
from loop_returns.actions.ledger import Approval, Check, Claim, Enough, Used
from loop_returns.actions.records import Action, Decision, Entry, Event, Row, instant, plain, stamp
from loop_returns.actions.states import ARROWS, State
from loop_returns.actions.store import Store, first

DAY = timedelta(hours=24)
KEPT = timedelta(days=30)
"""How long a printed plan waits for an approval; so long waits GitHub for a reviewer, too."""
MOVED = (
    "the ledger's server was restored, replaced, or a standby took over, so that what was written last may be"
    " missing: compare `loop-returns actions` with the Loop admin, then `loop-returns actions resume`"
)
_ACTION = ", ".join(Action.__slots__)
_TIMES = ("intent_at", "approved_at", "answer_at", "read_at", "not_before", "updated_at")


class SqlLedger:
    """A ledger over a store; several processes may have one over the same rows."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.epoch: str = self._control("epoch") or ""

    def close(self) -> None:
        """Give the store back."""
        self.store.close()

    def lease(self) -> AbstractContextManager[bool]:
        """Whether no other apply is at work, for as long as this one is."""
        return self.store.lease()

    def head(self) -> tuple[int, str]:
        """Number and hash of the last event."""
        found = first(self.store, "select seq, hash from events order by seq desc limit 1")
        return (found["seq"], found["hash"]) if found else (0, audit.genesis(self.epoch))

    def hash_at(self, seq: int) -> str | None:
        """Hash of an event, or of the beginning for 0."""
        if seq == 0:
            return audit.genesis(self.epoch)
        found = first(self.store, "select hash from events where seq = ?", seq)
        return found["hash"] if found else None

    def events(self, after: int = 0) -> Iterator[Event]:
        """The events in order."""
        for row in self.store.rows("select * from events where seq > ? order by seq", (after,)):
            yield Event(**dict(row))

    def actions(self, *states: State, plan: str | None = None) -> list[Action]:
        """Actions in these states (all when none is named), oldest first."""
        places = ", ".join("?" * len(states))
        where = f"state in ({places})" if states else "true"
        rows = self.store.rows(
            f"select {_ACTION} from actions where {where} and plan_digest = coalesce(?, plan_digest)"
            " order by approved_at, rowid",
            (*states, plan),
        )
        return [_action(row) for row in rows]

    def action(self, key: str) -> Action | None:
        """One action."""
        row = first(self.store, f"select {_ACTION} from actions where action_key = ?", key)
        return _action(row) if row else None

    def decisions(self) -> list[Decision]:
        """All decisions in order."""
        names = "flagged_item_id, decision, decided_by, decided_at, evidence_hash, plan_digest, note, until"
        found = []
        for row in self.store.rows(f"select {names} from decisions order by id"):
            fields = dict(row)
            for name in ("decided_at", "until"):
                fields[name] = instant(fields[name])
            found.append(Decision(**fields))
        return found

    def plans(self, digest: str) -> list[tuple[str, str]]:
        """Whole digest and digest of the limits of the approved plans whose digest begins so."""
        rows = self.store.rows(
            "select digest, settings from plans where substr(digest, 1, ?) = ?", (len(digest), digest)
        )
        return [(row["digest"], row["settings"]) for row in rows]

    def keep_plan(self, digest: str, plan: str, at: datetime) -> None:
        """Keep a plan that was printed, as JSON, for whoever approves it; those of long ago go."""
        with self.store.transaction():
            self.store.change("delete from printed where printed_at < ?", (stamp(at - KEPT),))
            self.store.change(
                "insert into printed values (?, ?, ?)"
                " on conflict (digest) do update set printed_at = excluded.printed_at, plan = excluded.plan",
                (digest, stamp(at), plan),
            )

    def kept_plans(self, digest: str) -> list[str]:
        """The printed plans whose digest begins so."""
        rows = self.store.rows(
            "select plan from printed where substr(digest, 1, ?) = ? order by digest", (len(digest), digest)
        )
        return [row["plan"] for row in rows]

    def approved_rows(self, digest: str) -> set[str]:
        """Digests of the rows that somebody approved in a plan."""
        rows = self.store.rows(
            "select row_digest from decisions where plan_digest = ? and decision = 'approve'", (digest,)
        )
        return {row["row_digest"] for row in rows}

    def approve(self, approval: Approval, entry: Entry, is_enough: Enough) -> list[str]:
        """Record an approval; per row what it led to: a state, or why nothing."""
        with self.store.transaction():
            return approvals.approve(self.store, approval, entry, is_enough, self._append)

    def decide(self, decision: Decision) -> None:
        """Record a decision about a request alone."""
        with self.store.transaction():
            approvals.record(self.store, decision, None)

    def claim(self, action: Action, entry: Entry, check: Check) -> Claim:
        """APPROVED -> INTENT, unless `check` holds it or another run was first."""
        with self.store.transaction():
            held = self.stopped() or check(self._used(entry.at, action.action_key, entry.run_id))
            if held:
                return Claim(held=held)
            changes = {"attempt": action.attempt + 1, "owner": entry.run_id, "intent_at": entry.at}
            return Claim(
                self._moved(action, State.INTENT, entry, changes | {"answer_at": None, "read_at": None})
            )

    def move(self, action: Action, to: State, entry: Entry, **changes: Any) -> Action | None:  # noqa: ANN401 # column values
        """Any arrow; None when the action is no longer what `action` says."""
        with self.store.transaction():
            return self._moved(action, to, entry, changes)

    def _moved(self, action: Action, to: State, entry: Entry, changes: dict[str, Any]) -> Action | None:
        if to not in ARROWS[action.state]:
            raise ValueError(f"there is no arrow from {action.state} to {to}")
        values = {**changes, "state": to, "version": action.version + 1, "updated_at": entry.at}
        if entry.evidence:
            values["evidence"] = entry.evidence
        sets = ", ".join(f"{name} = ?" for name in values)
        won = self.store.change(
            f"update actions set {sets} where action_key = ? and state = ? and version = ?",
            (*map(_stored, values.values()), action.action_key, action.state, action.version),
        )
        if won != 1:
            return None
        self._append(action.action_key, action.state, to, entry)
        return self.action(action.action_key)

    def _append(self, key: str, from_state: str, to_state: str, entry: Entry) -> None:
        """One more link of the chain; wants a transaction."""
        seq, before = self.head()
        event = Event(
            seq + 1,
            stamp(entry.at),
            entry.run_id,
            entry.actor,
            key,
            str(from_state),
            str(to_state),
            entry.reason,
            orjson.dumps(dict(entry.evidence), option=orjson.OPT_SORT_KEYS).decode(),
            before,
            "",
        )
        fields = [getattr(event, name) for name in Event.__slots__]
        fields[-1] = audit.chained(event)
        self.store.change(f"insert into events values ({', '.join('?' * len(fields))})", fields)

    def used(self, now: datetime) -> Used:
        """What all actions of the last 24 hours have used, for a plan."""
        return self._used(now, "", "")

    def _used(self, now: datetime, but_key: str, run_id: str) -> Used:
        """Which other actions had an intent in the last 24 hours."""
        rows = self.store.rows(
            "select distinct e.action_key, e.run_id, a.action, a.amount, a.currency"
            " from events e join actions a using (action_key)"
            " where e.to_state = 'INTENT' and e.at > ? and e.action_key <> ?",
            (stamp(now - DAY), but_key),
        )
        ours = [row for row in rows if row["run_id"] == run_id]
        keys = {row["action_key"] for row in rows}
        return Used(len(keys), len(ours), _sums(rows), _sums(ours))

    def note_read(self, action: Action, at: datetime) -> None:
        """Remember when an action was read back last: no arrow, so no event and no new version."""
        with self.store.transaction():
            self.store.change(
                "update actions set read_at = ? where action_key = ?", (stamp(at), action.action_key)
            )

    def take_turn(self, now: datetime, per_minute: int) -> float:
        """Take one call from the bucket that all runs share; else seconds to wait."""
        with self.store.transaction():
            closed = instant(self._control("hold_off"))
            if closed and closed > now:
                return (closed - now).total_seconds()
            left, at = float(self._control("tokens") or per_minute), instant(self._control("tokens_at"))
            passed = max(0.0, (now - at).total_seconds()) if at else 0.0
            left = min(float(per_minute), left + passed * per_minute / 60)
            if left < 1:
                return (1 - left) * 60 / per_minute
            self._set("tokens", repr(left - 1))
            self._set("tokens_at", stamp(now))
            return 0.0

    def hold_off(self, until: datetime) -> None:
        """Nobody calls before then."""
        with self.store.transaction():
            self._set("hold_off", max(stamp(until), self._control("hold_off") or ""))

    def stopped(self) -> str | None:
        """Why the kill switch is on; None: it is off."""
        found = self.store.rows("select name, value from control where name in ('stop', 'origin')")
        known = {row["name"]: row["value"] for row in found}
        is_moved = bool(known.get("origin") and self.store.origin) and known["origin"] != self.store.origin
        return known.get("stop") or (MOVED if is_moved else None)

    def set_stop(self, reason: str | None, entry: Entry) -> None:
        """Turn the kill switch on with a reason, or off; both leave an event.

        Off, it also takes the server as it is now for the one that the ledger belongs to.
        """
        with self.store.transaction():
            before = "STOPPED" if self.stopped() else "RUNNING"
            self._set("stop", reason)
            if reason is None and self.store.origin:
                self._set("origin", self.store.origin)
            self._append("control", before, "STOPPED" if reason else "RUNNING", entry)

    def _control(self, name: str) -> str | None:
        row = first(self.store, "select value from control where name = ?", name)
        return row["value"] if row else None

    def _set(self, name: str, value: str | None) -> None:
        self.store.change(
            "insert into control values (?, ?) on conflict (name) do update set value = excluded.value",
            (name, value),
        )


def _sums(rows: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Money of `process`, each action once."""
    sums: dict[str, Decimal] = {}
    for key in {
        row["action_key"]: row for row in rows if row["action"] == "process" and row["amount"]
    }.values():
        sums[key["currency"]] = sums.get(key["currency"], Decimal(0)) + Decimal(key["amount"])
    return sums


def _stored(value: object) -> object:
    if isinstance(value, dict | list | tuple):
        return orjson.dumps(value).decode()
    return plain(value) if isinstance(value, datetime | Decimal) else value


def _action(row: Mapping[str, Any]) -> Action:
    fields = dict(row)
    for name in _TIMES:
        fields[name] = instant(fields[name])
    fields["amount"] = None if fields["amount"] is None else Decimal(fields["amount"])
    fields["state"] = State(fields["state"])
    fields["evidence"] = orjson.loads(fields["evidence"])
    fields["row"] = _row(fields["row"])
    fields["approvers"] = tuple(orjson.loads(fields["approvers"]))
    return Action(**fields)


@lru_cache(maxsize=1024)
def _row(text: str) -> Row:
    return Row.of(orjson.loads(text))
