"""Answers, and how a fault spoils one. Source: Loop API, Errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson

from loop_returns.simulator.switches import Fault, Switches

HTML = b"<!DOCTYPE html><html><head><title>Loop</title></head><body>Please wait.</body></html>"
UNAUTHORIZED: Mapping[str, Any] = {
    "gateway": {"error": {"code": "401", "http_code": "GEN-UNAUTHORIZED", "message": "Unauthorized."}},
    "documented": {"errors": "Unauthorized."},
}
BODIES: Mapping[int, Any] = {
    400: {"errors": ["UNEXPECTED_ERROR"]},
    403: {"errors": [{"message": "Forbidden."}]},
    404: {"errors": {"code": "NOT_FOUND"}},
    422: {"message": "The given data was invalid.", "errors": {"from": ["The from is invalid."]}},
    429: {"message": "Too Many Attempts."},
    500: {"message": "Server Error"},
}
"""Loop's body for a status; every other error is the gateway's, and HTML."""


@dataclass
class Answer:
    """An HTTP answer before it is written; of one that is cut, nothing is."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    is_json: bool = True
    is_cut: bool = False

    @classmethod
    def of(cls, value: object, status: int = 200) -> Answer:
        """A JSON answer."""
        return cls(status, orjson.dumps(value))


def refusal(status: int, switches: Switches, wait: str | int | None = None) -> Answer:
    """Loop's answer for an error status; `wait` overrides what `Switches.retry_after` says of a 429."""
    if status == 401:
        return Answer.of(UNAUTHORIZED[switches.unauthorized], 401)
    if status not in BODIES:
        return Answer(status, f"<html><body>Error {status}</body></html>".encode(), is_json=False)
    answer = Answer.of(BODIES[status], status)
    if status == 429:
        answer.headers |= retry_header(switches, 1) if wait is None else {"retry-after": str(wait)}
    return answer


def retry_header(switches: Switches, seconds: int) -> dict[str, str]:
    """How long to wait, in the form that the switch asks for."""
    if switches.retry_after is None:
        return {}
    if switches.retry_after == "seconds":
        return {"retry-after": str(seconds)}
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return {"retry-after": format_datetime(at, usegmt=True)}


def instead(fault: Fault, switches: Switches) -> Answer | None:
    """The answer of a fault that leaves no room for the real one; None for the others."""
    if fault.kind == "status":
        return refusal(fault.status, switches)
    if fault.kind == "retry_after":
        return refusal(429, switches, fault.retry_after)
    if fault.kind == "error_200":
        return Answer.of({"errors": {"message": fault.message}})
    if fault.kind == "html":
        return Answer(200, HTML, is_json=False)
    if fault.kind == "empty":
        return Answer(200, b"")
    if fault.kind == "refuse_422":
        return Answer.of({"message": fault.message, "errors": {"from": [fault.message]}}, 422)
    if fault.kind == "redirect":
        return Answer(302, b"", {"location": fault.to}, is_json=False)
    if fault.kind == "no_returns":
        return Answer.of({"nextPageUrl": None, "previousPageUrl": None})
    return None


def as_fault(value: int | Mapping[str, Any] | Fault) -> Fault:
    """A status, a JSON object or a fault, as a fault.

    >>> as_fault(502) == Fault("status", status=502)
    True
    """
    if isinstance(value, Fault):
        return value
    if isinstance(value, int):
        return Fault("status", status=value)
    return Fault(**value)
