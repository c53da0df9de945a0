"""Messages to a chat: a run failed, it works again, more breaks are open than the limit.

what happened -> Alerts -> one POST {"text": ...} to `alert_webhook`, as Slack's incoming webhooks take it

The address is a secret: it is in no message, log or error. An alert that cannot be sent is a note on stderr
and never changes how a command ends. What was told is kept in `alerts.json` beside the published file, so
that a schedule that fails every quarter of an hour does not say so every quarter of an hour.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from loop_returns import report
from loop_returns import settings as settings_of
from loop_returns.errors import LoopReturnsError, UsageError
from loop_returns.meanings import meaning
from loop_returns.report import limits
from loop_returns.webhooks import delivery
from loop_returns.webhooks.ssrf import Target, check_url, look_up

DEFAULTS: Mapping[str, Any] = {"fail_on": [], "repeat_hours": 24, "allow_private": False}
NAME = "alerts.json"
PAUSES = (1.0, 5.0)
"""Seconds before the second and the third try; there is no fourth."""
_LONGEST_PAUSE = 20.0
_LONGEST_TEXT = 3_000
_MOST_KINDS = 5
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """The table `[alerts]` of loop.toml.

    Attributes:
        limits: Most open breaks after a `run`.
        repeat: How long the same is not said again.
        allow_private: Whether the address may lie in the inner network.
    """

    limits: Sequence[limits.Limit] = ()
    repeat: timedelta = timedelta(hours=24)
    allow_private: bool = False


def options(merchant: Mapping[str, Any]) -> Options:
    """Read and check `[alerts]`.

    Raises:
        UsageError: A value cannot be, or a name is none.
    """
    table = merchant.get("alerts", {})
    if not isinstance(table, Mapping):
        raise UsageError("[alerts] in loop.toml is not a table")
    for name in table:
        if name not in DEFAULTS:
            raise UsageError(f"[alerts] {name} is no setting", hint="known: " + ", ".join(DEFAULTS))
    values = {**DEFAULTS, **table}
    hours, fail_on, private = values["repeat_hours"], values["fail_on"], values["allow_private"]
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 <= hours <= 8_760:
        raise UsageError("[alerts] repeat_hours in loop.toml must be a number of hours")
    if not isinstance(fail_on, list) or not isinstance(private, bool):
        raise UsageError("[alerts] fail_on is a list, allow_private true or false")
    return Options(limits.read(fail_on, "[alerts] fail_on"), timedelta(hours=hours), private)


class Alerts:
    """Tells a chat, once for each thing.

    Args:
        url: Where to; empty: nowhere, and nothing is done.
        wanted: The table `[alerts]`.
        data: The data directory.
        pauses: Seconds before each further try.
    """

    def __init__(self, url: str, wanted: Options, data: Path, pauses: Sequence[float] = PAUSES) -> None:
        self._url, self._wanted, self._file, self._pauses = url, wanted, data / NAME, pauses

    def tell(self, topic: str, what: str, text: str) -> None:
        """Send a message, unless it was told already.

        Args:
            topic: Of which the last message is kept: `run`, `breaks`.
            what: Names what is told: the same name again is said again only after `repeat_hours`.
            text: The message; its first line is its heading.
        """
        told, name = self._told(), hashlib.sha256(what.encode()).hexdigest()[:16]
        last = told.get(topic, {})
        if not self._url or (last.get("name") == name and self._is_recent(last)):
            return
        if self._sent(text):
            at = datetime.now(UTC).isoformat(timespec="seconds")
            self._keep(told | {topic: {"name": name, "at": at}})

    def settle(self, topic: str, text: str = "") -> None:
        """Say that it is over, if it was told; without a text only forget it."""
        told = self._told()
        if topic in told and (not self._url or not text or self._sent(text)):
            self._keep({name: value for name, value in told.items() if name != topic})

    def _is_recent(self, last: Mapping[str, str]) -> bool:
        try:
            return datetime.now(UTC) - datetime.fromisoformat(last["at"]) < self._wanted.repeat
        except (KeyError, ValueError, TypeError):
            return False

    def _told(self) -> dict[str, Any]:
        try:
            told = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return {name: value for name, value in told.items() if isinstance(value, dict)} if told else {}

    def _keep(self, told: Mapping[str, Any]) -> None:
        temporary = self._file.with_suffix(".tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(told, indent=2) + "\n")
            temporary.replace(self._file)
        except OSError as error:
            _note(f"what was told to the chat could not be kept: {error.strerror}")

    def _sent(self, text: str) -> bool:
        try:
            target = check_url(
                self._url, allow_private=self._wanted.allow_private, what="the address of the alerts"
            )
        except UsageError as error:
            _note(f"no alert was sent: {error.message}")
            return False
        answer = self._answer(_Way(target, self._wanted.allow_private), text)
        if answer.status is not None and 200 <= answer.status < 300:
            return True
        _note(f"no alert was sent: {answer.short}")
        return False

    def _answer(self, way: _Way, text: str) -> delivery.Answer:
        body = json.dumps({"text": _escaped(text)}).encode()
        for pause in self._pauses:
            answer = delivery.send(way, delivery.unsigned, body, look_up)
            if answer.status is not None and answer.status < 500 and answer.status != 429:
                return answer
            if answer.words == "address refused":
                return answer
            asked = (answer.retry_after - datetime.now(UTC)).total_seconds() if answer.retry_after else 0.0
            time.sleep(min(max(pause, asked), _LONGEST_PAUSE))
        return delivery.send(way, delivery.unsigned, body, look_up)


@dataclass(frozen=True, slots=True)
class _Way:
    target: Target
    allow_private: bool
    timeout_seconds: float = _TIMEOUT_SECONDS


@contextmanager
def watched(data: Path) -> Iterator[None]:
    """Tell when what is inside fails, and when it works again after that; the error goes on as it was."""
    try:
        yield
    except Exception as error:
        alerts = _alerts(data)
        if alerts is not None:
            alerts.tell("run", _first_line(error), _failure_text(error))
        raise
    else:
        alerts = _alerts(data)
        if alerts is not None:
            alerts.settle("run", "loop-returns run works again")


def too_many(data: Path, topic: str, exceeded: Sequence[str], limited: object, lines: Sequence[str]) -> None:
    """Tell when more breaks are open than a limit allows; forget it when they no longer are.

    Args:
        data: The data directory.
        topic: Whose limit it is: `run`'s or `report`'s.
        exceeded: What is above its limit, in words.
        limited: The limits: others are told anew.
        lines: What else the message says.
    """
    alerts = _alerts(data)
    if alerts is None:
        return
    if exceeded:
        heading = f"loop-returns {topic}: {'; '.join(exceeded)}"
        alerts.tell(f"breaks of {topic}", f"{limited}", "\n".join([heading, *lines]))
    else:
        alerts.settle(f"breaks of {topic}")


def after_run(data: Path, limited: Sequence[limits.Limit], figures: report.Figures) -> None:
    """Tell when more breaks are open than `[alerts] fail_on` allows; figures of `report.figures`."""
    if limited:
        exceeded = limits.exceeded(limited, figures["breaks"]["severities"])
        too_many(data, "run", exceeded, [str(limit) for limit in limited], _worst_kinds(figures))


def _worst_kinds(figures: report.Figures) -> list[str]:
    return [
        f"{kind['breaks']:,} {meaning(kind['recon'], kind['break_type'])}: {report.money(kind['amounts'])}"
        for kind in figures["breaks"]["kinds"][:_MOST_KINDS]
    ]


def _alerts(data: Path) -> Alerts | None:
    """What tells; None, with a note, when the settings do not say how."""
    try:
        url = settings_of.alert_webhook()
        return Alerts(url, options(settings_of.merchant()), data) if url else None
    except LoopReturnsError as error:
        _note(f"no alert can be sent: {error.message}")
        return None


def _first_line(error: Exception) -> str:
    return error.message if isinstance(error, LoopReturnsError) else type(error).__name__


def _failure_text(error: Exception) -> str:
    """A foreseen failure in its words; of another one its kind alone: its words may quote a customer."""
    code = error.exit_code if isinstance(error, LoopReturnsError) else 1
    said = str(error) if isinstance(error, LoopReturnsError) else f"error: {type(error).__name__}"
    return f"loop-returns run failed, exit {code}\n{said}\nThe published file is as it was."


def _escaped(text: str) -> str:
    """Slack's three special characters."""
    return text[:_LONGEST_TEXT].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)
