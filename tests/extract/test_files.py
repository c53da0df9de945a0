"""Any life of `loop_raw` in files shows the rows that the same life leaves in DuckDB's tables."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pages import PageBatch

from loop_returns.api.fields import raw_columns
from loop_returns.api.windows import Window
from loop_returns.extract import source
from loop_returns.extract.coverage import PASSES, Pull, Span
from loop_returns.extract.files import FileTarget
from loop_returns.extract.pii import PiiPolicy
from loop_returns.extract.pull_windows import Done
from loop_returns.extract.return_details import table
from loop_returns.settings import Paths, Settings, prepare_dlt
from loop_returns.simulator.render import Rows
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.world import build_world

AT = datetime(2026, 11, 20, tzinfo=UTC)
ARRAYS = ("line_items", "exchanges", "labels", "shopify_refund_object")
STEPS = ("pull", "pull", "pull", "details", "plan", "halve", "abandon", "death", "base", "dead base", "fresh")


def _shop() -> list[dict[str, Any]]:
    world = build_world(seed=3, returns=12, days=60, end=AT)
    rows = Rows(Switches())
    return [orjson.loads(rows.of(each)) for each in world.returns]


SHOP = _shop()


class Both:
    """Two targets: a DuckDB file, and files in memory, both with empty tables at first."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack, self._run, self._runners = folder, ExitStack(), ExitStack(), 0
        self.bucket = "memory://empty"
        self.tables = self._stack.enter_context(self._opened("duckdb"))
        self.tables.prepare()
        with self._opened("filesystem") as files:
            files.prepare()
            self.filesystem: Any = cast("FileTarget", files).files.store.filesystem
        self.files = cast("FileTarget", None)

    def _opened(self, destination: str) -> AbstractContextManager[source.Target]:
        self._runners += 1
        paths = Paths(self._folder / str(self._runners))
        paths.work.mkdir(parents=True)
        bucket = self.bucket if destination == "filesystem" else ""
        return source.opened(Settings(paths=paths, api_key="", destination=destination, bucket=bucket))

    def begin(self) -> None:
        """Nothing was ever loaded."""
        with self.tables.client.begin_transaction():
            for name in raw_columns():
                self.tables.client.execute_sql(f"delete from loop_raw.{name}")
        self.bucket = f"memory://life{self._runners}"
        self.filesystem.copy("/empty", self.bucket.removeprefix("memory:/"), recursive=True)
        self.fresh()

    def fresh(self) -> None:
        """Go on with the files on a machine that has nothing else."""
        self._run.close()
        self.files = cast("FileTarget", self._run.enter_context(self._opened("filesystem")))
        self.files.prepare()

    def close(self) -> None:
        self._run.close()
        self._stack.close()

    def die(self, load: str, dice: random.Random) -> None:
        """What a kill leaves of a load somewhere between its first byte and its record; then another run."""
        for path in self.filesystem.find(self.bucket):
            if load in path:
                half = self.filesystem.cat_file(path)[:50]
                self.filesystem.rm(path)
                if "_dlt_loads" not in path and dice.random() < 0.5:
                    self.filesystem.pipe_file(path, half)
        self.fresh()


