"""The first half of the job: from the API and the inbox of the webhooks into `loop_raw`.

inbox -> drain -> webhook_events     windows -> Puller -> returns, notices     ids -> ReturnDetails
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from loop_returns.errors import LoopReturnsError
from loop_returns.instants import DEFAULT_START, OLDEST_START, check_end, check_start
from loop_returns.job import Job, Listener, client, nothing_loaded, writing

if TYPE_CHECKING:
    from loop_returns.extract.pull import Puller, PullResult
    from loop_returns.extract.source import Target

CATCH_UP_MINUTES = 30
"""How far before the cursor `catch_up` looks; the next run looks back as far as ever."""


def load(job: Job, start: datetime | None, end: datetime | None) -> PullResult:
    """Drain the inbox, read what is to be read, then returns by id; under the lock that the caller holds."""
    from loop_returns.extract import source

    settings = job.settings
    check_flags(job, start, end)
    if settings.pii == "hash" and not settings.pii_key:
        job.listener.note("pii_key is not set: e-mail addresses are left out, as all personal data is")
    with source.opened(settings) as target:
        puller = _puller(job, target)
        _drain(job, target)
        for pull in _pulls(job, puller, start, end):
            puller.read(pull)
        _details(job, target)
        return puller.result


def catch_up(job: Job) -> PullResult:
    """Load what webhooks told, read what changed since the last run, and what they named beyond; no build.

    An interrupted pull stays for the next `run`; the shipping notices and the long look back do, too.

    Raises:
        LoopReturnsError: Nothing is loaded yet, or the API could not be read.
    """
    from datetime import timedelta

    from loop_returns.extract import source
    from loop_returns.extract.coverage import RETURNS, Lookback

    settings = job.settings
    with writing(job), source.opened(settings) as target:
        puller = _puller(job, target)
        record = puller.windows.record()
        if record.earliest is None:
            raise nothing_loaded()
        if record.unfinished():
            job.listener.note("a pull was interrupted: `loop-returns run` goes on with it")
        else:
            _drain(job, target)
            first = record.cursor(RETURNS, record.earliest)
            if job.present > first:
                lookback = Lookback(timedelta(minutes=CATCH_UP_MINUTES), timedelta(0), settings.window_days)
                pull = record.plan(first - lookback.returns, job.present, lookback).only(RETURNS)
                puller.windows.begin(pull)
                puller.read(pull)
            _details(job, target)
        return puller.result


def _details(job: Job, target: Target) -> None:
    """Read by id what the poll did not show, or what is wanted; a trouble with it stops no run."""
    from loop_returns.extract.pii import PiiPolicy
    from loop_returns.extract.return_details import ReturnDetails, options

    settings, wanted = job.settings, options(job.merchant)
    with client(settings) as reader:
        policy = PiiPolicy(settings.pii, settings.pii_key)
        found = ReturnDetails(target, policy, reader.api_version).read(
            reader, wanted, lambda done, total: job.listener.progress(done, total, "returns by id")
        )
    if found.read or found.trouble:
        left = f", {found.left:,} left for the next run" if found.left else ""
        job.listener.note(f"{found.read:,} returns read by id{left}{_because(found.trouble)}")


def _because(trouble: str) -> str:
    return f": {trouble}" if trouble else ""


def _drain(job: Job, target: Target) -> None:
    """Load what the webhook receiver holds; a trouble with it stops no run: polling needs none of it."""
    from loop_returns.extract.pii import PiiPolicy
    from loop_returns.extract.webhook_events import WebhookEvents
    from loop_returns.webhooks import drain

    settings = job.settings
    sink = WebhookEvents(target, PiiPolicy(settings.pii, settings.pii_key))
    try:
        done = drain.drain(settings.paths.data, sink)
    except LoopReturnsError as error:
        job.listener.note(f"{error.message} ({error.cause}); going on without")
        return
    if done.events or done.repeated:
        again = f", {done.repeated:,} came again" if done.repeated else ""
        job.listener.note(f"{done.events:,} new webhook deliveries{again}")


def _puller(job: Job, target: Target) -> Puller:
    """A reader into tables that exist."""
    from loop_returns.extract.pull import Puller

    puller = Puller(lambda: client(job.settings), target, job.settings, _tell(job.listener))
    puller.prepare()
    return puller


def _tell(listener: Listener) -> Callable[[Any], None]:
    return lambda at: listener.progress(at.done, at.total, f"{at.rows:,} rows, {at.where}")


def _pulls(job: Job, puller: Puller, start: datetime | None, end: datetime | None) -> Iterator[Any]:
    """What an interrupted run left, at its own bound; then what is new since."""
    from datetime import timedelta

    from loop_returns.extract.coverage import Lookback

    settings, record = job.settings, puller.windows.record()
    first, bound = span(job, record.earliest, start, end)
    if start is not None or end is not None:
        puller.windows.abandon()
    elif unfinished := record.unfinished():
        job.listener.note(
            f"going on with the interrupted pull {unfinished.run_id}: {len(unfinished.spans)} windows left"
        )
        yield unfinished
        record = puller.windows.record()
    lookback = Lookback(
        timedelta(hours=settings.lookback_hours),
        timedelta(days=settings.asn_lookback_days),
        settings.window_days,
    )
    pull = record.plan(first, bound, lookback, again=start is not None)
    puller.windows.begin(pull)
    yield pull


def check_flags(job: Job, start: datetime | None, end: datetime | None) -> None:
    """Refuse a `--from` or `--to` that cannot be, before anything is opened.

    Raises:
        UsageError: It cannot.
    """
    if start is not None:
        check_start(start, job.present, "--from")
    check_end(start or job.present - OLDEST_START, end or job.present, job.present)


def span(
    job: Job, earliest: datetime | None, start: datetime | None, end: datetime | None
) -> tuple[datetime, datetime]:
    """From `--from`, `start_date`, where the record begins, or two years ago; to `--to` or now."""
    first = start or job.settings.start_date or earliest or job.present - DEFAULT_START
    bound = end or job.present
    check_end(first, bound, job.present)
    return first, bound
