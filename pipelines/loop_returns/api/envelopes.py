"""Which answer means what: the payload of a good one, the words of a refusal, the exception for the rest.

Pure: `transport` and `client` hand in the HTTP status and the parsed body. Loop's own texts pass `scrub`, so
neither the key nor a customer's data reaches a message.
Source: Loop API, Errors; the 200 refusals are those of Return details and of the actions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson

from loop_returns.errors import ApiRefusedError, KeyRefusedError, UnexpectedAnswerError, WindowRefusedError

MAX_TEXT = 200
WHERE_SCOPES_ARE = "Loop Admin > Returns management > Tools & integrations > Developer Tools"
ANSWER_HINT = (
    "nothing was moved; run again later, and if it stays, compare `base_url` with Loop's documentation"
)

_EMAIL = re.compile(r"\S+(?:@|%40)\S+", re.IGNORECASE)
_URL = re.compile(r"\S*//\S+|\bwww\.\S+", re.IGNORECASE)
_PHONE = re.compile(r"\+\d[\d\s().-]{6,}\d")
_WORD_KEYS = ("message", "errors", "error", "content", "code")
# Deep enough for every known envelope; a body made of brackets must not exhaust the stack.
_MAX_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request is about: the words and the secrets that its errors need.

    Attributes:
        what: Completes "Loop refused ...", such as `the list of returns (pass default, 2026-01-01 to ...)`.
        scope: The scope that the key needs.
        key: The API key, to be masked wherever a text of Loop's repeats it.
        is_window: A 422 means that a smaller window may be accepted.
    """

    what: str
    scope: str = "Returns"
    key: str = field(default="", repr=False)
    is_window: bool = False


def scrub(text: str, *, key: str = "") -> str:
    """A text of Loop's, fit for a message: one line, 200 characters, key, e-mails, links and phones masked.

    >>> scrub("No return for jane@example.com, see https://x.io/a?b")
    'No return for [e-mail] see [link]'
    """
    if key:
        text = re.sub(re.escape(key), "[key]", text, flags=re.IGNORECASE)
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    for pattern, mask in ((_URL, "[link]"), (_EMAIL, "[e-mail]"), (_PHONE, "[phone]")):
        text = pattern.sub(mask, text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 3] + "..."


def refusal(status: int, body: object, *, key: str = "") -> str | None:
    """The words of a refusal, scrubbed.

    Args:
        status: The HTTP status.
        body: The parsed JSON, or None when there is none.
        key: The API key, to be masked.

    Returns:
        None when there are no words, or when the answer is a 200 that refuses nothing.
    """
    if status == 200 and not _refuses(body):
        return None
    texts = list(dict.fromkeys(text for text in _texts(body, 0) if text and not text.isdigit()))
    return scrub("; ".join(texts), key=key) or None


def _refuses(body: object) -> bool:
    if not isinstance(body, dict):
        return False
    if body.get("error") or body.get("errors"):
        return True
    return not ({"id", "returns", "webhooks"} & body.keys()) and bool({"message", "content"} & body.keys())


def _texts(node: object, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(node, str):
        yield from _texts_in(node, depth)
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item, depth + 1)
    elif isinstance(node, dict):
        named = [name for name in _WORD_KEYS if name in node]
        for name in named or node:
            yield from _texts(node[name], depth + 1)


def _texts_in(text: str, depth: int) -> Iterator[str]:
    """Order links answer 400 with JSON inside of a JSON string."""
    if text.startswith(("[", "{")):
        try:
            yield from _texts(orjson.loads(text), depth + 1)
        except orjson.JSONDecodeError:
            yield text
    else:
        yield text


def raise_for_status(status: int, body: object, subject: Subject) -> None:
    """Turn an answer that is not a 200 into its exception.

    Raises:
        KeyRefusedError: 401 or 403.
        WindowRefusedError: 422 for a window.
        ApiRefusedError: Any other status.
    """
    if status == 200:
        return
    words = refusal(status, body, key=subject.key) or "no reason given"
    cause = f"HTTP {status}: {words}"
    if status in (401, 403):
        raise KeyRefusedError(
            f"Loop refused the API key for {subject.what}",
            cause=cause,
            hint=f"the key is wrong, or lacks the scope {subject.scope} ({WHERE_SCOPES_ARE})",
        )
    if status == 422 and subject.is_window:
        raise WindowRefusedError(f"Loop refused {subject.what}", cause=cause)
    hint = "compare `base_url` with Loop's documentation" if status == 404 else ""
    raise ApiRefusedError(f"Loop refused {subject.what}", cause=cause, hint=hint)


