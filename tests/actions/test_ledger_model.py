"""The real ledger against a model in a dict: random histories, the same answer after each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from actions.conftest import in_postgres
from actions.ledgers import NOON, SHOP, approve, entry, request
from actions.stores import in_memory
from loop_returns.actions import audit
from loop_returns.actions.ledger import Used
from loop_returns.actions.records import Action, action_key
from loop_returns.actions.sql_ledger import SqlLedger
from loop_returns.actions.states import ARROWS, KINDS, REOPENABLE, TERMINAL, UNSENT, State
from support.postgres import Server

CAP = 4


class LedgerMachine(RuleBasedStateMachine):
    """Approve, claim and move at random, with copies of an action that may be old by then."""

    new: Callable[[], SqlLedger] = staticmethod(in_memory)

    def __init__(self) -> None:
        super().__init__()
        self.ledger = self.new()
        self.model: dict[str, tuple[str, str, State]] = {}
        self.copies: list[Action] = []
        self.intents: Counter[tuple[str, int]] = Counter()
        self.now = NOON

    @rule(return_id=st.sampled_from("123"), kind=st.sampled_from(KINDS), item=st.sampled_from("ab"))
    def approve(self, return_id: str, kind: Any, item: str) -> None:
        asked = request(return_id, kind, flagged_item_id=item + return_id + kind)
        key = action_key(SHOP, asked)
        (said,) = approve(self.ledger, asked, at=self.now)
        known = self.model.get(key)
        if known and known[2] not in REOPENABLE | UNSENT:
            assert said == f"is {known[2]} already"
            return
        live = [
            (k, m) for k, m in self.model.items() if m[0] == return_id and m[2] not in TERMINAL and k != key
        ]
        for other, (_, other_kind, state) in live:
            if KINDS.index(other_kind) > KINDS.index(kind) and state == State.APPROVED:
                self.model[other] = (return_id, other_kind, State.STALE)
            else:
                assert said == f"waits: {other_kind} of the same return is {state}"
                return
        assert said == State.APPROVED
        self.model[key] = (return_id, kind, State.APPROVED)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        action = self.ledger.action(data.draw(st.sampled_from(sorted(self.model))))
        assert action is not None
        self.copies.append(action)

    @precondition(lambda self: self.copies)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        copy = data.draw(st.sampled_from(self.copies))
        if copy.state != State.APPROVED:
            return
        current = self.ledger.action(copy.action_key)

        def check(used: Used) -> str | None:
            return "full" if used.day >= CAP else None

        claim = self.ledger.claim(copy, entry(at=self.now), check)
        if claim.held is None:
            assert (claim.action is not None) == (current == copy)
        if claim.action is not None:
            self.intents[copy.action_key, claim.action.attempt] += 1
            self.model[copy.action_key] = (*self.model[copy.action_key][:2], State.INTENT)

    @precondition(lambda self: self.copies)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        copy = data.draw(st.sampled_from(self.copies))
        ways = sorted(ARROWS[copy.state] - {State.INTENT, State.PLANNED})
        if not ways or copy.state in TERMINAL:
            return
        to = data.draw(st.sampled_from(ways))
        current = self.ledger.action(copy.action_key)
        assert current is not None
        moved = self.ledger.move(copy, to, entry(at=self.now))
        assert (moved is not None) == (current.version == copy.version)
        if moved is not None:
            self.model[copy.action_key] = (*self.model[copy.action_key][:2], to)

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @invariant()
    def the_ledger_is_what_the_model_says(self) -> None:
        held = {a.action_key: (a.return_id, a.action, a.state) for a in self.ledger.actions()}
        assert held == self.model
        assert all(count == 1 for count in self.intents.values())
        live = Counter(return_id for return_id, _, state in held.values() if state not in TERMINAL)
        assert all(count == 1 for count in live.values())

    @invariant()
    def the_chain_holds_and_so_does_the_cap(self) -> None:
        events = list(self.ledger.events())
        assert audit.verify(self.ledger.epoch, events) == len(events)
        since = (self.now - timedelta(hours=24)).isoformat()
        assert len({e.action_key for e in events if e.to_state == "INTENT" and e.at > since}) <= CAP

    def teardown(self) -> None:
        self.ledger.close()


def test_random_histories() -> None:
    run_state_machine_as_test(
        LedgerMachine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )


def on_postgres(uri: str) -> type[LedgerMachine]:
    """Each history has a schema of its own."""

    class PostgresMachine(LedgerMachine):
        new = staticmethod(lambda: in_postgres(uri).open("model"))

        def teardown(self) -> None:
            schema = self.ledger.store.rows("select current_schema() as name")[0]["name"]
            self.ledger.store.change(f"drop schema {schema} cascade")
            super().teardown()

    return PostgresMachine


def test_random_histories_on_postgres(postgres_server: Server) -> None:
    run_state_machine_as_test(
        on_postgres(postgres_server.uri()),
        settings=settings(max_examples=15, stateful_step_count=30, deadline=None),
    )


@pytest.mark.slow
def test_random_histories_on_postgres_for_long(postgres_server: Server) -> None:
    run_state_machine_as_test(
        on_postgres(postgres_server.uri()),
        settings=settings(max_examples=1000, stateful_step_count=50, deadline=None),
    )


@pytest.mark.slow
def test_random_histories_for_long() -> None:
    run_state_machine_as_test(
        LedgerMachine, settings=settings(max_examples=2000, stateful_step_count=50, deadline=None)
    )
