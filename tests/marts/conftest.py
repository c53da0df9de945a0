"""The planted world, run once for all tests of the marts: each case of other systems is there twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import END, KEY, Shop
from loop_returns.simulator.app import Simulator
from loop_returns.simulator.elsewhere.files import Elsewhere, plant, render
from loop_returns.simulator.world import build_world


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Elsewhere]:
    """A shop that was run once, and what its other systems exported; each case is there twice."""
    folder: Path = tmp_path_factory.mktemp("elsewhere")
    world = build_world(seed=33, returns=150, days=120, end=END, clean=True)
    plant(world)
    exports = render(world)
    exports.write(folder)
    with (folder / "loop.toml").open("a") as settings:
        settings.write('[details]\nwanted = ["refunds"]\nper_run = 1000\n')
        # What a planted return is worth is chance; what a rule may pick is tested elsewhere.
        for rule in ("R01_received_process", "R19_erp_received"):
            settings.write(f"[rule.{rule}]\nmax_amount = {{ USD = 10000, EUR = 10000 }}\n")
    with Simulator(world, api_key=KEY) as simulator:
        shop = Shop(folder, simulator.base_url)
        shop.loop("run")
    return shop, exports
