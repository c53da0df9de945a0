"""A shop at a fixed present, its simulator on a real port, and the plainest of readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from loop_returns.simulator.app import Simulator, Switches
from loop_returns.simulator.world import World, build_world

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIST = "/warehouse/return/list"
ASN = "/warehouse/reporting/asn"
DETAILS = "/warehouse/return/details"
WINDOWS = (
    ("2026-04-01T00:00:00Z", "2026-06-30T23:59:59Z"),
    ("2026-07-01T00:00:00Z", "2026-09-30T23:59:59Z"),
    ("2026-10-01T00:00:00Z", "2026-12-31T23:59:59Z"),
)
"""Cover a world of 200 days, and a month after it."""


@dataclass
class Reader:
    """Asks the simulator over HTTP; knows nothing of this project's client."""

    loop: Simulator
    session: requests.Session

    def get(self, path: str, **query: str | int) -> requests.Response:
        return self.session.get(
            self.loop.base_url + path,
            params=query,
            headers={"X-Authorization": "simulator-key"},
            allow_redirects=False,
            timeout=5,
        )

    def follow(self, link: str) -> requests.Response:
        return self.session.get(link, headers={"X-Authorization": "simulator-key"}, timeout=5)

    def pages(self, **query: str | int) -> list[list[dict[str, Any]]]:
        """The rows of each page, following next links verbatim."""
        body = self.get(LIST, paginate="true", **query).json()
        found = [body["returns"]]
        while body.get("nextPageUrl"):
            body = self.follow(body["nextPageUrl"]).json()
            found.append(body["returns"])
        return found

    def rows(self, **query: str | int) -> list[dict[str, Any]]:
        return [row for page in self.pages(**query) for row in page]

    def everything(self) -> dict[str, dict[str, Any]]:
        """Every listed return by id: all windows in three passes."""
        passes: tuple[dict[str, str | int], ...] = ({}, {"state": "cancelled"}, {"state": "review"})
        return {
            str(row["id"]): row
            for since, until in WINDOWS
            for state in passes
            for row in self.rows(
                **{"from": since, "to": until, "filter": "updated_at", "pageSize": 750}, **state
            )
        }

    def notices(self) -> list[dict[str, Any]]:
        """Every shipping notice."""
        return [
            row for since, until in WINDOWS for row in self.get(ASN, **{"from": since, "to": until}).json()
        ]


@pytest.fixture
def world() -> World:
    return build_world(end=END)


@pytest.fixture
def loop(world: World) -> Iterator[Simulator]:
    with Simulator(world, Switches()) as running:
        yield running


@pytest.fixture
def reader(loop: Simulator) -> Reader:
    return Reader(loop, requests.Session())


@pytest.fixture(scope="module")
def quiet() -> Iterator[Reader]:
    """A simulator that tests of one module share: its world must not be changed."""
    with Simulator(build_world(end=END), Switches()) as running:
        yield Reader(running, requests.Session())
