"""The built archives: what they hold, and that the wheel works outside of the tree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[2]
PRIVATE = re.compile(
    r"(^|/)(secrets\.toml|_data|__pycache__|\.cache|tests/(?!test_\w+\.yaml$))|\.(duckdb|sqlite|wal|log)$"
)
WHERE = """
import loop_returns
from loop_returns.warehouse.mart_project import transforms_dir
print(loop_returns.__file__, transforms_dir())
"""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel and an sdist of this tree; no network."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(folder), cwd=ROOT)
    return folder


def run(*words: str, cwd: Path, env: dict[str, str] | None = None, timeout: float = 300) -> str:
    done = subprocess.run(
        words,
        cwd=cwd,
        env=env or dict(os.environ),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def files(folder: str) -> set[str]:
    """What git would commit below a folder, as far as it is there."""
    listed = run(
        "git", "ls-files", "--cached", "--others", "--exclude-standard", folder, cwd=ROOT
    ).splitlines()
    return {name for name in listed if (ROOT / name).exists()}


def test_the_wheel_holds_the_package_and_its_sql(dist: Path) -> None:
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}

    code = {name.removeprefix("pipelines/") for name in files("pipelines")}
    sql = {f"loop_returns/{name}" for name in files("transforms")}
    assert held == code | sql


def test_the_sdist_holds_what_a_build_needs_and_nothing_private(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames()}

    assert files("pipelines") | files("transforms") | {"pyproject.toml", "README.md"} <= held
    assert {name for name in held if PRIVATE.search(name)} == set()
    assert {name for name in held if name.startswith(("tests", "requirements", "benchmarks"))} == set()


def test_a_secret_beside_the_sources_is_in_no_archive(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in files("."):
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    planted = [tree / ".dlt" / "secrets.toml", tree / "_data" / "loop.duckdb", tree / "loop.toml"]
    for file in planted:
        file.parent.mkdir(exist_ok=True)
        file.write_text("planted-secret")

    run(
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-t",
        "sdist",
        "-d",
        str(tmp_path),
        cwd=tree,
    )

    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as sdist:
        bodies = [found.read() for member in sdist if (found := sdist.extractfile(member))]
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        bodies += [wheel.read(name) for name in wheel.namelist()]
    assert len(bodies) > 100
    assert not any(b"planted-secret" in body for body in bodies)


def test_given_the_wheel_alone_when_the_demo_runs_then_the_readme_holds(dist: Path, tmp_path: Path) -> None:
    site, folder = tmp_path / "site", tmp_path / "elsewhere"
    folder.mkdir()
    wheel = str(next(dist.glob("*.whl")))
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    run(sys.executable, *pip, "--target", str(site), wheel, cwd=folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCES__", "LOOP_"))}
    env = kept | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    imported, models = run(sys.executable, "-c", WHERE, cwd=folder, env=env).split()
    before = {file for file in site.rglob("*") if file.is_file()}

    said = run(sys.executable, "-m", "loop_returns", "demo", cwd=folder, env=env, timeout=240)

    assert Path(imported).is_relative_to(site)
    assert Path(models).is_relative_to(site)
    assert "complete: every state and every shipping notice" in said
    assert {file for file in site.rglob("*") if file.is_file()} == before
    with duckdb.connect(str(folder / "_data" / "demo" / "loop.duckdb"), read_only=True) as published:
        for query in queries(said):
            assert published.execute(query).fetchall(), query


def queries(said: str) -> list[str]:
    """The queries that the demo and the README tell people to try."""
    readme = re.findall(r'duckdb -readonly \S+ -c "([^"]+)"', (ROOT / "README.md").read_text())
    shown = re.findall(r'^  (?:duckdb -readonly \S+ -c ")?((?:select|from) [^";]+)', said, re.M)
    assert readme
    assert len(shown) == 3
    return [*readme, *shown]
