"""Fixtures: the command line as a real process, a real simulator over HTTP, a real DuckDB file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings as hypothesis_settings

from loop_returns.simulator.app import Simulator, Switches
from loop_returns.simulator.world import World, build_world
from loop_returns.warehouse.place import Place
from support.truth import looking

if TYPE_CHECKING:
    from tests.support.postgres import Server
    from tests.support.whole_shop import WholeShop

hypothesis_settings.register_profile("shared-machine", deadline=None)
hypothesis_settings.load_profile("shared-machine")

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = "simulator-key"


@dataclass
class Shop:
    """A folder of one merchant: runs commands in it, against one simulator, and looks into its tables."""

    folder: Path
    base_url: str
    env: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "_data"

    @property
    def work_file(self) -> Path:
        return self.data / "work" / "loop.duckdb"

    @property
    def published(self) -> Path:
        return self.data / "loop.duckdb"

    def plan(self) -> None:
        """Begin with the work file that a run of the year before left: models planned, nothing loaded."""
        from tests.support.planned import planned_work_file

        self.work_file.parent.mkdir(parents=True)
        self.work_file.write_bytes(planned_work_file())

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "loop_returns", *words],
            cwd=self.folder,
            env=self.environment() | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A job that a shell starts in the background hands down an ignored SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("SOURCES__", "LOOP_"))
        }
        settings = {
            "SOURCES__LOOP_RETURNS__BASE_URL": self.base_url,
            "SOURCES__LOOP_RETURNS__API_KEY": KEY,
            "SOURCES__LOOP_RETURNS__PII_KEY": "a-key-of-the-tests",
            "SOURCES__LOOP_RETURNS__START_DATE": "2026-05-01",
            "SOURCES__LOOP_RETURNS__REQUESTS_PER_MINUTE": "100000",
            "SOURCES__LOOP_RETURNS__PATIENCE_SECONDS": "20",
            "LOOP_RETURNS_AS_OF": END.isoformat(),
        }
        return {name: value for name, value in (kept | settings | self.env).items() if value != ""}

    def loop(
        self, *words: str, exit_code: int = 0, timeout: float = 300, **env: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*words, **env)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"{words} took over {timeout} s\n{out}\n{err}") from None
        assert process.returncode == exit_code, f"{words}: exit {process.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def json(self, *words: str, exit_code: int = 0, **env: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.loop(*words, "--json", exit_code=exit_code, **env).stdout)
        return found

    @property
    def place(self) -> Place:
        return Place(self.work_file, self.env.get("DESTINATION__POSTGRES__CREDENTIALS", ""))

    def rows(self, sql: str, *, published: bool = False) -> list[tuple[Any, ...]]:
        with looking(Place(self.published) if published else self.place) as database:
            return database.execute(sql).fetchall()


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Callable[..., tuple[Shop, Simulator]]]:
    """Open a simulated shop: `open_shop(world, switches)` gives the folder to work in and its simulator."""
    with ExitStack() as stack:

        def opened(world: World | None = None, switches: Switches | None = None) -> tuple[Shop, Simulator]:
            shop_world = world or build_world(seed=7, returns=400, days=180, end=END)
            simulator = stack.enter_context(Simulator(shop_world, switches or Switches(), api_key=KEY))
            folder = tmp_path / f"shop{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return Shop(folder, simulator.base_url), simulator

        yield opened


@pytest.fixture(scope="session")
def whole_shop(tmp_path_factory: pytest.TempPathFactory) -> WholeShop:
    """A published file with everything in it, built once: only to be looked at."""
    from tests.support.whole_shop import shared

    return shared(tmp_path_factory)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A real Postgres, started once per worker."""
    from tests.support import postgres

    with postgres.serving() as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: Server) -> str:
    """The URI of an empty database on it."""
    return postgres_server.database()


@pytest.fixture(params=["duckdb", "postgres"])
def open_either(
    request: pytest.FixtureRequest, open_shop: Callable[..., tuple[Shop, Simulator]]
) -> Callable[..., tuple[Shop, Simulator]]:
    """As `open_shop`, once with each destination."""
    if request.param == "duckdb":
        return open_shop
    server: Server = request.getfixturevalue("postgres_server")

    def opened(world: World | None = None, switches: Switches | None = None) -> tuple[Shop, Simulator]:
        shop, simulator = open_shop(world, switches)
        shop.env |= {
            "DESTINATION__NAME": "postgres",
            "DESTINATION__POSTGRES__CREDENTIALS": server.database(),
        }
        return shop, simulator

    return opened
