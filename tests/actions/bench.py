"""The action engine with a ledger and a simulated shop, fifty times as fast as a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from actions.ledgers import approve, request
from actions.stores import in_file
from loop_returns.actions.engine import Engine
from loop_returns.actions.limits import limits
from loop_returns.actions.records import action_key
from loop_returns.actions.recovery import Recovery, Report, Setting
from loop_returns.actions.send import Poster
from loop_returns.actions.states import Kind, State
from loop_returns.actions.wire import EngineClock, HttpWire, drive
from loop_returns.api.client import ClientSettings, LoopClient
from loop_returns.simulator.app import Simulator

from .virtual import LOOSE

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPEED = 50.0
KEY, ACTION_KEY = "reading-key", "acting-key"


class FastClock(EngineClock):
    """Fifty seconds in one: what the engine waits for comes soon."""

    def __init__(self) -> None:
        self._start, self._from = super().monotonic(), super().now()

    def monotonic(self) -> float:
        return self._start + (super().monotonic() - self._start) * SPEED

    def now(self) -> datetime:
        return self._from + timedelta(seconds=self.monotonic() - self._start)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / SPEED)


class Bench:
    """A ledger, a shop, and runs of the engine between them."""

    def __init__(self, folder: Path, shop: Simulator) -> None:
        self.file = folder / "ledger.sqlite"
        self.ledger = in_file(self.file)
        self.shop = shop
        self.clock = FastClock()
        self.reader = LoopClient(ClientSettings(KEY, shop.base_url, 100_000, patience_seconds=0.1))
        self.digest = ""

    def ids(self, state: str = "open") -> list[str]:
        """Returns in a state, those whose parcel nobody scanned first: only they may be cancelled."""
        found = [each for each in self.shop.world.returns if each.state == state and each.is_listed]
        return [str(each.id) for each in sorted(found, key=lambda each: each.first_scan_at is not None)]

    def approve(self, action: Kind, *return_ids: str, **other: Any) -> list[str]:
        asked = [request(each, action, requested_at=self.clock.now(), **other) for each in return_ids]
        assert approve(self.ledger, *asked, at=self.clock.now()) == ["APPROVED"] * len(asked)
        keys = [action_key("shop", each) for each in asked]
        first = self.ledger.action(keys[0])
        assert first is not None
        self.digest = first.plan_digest
        return keys

    def apply(self, poster: Poster | None = None, **changes: Any) -> Report:
        merchant = {"actions": LOOSE | {"canary_seconds": 0} | changes.pop("limits", {})}
        setting = Setting(limits=limits(merchant), run_id=f"run-{datetime.now(UTC)}", **changes)
        poster = poster or Poster(self.shop.base_url, ACTION_KEY, answer_seconds=2)
        return drive(
            Engine(self.ledger, HttpWire(self.reader, poster), self.clock, setting).apply(self.digest),
            self.clock,
        )

    def confirm(self) -> Report:
        setting = Setting(limits=limits({}), run_id="confirm", is_paced=False)
        recovery = Recovery(self.ledger, HttpWire(self.reader), self.clock, setting)
        return drive(recovery.confirm(at_once=True), self.clock)

    def state(self, key: str) -> State:
        action = self.ledger.action(key)
        assert action is not None
        return action.state

    def ways(self, key: str) -> list[str]:
        return [event.to_state for event in self.ledger.events() if event.action_key == key]

    @property
    def posts(self) -> list[str]:
        return [each.path for each in self.shop.seen if each.method == "POST"]
