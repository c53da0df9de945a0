"""What Loop's answer to an action means: by its body, never by its status alone.

Loop refuses with HTTP 200. Whatever is not a known yes or a known no is a doubt, and a doubt is never sent
again. Source: actions.md, section 3.3; loop-api.md, section 7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from loop_returns.actions.states import State
from loop_returns.api.envelopes import refusal

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,60}")
_REFUSING = ("errors", "error", "message", "content")


@dataclass(frozen=True, slots=True)
class Sent:
    """What was seen of one POST.

    Attributes:
        began: A byte of the request may have left this machine.
        status: None when no status line came.
        body: As far as it came.
        is_whole: The answer came to its end.
        words: What happened when there is no whole answer; our own words.
        retry_after: Seconds that Loop asks to wait.
        remaining: Calls that Loop says are left in this minute.
    """

    began: bool
    status: int | None = None
    body: bytes = b""
    is_whole: bool = False
    words: str = ""
    retry_after: float | None = None
    remaining: int | None = None


class Outcome(NamedTuple):
    """What an answer makes of an intent.

    Attributes:
        state: APPROVED: proved not to be done; REJECTED: a definite no; ACCEPTED: Loop said yes.
        code: One word.
        words: Loop's reason, without anybody's data, or ours.
        stops: Nothing else may be tried in this run.
    """

    state: State
    code: str
    words: str
    stops: bool = False


def classify(sent: Sent) -> Outcome:
    """The state that follows from what was seen.

    >>> classify(Sent(True, 200, b'"true"', True)).state.value
    'ACCEPTED'
    >>> classify(Sent(True, 200, b'{"message": "Return is review."}', True)).state.value
    'REJECTED'
    >>> classify(Sent(True, 200, b"<html>", True)).state.value
    'IN_DOUBT'
    """
    if not sent.began:
        return Outcome(State.APPROVED, "not_sent", sent.words or "nothing was sent")
    status = sent.status
    if status is None or not sent.is_whole:
        cut = sent.words or "the answer broke off"
        return Outcome(State.IN_DOUBT, "no_answer", cut, stops=status is not None and _stops(status))
    if status == 429:
        return Outcome(State.APPROVED, "429", "Loop asks to wait")
    if status in (401, 403):
        return Outcome(State.APPROVED, str(status), "Loop refused the action key", stops=True)
    if 300 <= status < 400:
        return Outcome(State.IN_DOUBT, str(status), "Loop redirected; redirects are not followed", stops=True)
    body = _json(sent.body)
    if status in (404, 422):
        return Outcome(State.REJECTED, _code(body) or str(status), refusal(status, body) or f"HTTP {status}")
    if status != 200:
        return Outcome(State.IN_DOUBT, str(status), f"HTTP {status}")
    return _of_200(body)


def _stops(status: int) -> bool:
    return status in (401, 403) or 300 <= status < 400


def _of_200(body: object) -> Outcome:
    if body is True or body == "true":
        return Outcome(State.ACCEPTED, "true", "Loop accepted it")
    if body is False or body == "false":
        return Outcome(State.REJECTED, "false", "Loop answered false")
    if isinstance(body, dict) and any(body.get(name) for name in _REFUSING):
        return Outcome(State.REJECTED, _code(body) or "refused", refusal(200, body) or "no reason given")
    return Outcome(State.IN_DOUBT, "unknown_200", "HTTP 200 with a body that is neither yes nor no")


def _code(body: object) -> str | None:
    """Loop's own code, if there is one."""
    if not isinstance(body, dict):
        return None
    for name in ("errors", "error"):
        inner = body.get(name)
        if isinstance(inner, dict) and isinstance(inner.get("code"), str) and _CODE.fullmatch(inner["code"]):
            return str(inner["code"])
    return None


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
