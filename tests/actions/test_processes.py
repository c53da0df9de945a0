"""Real processes: killed at any moment, stopped between intent and POST, eight at once, on a full disk."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actions.ledgers import NOON, approve, request
from actions.runner import KEY, SharedFastClock, engine
from actions.stores import Stores
from loop_returns.actions import audit
from loop_returns.actions.sql_ledger import SqlLedger
from loop_returns.actions.sqlite_store import SqliteStore
from loop_returns.actions.states import State
from loop_returns.actions.wire import EngineClock, drive
from loop_returns.errors import LoopReturnsError
from loop_returns.simulator.app import Simulator, Switches
from loop_returns.simulator.world import World, build_world

TESTS = Path(__file__).parents[1]


def shop_of(returns: int) -> World:
    """A world in which every return is open and nothing happens by itself."""
    world = build_world(seed=7, returns=returns, days=180, end=NOON)
    for each in world.returns:
        each.state, each.script, each.is_listed, each.was_processed = "open", [], True, False
    return world


class Yard:
    """A shop, a ledger with approved processes, and runners that are started as processes."""

    def __init__(self, stores: Stores, world: World, shop: Simulator, speed: float) -> None:
        self.world, self.shop, self.stores = world, shop, stores
        self.runners: list[subprocess.Popen[str]] = []
        self.asked: dict[str, Any] = {
            "base_url": shop.base_url,
            "origin": EngineClock().monotonic(),
            "speed": speed,
        }

    def ledger(self, name: str, count: int, first: int = 0) -> SqlLedger:
        ids = [str(each.id) for each in self.world.returns[first : first + count]]
        ledger = self.stores.open(name)
        now = SharedFastClock(self.asked["origin"], self.asked["speed"]).now()
        approve(ledger, *(request(each, "process", requested_at=now) for each in ids), at=now)
        self.asked["digest"] = ledger.actions()[0].plan_digest
        return ledger

    def start(self, name: str, **other: Any) -> subprocess.Popen[str]:
        asked = json.dumps(self.asked | {"ledger": self.stores.address(name)} | other)
        command = [sys.executable, "-m", "actions.runner", asked]
        self.runners.append(subprocess.Popen(command, cwd=TESTS, stdout=subprocess.DEVNULL, text=True))
        return self.runners[-1]

    def close(self) -> None:
        """Leave no runner behind, not even a stopped one, when a test failed."""
        for runner in self.runners:
            runner.kill()
            runner.wait()

    def judge(self, ledger: SqlLedger) -> Counter[str]:
        """No double, no wrong verdict, everything ended or parked, the chain whole."""
        effects = {return_id: count for (return_id, _), count in self.shop.actions.effects.items()}
        truth = {str(each.id): each.state for each in self.world.returns}
        found = ledger.actions()
        states = Counter(str(action.state) for action in found)
        assert max(effects.values(), default=0) <= 1, "something was done twice"
        assert set(states) <= {"CONFIRMED", "ALREADY", "PARKED"}, states
        for action in found:
            assert action.state == State.PARKED or truth[action.return_id] == "closed", action
        audit.verify(ledger.epoch, ledger.events())
        return states


@pytest.fixture
def yard(stores: Stores, request: pytest.FixtureRequest) -> Iterator[Yard]:
    returns, speed = request.param
    world = shop_of(returns)
    with (
        Simulator(world, Switches(process_seconds=0.03), api_key=KEY) as shop,
        closing(Yard(stores, world, shop, speed)) as yard,
    ):
        yield yard


def kill_and_finish(yard: Yard, returns: int, kills: int, seconds: float) -> None:
    yard.shop.latency = 0.01
    ledger = yard.ledger("ledger", returns)
    rng, done = random.Random(7), 0
    runners = [yard.start("ledger") for _ in range(2)]
    until = time.monotonic() + seconds
    while done < kills and time.monotonic() < until:
        time.sleep(rng.uniform(0.3, 0.9))
        place = rng.randrange(2)
        if runners[place].poll() is None:
            runners[place].send_signal(signal.SIGKILL)
            done += 1
        runners[place].wait()
        runners[place] = yard.start("ledger")
    for runner in runners:
        assert runner.wait(seconds) == 0

    states = yard.judge(ledger)

    print(f"{done} kills, {returns} returns: {dict(states)}")
    assert done >= kills
    assert states["CONFIRMED"] + states["ALREADY"] > 0.6 * returns


@pytest.mark.parametrize(("stores", "kills"), [("sqlite", 30), ("postgres", 10)], indirect=["stores"])
@pytest.mark.parametrize("yard", [(300, 60)], indirect=True)
def test_kills_of_two_runners(yard: Yard, kills: int) -> None:
    kill_and_finish(yard, 7 * kills, kills, 120)


@pytest.mark.slow
@pytest.mark.parametrize("yard", [(3000, 60)], indirect=True)
def test_three_hundred_kills_over_three_thousand_returns(yard: Yard) -> None:
    kill_and_finish(yard, 3000, 300, 3000)


def stop_and_go_on(yard: Yard, count: int) -> None:
    """Each runner sleeps between its intent and its POST, while another one settles and sends again."""
    marked = {"limits": {"marker_verified": True}}
    names = [f"ledger-{n}" for n in range(count)]
    digests = []
    for place, name in enumerate(names):
        yard.ledger(name, 1, place).close()
        digests.append(yard.asked["digest"])
    sleepers = [
        yard.start(name, digest=digest, stop_at="before sending", once=True, **marked)
        for name, digest in zip(names, digests, strict=True)
    ]
    for sleeper in sleepers:
        _, status = os.waitpid(sleeper.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
    assert [each for each in yard.shop.seen if each.method == "POST"] == []
    time.sleep(920 / yard.asked["speed"])

    for name, digest in zip(names, digests, strict=True):
        assert yard.start(name, digest=digest, **marked).wait(60) == 0
    posts = sum(each.method == "POST" for each in yard.shop.seen)
    for sleeper in sleepers:
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.wait(60) == 0

    assert posts == count
    assert sum(each.method == "POST" for each in yard.shop.seen) == count
    for name in names:
        with closing(yard.stores.open(name)) as ledger:
            assert yard.judge(ledger) == {"CONFIRMED": 1}
            assert ledger.actions()[0].attempt == 2


@pytest.mark.parametrize("yard", [(20, 150)], indirect=True)
def test_a_runner_that_slept_does_not_send(yard: Yard) -> None:
    stop_and_go_on(yard, 2)


@pytest.mark.slow
@pytest.mark.parametrize("yard", [(60, 150)], indirect=True)
def test_fifty_runners_that_slept_do_not_send(yard: Yard) -> None:
    stop_and_go_on(yard, 50)


def claim_together(stores: Stores, rows: int, processes: int) -> None:
    ledger = stores.open()
    approve(ledger, *(request(str(n)) for n in range(1, rows + 1)))
    asked = json.dumps({"ledger": stores.address("ledger"), "claim": True})
    command = [sys.executable, "-m", "actions.runner", asked]
    claimers = [
        subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]

    won = [int(claimer.communicate(timeout=600)[0]) for claimer in claimers]

    intents = Counter(event.action_key for event in ledger.events() if event.to_state == "INTENT")
    print(won)
    assert sum(won) == rows == len(intents)
    assert set(intents.values()) == {1}
    assert audit.verify(ledger.epoch, ledger.events()) == 2 * rows


def test_processes_at_once_claim_each_row_once(stores: Stores) -> None:
    claim_together(stores, 100, 4)


@pytest.mark.slow
def test_eight_processes_claim_1500_rows(stores: Stores) -> None:
    claim_together(stores, 1500, 8)


@pytest.mark.parametrize("stores", ["sqlite"], indirect=True)
@pytest.mark.parametrize("yard", [(60, 100)], indirect=True)
def test_a_full_disk_stops_the_run_and_nothing_is_sent_without_an_intent(yard: Yard) -> None:
    ledger = yard.ledger("ledger", 40)
    assert isinstance(ledger.store, SqliteStore)
    deaths = 0
    while ledger.actions(State.APPROVED, State.INTENT, State.ACCEPTED, State.IN_DOUBT):
        ((pages,),) = ledger.store.rows("pragma page_count")
        ledger.store.change(f"pragma max_page_count = {pages + 1}")
        running = engine(ledger, yard.asked)
        try:
            drive(running.apply(yard.asked["digest"]), running.clock)
        except LoopReturnsError as error:
            deaths += error.message == "the action ledger cannot be used" and "full" in error.cause
        intents = sum(event.to_state == "INTENT" for event in ledger.events())
        assert sum(each.method == "POST" for each in yard.shop.seen) <= intents
        running.clock.sleep(60)

    assert deaths > 5
    assert yard.judge(ledger)["CONFIRMED"] > 30


@pytest.mark.parametrize("stores", ["sqlite"], indirect=True)
@pytest.mark.parametrize("yard", [(10, 100)], indirect=True)
def test_a_ledger_that_cannot_be_written_sends_nothing(yard: Yard) -> None:
    yard.ledger("ledger", 5).close()
    file = Path(yard.stores.address("ledger")["file"])
    read_only = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)
    read_only.row_factory = sqlite3.Row
    running = engine(SqlLedger(SqliteStore(file, read_only)), yard.asked)

    with pytest.raises(LoopReturnsError, match="the action ledger cannot be used"):
        drive(running.apply(yard.asked["digest"]), running.clock)

    assert [each for each in yard.shop.seen if each.method == "POST"] == []
