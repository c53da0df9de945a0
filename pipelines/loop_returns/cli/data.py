"""The commands that pull, build and look: `init`, `check`, `run` and its halves, `verify`, `status`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from loop_returns import settings as settings_of
from loop_returns.cli.shops import All, run_every, status_every
from loop_returns.cli.wiring import From, Json, To, app, job, show, span
from loop_returns.errors import ActionInDoubtError, UsageError
from loop_returns.instants import now
from loop_returns.terminal import Reporter


@app.command(sort_key=1)
def init(
    *,
    webhooks: Annotated[bool, Parameter(negative=())] = False,
    url: str | None = None,
    create: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Write skeletons of the settings files; overwrite none.

    Args:
        webhooks: Say instead which webhook subscriptions to make at Loop.
        url: The receiver's public address, https://host.
        create: Make those that are missing; the key needs Developer Tools.
    """
    if webhooks:
        return _init_webhooks(url, create=create)
    if url or create:
        raise UsageError("--url and --create belong to --webhooks")
    from loop_returns import skeletons

    for file, written in skeletons.write():
        print(f"{'wrote' if written else 'kept '} {file}")
    print("next: put your key into .dlt/secrets.toml, then `loop-returns check`")
    return 0


def _init_webhooks(url: str | None, *, create: bool) -> int:
    from loop_returns import job as job_of
    from loop_returns import subscriptions

    merchant = settings_of.merchant()
    found = subscriptions.wanted(merchant)
    base = subscriptions.check_base(url) if url else subscriptions.PLACEHOLDER
    if create and not url:
        raise UsageError(
            "--create needs --url", hint="the receiver's public address: https://returns.example.com"
        )
    if create:
        with job_of.client(settings_of.read()) as client:
            for each, state in subscriptions.create(client, found, base):
                print(f"{each.trigger}: {state}")
    is_listed = "subscriptions" in merchant.get("webhooks", {})
    print(subscriptions.text(found, base, is_listed=is_listed))
    return 0


@app.command(sort_key=2)
def check(*, as_json: Json = False) -> int:
    """Are key, scopes, versions and files in place? Changes nothing."""
    from dataclasses import asdict

    from loop_returns import doctor

    with job(need_key=False) as this:
        found = list(doctor.findings(this))
    show({"findings": [asdict(one) for one in found]}, doctor.findings_text(found), as_json=as_json)
    return doctor.exit_code(found)


@app.command(name="run", sort_key=3)
def run_all(
    *,
    start: From = None,
    end: To = None,
    webhooks_only: Annotated[bool, Parameter(negative=())] = False,
    every: All = False,
    jobs: int | None = None,
    as_json: Json = False,
) -> int:
    """Load, build, audit, publish. Exit 0 only if all held.

    Args:
        start: Read again from here on.
        end: Up to here.
        webhooks_only: Only load what webhooks told and what changed since, and hand it over; build nothing.
        every: Every shop of loop.toml, a process each, then `combine`; exit: the highest of any shop.
        jobs: With --all: most shops at once; default: one a core.
        as_json: One JSON object on stdout.
    """
    from loop_returns import alerts, handover, pipeline, report, words
    from loop_returns.ops import desk

    first, last = span(start, end)
    if every:
        return run_every(
            _again(start, end, webhooks_only), jobs, publishes=not webhooks_only, as_json=as_json
        )
    if jobs is not None:
        raise UsageError("--jobs belongs to --all")
    if webhooks_only:
        return _catch_up(is_bounded=bool(start or end), as_json=as_json)
    with alerts.watched(settings_of.paths().data), job() as this:
        handover.check(this.merchant)
        limited = alerts.options(this.merchant).limits
        desk.before_run(this)
        result = pipeline.run(this, first, last)
        look = partial(handover.published, result.published)
        handed = handover.after_run(this.listener.note, look, this.merchant)
    figures = report.figures(result.published)
    alerts.after_run(settings_of.paths().data, limited, figures)
    show(
        {
            "load": report.pull_figures(result.pulled),
            "build": report.build_figures(result.built),
            **figures,
            "forwards": handed,
        },
        words.run_text(result, figures),
        as_json=as_json,
    )
    return ActionInDoubtError.exit_code if handover.is_parked(handed) else 0


