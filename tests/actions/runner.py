"""A run of the engine as a process of its own, to be killed, stopped and overlapped.

python -m actions.runner '{"ledger": ..., "base_url": ..., "digest": ..., "origin": ..., "speed": ...}'
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from actions.ledgers import entry
from actions.stores import opened
from actions.virtual import LOOSE
from loop_returns.actions.engine import Engine
from loop_returns.actions.limits import limits
from loop_returns.actions.recovery import Setting
from loop_returns.actions.send import Poster
from loop_returns.actions.sql_ledger import SqlLedger
from loop_returns.actions.states import SENT, State
from loop_returns.actions.wire import EngineClock, HttpWire, Step, drive
from loop_returns.api.client import ClientSettings, LoopClient

KEY = "simulator-key"


class SharedFastClock(EngineClock):
    """So many seconds in one, and the same time in all processes."""

    def __init__(self, origin: float, speed: float) -> None:
        self._origin, self._speed = origin, speed

    def monotonic(self) -> float:
        return (super().monotonic() - self._origin) * self._speed

    def now(self) -> datetime:
        return datetime(2026, 11, 20, 12, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / self._speed)


def engine(ledger: SqlLedger, asked: dict[str, Any]) -> Engine:
    """An engine over a ledger and a shop, with time that runs fast."""
    reader = LoopClient(ClientSettings(KEY, asked["base_url"], 100_000, patience_seconds=1))
    wire = HttpWire(reader, Poster(asked["base_url"], KEY, answer_seconds=2))
    merchant = {"actions": LOOSE | {"max_per_run": 10_000, "max_per_day": 10_000} | asked.get("limits", {})}
    setting = Setting(limits=limits(merchant), run_id=f"run-{os.getpid()}", is_paced=False)
    return Engine(ledger, wire, SharedFastClock(asked["origin"], asked["speed"]), setting)


def stopping(steps: Iterator[Step], at: str) -> Iterator[Step]:
    """Stop this process, as a suspended machine does, the first time that a step is reached."""
    is_done = False
    for step in steps:
        if step.name == at and not is_done:
            is_done = True
            os.kill(os.getpid(), signal.SIGSTOP)
        yield step


def apply(asked: dict[str, Any]) -> None:
    """Apply until nothing is left to do."""
    ledger = opened(asked["ledger"])
    while ledger.actions(State.APPROVED, *SENT):
        running = engine(ledger, asked)
        steps: Any = running.apply(asked["digest"])
        drive(stopping(steps, asked["stop_at"]) if "stop_at" in asked else steps, running.clock)  # type: ignore[arg-type] # its result is not needed
        running.clock.sleep(5)
        if "once" in asked:
            break


def claim(asked: dict[str, Any]) -> None:
    """Try to claim every row, in an order of one's own; print how many were won."""
    ledger = opened(asked["ledger"])
    waiting = ledger.actions(State.APPROVED)
    random.shuffle(waiting)
    said = entry(run=f"run-{os.getpid()}")
    print(sum(ledger.claim(action, said, lambda used: None).action is not None for action in waiting))


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    (claim if "claim" in wanted else apply)(wanted)
