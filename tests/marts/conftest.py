"""The planted world, run once for all tests of the marts: each case of other systems is there twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.once import once

from conftest import END, KEY, Shop
from loop_returns.simulator.app import Simulator
from loop_returns.simulator.elsewhere.files import Elsewhere, plant, render
from loop_returns.simulator.world import World, build_world


def _world() -> World:
    world = build_world(seed=33, returns=150, days=120, end=END, clean=True)
    plant(world)
    return world


def _run(folder: Path) -> dict[str, str]:
    world = _world()
    render(world).write(folder)
    with (folder / "loop.toml").open("a") as settings:
        settings.write('[details]\nwanted = ["refunds"]\nper_run = 1000\n')
        # What a planted return is worth is chance; what a rule may pick is tested elsewhere.
        for rule in ("R01_received_process", "R19_erp_received"):
            settings.write(f"[rule.{rule}]\nmax_amount = {{ USD = 10000, EUR = 10000 }}\n")
    with Simulator(world, api_key=KEY) as simulator:
        Shop(folder, simulator.base_url).loop("run")
        return {"base_url": simulator.base_url}


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Elsewhere]:
    """A shop that was run once, and what its other systems exported; each case is there twice."""
    folder, told = once(tmp_path_factory, "planted", _run)
    return Shop(folder, **told), render(_world())
