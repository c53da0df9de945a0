"""The simulated Loop on a free local port: key, scopes, rate limit, faults, and what was asked.

A request -> fault, key and rate limit here -> api.Api over the world -> bytes. `/_control/` steers it from
outside.
It shares no code with this project's client: what one believes must not make the other right.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from loop_returns.simulator import hooks_api
from loop_returns.simulator.actions import Actions
from loop_returns.simulator.api import DETAILS, SCOPES, WEBHOOKS, Api
from loop_returns.simulator.faults import Answer, as_fault, instead, refusal, retry_header
from loop_returns.simulator.switches import Fault, Switches
from loop_returns.simulator.webhooks import Hooks
from loop_returns.simulator.wire import ThreadedServer, cut
from loop_returns.simulator.world import World

__all__ = ["Fault", "Request", "Simulator", "Switches"]

PREFIX = "/api/v1"
MINUTE = 60.0
SHOWN_HEADERS = ("accept", "accept-encoding", "authorization", "content-type", "cookie", "user-agent")
FaultLike = int | Fault


@dataclass
class Request:
    """One request as it was received; the key is not kept.

    Attributes:
        at: Monotonic seconds.
        method: Upper case.
        path: Without `/api/v1`.
        query: Parameters, the last of each name.
        status: Of the answer; 0 if there was none.
        headers: A few, by lower-case name.
        body: Of a POST.
    """

    at: float
    method: str
    path: str
    query: dict[str, str]
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Simulator:
    """Loop's API over a world, as a context manager.

    Args:
        world: The truth.
        switches: How this Loop behaves; may be replaced while it runs.
        api_key: The only key that is accepted, in `X-Authorization`.
        port: 0 takes a free one.
        webhook_secret: What webhooks are signed with.

    Attributes:
        base_url: `http://127.0.0.1:PORT/api/v1`.
        seen: The requests received under it, in order.
        fail_next: Faults, one used up by each request.
        fail_when: Asked for a fault on each request when `fail_next` is empty.
        latency: Seconds added to each answer.
        hooks: The webhook subscriptions, and what was sent to them.
        actions: What was done to the returns, and the faults of the next actions.
        action_api_key: If it is set, the only key that may POST; it may read, too.
        stuck: Cursors that lead back to themselves, after a `repeat_cursor` fault.
    """

    def __init__(
        self,
        world: World,
        switches: Switches | None = None,
        api_key: str = "simulator-key",
        port: int = 0,
        webhook_secret: str = "simulator-webhook-secret",  # noqa: S107 - invented
    ) -> None:
        self.world = world
        self.switches = switches or Switches()
        self.api_key = api_key
        self.seen: list[Request] = []
        self.fail_next: list[FaultLike] = []
        self.fail_when: Callable[[Request], FaultLike | None] | None = None
        self.latency = 0.0
        self.stuck: set[str] = set()
        self.hooks = Hooks(world, webhook_secret)
        self.actions = Actions(world)
        self.action_api_key: str | None = None
        self._counted: list[float] = []
        self._server = ThreadedServer(self._app(), port)
        self.base_url = f"http://127.0.0.1:{self._server.port}{PREFIX}"
        self._api = Api(world, self.switches, self.base_url, self.stuck)

    def __enter__(self) -> Simulator:
        """Answer requests from now on."""
        self._api.warm()
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and free the port."""
        self.hooks.close()
        self._server.stop()

    @property
    def max_in_a_minute(self) -> int:
        """Most requests received within any 60 s."""
        times = [request.at for request in self.seen]
        within = (bisect_left(times, first + MINUTE) - place for place, first in enumerate(times))
        return max(within, default=0)

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Mount(PREFIX, app=self._serve),
                Route("/_control/advance", self._control_advance, methods=["POST"]),
                Route("/_control/requests", self._control_requests),
                Route("/_control/planted", self._control_planted),
                Route("/_control/faults", self._control_faults, methods=["POST"]),
                *hooks_api.control_routes(self.hooks),
                Route("/_control/actions", self._control_actions, methods=["GET", "POST"]),
            ]
        )

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = HttpRequest(scope, receive)
        request = _noted(http)
        request.body = await http.body() if http.method == "POST" else b""
        self.seen.append(request)
        fault = self._fault(request)
        await asyncio.sleep(self.latency + (fault.seconds if fault and fault.kind == "slow" else 0.0))
        if fault and fault.kind == "reset":
            cut(scope)
            return
        answer = self._answer(request, http.headers.get("x-authorization"), fault)
        request.status = answer.status
        if answer.is_cut:
            cut(scope)
            return
        is_half = fault is not None and fault.kind == "half"
        await _write(answer, send, is_half=is_half)
        if is_half:
            cut(scope)

    def _fault(self, request: Request) -> Fault | None:
        if self.fail_next:
            return as_fault(self.fail_next.pop(0))
        wanted = self.fail_when(request) if self.fail_when else None
        return None if wanted is None else as_fault(wanted)

    def _answer(self, request: Request, key: str | None, fault: Fault | None) -> Answer:
        limits = self._limits(request.at)
        spoiled = instead(fault, self.switches) if fault else None
        if spoiled is not None:
            answer = spoiled
        elif limits.get("x-ratelimit-remaining") == "-1":
            answer = refusal(429, self.switches)
            answer.headers |= retry_header(self.switches, self._seconds_to_wait(request.at))
            limits["x-ratelimit-remaining"] = "0"
        elif (
            key not in self._keys(request.method)
            or SCOPES.get(request.path, "returns") not in self.switches.scopes
        ):
            answer = refusal(401, self.switches)
        elif (request.method, request.path) == ("POST", WEBHOOKS):
            answer = hooks_api.made(self.hooks, self.switches, request.body)
        else:
            answer = self._real(request, fault)
        answer.headers |= limits
        return answer

    def _keys(self, method: str) -> set[str]:
        if self.action_api_key is None:
            return {self.api_key}
        return {self.action_api_key} if method == "POST" else {self.api_key, self.action_api_key}

    def _real(self, request: Request, fault: Fault | None) -> Answer:
        with self.world.lock:
            self.actions.settle()
            if request.method == "POST":
                return self.actions.post(request.path, request.body, self.switches)
            if request.method != "GET":
                return Answer.of({"message": "The method is not supported for this route."}, 405)
            if request.path != DETAILS:
                self.actions.publish()
            notes = self.actions.get(request.path)
        return notes or self._current().answer(request.path, request.query, fault.kind if fault else None)

    def _current(self) -> Api:
        if self._api.switches is not self.switches:
            self._api = Api(self.world, self.switches, self.base_url, self.stuck)
        self._api.webhooks = self.hooks.subscriptions
        return self._api

    def _limits(self, now: float) -> dict[str, str]:
        """Count a request; -1 remaining says that it is one too many, which is not counted."""
        limit = self.switches.rate_limit
        if limit is None:
            return {}
        self._counted = [at for at in self._counted if at > now - MINUTE]
        left = limit - len(self._counted) - 1
        if left >= 0:
            self._counted.append(now)
        return {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(left)}

    def _seconds_to_wait(self, now: float) -> int:
        return max(1, int(self._counted[0] + MINUTE - now) + 1)

    async def _control_advance(self, http: HttpRequest) -> JSONResponse:
        self.world.advance(float(http.query_params.get("days", "1")))
        return JSONResponse({"end": self.world.end.isoformat()})

    async def _control_requests(self, http: HttpRequest) -> JSONResponse:
        return JSONResponse({"count": len(self.seen), "max_in_60s": self.max_in_a_minute})

    async def _control_planted(self, http: HttpRequest) -> JSONResponse:
        return JSONResponse(self.world.planted)

    async def _control_faults(self, http: HttpRequest) -> JSONResponse:
        self.fail_next += [as_fault(each) for each in await http.json()]
        return JSONResponse({"waiting": len(self.fail_next)})

    async def _control_actions(self, http: HttpRequest) -> JSONResponse:
        """POST: faults of the next actions; either way: what was done so far, per return and action."""
        wanted = await http.json() if http.method == "POST" else []
        with self.world.lock:
            self.actions.next_faults += [as_fault(each) for each in wanted]
            self.actions.settle()
            done = {f"{return_id} {action}": n for (return_id, action), n in self.actions.effects.items()}
        return JSONResponse({"waiting": len(self.actions.next_faults), "effects": done})


def _noted(http: HttpRequest) -> Request:
    return Request(
        at=time.monotonic(),
        method=http.method,
        path=http.url.path.removeprefix(PREFIX),
        query=dict(http.query_params),
        headers={name: http.headers[name] for name in SHOWN_HEADERS if name in http.headers},
    )


async def _write(answer: Answer, send: Send, *, is_half: bool) -> None:
    """Write the answer; of half an answer the head promises all of the body."""
    headers = {
        "content-type": "application/json" if answer.is_json else "text/html; charset=UTF-8",
        "content-length": str(len(answer.body)),
        **answer.headers,
    }
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    body = answer.body[: len(answer.body) // 2] if is_half else answer.body
    await send({"type": "http.response.body", "body": body, "more_body": is_half})
