"""What no committed file may hold, and the pins that must hold."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import dlt
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "requirements" / name for name in ("run.txt", "dev.txt")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = {Requirement(line).name: Requirement(line) for line in PROJECT["dependencies"]}

_INDEX = re.compile(
    r"pypi|pythonhosted|(?<!no-emit-)(?:index-url|find-links)|devpi|artifactory", re.IGNORECASE
)
_MACHINE = re.compile(r"(?<![\w.~>-])/(?:work|root|home|tmp|mnt|Users)(?=[/\s'\"`)]|$)")
_EMAIL = re.compile(r"[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,}", re.IGNORECASE)
_INVENTED = re.compile(
    r"@(?:[\w-]+\.)*(?:example|invalid|test|example\.(?:com|org|net))$|noreply@", re.IGNORECASE
)
_USER_OF_URL = re.compile(r"://[^\s/@]*$")


def committed() -> list[str]:
    """Names of the files that git tracks and that are there."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


def lines() -> Iterator[tuple[str, str]]:
    """Each line of each committed file but this one, with its place."""
    for name in committed():
        if ROOT / name != Path(__file__):
            for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), 1):
                yield f"{name}:{number}", line


def test_no_file_names_a_package_index() -> None:
    assert [place for place, line in lines() if _INDEX.search(line)] == []


def test_no_file_names_a_path_of_a_machine() -> None:
    assert [f"{place} {line.strip()}" for place, line in lines() if _MACHINE.search(line)] == []


def test_no_file_holds_an_address_that_could_be_somebodys() -> None:
    found = [
        f"{place} {match[0]}"
        for place, line in lines()
        for match in _EMAIL.finditer(line)
        if not _INVENTED.search(match[0]) and not _USER_OF_URL.search(line[: match.start()])
    ]

    assert found == []


def test_no_file_is_committed_that_is_a_secret_data_or_another_lock() -> None:
    forbidden = re.compile(
        r"(^|/)(uv\.lock|poetry\.lock|Pipfile\.lock|\.env|secrets\.toml|_data/.*)$|\.(duckdb|sqlite|wal|pem|key)$"
    )

    assert [name for name in committed() if forbidden.search(name)] == []


@pytest.mark.parametrize("file", LOCKS, ids=lambda file: file.name)
def test_every_locked_package_has_one_version_and_hashes(file: Path) -> None:
    entries = [
        line for line in file.read_text().replace("\\\n", " ").splitlines() if line[:1] not in ("", " ", "#")
    ]

    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+ ", entry), entry
        assert "--hash=sha256:" in entry, entry
        assert "://" not in entry, entry


@pytest.mark.parametrize("file", LOCKS, ids=lambda file: file.name)
def test_what_is_locked_fits_the_pins(file: Path) -> None:
    locked = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", file.read_text(), re.M))

    shared = PINS.keys() & locked.keys()
    assert {name for name in shared if not PINS[name].specifier.contains(locked[name])} == set()
    assert file.name != "run.txt" or shared == PINS.keys()


@pytest.mark.parametrize(
    ("name", "works", "breaks"),
    [
        ("duckdb", "1.5.6", "2.0.0"),  # dlt 1.31 fails with it, and no 1.x tool opens its files
        ("sqlglot", "30.20.0", "30.21.0"),  # dlt's dataset() fails
        ("sqlmesh", "0.236.4", "0.237.0"),  # a 0.x: each minor release may move the Python API
        ("dlt", "1.31.0", "2.0.0"),
        ("pandas", "2.3.0", "3.0.0"),  # SQLMesh holds it below
    ],
)
def test_a_release_that_breaks_something_is_pinned_away(name: str, works: str, breaks: str) -> None:
    assert PINS[name].specifier.contains(works)
    assert not PINS[name].specifier.contains(breaks)
    assert PINS[name].specifier.contains(version(name))


def test_the_proprietary_part_of_dlt_is_not_installed() -> None:
    assert PINS["dlt"].extras == {"duckdb", "parquet"}
    for file in LOCKS:
        assert not re.search(r"^(dlthub|dlt-plus|dlt-runtime)\b", file.read_text(), re.M)


def test_a_dataset_of_dlt_can_be_read(tmp_path: Path) -> None:
    """From 30.22 on, sqlglot made every read through `dataset()` fail."""
    pipeline = dlt.pipeline(
        "tiny",
        pipelines_dir=str(tmp_path / "dlt"),
        destination=dlt.destinations.duckdb(str(tmp_path / "tiny.duckdb")),
        dataset_name="raw",
    )
    pipeline.run([{"id": "1", "total": 3}, {"id": "2", "total": 4}], table_name="returns")

    returns = pipeline.dataset().returns

    assert sorted(returns.select("id", "total").fetchall()) == [("1", 3), ("2", 4)]
    assert returns.arrow().num_rows == 2
    assert list(returns.df()["total"]) == [3, 4]
