"""Every shop at once, through the command line: one is refused, the others go on, one file has them all."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.support.once import once
from tests.support.planned import planned_work_file

from conftest import END, Shop
from loop_returns import cli, fleet, shops
from loop_returns.errors import LoopReturnsError
from loop_returns.simulator.app import Simulator
from loop_returns.simulator.world import World, build_world
from support.truth import assert_complete

CURRENCY = {"eu": "EUR", "uk": "GBP", "us": "USD"}
SHOPS = "SOURCES__LOOP_RETURNS__SHOPS__"
DICTIONARY = "marts.data_dictionary"
STATES = "select shop, state, exit_code, as_of is not null from marts.shops"
STATE = {"published": 0, "failed": 4}
TABLES = "select schema_name || '.' || table_name from duckdb_tables() where schema_name in ('marts', 'ops')"


@dataclass
class Chain:
    """Three shops of one loop.toml, and what the commands over all of them said.

    Attributes:
        first: Of a run with one key refused.
        between: `STATES` after it.
        second: Of a run with every key revoked.
    """

    shop: Shop
    first: dict[str, str]
    between: list[list[Any]]
    second: dict[str, str]

    def rows(self, sql: str, of: str = "") -> list[tuple[Any, ...]]:
        """From the file over all shops, or the published file of one."""
        return rows(self.shop.data / f"shops/{of}/loop.duckdb" if of else self.shop.data / "all.duckdb", sql)


def rows(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as database:
        return database.execute(sql).fetchall()


def world(seed: int, currency: str) -> World:
    """A small shop that sells in one currency."""
    made = build_world(seed=seed, returns=40, days=60, end=END)
    for each in made.returns:
        each.currency = currency
    return made


def opened(stack: ExitStack, folder: Path) -> tuple[Shop, dict[str, Simulator]]:
    """Three simulators, a loop.toml that names them, and each shop's key, but for the one of `us`."""
    shop = Shop(folder, "", {"SOURCES__LOOP_RETURNS__API_KEY": ""})
    found = {}
    for seed, (name, currency) in enumerate(CURRENCY.items()):
        found[name] = stack.enter_context(Simulator(world(seed, currency), api_key=f"key-of-{name}"))
        shop.env[f"{SHOPS}{name.upper()}__API_KEY"] = f"key-of-{name}".replace("us", "nobody")
    text = "".join(f'[shops.{name}]\nbase_url = "{each.base_url}"\n' for name, each in found.items())
    (folder / "loop.toml").write_text(text)
    return shop, found


def plant(shop: Shop, *names: str) -> None:
    """Give these shops a file whose models are planned, which a first run would do in half a minute."""
    for name in names:
        work = shop.data / "shops" / name / "work"
        work.mkdir(parents=True)
        (work / "loop.duckdb").write_bytes(planned_work_file())


