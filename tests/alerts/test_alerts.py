"""Alerts over real HTTP: told once, tried a few times, never in the way, and the address is a secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conftest import Shop
from loop_returns.alerts import Alerts, Options, options
from loop_returns.errors import UsageError
from loop_returns.report import limits

SECRET_PATH = "/services/T0/B0/its-secret"
INSIDE = Options(allow_private=True)


@dataclass
class Chat:
    """A chat's incoming webhook: what was posted, and the statuses that it answers, the last one for ever."""

    statuses: list[int] = field(default_factory=lambda: [200])
    posted: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def texts(self) -> list[str]:
        return [each["text"] for each in self.posted]


def handler(chat: Chat) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            chat.posted.append(json.loads(body))
            chat.paths.append(self.path)
            self.send_response(chat.statuses.pop(0) if len(chat.statuses) > 1 else chat.statuses[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler


@pytest.fixture
def chat() -> Iterator[Chat]:
    made = Chat()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}{SECRET_PATH}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def alerts(chat: Chat, tmp_path: Path) -> Alerts:
    return Alerts(chat.url, INSIDE, tmp_path, pauses=(0, 0))


def test_a_message_is_posted_as_slack_takes_it(alerts: Alerts, chat: Chat) -> None:
    alerts.tell("run", "a", "R&D <b>")

    assert chat.posted == [{"text": "R&amp;D &lt;b&gt;"}]
    assert chat.paths == [SECRET_PATH]


def test_the_same_is_told_once_something_else_at_once_and_its_end(alerts: Alerts, chat: Chat) -> None:
    alerts.settle("run", "works again")
    for what in ("a", "a", "b"):
        alerts.tell("run", what, f"failed: {what}")
    alerts.settle("run", "works again")
    alerts.settle("run", "works again")
    alerts.tell("run", "b", "failed: b")

    assert chat.texts == ["failed: a", "failed: b", "works again", "failed: b"]


def test_the_same_is_told_again_when_its_time_is_over(chat: Chat, tmp_path: Path) -> None:
    at_once = Alerts(chat.url, options({"alerts": {"repeat_hours": 0, "allow_private": True}}), tmp_path)

    at_once.tell("run", "a", "failed")
    at_once.tell("run", "a", "failed")

    assert chat.texts == ["failed", "failed"]


@pytest.mark.parametrize(
    ("statuses", "requests", "is_told"),
    [([500, 429, 200], 3, True), ([500], 3, False), ([404], 1, False), ([302], 1, False)],
)
def test_it_is_tried_three_times_at_most_and_then_the_next_command_tells(
    alerts: Alerts,
    chat: Chat,
    capsys: pytest.CaptureFixture[str],
    statuses: list[int],
    requests: int,
    is_told: bool,
) -> None:
    chat.statuses = statuses

    alerts.tell("run", "a", "failed")

    assert len(chat.posted) == requests
    said = capsys.readouterr().err
    assert said == ("" if is_told else f"note: no alert was sent: {statuses[-1]}\n")
    chat.statuses = [200]
    alerts.tell("run", "a", "failed")
    assert len(chat.posted) == requests + (not is_told)


@pytest.mark.parametrize(
    ("url", "wanted", "says"),
    [
        ("http://127.0.0.1:9/its-secret", INSIDE, "no connection"),
        ("https://127.0.0.1/its-secret", Options(), "address refused"),
        ("http://chat.example/its-secret", Options(), "the address of the alerts must be https://host/path"),
        ("its-secret", INSIDE, "the address of the alerts must be https://host/path"),
    ],
)
def test_an_address_that_does_not_do_is_a_note_that_does_not_name_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, wanted: Options, says: str
) -> None:
    Alerts(url, wanted, tmp_path, pauses=(0, 0)).tell("run", "a", "failed")

    said = capsys.readouterr().err
    assert said == f"note: no alert was sent: {says}\n"
    assert not (tmp_path / "alerts.json").exists()


def test_without_an_address_nothing_is_done(tmp_path: Path) -> None:
    quiet = Alerts("", Options(), tmp_path)

    quiet.tell("run", "a", "failed")
    quiet.settle("run", "works again")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "table",
    [
        {"url": "https://chat.example"},
        {"fail_on": 20},
        {"fail_on": ["many"]},
        {"repeat_hours": True},
        {"allow_private": 1},
        3,
    ],
)
def test_a_setting_that_cannot_be_is_refused(table: object) -> None:
    with pytest.raises(UsageError, match=r"\[alerts\]"):
        options({"alerts": table})


def test_limits_are_numbers_or_severities() -> None:
    assert options({"alerts": {"fail_on": [20, "1:0"]}}).limits == [limits.Limit(20), limits.Limit(0, 1)]


@pytest.fixture
def failing(chat: Chat, tmp_path: Path) -> Shop:
    """A shop whose API is not there."""
    env = {
        "SOURCES__LOOP_RETURNS__ALERT_WEBHOOK": chat.url,
        "SOURCES__LOOP_RETURNS__PATIENCE_SECONDS": "1",
    }
    (tmp_path / "loop.toml").write_text("[alerts]\nallow_private = true\nfail_on = [0]\n")
    return Shop(tmp_path, "http://127.0.0.1:9", env)


def test_a_run_that_fails_says_so_once_and_fails_as_before(failing: Shop, chat: Chat) -> None:
    said = failing.loop("run", exit_code=1)
    failing.loop("run", exit_code=1)

    (text,) = chat.texts
    assert text.startswith("loop-returns run failed, exit 1\nerror: Loop did not answer")
    assert text.endswith("The published file is as it was.")
    assert "its-secret" not in said.stdout + said.stderr
    assert "its-secret" not in (failing.data / "alerts.json").read_text()


def test_a_chat_that_fails_changes_nothing(failing: Shop, chat: Chat) -> None:
    chat.statuses = [404]

    said = failing.loop("run", exit_code=1)

    assert "note: no alert was sent: 404\nerror: Loop did not answer" in said.stderr


def test_a_run_that_works_with_too_many_breaks_says_so(
    open_shop: Callable[..., tuple[Shop, Any]], chat: Chat
) -> None:
    shop, _ = open_shop()
    shop.plan()
    shop.env["SOURCES__LOOP_RETURNS__ALERT_WEBHOOK"] = chat.url
    (shop.folder / "loop.toml").write_text("[alerts]\nallow_private = true\nfail_on = [5]\n")
    shop.loop("run")
    shop.loop("report", "--fail-on", "5", exit_code=3)

    run, report = chat.texts
    assert run.startswith("loop-returns run: ")
    assert "breaks are open, at most 5 are allowed" in run.splitlines()[0]
    assert report.startswith("loop-returns report: ")
    assert "The pull is complete" in report
