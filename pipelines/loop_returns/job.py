"""What every step of the job works with: settings, policy, one present, a listener; the client, the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from loop_returns.errors import LoopReturnsError
from loop_returns.explained import explained
from loop_returns.settings import Settings, lock_wait_seconds, prepare_dlt

if TYPE_CHECKING:
    from loop_returns.api.client import LoopClient


class Listener(Protocol):
    """Told how far the job is."""

    def note(self, text: str) -> None:
        """One line that stays."""

    def progress(self, done: int, total: int, text: str) -> None:
        """How far a step is, `done` of `total`, and what it is at."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a run works with: its settings, the merchant's policy, its one present, and who listens."""

    settings: Settings
    merchant: Mapping[str, Any]
    present: datetime
    listener: Listener


def client(settings: Settings) -> LoopClient:
    """A client of the API with this installation's key and limit."""
    from loop_returns.api.client import ClientSettings, LoopClient

    return LoopClient(
        ClientSettings(
            api_key=settings.api_key,
            base_url=settings.base_url,
            requests_per_minute=settings.requests_per_minute,
            patience_seconds=settings.patience_seconds,
        )
    )


@contextmanager
def writing(job: Job) -> Iterator[None]:
    """Be the one writer of the tables."""
    prepare_dlt()
    from loop_returns.warehouse import workfile

    wait = lock_wait_seconds(job.merchant)
    paths, place = job.settings.paths, job.settings.place
    with explained(place.file.parent), workfile.writer(paths, place, wait, job.listener.note):
        yield


def nothing_loaded() -> LoopReturnsError:
    """What is said when there is nothing to work on yet."""
    return LoopReturnsError("nothing is loaded yet", hint="run `loop-returns run` first")
