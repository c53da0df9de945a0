"""The commands as a newcomer types them: what they print, write and leave alone."""

from __future__ import annotations

import json
import re
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import requests

OpenShop = Callable[..., Any]


def test_init_writes_skeletons_and_overwrites_none(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    folder = shop.folder / ".dlt"

    first = shop.loop("init").stdout
    (folder / "config.toml").write_text("# mine\n")
    second = shop.loop("init").stdout

    assert first.splitlines()[:2] == ["wrote .dlt/config.toml", "wrote .dlt/secrets.toml"]
    assert second.splitlines()[:2] == ["kept  .dlt/config.toml", "kept  .dlt/secrets.toml"]
    assert (folder / "config.toml").read_text() == "# mine\n"
    assert stat.S_IMODE((folder / "secrets.toml").stat().st_mode) == 0o600


def test_the_files_that_init_writes_are_read(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    shop.loop("init")
    secrets = shop.folder / ".dlt" / "secrets.toml"
    secrets.write_text(secrets.read_text().replace('api_key = ""', 'api_key = "simulator-key"'))
    shop.env["SOURCES__LOOP_RETURNS__API_KEY"] = ""

    found = shop.json("check")

    assert {one["result"] for one in found["findings"]} == {"ok"}


def test_check_changes_nothing(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()

    shop.loop("check")

    assert [request.path for request in simulator.seen] == [
        "/warehouse/return/list",
        "/warehouse/reporting/asn",
        "/webhooks",
    ]
    assert not shop.published.exists()
    assert not shop.work_file.exists()


def test_check_names_missing_webhooks_as_a_note(open_shop: OpenShop) -> None:
    from loop_returns.simulator.app import Switches

    shop, _ = open_shop(None, Switches(scopes={"returns"}))

    assert "note  webhook subscriptions: the key lacks the scope Developer Tools" in shop.loop("check").stdout


def test_a_run_prints_words_and_with_json_one_object(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    shop.plan()

    said = shop.loop("run")
    figures = shop.json("run")
    status = shop.loop("status")

    assert "complete: every state and every shipping notice" in said.stdout
    assert "loyalty_tier (3)" in said.stdout
    assert figures["coverage"]["holes"] == []
    assert figures["breaks"]["open"] == sum(kind["breaks"] for kind in figures["breaks"]["kinds"])
    assert re.search(
        r"^cursor +returns 2026-11-20 12:00, advanced_shipping_notices 2026-11-20 12:00$", status.stdout, re.M
    )
    assert max(map(len, status.stdout.splitlines())) <= 160


def test_load_and_build_are_the_halves_of_run(open_shop: OpenShop) -> None:
    shop, _ = open_shop()

    shop.loop("load")
    assert not shop.published.exists()
    shop.loop("build")

    assert shop.json("status")["rows"]["loop_raw.returns"] > 300


def test_the_work_file_can_be_elsewhere(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    elsewhere = shop.folder / "disk2" / "shop.duckdb"

    shop.loop("load", DESTINATION__DUCKDB__CREDENTIALS=str(elsewhere))

    assert elsewhere.exists()
    assert not shop.work_file.exists()


def test_simulate_serves_until_it_is_interrupted() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "loop_returns", "simulate", "--returns", "30"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    url, key = (
        re.search(r"(http://127\.0\.0\.1:\d+/api/v1)", line),
        re.search(r"[\w-]*key[\w-]*$", line.strip()),
    )
    assert url is not None
    assert key is not None
    answer = requests.get(f"{url[1]}/warehouse/return/list", headers={"X-Authorization": key[0]}, timeout=10)
    process.send_signal(signal.SIGINT)

    assert answer.status_code == 200
    assert process.wait(20) in (0, 130)


def test_help_answers_at_once() -> None:
    """By the processor's time: the clock's would be that of a busy machine's other work."""
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "loop_returns", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    slow = "('dlt', 'duckdb', 'sqlmesh')"
    code = f"import sys; from loop_returns import cli; print([m for m in {slow} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert min(seconds) < 1.0
    assert json.loads(loaded.stdout.replace("'", '"')) == []
