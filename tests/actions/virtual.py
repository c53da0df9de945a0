"""The engine in virtual time: many runs over one ledger, a hostile network, deaths and pauses at every step.

World (events by time) -> Run (the real engine, step by step, killed or paused at random) -> judge
The ledger is the real one, in memory; Loop is the worst one that its documentation allows.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from actions.ledgers import NOON, approve, request
from actions.stores import in_memory
from loop_returns.actions.answers import Sent
from loop_returns.actions.engine import Engine
from loop_returns.actions.limits import limits
from loop_returns.actions.records import Action, action_key
from loop_returns.actions.recovery import Setting
from loop_returns.actions.sql_ledger import SqlLedger
from loop_returns.actions.states import SENT, State
from loop_returns.actions.wire import Step, Steps
from loop_returns.api.clock import Clock
from loop_returns.errors import ApiUnavailableError

RUNS = 60
LOOSE = {
    "enabled": True,
    "allow": ["flag", "cancel", "process"],
    "max_per_run": 1000,
    "max_per_day": 1000,
    "max_share_open": 1,
    **{f"max_amount_per_{span}": {"USD": 1e9} for span in ("action", "run", "day")},
    "stop_after_errors": 1000,
    "stop_in_doubt": 1000,
    "stop_failed_share": 1,
    "canary_seconds": 5,
    "confirm_seconds": 15,
    "requests_per_minute": 300,
}


@dataclass(frozen=True)
class Weather:
    """How hostile the world is: probabilities per POST, per read, per step."""

    faulty: float
    unread: float
    kill: float
    pause: float
    others: float
    odd_jobs: float


MILD = Weather(faulty=0.019, unread=0.01, kill=0.02, pause=0.01, others=0.01, odd_jobs=0.01)
CALM = Weather(faulty=0, unread=0, kill=0, pause=0, others=0, odd_jobs=0)
HOSTILE = Weather(faulty=0.37, unread=0.05, kill=0.05, pause=0.03, others=0.05, odd_jobs=0.05)
FAULTS = ("refused", "lost", "late", "no_answer", "500_after", "500_before", "html_after", "429")


class World:
    """Time, events in it, and a Loop whose truth the judge knows.

    Attributes:
        state: Of each return.
        effects: Jobs of ours that moved money, or flags and cancels that worked, per return.
        stray: POSTs that left while the ledger had no live intent of their run.
    """

    def __init__(
        self, seed: int, weather: Weather, *, marker: bool = False, ledger: SqlLedger | None = None
    ) -> None:
        self.rng = random.Random(seed)
        self.weather = weather
        self.now = 0.0
        self.ledger = ledger or in_memory()
        self.state: dict[str, str] = {}
        self.effects: Counter[str] = Counter()
        self.notes: dict[str, list[str]] = {}
        self.posts = self.deaths = self.stray = self.steps = 0
        self.kill_at: int | None = None
        self.only_fault: str | None = None
        self.limits = limits({"actions": LOOSE | {"marker_verified": marker}})
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def at(self, delay: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._count), event))

    def run_until(self, moment: float) -> None:
        while self._events and self._events[0][0] <= moment:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = max(self.now, moment)

    def arrive(self, return_id: str, action: str, body: Mapping[str, Any] | None) -> bytes:
        """A POST reaches Loop: what it does there, and what Loop would say."""
        if action == "note":
            self.notes[return_id].append(str((body or {})["content"]))
            return b"true"
        if self.state[return_id] != "open":
            return b'{"errors":{"code":"UNPROCESSABLE_RETURN","message":"Return is not open."}}'
        if action == "process":
            self.notes[return_id] += map(str, (body or {}).values())
            self.at(self._job_seconds(), lambda: self._job(return_id))
        else:
            self.effects[return_id] += 1
            self.state[return_id] = "review" if action == "flag" else "cancelled"
        return b"true"

    def _job_seconds(self) -> float:
        kind = self.rng.random()
        if kind < 0.8:
            return self.rng.uniform(0.5, 30)
        return self.rng.uniform(30, 1800) if kind < 0.95 else self.rng.uniform(7200, 72_000)

    def _job(self, return_id: str) -> None:
        """A queued process runs; one that was accepted twice pays twice."""
        odd = self.rng.random()
        if self.state[return_id] not in ("open", "closed") or odd < self.weather.odd_jobs / 2:
            return
        self.effects[return_id] += 1
        self.state[return_id] = "review" if odd < self.weather.odd_jobs else "closed"

    def somebody(self, return_id: str) -> None:
        """A carrier, a customer or staff moves an open return."""
        if self.state[return_id] == "open":
            self.state[return_id] = self.rng.choice(("closed", "cancelled", "review", "expired"))


class VirtualClock(Clock):
    """The world's time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def monotonic(self) -> float:
        return self._world.now

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._world.now)


