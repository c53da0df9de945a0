"""All notebooks behind one address of this machine: `make notebooks`.

browser --loopback only--> guarded() -> index page | marimo's app of a notebook at /NAME/
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import marimo
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Mount, Route

from loop_returns.errors import LoopReturnsError
from loop_returns.notebooks import static
from loop_returns.notebooks.catalogue import FOLDER, NOTEBOOKS
from loop_returns.notebooks.opening import published

HOST = "127.0.0.1"
_OWN = {HOST, "localhost"}
Message = MutableMapping[str, Any]
Asgi = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def serve(port: int = 0) -> None:
    """Serve the notebooks until Ctrl-C; prints where.

    Args:
        port: 0: one that is free.

    Raises:
        LoopReturnsError: The port is taken.
    """
    with socket.socket() as listening:
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise LoopReturnsError(f"the port {port} is taken", cause=str(error), hint="--port 0") from error
        listening.listen()  # whoever reads the address may come before the server has begun
        address = f"http://{HOST}:{listening.getsockname()[1]}/"
        print(f"the notebooks, on {published()}: {address}  (Ctrl-C ends)", flush=True)
        uvicorn.Server(uvicorn.Config(app(), log_level="warning", lifespan="off")).run([listening])


def app(folder: Path = FOLDER) -> Asgi:
    """The index and the notebooks, for this machine alone."""
    builder = marimo.create_asgi_app(quiet=True)
    for name in NOTEBOOKS:
        builder = builder.with_app(path=f"/{name}", root=str(folder / f"{name}.py"))
    plain = [Route(f"/{name}", _with_slash) for name in NOTEBOOKS]
    routes = [Route("/", _index), *plain, Mount("/", builder.build())]
    return guarded(Starlette(routes=routes))


def guarded(inner: Asgi) -> Asgi:
    """Refuse what another page in the same browser asks: another host name, or another origin.

    marimo's own application allows every origin.
    """

    async def outer(
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] in ("http", "websocket") and not _is_own(dict(scope["headers"])):
            refused = PlainTextResponse("only for this machine's own pages", status_code=403)
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await refused(scope, receive, send)
            return
        await inner(scope, receive, send)

    return outer


def _is_own(headers: dict[bytes, bytes]) -> bool:
    host = headers.get(b"host", b"").decode("latin-1")
    origin = headers.get(b"origin")
    if urlsplit(f"//{host}").hostname not in _OWN:
        return False
    return origin is None or origin.decode("latin-1") == f"http://{host}"


async def _with_slash(request: Request) -> RedirectResponse:
    """The page that a link means; marimo's own redirect loses the filters in it."""
    return RedirectResponse(f"{request.url.path}/?{request.url.query}".removesuffix("?"))


async def _index(_: Request) -> HTMLResponse:
    file = f"<p>On <code>{escape(str(published()))}</code></p>"
    return HTMLResponse(static.page("Notebooks", static.index(list(NOTEBOOKS), "/") + file))
