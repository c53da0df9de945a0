"""Bad input: a clear error, the documented exit code, nothing lost, nothing moved."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from conftest import END
from loop_returns.simulator.app import Fault, Switches
from support.errors import words_of
from support.truth import assert_complete

OpenShop = Callable[..., Any]


def test_no_key(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()

    said = words_of(shop.loop("run", exit_code=4, SOURCES__LOOP_RETURNS__API_KEY="").stderr)

    assert said["error"] == "no API key is set"
    assert "SOURCES__LOOP_RETURNS__API_KEY" in said["hint"]
    assert simulator.seen == []


@pytest.mark.parametrize("bodies", ["gateway", "documented"])
def test_a_wrong_key(bodies: Any, open_shop: OpenShop) -> None:
    shop, _ = open_shop(None, Switches(unauthorized=bodies))

    result = shop.loop("run", exit_code=4, SOURCES__LOOP_RETURNS__API_KEY="not-the-key")

    assert "scope Returns" in result.stderr
    assert "not-the-key" not in result.stderr + result.stdout
    assert not shop.published.exists()


def test_a_key_without_the_scope_is_told_which_one(open_shop: OpenShop) -> None:
    shop, _ = open_shop(None, Switches(scopes={"developer_tools"}))

    assert "scope Returns" in shop.loop("run", exit_code=4).stderr
    found = shop.json("check", exit_code=4)["findings"]
    assert {one["point"]: one["result"] for one in found} == {
        "versions": "ok",
        "work file": "ok",
        "pending packages": "ok",
        "extracts": "ok",
        "Detailed Returns List": "fail",
        "Advanced Shipping Notice": "fail",
        "webhook subscriptions": "ok",
    }


@pytest.mark.parametrize(
    ("start", "error"),
    [
        ("soon", "start_date is not a date"),
        ("2026-02-30", "start_date is not a date"),
        ("2027-01-01", "start_date lies in the future"),
        ("2019-01-01", "start_date lies more than five years back"),
    ],
)
def test_a_start_date_that_cannot_be(start: str, error: str, open_shop: OpenShop) -> None:
    shop, simulator = open_shop()

    said = words_of(shop.loop("run", exit_code=2, SOURCES__LOOP_RETURNS__START_DATE=start).stderr)

    assert said["error"] == error
    assert simulator.seen == []


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--from", "2026-07-01", "--to", "2026-06-01"), "the span ends before it begins"),
        (("--from", "last week"), "--from is not a date"),
        (("--to", "2026-13-01"), "--to is not a date"),
        (("--from", "2026-11-25"), "--from lies in the future"),
        (("--to", "2026-11-25"), "--to lies in the future"),
        (("--to", "2026-04-30"), "the span ends before it begins"),
        (("extra",), "nothing is known of 'extra'"),
        (("--form", "2026-07-01"), "Unknown option: --form"),
    ],
)
def test_flags_that_cannot_be(words: tuple[str, ...], error: str, open_shop: OpenShop) -> None:
    shop, simulator = open_shop()

    said = words_of(shop.loop("run", *words, exit_code=2).stderr)

    assert said["error"].startswith(error)
    assert simulator.seen == []


@pytest.mark.parametrize(
    "url", ["https:///api/v1", "api.loopreturns.com/api/v1", "http://elsewhere.example/api/v1"]
)
def test_a_base_url_that_cannot_be(url: str, open_shop: OpenShop) -> None:
    shop, _ = open_shop()

    said = words_of(shop.loop("run", exit_code=2, SOURCES__LOOP_RETURNS__BASE_URL=url).stderr)

    assert "base_url" in said["error"]


@pytest.mark.parametrize(
    "setting", ["LOOKBACK_HOURS", "WINDOW_DAYS", "PAGE_SIZE", "REQUESTS_PER_MINUTE", "PII"]
)
def test_a_setting_that_cannot_be(setting: str, open_shop: OpenShop) -> None:
    shop, _ = open_shop()

    said = words_of(shop.loop("run", exit_code=2, **{f"SOURCES__LOOP_RETURNS__{setting}": "plenty"}).stderr)

    assert setting.lower() in said["error"]


def test_the_api_is_down(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/api/v1"

    said = words_of(shop.loop("run", exit_code=1, **_impatient(closed)).stderr)

    assert "error" in said
    assert not shop.published.exists()


def _impatient(base_url: str) -> dict[str, str]:
    return {"SOURCES__LOOP_RETURNS__BASE_URL": base_url, "SOURCES__LOOP_RETURNS__PATIENCE_SECONDS": "2"}


BROKEN = {
    "an error body": Fault("error_200"),
    "a web page": Fault("html"),
    "half a body, for ever": Fault("half"),
    "no rows in the envelope": Fault("no_returns"),
    "an empty body": Fault("empty"),
    "a redirect": Fault("redirect", to="http://127.0.0.1:9/"),
    "server errors, for ever": 500,
    "429, for ever": 429,
}


@pytest.mark.parametrize(("path", "endpoint"), [("list", "returns"), ("asn", "advanced_shipping_notices")])
def test_given_a_loaded_shop_when_an_answer_is_no_answer_then_nothing_moves(
    path: str, endpoint: str, open_shop: OpenShop
) -> None:
    shop, simulator = open_shop()
    shop.loop("load")
    complete = f"from loop_raw.pull_windows where status = 'complete' and endpoint = '{endpoint}'"
    marks = f"select * {complete} order by all"
    before, returns = shop.rows(marks), shop.rows("select count(*) from loop_raw.returns")

    for name, fault in BROKEN.items():
        if (name, path) == ("no rows in the envelope", "asn"):
            continue  # the notices have no envelope
        simulator.fail_when = lambda request, fault=fault: fault if request.path.endswith(path) else None
        words_of(shop.loop("load", exit_code=1, **_impatient(simulator.base_url)).stderr)

        assert shop.rows(marks) == before, name
        assert shop.rows("select count(*) from loop_raw.returns") == returns

    simulator.fail_when = None
    shop.loop("load")
    assert_complete(shop.work_file, simulator.world)


@pytest.mark.parametrize(("kind", "said"), [("repeat_cursor", "cursor"), ("foreign_link", "host")])
def test_a_page_that_leads_nowhere_ends_the_run_and_names_the_window(
    kind: str, said: str, open_shop: OpenShop
) -> None:
    shop, simulator = open_shop()
    shop.env["SOURCES__LOOP_RETURNS__PAGE_SIZE"] = "25"
    simulator.fail_when = lambda request: Fault(kind) if request.path.endswith("list") else None

    error = shop.loop("load", exit_code=1).stderr

    assert said in error
    starts = ("2026-05-01", "2026-07-30", "2026-10-28", "2026-11-16", "2026-11-19")
    assert any(f"pass default, {start}" in error for start in starts), error
    assert len(simulator.seen) < 20


def test_faults_that_pass_are_survived(open_shop: OpenShop) -> None:
    shop, simulator = open_shop(None, Switches(retry_after="seconds"))
    simulator.fail_next = [
        500,
        Fault("reset"),
        Fault("half"),
        429,
        502,
        Fault("retry_after", retry_after=1),
        524,
    ]

    shop.loop("load")

    assert_complete(shop.work_file, simulator.world)


def test_ctrl_c(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    simulator.latency = 0.3
    process = shop.start("load")
    while len(simulator.seen) < 3:
        time.sleep(0.05)
    simulator.latency = 5  # what is asked for from now on does not come before the signal

    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)

    assert process.returncode == 130
    assert error.splitlines()[-1] == "interrupted: what was loaded stays; run again to go on"
    simulator.latency = 0
    shop.loop("load")
    assert_complete(shop.work_file, simulator.world)


def test_a_data_directory_that_cannot_be(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    (shop.folder / "taken").write_text("a file")

    said = words_of(
        shop.loop("run", exit_code=1, LOOP_RETURNS_DATA_DIR=str(shop.folder / "taken" / "in")).stderr
    )

    assert said["error"] == "the data directory cannot be written"


@pytest.mark.parametrize("command", ["build", "verify", "status"])
def test_there_is_nothing_yet(command: str, open_shop: OpenShop) -> None:
    shop, _ = open_shop()

    assert "yet" in words_of(shop.loop(command, exit_code=1).stderr)["error"]


def test_a_clock_that_stands_still_is_no_harm(open_shop: OpenShop) -> None:
    shop, _ = open_shop()

    shop.loop("load", LOOP_RETURNS_AS_OF=END.isoformat())
    shop.loop("load", LOOP_RETURNS_AS_OF=END.isoformat())