class VirtualWire:
    """A network between one run and the world."""

    def __init__(self, world: World, run_id: str) -> None:
        self.world = world
        self.run_id = run_id

    def details(self, return_id: str) -> Steps[Mapping[str, Any] | None]:
        yield Step("reading", 0.2)
        if self.world.rng.random() < self.world.weather.unread:
            raise ApiUnavailableError("Loop did not answer")
        return {"id": int(return_id), "state": self.world.state[return_id]}

    def notes(self, return_id: str) -> Steps[list[str]]:
        yield Step("reading notes", 0.2)
        return list(self.world.notes[return_id])

    def post(self, path: str, body: Mapping[str, Any] | None, may_send: Callable[[], bool]) -> Steps[Sent]:
        world, rng = self.world, self.world.rng
        fault = rng.choice(FAULTS) if rng.random() < world.weather.faulty else ""
        if world.only_fault is not None and not path.endswith("/note"):
            fault, world.only_fault = world.only_fault, None
        yield Step("connecting", 0.05)
        if fault == "refused":
            return Sent(began=False)
        if not may_send():
            return Sent(began=False, words="too late")
        _, _, return_id, action = path.strip("/").split("/")
        self._note_stray(return_id, action)
        answer: list[bytes] = []
        if fault not in ("lost", "500_before", "429"):
            delay = rng.uniform(31, 400) if fault == "late" else 0.1
            world.at(delay, lambda: answer.append(world.arrive(return_id, action, body)))
        yield Step("on the wire", 30 if fault in ("lost", "late") else 0.3)
        if fault in ("lost", "late", "no_answer"):
            return Sent(began=True)
        status = {"500_after": 500, "500_before": 500, "429": 429}.get(fault, 200)
        content = b"<html>" if fault == "html_after" else answer[0] if answer else b""
        return Sent(True, status, content, True, retry_after=rng.choice((None, 2.0, 400.0)))

    def _note_stray(self, return_id: str, action: str) -> None:
        world = self.world
        world.posts += action != "note"
        live = [each for each in world.ledger.actions(State.INTENT) if each.return_id == return_id]
        world.stray += not any(each.owner == self.run_id for each in live)


def start(world: World, engine: type[Engine], digest: str, run_id: str) -> None:
    """One run that lives until it ends or dies."""
    setting = Setting(limits=world.limits, run_id=run_id)
    steps = engine(world.ledger, VirtualWire(world, run_id), VirtualClock(world), setting).apply(digest)
    world.at(0, lambda: _go_on(world, steps))


def _go_on(world: World, steps: Generator[Step, None, Any]) -> None:
    luck = world.rng.random()
    world.steps += 1
    if luck < world.weather.kill or world.steps == world.kill_at:
        world.deaths += 1
        return
    if luck < world.weather.kill + world.weather.pause:
        world.at(world.rng.choice((5.0, 25.0, 70.0, 1000.0, 3000.0)), lambda: _go_on_now(world, steps))
        return
    _go_on_now(world, steps)


def _go_on_now(world: World, steps: Generator[Step, None, Any]) -> None:
    try:
        step = next(steps)
    except StopIteration:
        return
    world.at(step.wait + world.rng.uniform(0.001, 0.05), lambda: _go_on(world, steps))


@dataclass
class Verdicts:
    """What the judge found, over many worlds."""

    actions: int = 0
    deaths: int = 0
    posts: int = 0
    double: int = 0
    lost: int = 0
    wrong: int = 0
    stray: int = 0
    unfinished: int = 0
    states: Counter[str] = field(default_factory=Counter)

    @property
    def bad(self) -> int:
        """Anything that must never be."""
        return self.double + self.lost + self.wrong + self.stray + self.unfinished

    def judge(self, world: World, actions: list[Action]) -> None:
        """Compare the ledger with the truth."""
        target = {"flag": "review", "cancel": "cancelled", "process": "closed"}
        self.deaths += world.deaths
        self.posts += world.posts
        self.stray += world.stray
        for action in actions:
            done, state = world.effects[action.return_id], action.state
            self.actions += 1
            self.states[state] += 1
            self.double += done > 1
            self.unfinished += state in SENT or state == State.APPROVED
            self.lost += state == State.CONFIRMED and world.state[action.return_id] != target[action.action]
            never = state in (State.REJECTED, State.STALE, State.CONFLICT, State.EXPIRED)
            self.wrong += never and done > 0
            self.wrong += state == State.ALREADY and done > 0 and action.attempt == 0


def live_through(world: World, engine: type[Engine] = Engine, *, actions: int = 12) -> list[Action]:
    """Approve some actions and let up to 60 runs work at them, now and then two at once."""
    kinds = ("process", "process", "process", "process", "flag", "cancel")
    asked = [request(str(n), kinds[n % len(kinds)]) for n in range(1, actions + 1)]
    for each in asked:
        world.state[each.return_id], world.notes[each.return_id] = "open", []
        if world.rng.random() < world.weather.others:
            world.at(world.rng.uniform(0, 7200), lambda each=each: world.somebody(each.return_id))  # type: ignore[misc] # a lambda with a default
    approve(world.ledger, *asked, at=NOON)
    digest = next(iter(world.ledger.actions())).plan_digest
    for number in range(RUNS):
        start(world, engine, digest, f"run-{number}")
        if world.rng.random() < 0.3:
            start(world, engine, digest, f"twin-{number}")
        world.run_until(world.now + (world.rng.uniform(60, 900) if number < 30 else 4000))
        if number > 8 and not any(
            a.state in SENT or a.state == State.APPROVED for a in world.ledger.actions()
        ):
            break
    world.run_until(world.now + 100_000)
    found = [world.ledger.action(action_key("shop", each)) for each in asked]
    return [action for action in found if action is not None]


def simulate(
    worlds: range,
    weather: Weather,
    engine: type[Engine] = Engine,
    *,
    marker: bool = False,
    deaths: int = 0,
    new: Callable[[], SqlLedger] = in_memory,
) -> Verdicts:
    """Many worlds; ends early once so many runs have died."""
    verdicts = Verdicts()
    for seed in worlds:
        world = World(seed, weather, marker=marker, ledger=new())
        verdicts.judge(world, live_through(world, engine))
        world.ledger.close()
        if deaths and verdicts.deaths >= deaths:
            break
    return verdicts
