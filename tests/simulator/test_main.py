"""The simulator as a process of its own, steered from outside."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

COMMAND = [sys.executable, "-m", "loop_returns.simulator", "--end", "2026-11-20T12:00:00Z", "--advance", "1"]


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([*COMMAND, "--returns", "60"], stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


def test_it_prints_one_line_obeys_the_control_paths_and_ends_on_a_signal(
    process: subprocess.Popen[str],
) -> None:
    assert process.stdout is not None
    base_url, key = process.stdout.readline().split()
    control = base_url.removesuffix("/api/v1") + "/_control"
    headers = {"X-Authorization": key}

    faults = requests.post(
        f"{control}/faults", json=[502, {"kind": "retry_after", "retry_after": 3}], timeout=5
    )
    answers = [requests.get(f"{base_url}/webhooks", headers=headers, timeout=5) for _ in range(3)]
    end = requests.post(f"{control}/advance?days=2", timeout=5).json()
    count = requests.get(f"{control}/requests", timeout=5).json()
    planted = requests.get(f"{control}/planted", timeout=5).json()

    assert faults.json() == {"waiting": 2}
    assert [answer.status_code for answer in answers] == [502, 429, 200]
    assert end == {"end": "2026-11-23T12:00:00+00:00"}
    assert count == {"count": 3, "max_in_60s": 3}
    assert "recon_endpoint.missing_in_list" in planted

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0
    assert process.stdout.read() == ""


def test_it_writes_the_exports_of_other_systems_before_it_says_where_it_is(tmp_path: Path) -> None:
    words = [*COMMAND, "--returns", "40", "--extracts", str(tmp_path / "exports")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        named = tomllib.loads((tmp_path / "exports" / "loop.toml").read_text())["extracts"]
        running.kill()

    assert len(named) == 12
    assert all((tmp_path / "exports" / table["path"]).stat().st_size > 100 for table in named.values())
