"""The job: load, build, audit, publish.

    API -> loop_raw (load) -> staging, marts, audits (build) -> published file

`load` and `build` are the two halves of `run`; each holds the one writer's lock while it works.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from loop_returns import loading
from loop_returns.job import Job, client, nothing_loaded, writing
from loop_returns.settings import config_file

if TYPE_CHECKING:
    import duckdb

    from loop_returns.accepted import Word
    from loop_returns.exemptions import Exemption
    from loop_returns.extract.pull import PullResult
    from loop_returns.extract.verify import Verification
    from loop_returns.hand_flags import Asked, Flagged
    from loop_returns.warehouse.marts import BuildResult


@dataclass(slots=True)
class RunResult:
    """What a run did."""

    pulled: PullResult
    built: BuildResult
    published: Path = field(default_factory=Path)


def run(job: Job, start: datetime | None = None, end: datetime | None = None) -> RunResult:
    """Load, build, audit, publish, under one lock.

    Args:
        job: Settings and listener.
        start: Read everything from here again, whatever was read before; None: what is still to read.
        end: Up to here, and no later than the present, which is the default.

    Raises:
        LoopReturnsError: One of the halves failed. What was loaded stays loaded and marked; the published
            file is as it was.
    """
    with writing(job):
        pulled = loading.load(job, start, end)
        built, published = _build(job)
    return RunResult(pulled, built, published)


def load(job: Job, start: datetime | None = None, end: datetime | None = None) -> PullResult:
    """Read the API into `loop_raw`; arguments and errors as in `run`."""
    with writing(job):
        return loading.load(job, start, end)


def build(job: Job) -> tuple[BuildResult, Path]:
    """Build the marts from what is loaded, audit them, publish the file.

    Raises:
        AuditFailedError: A control total did not add up; the published file is as it was.
    """
    with writing(job):
        return _build(job)


def _build(job: Job) -> tuple[BuildResult, Path]:
    from loop_returns import exemptions, flags
    from loop_returns.warehouse import marts, publishing, rule_settings, workfile

    paths = job.settings.paths
    if not workfile.is_loaded(job.settings.place):
        raise nothing_loaded()
    job.listener.progress(0, 1, "preparing the marts")
    exemptions.store(job.settings.place, _exemptions(job))
    _read_extracts(job)
    built = marts.build(
        job.settings.place,
        as_of=job.present,
        settings=job.merchant,
        work_dir=paths.work,
        on_progress=lambda name, done, total: job.listener.progress(done, total, f"building {name}"),
    )
    checks = rule_settings.general(job.merchant)["blocking_checks"]
    proposed = flags.propose(job.settings.place, job.present, checks)
    if proposed.blocked:
        job.listener.note(f"no pick of a rule becomes a request: {', '.join(proposed.blocked)} says block")
    return built, publishing.publish(job.settings.place, job.settings.paths)


def _read_extracts(job: Job) -> None:
    """Bring the extracts of other systems to what loop.toml names; say what was not taken."""
    from loop_returns.extract.pii import PiiPolicy
    from loop_returns.warehouse.extracts import reading, sources
    from loop_returns.warehouse.extracts.privacy import Privacy

    policy = PiiPolicy(job.settings.pii, job.settings.pii_key)
    token = "" if policy.leaves_out("email") else policy.value("email", "of the policy") or ""
    privacy = Privacy(
        name=f"{policy.mode} {token}",
        hide=lambda value: None if policy.leaves_out("email") else policy.value("email", value),
        scrub=lambda value: str(policy.scrub(value)),
        keeps_text=policy.mode == "keep",
    )
    found = sources.sources(job.merchant, config_file().parent)
    for one in reading.read(job.settings.place, found, privacy, job.present):
        if one.rejected and one.is_new:
            every = one.rows + one.rejected
            job.listener.note(
                f"{one.rejected:,} of {every:,} rows of {one.name} were not taken: see ext.rejects"
            )


@contextmanager
def look(job: Job, models: Sequence[str]) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """Look at models as they would be built from what is loaded now, and build nothing; None as `peek` says.

    Raises:
        AuditFailedError: An audit of one of them did not hold.
    """
    from loop_returns.warehouse import peek

    with writing(job), peek.peeked(job.settings.place, job.merchant, job.present, models) as found:
        if found is None:
            job.listener.note("what is new is handed over by the next `run`: the models are not built yet")
        yield found


def flag(job: Job, wishes: Iterable[Asked]) -> Flagged:
    """Put requests by hand into `ops.flagged_items`, and publish when there is a new one.

    Raises:
        LoopReturnsError: Nothing is built yet, or the file could not be written.
    """
    from loop_returns import hand_flags
    from loop_returns.warehouse import publishing

    with writing(job):
        flagged = hand_flags.add(job.settings.place, wishes, job.present)
        if flagged.added:
            publishing.publish_between_builds(job.settings.place, job.settings.paths, job.listener.note)
    return flagged


def accept(job: Job, word: Word) -> None:
    """Put a person's word about a break into `ops.accepted_breaks`, and publish.

    Raises:
        UsageError: No such break is open, or it is not accepted.
        LoopReturnsError: Nothing is built yet, or the file could not be written.
    """
    from loop_returns import accepted
    from loop_returns.warehouse import publishing

    with writing(job):
        accepted.say(job.settings.place, word, job.present)
        publishing.publish_between_builds(job.settings.place, job.settings.paths, job.listener.note)


def _exemptions(job: Job) -> list[Exemption]:
    from loop_returns import exemptions
    from loop_returns.extract.pii import PiiPolicy
    from loop_returns.warehouse import rule_settings

    named = rule_settings.general(job.merchant)["exemptions"]
    policy = PiiPolicy(job.settings.pii, job.settings.pii_key)
    return exemptions.read(config_file().parent / named, policy) if named else []


def verify(job: Job, start: datetime | None = None, end: datetime | None = None) -> Verification:
    """Count again at the API and compare with the tables.

    Raises:
        LoopReturnsError: Nothing is loaded yet, or the API could not be read.
    """
    loading.check_flags(job, start, end)
    from loop_returns.extract import source
    from loop_returns.extract.coverage import RETURNS
    from loop_returns.extract.verify import Verification, Verifier

    with writing(job), source.opened(job.settings) as target:
        reader = client(job.settings)
        if not target.is_ready():
            raise nothing_loaded()
        record = target.windows(reader.api_version).record()
        if record.earliest is None:
            raise nothing_loaded()
        first, bound = loading.span(job, record.earliest, start, end)
        verifier = Verifier(
            reader,
            target.client,
            record.cursor(RETURNS, max(first, record.earliest)),
            job.settings.window_days,
        )
        for done, found in enumerate(verifier.verify(first, bound), 1):
            if isinstance(found, Verification):
                return found
            job.listener.progress(done, done, found.span.label)
    raise AssertionError("a verification ends with its whole")