def _seen(target: source.Target, loads: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all raw tables; a load by its place among the loads."""
    found = {}
    for name, columns in raw_columns().items():
        listed = ", ".join(f'"{column}"' for column in [*columns, "_dlt_load_id"])
        rows = target.client.execute_sql(f"select {listed} from loop_raw.{name}") or []
        found[name] = sorted(((*row[:-1], loads.index(row[-1] or "")) for row in rows), key=repr)
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """The two targets, opened once."""
    prepare_dlt()
    opened = Both(tmp_path_factory.mktemp("both"))
    yield opened
    opened.close()


def _page(dice: random.Random, at: datetime) -> PageBatch:
    """Some returns: as they were, changed, repeated within the page, some arrays shorter or empty."""
    batch = PageBatch(PiiPolicy("drop"), "v1")
    items = []
    for item in dice.choices(SHOP, k=dice.randint(1, 8)):
        arrays = {name: item[name][: dice.randint(0, 2)] for name in ARRAYS if item.get(name)}
        changed = {"state": dice.choice(["open", "closed"]), "updated_at": at.isoformat()}
        items.append(item | (changed | arrays if dice.random() < 0.7 else {}))
    batch.add_returns(items, at)
    notices = [
        {"id": dice.randint(1, 3), "return_line_item_id": dice.randint(1, 3), "state": dice.choice("ab")}
        for _ in range(dice.randint(0, 3))
    ]
    batch.add_notices(notices, at)
    return batch


def _details(dice: random.Random, at: datetime) -> pa.Table:
    known = {"body": None, "is_known": True, "reason": "webhook", "api_version": "v1"}
    ids = dice.sample(["1", "2", "3"], k=2)
    return table([known | {"return_id": one, "state": dice.choice("ab"), "fetched_at": at} for one in ids])


class Life:
    """One life of both targets, a step after the other."""

    def __init__(self, both: Both, dice: random.Random) -> None:
        self.both, self.dice, self.at = both, dice, AT
        self.pull = Pull("run", AT, ())
        self.loads: tuple[list[str], list[str]] = ([""], [""])

    @property
    def targets(self) -> tuple[source.Target, source.Target]:
        return self.both.tables, self.both.files

    def step(self, what: str) -> None:
        self.at += timedelta(hours=1)
        getattr(self, "_" + what.replace(" ", "_"))()

    def _pull(self) -> None:
        batch = _page(self.dice, self.at)
        done = [
            Done(span, 1, 2, 3, self.at, self.at)
            for span in self.pull.spans[: self.dice.randint(0, len(self.pull.spans))]
        ]
        for target, loads in zip(self.targets, self.loads, strict=True):
            loads.append(target.load(batch))
            target.windows("v1").finish(self.pull, done, loads[-1])
        self.pull = replace(self.pull, spans=self.pull.spans[len(done) :])

    def _details(self) -> None:
        rows = _details(self.dice, self.at)
        for target, loads in zip(self.targets, self.loads, strict=True):
            loads.append(target.load_details(rows))

    def _plan(self) -> None:
        window = Window(self.at, self.at + timedelta(days=4))
        self.pull = Pull(f"run {self.at}", self.at, tuple(Span(of, window) for of in PASSES[:2]))
        for target in self.targets:
            target.windows("v1").begin(self.pull)

    def _halve(self) -> None:
        if self.pull.spans:
            for target in self.targets:
                halves = target.windows("v1").halve(self.pull, self.pull.spans[0])
            self.pull = replace(self.pull, spans=(*halves, *self.pull.spans[1:]))

    def _abandon(self) -> None:
        for target in self.targets:
            target.windows("v1").abandon()
        self.pull = Pull("run", AT, ())

    def _death(self) -> None:
        self.both.die(self.both.files.load(_page(self.dice, self.at)), self.dice)

    def _base(self) -> None:
        self.both.files.files.rebase(kept_seconds=self.dice.choice([0, 3600]))

    def _dead_base(self) -> None:
        self.both.die(self.both.files.files.rebase(), self.dice)

    def _fresh(self) -> None:
        self.both.fresh()


def _lives(both: Both, steps: list[str], seed: int) -> None:
    both.begin()
    life = Life(both, random.Random(seed))
    for step in steps:
        life.step(step)
    expected, found = map(_seen, life.targets, life.loads)
    for name in raw_columns():
        assert found[name] == expected[name], name


LIVES = given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=12), st.integers(0, 10_000))
SHARED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@settings(max_examples=3, suppress_health_check=SHARED)
@example(["pull", "plan", "pull", "base", "halve", "death", "pull", "details", "dead base", "abandon"], 7)
@LIVES
def test_given_any_life_then_the_files_show_the_rows_that_the_tables_hold(
    both: Both, steps: list[str], seed: int
) -> None:
    _lives(both, steps, seed)


@pytest.mark.slow
@settings(max_examples=1_500, suppress_health_check=SHARED)
@LIVES
def test_given_any_of_many_lives_then_the_files_show_the_rows_that_the_tables_hold(
    both: Both, steps: list[str], seed: int
) -> None:
    _lives(both, steps, seed)