def list_page(body: object, subject: Subject, *, page_size: int) -> tuple[list[dict[str, Any]], str | None]:
    """Rows and next link of one page of the Detailed Returns List.

    Args:
        body: The parsed JSON of a 200.
        subject: What was asked.
        page_size: The size that was asked for.

    Returns:
        The rows, and the next link as Loop wrote it; None on the last page.

    Raises:
        ApiRefusedError: The body is a refusal.
        UnexpectedAnswerError: It is not a page of returns.
    """
    _raise_if_refused(body, subject)
    if isinstance(body, list):
        # A server that ignores `paginate` answers the bare array; a full one may have been cut.
        if len(body) >= page_size:
            _unexpected(
                subject, f"a bare array of {len(body)} rows where a page of {page_size} was asked for"
            )
        return _rows(body, subject, needs_id=True), None
    if not isinstance(body, dict) or not isinstance(body.get("returns"), list):
        _unexpected(subject, f"{_kind(body)} instead of an object with the array `returns`")
    link = body.get("nextPageUrl")
    if link is not None and not isinstance(link, str):
        _unexpected(subject, f"`nextPageUrl` is {_kind(link)}")
    return _rows(body["returns"], subject, needs_id=True), link or None


def shipping_notice_rows(body: object, subject: Subject) -> list[dict[str, Any]]:
    """Rows of the Advanced Shipping Notice report; raises as `list_page` does."""
    _raise_if_refused(body, subject)
    if not isinstance(body, list):
        _unexpected(subject, f"{_kind(body)} instead of an array")
    return _rows(body, subject, needs_id=False)


def return_object(body: object, subject: Subject) -> dict[str, Any] | None:
    """One return of the details endpoint; None when Loop knows no such return; raises as `list_page` does."""
    if "no return found" in (refusal(200, body) or "").lower():
        return None
    _raise_if_refused(body, subject)
    if not isinstance(body, dict):
        _unexpected(subject, f"{_kind(body)} instead of an object")
    return _rows([body], subject, needs_id=True)[0]


def note_texts(body: object, subject: Subject) -> list[str]:
    """The texts of a return's notes, newest first; raises as `list_page` does."""
    _raise_if_refused(body, subject)
    notes = body.get("notes") if isinstance(body, dict) else body
    if not isinstance(notes, list):
        _unexpected(subject, f"{_kind(body)} instead of an array")
    return [str(note.get("content")) for note in _rows(notes, subject, needs_id=False)]


def webhook_objects(body: object, subject: Subject) -> list[dict[str, Any]]:
    """The webhook subscriptions; raises as `list_page` does."""
    _raise_if_refused(body, subject)
    if not isinstance(body, dict) or not isinstance(body.get("webhooks"), list):
        _unexpected(subject, f"{_kind(body)} instead of an object with the array `webhooks`")
    return _rows(body["webhooks"], subject, needs_id=False)


def _raise_if_refused(body: object, subject: Subject) -> None:
    if _refuses(body):
        words = refusal(200, body, key=subject.key) or "no reason given"
        raise ApiRefusedError(
            f"Loop refused {subject.what}", cause=f"HTTP 200, but: {words}", hint=ANSWER_HINT
        )


def _rows(rows: list[Any], subject: Subject, *, needs_id: bool) -> list[dict[str, Any]]:
    for position, row in enumerate(rows):
        if not isinstance(row, dict):
            _unexpected(subject, f"row {position} is {_kind(row)}, not an object")
        if needs_id and (
            isinstance(row.get("id"), bool) or not isinstance(row.get("id"), int | str) or row["id"] == ""
        ):
            _unexpected(subject, f"row {position} has no id")
    return rows


def _kind(body: object) -> str:
    names = {
        bool: str(body).lower(),
        type(None): "null",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(body), "a number")


def _unexpected(subject: Subject, seen: str) -> NoReturn:
    raise UnexpectedAnswerError(
        f"Loop's answer to {subject.what} cannot be read", cause=seen, hint=ANSWER_HINT
    )