def build(folder: Path) -> dict[str, Any]:
    """Run twice: once with the key of one shop refused, once with every key revoked."""
    with ExitStack() as stack:
        shop, _ = opened(stack, folder)
        plant(shop, "eu", "uk")
        first = shop.loop("run", "--all", "--json", exit_code=4)
        between = rows(shop.data / "all.duckdb", STATES)
        revoked = {f"{SHOPS}{name.upper()}__API_KEY": f"revoked-{name}" for name in CURRENCY}
        second = shop.loop("run", "--all", exit_code=4, **revoked)
    said = [{"out": each.stdout, "err": each.stderr} for each in (first, second)]
    return {"first": said[0], "between": between, "second": said[1]}


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Built once for all workers of a test session; only to be looked at."""
    folder, told = once(tmp_path_factory, "chain", build)
    return Chain(Shop(folder, ""), **told)


def test_a_refused_key_stops_no_other_shop(chain: Chain) -> None:
    found = {each["shop"]: each for each in json.loads(chain.first["out"])["shops"]}

    assert [each["exit_code"] for each in found.values()] == [0, 0, 4]
    assert found["us"]["error"].startswith("Loop refused the API key")
    assert found["eu"]["rows"]["loop_raw.returns"] == len(chain.rows("from loop_raw.returns", "eu")) > 30
    assert "key-of" not in chain.first["out"] + chain.first["err"]


def test_every_line_of_progress_names_its_shop(chain: Chain) -> None:
    lines = (chain.first["err"] + chain.second["err"]).splitlines()

    assert {line.split("  ")[0] for line in lines} == set(CURRENCY)
    assert [line for line in lines if line.startswith("us  error: Loop refused the API key")]


def test_the_file_over_all_shops_has_every_row_of_each(chain: Chain) -> None:
    names = sorted({name for of in ("eu", "uk") for (name,) in chain.rows(TABLES, of)} - {DICTIONARY})

    assert sorted(name for (name,) in chain.rows(TABLES)) == sorted([*names, DICTIONARY, "marts.shops"])
    for name in names:
        for of in ("eu", "uk"):
            alone = chain.rows(
                f"select hash(t) from (select '{of}' as shop, * from {name}) as t order by 1", of
            )
            together = chain.rows(f"select hash(t) from {name} as t where shop = '{of}' order by 1")
            assert alone == together, (name, of)


def test_no_sum_meets_another_currency(chain: Chain) -> None:
    found = chain.rows(
        "select distinct shop, currency from marts.recon_refund where currency is not null order by 1"
    )

    assert found == [("eu", "EUR"), ("uk", "GBP")]


def test_comments_and_dictionary_travel_along(chain: Chain) -> None:
    columns = chain.rows(
        "select schema_name, table_name, column_name, data_type, comment from duckdb_columns()"
        " where schema_name in ('marts', 'ops') and table_name <> 'data_dictionary' order by all"
    )

    assert [column for column in columns if not column[-1]] == []
    assert set(columns) <= set(chain.rows(f"from {DICTIONARY}"))
    assert ("marts", "breaks", "shop") in {column[:3] for column in columns}


def test_a_shop_that_failed_keeps_its_last_published_rows_and_is_marked(chain: Chain) -> None:
    held = {state: [(name, state, code, True) for name in ("eu", "uk")] for state, code in STATE.items()}
    missing = ("us", "missing", 4, False)

    assert [tuple(row) for row in chain.between] == [*held["published"], missing]
    assert chain.rows(STATES) == [*held["failed"], missing]
    assert chain.rows("select count(distinct shop) from marts.recon_endpoint") == [(2,)]


def test_the_summary_fits_a_terminal(chain: Chain) -> None:
    text = chain.second["out"]

    assert max(map(len, text.splitlines())) <= 80
    assert "look  us: Loop refused the API key" in text
    assert " ".join(text.split()).count("nothing of it is published") == 1


def test_status_and_combine_over_all_shops(chain: Chain) -> None:
    said = chain.shop.loop("status", "--all", exit_code=1)
    combined = chain.shop.json("combine")

    assert [line.split()[0] for line in said.stdout.splitlines()[1:4]] == list(CURRENCY)
    assert combined["rows"]["marts.breaks"] == len(chain.rows("from marts.breaks"))
    assert [each["state"] for each in combined["shops"]] == ["failed", "failed", "missing"]


def at_work(shop: Shop, found: dict[str, Simulator]) -> tuple[subprocess.Popen[str], list[str]]:
    """A run of all shops at a time, each of which has asked its API; and the pids of its children."""
    parent = shop.start("run", "--all", "--jobs", "3")
    while not all(simulator.seen for simulator in found.values()):
        assert parent.poll() is None
        time.sleep(0.05)
    tasks = Path(f"/proc/{parent.pid}/task").glob("*/children")
    return parent, [pid for task in tasks for pid in task.read_text().split()]


def test_given_a_parent_that_is_killed_when_run_again_then_every_shop_is_whole(tmp_path: Path) -> None:
    """Each child goes on to its own end, under its shop's lock, for which the next run waits."""
    with ExitStack() as stack:
        shop, found = opened(stack, tmp_path)
        shop.env[f"{SHOPS}US__API_KEY"] = "key-of-us"
        plant(shop, *CURRENCY)
        for simulator in found.values():
            simulator.latency = 0.2
        parent, children = at_work(shop, found)
        parent.kill()
        parent.communicate()
        left = [pid for pid in children if Path(f"/proc/{pid}").exists()]

        said = json.loads(shop.loop("run", "--all", "--jobs", "3", "--json").stdout)

    assert len(left) == 3
    assert [each["exit_code"] for each in said["shops"]] == [0, 0, 0]
    for name, simulator in found.items():
        assert_complete(shop.data / f"shops/{name}/loop.duckdb", simulator.world)


def test_an_interruption_ends_every_child(tmp_path: Path) -> None:
    with ExitStack() as stack:
        shop, found = opened(stack, tmp_path)
        for simulator in found.values():
            simulator.latency = 60.0
        parent, children = at_work(shop, found)
        parent.send_signal(signal.SIGINT)
        _, err = parent.communicate(timeout=120)

    assert parent.returncode == 130
    assert len(children) == 3
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    assert "Traceback" not in err


def test_given_one_key_for_two_shops_then_one_follows_the_other() -> None:
    keys = {"eu": "a", "uk": " a ", "us": "b", "jp": "", "kr": ""}

    assert fleet.queues(keys, keys.__getitem__) == [["eu", "uk"], ["us"], ["jp"], ["kr"]]


@pytest.mark.parametrize(
    ("toml", "words", "said"),
    [
        ("", ["run", "--all"], "there are no shops"),
        ("[shops.eu]", ["run", "--all", "--shop", "eu"], "--all is every shop"),
        ("[shops.eu]", ["status", "--all", "--shop", "eu"], "--all is every shop"),
        ("[shops.eu]", ["run", "--all", "--jobs", "0"], "--jobs is at least 1"),
        ("[shops.eu]", ["run", "--jobs", "2", "--shop", "eu"], "--jobs belongs to --all"),
        ("[shops.eu]", ["combine"], "no shop has published anything yet"),
    ],
)
def test_what_cannot_be_is_refused(
    toml: str, words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(shops.VARIABLE, "")
    (tmp_path / "loop.toml").write_text(toml)

    with pytest.raises(LoopReturnsError, match=said):
        cli.run(words)


def test_a_database_that_does_not_answer_hides_no_other_shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(shops.VARIABLE, "")
    monkeypatch.setenv("DESTINATION__NAME", "postgres")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://ann:secret@localhost/a?host=/none")
    (tmp_path / "loop.toml").write_text("[shops.eu]\n[shops.us]\n")

    code = cli.run(["status", "--all"])

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("look")]
    assert code == 1
    assert [line.partition(";")[0] for line in lines] == [
        "look  eu: Postgres cannot be reached",
        "look  us: Postgres cannot be reached",
    ]
