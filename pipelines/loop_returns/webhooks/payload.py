"""What a delivery is about, as far as its body says: topic, trigger, return.

Best effort, and after the signature: a body that cannot be read is stored all the same.
Source: Loop API, Webhooks; its payloads name the return `id` or `return_id`, as text or as a number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

MAX_NAME_CHARS = 60
MAX_ID_DIGITS = 20
ABOUT_A_RETURN = ("return", "label", "restock")
"""Topics whose `id` is the return's; in the others it is a gift card's or a label request's."""


class Subject(NamedTuple):
    """Topic, trigger and return id, each null if unknown, and why something is."""

    topic: str | None
    trigger: str | None
    return_id: str | None
    parse_error: str | None


def subject(body: bytes) -> Subject:
    """What a body is about; never fails.

    >>> subject(b'{"topic":"return","trigger":"return.created","id":"25001"}')
    Subject(topic='return', trigger='return.created', return_id='25001', parse_error=None)
    >>> subject(b"<html>").parse_error
    'not JSON'
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Subject(None, None, None, "not JSON")
    if not isinstance(found, dict):
        return Subject(None, None, None, "not an object")
    topic, trigger = _name(found.get("topic")), _name(found.get("trigger"))
    given = found.get("return_id")
    if given is None and (topic is None or topic in ABOUT_A_RETURN):
        given = found.get("id")
    return_id = _digits(given)
    return Subject(topic, trigger, return_id, None if return_id else "names no return")


def _name(value: Any) -> str | None:  # noqa: ANN401 - whatever the body holds
    is_name = isinstance(value, str) and value.isascii() and value.isprintable()
    return value if is_name and 0 < len(value) <= MAX_NAME_CHARS else None


def _digits(value: Any) -> str | None:  # noqa: ANN401 - whatever the body holds
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS else None
