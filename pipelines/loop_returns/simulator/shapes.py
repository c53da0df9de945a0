"""The shapes of Loop's times and links. Source: Loop API, quirks of the list, the details and the notices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from loop_returns.simulator.truth import Return

Row = dict[str, Any]


@lru_cache(maxsize=1 << 12)
def offset_time(at: datetime) -> str:
    """`2022-11-02T00:13:08+00:00`, as real list rows have it."""
    return at.isoformat()


def z_time(at: datetime) -> str:
    """`2022-11-02T00:13:08.000Z`, as the documentation has it."""
    return f"{at.isoformat()[:19]}.000Z"


@lru_cache(maxsize=1 << 12)
def naive_time(at: datetime) -> str:
    """`2022-11-02 00:13:08`, meant as UTC."""
    return at.isoformat(sep=" ")[:19]


TIMES: dict[str, Callable[[datetime], str]] = {"offset": offset_time, "z": z_time, "naive": naive_time}


def php_time(at: datetime | None) -> Row | None:
    """A PHP DateTime as its JSON encoder writes it."""
    if at is None:
        return None
    return {"date": f"{naive_time(at)}.000000", "timezone_type": 3, "timezone": "UTC"}


def label_link(owner: Return, place: int) -> str:
    """Where the label can be printed; personal."""
    return f"https://labels.example/pii-{owner.id}-{place}.pdf"


def status_page(owner: Return) -> str:
    """The shopper's page; personal."""
    return f"https://demo-shop.example/#/return/pii-{owner.id:012d}"


def links(owner: Return) -> list[str]:
    """Every personal link of a return, on any endpoint."""
    found = [status_page(owner), qr_link(owner), tracking_link(owner)]
    return found + [label_link(owner, place) for place in range(len(owner.parcels))]


def qr_link(owner: Return) -> str:
    """A code to show at a drop-off point; personal."""
    return f"https://labels.example/pii-qr-{owner.id}.png"


def tracking_link(owner: Return) -> str:
    """The carrier's page, as the shipping notices have it; personal."""
    return f"https://track.example/pii-{owner.id}"