def _again(start: str | None, end: str | None, webhooks_only: bool) -> list[str]:
    """The words of `run` for one shop."""
    said = {"--from": start, "--to": end}
    options = [word for name, value in said.items() if value for word in (name, value)]
    return ["run", *options, *["--webhooks-only"] * webhooks_only]


def _catch_up(*, is_bounded: bool, as_json: bool) -> int:
    from loop_returns import handover, loading, pipeline, report, words

    if is_bounded:
        raise UsageError("--webhooks-only takes neither --from nor --to")
    with job() as this:
        handover.check(this.merchant)
        pulled = loading.catch_up(this)
        look = partial(pipeline.look, this, handover.MODELS)
        handed = handover.after_run(this.listener.note, look, this.merchant)
    figures = {"load": report.pull_figures(pulled), "forwards": handed}
    show(figures, words.pull_text(pulled), as_json=as_json)
    return ActionInDoubtError.exit_code if handover.is_parked(handed) else 0


@app.command(sort_key=4)
def load(*, start: From = None, end: To = None, as_json: Json = False) -> int:
    """The first half of `run`: read the API into loop_raw."""
    from loop_returns import pipeline, report, words

    first, last = span(start, end)
    with job() as this:
        pulled = pipeline.load(this, first, last)
    show({"load": report.pull_figures(pulled)}, words.pull_text(pulled), as_json=as_json)
    return 0


@app.command(sort_key=5)
def build(*, as_json: Json = False) -> int:
    """The second half of `run`: build, audit, publish."""
    from loop_returns import pipeline, report, words

    with job(need_key=False) as this:
        built, published = pipeline.build(this)
    figures = report.figures(published)
    show({"build": report.build_figures(built), **figures}, words.build_text(built, figures), as_json=as_json)
    return 0


@app.command(sort_key=6)
def verify(*, start: From = None, end: To = None, as_json: Json = False) -> int:
    """Count again at the API; exit 1 names what differs."""
    from loop_returns import pipeline, report, words

    first, last = span(start, end)
    with job() as this:
        found = pipeline.verify(this, first, last)
    show(report.verification_figures(found), words.verification_text(found), as_json=as_json)
    return 0 if found.holds else 1


@app.command(sort_key=7)
def status(*, every: All = False, as_json: Json = False) -> int:
    """Last load, rows, cursor, holes, open breaks, the file's age."""
    if every:
        return status_every(as_json=as_json)
    from loop_returns import report, words
    from loop_returns.warehouse import publishing

    figures = report.figures(publishing.published())
    show(figures, words.status_text(figures, now()), as_json=as_json)
    return 0


@app.command(sort_key=8)
def simulate(
    *,
    port: int = 0,
    seed: int = 7,
    returns: int = 400,
    days: int = 200,
    advance: float = 0,
    clean: Annotated[bool, Parameter(negative=())] = False,
    extracts: Path | None = None,
) -> int:
    """Serve a simulated shop on 127.0.0.1, for development.

    Args:
        port: 0 takes a free one.
        seed: The same seed gives the same shop.
        returns: How many returns it has.
        days: How far back they reach.
        advance: Days that the shop lives on first.
        clean: A shop in which everything reconciles.
        extracts: Folder to write the exports of other systems to, and a loop.toml that names them.
    """
    from loop_returns.simulator.__main__ import serve

    if returns < 1 or days < 1 or advance < 0:
        raise UsageError("a shop has at least one return and one day, and cannot live backwards")
    serve(port=port, seed=seed, returns=returns, days=days, advance=advance, clean=clean, extracts=extracts)
    return 0


@app.command(sort_key=0)
def demo(*, as_json: Json = False) -> int:
    """The whole job against a simulated shop, twice. No key."""
    from loop_returns import demo as demo_of

    with Reporter() as reporter:
        return demo_of.run(settings_of.paths(), reporter, as_json=as_json)
