"""The command that hears from Loop: `serve`. Imports neither dlt nor duckdb nor sqlmesh."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from loop_returns import settings as settings_of
from loop_returns.cli.wiring import app


@app.command(sort_key=9)
def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    data_dir: Path | None = None,
    metrics_port: int | None = None,
) -> int:
    """Receive Loop's webhooks, until SIGTERM or SIGINT.

    Args:
        host: Address to listen on; put a reverse proxy with TLS before it.
        port: 0 takes a free one.
        data_dir: Where the inbox is; default: the data directory.
        metrics_port: Serve /metrics on this port of 127.0.0.1 instead.
    """
    from loop_returns.webhooks import options, server

    wanted = options.read()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    listener = server.listen(host, port)
    metrics = None if metrics_port is None else server.listen("127.0.0.1", metrics_port)

    def on_ready() -> None:
        name = f"[{host}]" if ":" in host else host
        print(f"listening on http://{name}:{listener.getsockname()[1]}/hooks/loop/", flush=True)
        for subscription in wanted.subscriptions:
            print(f"  {subscription}", flush=True)
        if metrics is not None:
            print(f"metrics on http://127.0.0.1:{metrics.getsockname()[1]}/metrics", flush=True)

    data = (data_dir or settings_of.paths().data).absolute()
    try:
        server.serve(wanted, data, listener, metrics, on_ready)
    except server.InboxLostError as lost:
        print(lost, file=sys.stderr, flush=True)
        os._exit(lost.exit_code)  # an orderly end would write the file again
    return 0
