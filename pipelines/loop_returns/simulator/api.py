"""The endpoints of the simulated Loop, without HTTP: a path and its parameters in, an answer out.

Source: Loop API, Detailed Returns List; Advanced Shipping Notice; Return details; Webhooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from loop_returns.simulator.details import Details
from loop_returns.simulator.faults import HTML, Answer
from loop_returns.simulator.listing import Listing
from loop_returns.simulator.notices import Notices
from loop_returns.simulator.query import RefusedError
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.world import World

LIST = "/warehouse/return/list"
ASN = "/warehouse/reporting/asn"
DETAILS = "/warehouse/return/details"
WEBHOOKS = "/webhooks"
SCOPES = {LIST: "returns", ASN: "returns", DETAILS: "returns", WEBHOOKS: "developer_tools"}
"""The scope that a key needs. Source: Loop API, Authentication."""
FOREIGN = "https://elsewhere.example/api/v1/warehouse/return/list?cursor=abc"

Handler = Callable[[Mapping[str, str], str | None], Answer]


class Api:
    """Answers GET requests over a world, as one setting of the switches has it."""

    def __init__(self, world: World, switches: Switches, base_url: str, stuck: set[str]) -> None:
        self.world = world
        self.switches = switches
        self.base_url = base_url
        self.stuck = stuck
        self.webhooks: list[dict[str, Any]] = []
        self._listing = Listing(world, switches)
        self._notices = Notices(world, switches)
        self._details = Details(world, switches)
        self._handlers: dict[str, Handler] = {
            LIST: self._list,
            ASN: self._asn,
            DETAILS: lambda query, fault: Answer.of(self._details.answer(query)),
            WEBHOOKS: lambda query, fault: Answer.of({"webhooks": self.webhooks}),
        }

    def warm(self) -> None:
        """Render every list row, so that the first pages come as fast as the later ones."""
        with self.world.lock:
            self._listing.warm()

    def answer(self, path: str, query: Mapping[str, str], link_fault: str | None = None) -> Answer:
        """The answer to a GET; `link_fault` spoils the next link of a list page."""
        handler = self._handlers.get(path)
        if handler is None:
            return Answer(404, HTML, is_json=False)
        try:
            with self.world.lock:
                return handler(query, link_fault)
        except RefusedError as refused:
            return Answer.of(refused.body, 422)

    def _asn(self, query: Mapping[str, str], fault: str | None) -> Answer:
        return Answer(200, b"[" + b",".join(self._notices.answer(query)) + b"]")

    def _list(self, query: Mapping[str, str], fault: str | None) -> Answer:
        page = self._listing.answer(query)
        rows = b"[" + b",".join(page.rows) + b"]"
        if not page.query.has_pages:
            return Answer(200, rows)
        link = self._listing.next_link(self.base_url + LIST, page, query)
        cursor = query.get("cursor")
        if fault == "repeat_cursor" and (cursor or page.next_cursor):
            self.stuck.add(cursor or page.next_cursor or "")
        if cursor in self.stuck:
            link = f"{self.base_url}{LIST}?cursor={cursor}"
        if fault == "foreign_link":
            link = FOREIGN
        return Answer(200, b'{"returns":' + rows + self._links(link) + b"}")

    def _links(self, link: str | None) -> bytes:
        if link is None and self.switches.last_page == "absent":
            return b""
        return b',"nextPageUrl":' + orjson.dumps(link) + b',"previousPageUrl":null'
