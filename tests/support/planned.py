"""A work file with every table, all models planned and built, and nothing loaded: made once per machine.

SQLMesh's plan is what takes longest in a first run, and hardly a test is about it: most begin with this file.
Its name has the digest of all that it is made of, so it outlives a test session.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from fasteners import InterProcessLock

import loop_returns
from loop_returns.warehouse import mart_script
from loop_returns.warehouse.mart_project import transforms_dir

LONG_AGO = datetime(2025, 3, 1, tzinfo=UTC)
"""The file's present: before that of every test. A midnight: no day has begun that the ledger could lose."""


@cache
def planned_work_file() -> bytes:
    """The content of the file."""
    file = Path(gettempdir()) / f"loop-returns-planned-{os.getuid()}-{_digest()}.duckdb"
    with InterProcessLock(file.with_suffix(".lock")):
        if not file.exists():
            half = file.with_suffix(".half")
            half.write_bytes(_built())
            half.replace(file)
        return file.read_bytes()


def _digest() -> str:
    package = Path(loop_returns.__file__).parent
    found = hashlib.sha256(f"{LONG_AGO} {mart_script.engines()}".encode())
    for file in (Path(__file__), *sorted(package.rglob("*.py")), *mart_script.sources(transforms_dir())):
        found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()[:16]


def _built() -> bytes:
    from loop_returns.extract import source
    from loop_returns.settings import Paths, Settings, prepare_dlt
    from loop_returns.warehouse.marts import build
    from loop_returns.warehouse.place import Place

    prepare_dlt()
    with TemporaryDirectory() as folder:
        paths = Paths(Path(folder))
        paths.work.mkdir()
        with source.opened(Settings(paths, api_key="none")) as target:
            target.prepare()
        build(Place(paths.work_file), as_of=LONG_AGO)
        return paths.work_file.read_bytes()
