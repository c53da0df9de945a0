"""The policy for personal data, applied to a value before it is written anywhere.

`hash` turns e-mail addresses into an HMAC with `pii_key` (so that returns of one person can be joined) and
leaves everything else personal out; without a `pii_key` it leaves e-mail out too. `drop` leaves all of it
out, `keep` keeps all of it. Inside JSON and in fields nobody knows yet, what looks personal by its name or
by its value is left out as well.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from functools import lru_cache

from loop_returns.api.fields import Personal
from loop_returns.settings import PiiMode

_NAME = re.compile(
    r"mail|phone|mobile|address|street|city|zip|postal|latitude|longitude|coordinate|first.?name|last.?name"
    r"|middle.?name|full.?name|^name$|contact|customer|shopper|recipient|company|comment|note|url|link|image|photo"
    r"|processor|actioned_by|birth|gender",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[^\s@]+@[^\s@]+|[a-z]+://|^\+\d[\d\s().-]{6,}$", re.IGNORECASE)
_NAMED_THINGS = frozenset({"condition_category"})  # their `name` is a thing's, not a person's
_HARMLESS = frozenset({int, float, bool, type(None)})
LEFT_OUT = "[left out: personal]"


@dataclass(frozen=True, slots=True)
class PiiPolicy:
    """What becomes of personal values; see the module."""

    mode: PiiMode = "hash"
    key: str = field(default="", repr=False)

    def leaves_out(self, personal: Personal) -> bool:
        """Whether no value of a field of this kind may be stored."""
        if personal == "no" or self.mode == "keep":
            return False
        return not (personal == "email" and self.mode == "hash" and self.key)

    def value(self, personal: Personal, value: str) -> str | None:
        """What may be stored of a text of a kind that is not left out; None when it holds nothing."""
        return value if personal == "no" or self.mode == "keep" else self._hash(value)

    def scrub(self, value: object, of: str = "") -> object:
        """A JSON value, the content of field `of`, without what looks personal in it, at any depth."""
        return value if self.mode == "keep" else _scrubbed(value, of)

    def scrub_named(self, name: str, value: object) -> object:
        """As `scrub`, for one field whose name may give it away."""
        return LEFT_OUT if self.mode != "keep" and _is_telling(name) else self.scrub(value, name)

    def _hash(self, email: str) -> str | None:
        plain = email.strip().lower()
        if plain in ("", "n/a"):
            return None
        return hmac.digest(self.key.encode(), plain.encode(), "sha256").hex()


@lru_cache(maxsize=4096)
def _is_telling(name: str) -> bool:
    return _NAME.search(name) is not None


def _scrubbed(value: object, of: str) -> object:
    if isinstance(value, str):
        may_be = "@" in value or "://" in value or value[:1] == "+"  # the pattern costs ten times as much
        return LEFT_OUT if may_be and _VALUE.search(value) else value
    if isinstance(value, dict):
        return {
            name: inner if inner.__class__ in _HARMLESS else _scrubbed(inner, name)
            for name, inner in value.items()
            if not _is_telling(name) or (name == "name" and of in _NAMED_THINGS)
        }
    if isinstance(value, list):
        return [inner if inner.__class__ in _HARMLESS else _scrubbed(inner, of) for inner in value]
    return value
