"""What becomes of personal values of an extract; whoever reads one says so, from the policy `pii`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Privacy:
    """What becomes of personal values.

    Attributes:
        name: Names the policy; another one, and everything is read again.
        hide: Of an e-mail address, what may be stored.
        scrub: Of any other text that is shown to people, what may be shown.
        keeps_text: Whether notes are stored.
    """

    name: str
    hide: Callable[[str], str | None]
    scrub: Callable[[str], str]
    keeps_text: bool = False
