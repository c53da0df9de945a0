"""`check`: is everything in place for a run, said point by point; it changes nothing.

Key and scope per endpoint, installed versions against the pins, the data directory, the work file, what an
interrupted run left, the extracts of other systems, the webhook subscriptions.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

from loop_returns import job as job_of
from loop_returns import subscriptions
from loop_returns.api.client import LoopClient
from loop_returns.api.windows import Window
from loop_returns.errors import KeyRefusedError, LoopReturnsError
from loop_returns.job import Job
from loop_returns.settings import config_file, missing_key
from loop_returns.warehouse.place import Place
from loop_returns.webhooks import options


@dataclass(frozen=True, slots=True)
class Finding:
    """One point: `ok`, `note` (works, but look at it) or `fail`; `exit_code` is what a failure counts as."""

    point: str
    result: Literal["ok", "note", "fail"]
    text: str
    hint: str = ""
    exit_code: int = 0


def findings(job: Job) -> Iterator[Finding]:
    """All points, in the order in which a newcomer would mend them."""
    yield _versions()
    yield from _database(job)
    yield _extracts(job)
    if not job.settings.api_key:
        yield _failed("API key", missing_key())
        return
    client = job_of.client(job.settings)
    window = Window(job.present - timedelta(hours=1), job.present)
    yield _endpoint("Detailed Returns List", lambda: next(client.list_pages(window, page_size=1)))
    yield _endpoint("Advanced Shipping Notice", lambda: client.shipping_notices(window))
    yield _webhooks(client, job.merchant)


def _failed(point: str, error: LoopReturnsError) -> Finding:
    text = f"{error.message} ({error.cause})" if error.cause else error.message
    return Finding(point, "fail", text, error.hint, error.exit_code)


def _endpoint(point: str, read: Callable[[], object]) -> Finding:
    try:
        read()
    except LoopReturnsError as error:
        return _failed(point, error)
    return Finding(point, "ok", "the key is accepted, and its scope suffices")


def _webhooks(client: LoopClient, merchant: Mapping[str, Any]) -> Finding:
    point = "webhook subscriptions"
    try:
        names = options.subscriptions(merchant.get("webhooks", {}))
        held = client.webhooks()
    except KeyRefusedError:
        return Finding(point, "note", "the key lacks the scope Developer Tools; polling needs none")
    except LoopReturnsError as error:
        return Finding(point, "note", error.message)
    if wrong := subscriptions.lacking(held, names):
        hint = "`loop-returns init --webhooks` says what to create"
        return Finding(point, "note", f"{', '.join(wrong)}; polling works without ({hint})")
    active = [one for one in held if one.get("status") == "active"]
    return Finding(point, "ok", f"{len(active)} active")


def _versions() -> Finding:
    wrong = []
    for line in importlib.metadata.requires("loop-returns") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        installed = importlib.metadata.version(wanted.name)
        if not wanted.specifier.contains(installed, prereleases=True):
            wrong.append(f"{wanted.name} {installed} (wanted {wanted.specifier})")
    if wrong:
        return Finding("versions", "fail", ", ".join(wrong), "install requirements/run.txt", 1)
    engines = (f"{name} {importlib.metadata.version(name)}" for name in ("dlt", "duckdb", "sqlmesh"))
    return Finding("versions", "ok", ", ".join(engines))


def _database(job: Job) -> Iterator[Finding]:
    from loop_returns.warehouse import workfile

    paths, place = job.settings.paths, job.settings.place
    try:
        with workfile.writer(paths, place, 0.0):
            yield _server(place) if place.is_postgres else _file(place)
    except LoopReturnsError as error:
        yield _failed(_point(place), error)
    if left := _pending(paths.work / "dlt"):
        text = f"{left} left by a run that died; the next run reads their windows again"
        yield Finding("pending packages", "note", text)
    else:
        yield Finding("pending packages", "ok", "none")


def _point(place: Place) -> str:
    return "database" if place.is_postgres else "work file"


def _file(place: Place) -> Finding:
    size = place.file.stat().st_size if place.file.exists() else 0
    return Finding(_point(place), "ok", f"{place.file}: free, {size / 1e6:.1f} MB")


def _server(place: Place) -> Finding:
    """What this user may do there: make schemas, or write those that someone made for it."""
    from loop_returns.warehouse import postgres_server

    found = postgres_server.rights(place.dsn)
    text = f"{place.name}: free, {found.megabytes:.1f} MB"
    if found.lacking:
        hint = f"grant create on database {found.database} to {found.user}; docs/destinations.md"
        lacks = f"{text}, but {found.user} may not create {', '.join(found.lacking)}"
        return Finding(_point(place), "fail", lacks, hint, 1)
    return Finding(_point(place), "ok", f"{text}, {found.user} may create and write every schema")


def _extracts(job: Job) -> Finding:
    from loop_returns.warehouse.extracts import incoming, sources

    point = "extracts"
    try:
        found = sources.sources(job.merchant, config_file().parent)
        for source in found.values():
            incoming.look(source)
    except LoopReturnsError as error:
        return _failed(point, error)
    names = ", ".join(found) or "none is named in loop.toml"
    return Finding(point, "ok", f"{names}: there, with the columns wanted" if found else names)


def _pending(folder: Path) -> int:
    return sum(1 for kind in ("normalize/extracted", "load/normalized") for _ in folder.glob(f"*/{kind}/*"))


def exit_code(found: list[Finding]) -> int:
    """0, or the code of the first failure that has one of its own."""
    codes = [finding.exit_code for finding in found if finding.result == "fail"]
    return next((code for code in codes if code != 1), max(codes, default=0))


def findings_text(found: list[Finding]) -> str:
    """One line a point; a failure with what to do."""
    lines = []
    for finding in found:
        lines.append(f"{finding.result:4}  {finding.point}: {finding.text}")
        if finding.result == "fail" and finding.hint:
            lines.append(f"      hint: {finding.hint}")
    return "\n".join(lines)
