"""The endpoints about webhooks: Loop's own, and the ones that steer the simulator.

Source: Loop API, Webhooks (programmatic): `GET` and `POST /webhooks`.
"""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from loop_returns.simulator.faults import Answer
from loop_returns.simulator.postman import Travel
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.webhooks import TRIGGERS, Hooks

REQUIRED = ("topic", "trigger", "url")


def made(hooks: Hooks, switches: Switches, body: bytes) -> Answer:
    """The answer to `POST /webhooks`: the new subscription, or what is wrong with it."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict):
        asked = {}
    wrong = {name: [f"The {name} field is required."] for name in REQUIRED if not asked.get(name)}
    if not wrong and TRIGGERS.get(asked["trigger"]) != asked["topic"]:
        wrong = {"trigger": ["The selected trigger is invalid."]}
    if not wrong and urlsplit(str(asked["url"])).scheme not in ("http", "https"):
        wrong = {"url": ["The url must be a valid URL."]}
    if wrong:
        message = next(iter(wrong.values()))[0]
        return Answer.of({"message": message, "errors": wrong}, 422)
    status = asked.get("status", switches.webhook_status)
    new = hooks.subscribe(asked["trigger"], asked["url"], topic=asked["topic"], status=status)
    return Answer.of(new, switches.webhook_made)


def control_routes(hooks: Hooks) -> list[Route]:
    """`/_control/webhooks`: GET tells what was sent; POST sets how, and sends what it is given."""

    async def told(request: Request) -> JSONResponse:
        return JSONResponse([_shown(each) for each in list(hooks.postman.sent)])

    async def steer(request: Request) -> JSONResponse:
        asked = await request.json()
        hooks.postman.travel = dataclasses.replace(hooks.postman.travel, **asked.get("travel", {}))
        for each in asked.get("subscribe", []):
            hooks.subscribe(**each)
        hooks.send([hooks.event(**each) for each in asked.get("send", [])])
        return JSONResponse({"travel": dataclasses.asdict(hooks.postman.travel)})

    return [
        Route("/_control/webhooks", told),
        Route("/_control/webhooks", steer, methods=["POST"]),
    ]


def _shown(each: Any) -> dict[str, Any]:  # noqa: ANN401 - postman.Sent
    return {
        "url": each.subscription["url"],
        "trigger": each.trigger,
        "return_id": each.return_id,
        "statuses": each.statuses,
        "outcome": each.outcome,
    }


__all__ = ["Travel", "control_routes", "made"]
