"""Postgres goes away under a runner, at each single step and at each single commit: never a second POST."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from actions.conftest import in_postgres
from actions.cut import cutting
from actions.ledgers import approve, request
from actions.stores import Address, opened
from actions.virtual import CALM, Verdicts, VirtualClock, VirtualWire, World
from loop_returns.actions import audit
from loop_returns.actions.engine import Engine
from loop_returns.actions.recovery import Setting
from loop_returns.actions.sql_ledger import SqlLedger
from loop_returns.actions.states import LIVE, State
from loop_returns.actions.wire import Step
from loop_returns.errors import LoopReturnsError
from support.postgres import Server

Watch = Callable[[Step, SqlLedger], None]


class Theatre:
    """One approved `process`, a Loop in virtual time that keeps its notes, and runs over one Postgres."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.world = World(7, CALM, marker=True, ledger=opened(address))
        self.world.state["1"], self.world.notes["1"] = "open", []
        approve(self.world.ledger, request("1", "process"))
        self.digest = self.world.ledger.actions()[0].plan_digest

    def run(self, name: str, dsn: str, watch: Watch = lambda step, ledger: None) -> bool:
        """One run over a connection of its own; False when its ledger went away."""
        setting = Setting(limits=self.world.limits, run_id=name)
        with closing(opened({**self.address, "dsn": dsn})) as ledger:
            engine = Engine(ledger, VirtualWire(self.world, name), VirtualClock(self.world), setting)
            try:
                for step in engine.apply(self.digest):
                    self.world.run_until(self.world.now + step.wait)
                    watch(step, ledger)
            except LoopReturnsError as error:
                if error.message != "the action ledger cannot be used":
                    raise
                return False
        return True

    def finish(self) -> None:
        """Runs without trouble until the end; then the judge."""
        for number in range(20):
            assert self.run(f"later-{number}", self.address["dsn"])
            self.world.run_until(self.world.now + 2000)
            if not self.world.ledger.actions(*LIVE):
                break
        self.world.run_until(self.world.now + 100_000)
        (action,) = self.world.ledger.actions()
        verdicts = Verdicts()
        verdicts.judge(self.world, [action])
        assert verdicts.bad == 0, verdicts
        assert action.state == State.CONFIRMED
        assert self.world.effects["1"] == 1
        audit.verify(self.world.ledger.epoch, self.world.ledger.events())


@contextmanager
def theatre(server: Server) -> Iterator[Theatre]:
    stage = Theatre(in_postgres(server.uri()).address("cut"))
    try:
        yield stage
    finally:
        stage.world.ledger.close()


@pytest.mark.parametrize("arrives", [True, False])
def test_a_connection_that_is_cut_at_each_single_commit(postgres_server: Server, arrives: bool) -> None:
    cuts, sent = 0, set()
    for at in range(1, 100):
        with theatre(postgres_server) as stage:
            with cutting(postgres_server.uri(), at, arrives=arrives) as cutter:
                is_whole = stage.run("first", cutter.uri)
            sent.add(stage.world.posts)
            intents = [each for each in stage.world.ledger.events() if each.to_state == State.INTENT]
            assert stage.world.posts <= len(intents)
            stage.finish()
            if is_whole:
                break
            cuts += 1

    assert cuts >= 5
    assert sent == {0, 1}


def test_a_backend_that_is_killed_at_each_single_step(postgres_server: Server) -> None:
    killed: list[str] = []
    for at in range(1, 100):
        with theatre(postgres_server) as stage:
            count = len(killed)

            def kill(step: Step, ledger: SqlLedger, at: int = at) -> None:
                nonlocal seen
                seen += 1
                if seen == at:
                    (own,) = ledger.store.rows("select pg_backend_pid() as pid")
                    stage.world.ledger.store.rows("select pg_terminate_backend(?, 5000)", (own["pid"],))
                    killed.append(step.name)

            seen: Any = 0
            stage.run("first", stage.address["dsn"], kill)
            stage.finish()
            if len(killed) == count:
                break

    assert {"before the intent", "intent written", "before sending", "answered"} <= set(killed)
