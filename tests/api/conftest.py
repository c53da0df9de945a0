"""Fixtures of the client's tests: a scripted server, a clock that nobody waits for, a client between them."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.loop_server import LoopServer, VirtualClock
from loop_returns.api.client import ClientSettings, LoopClient

KEY = "key-Of_the.tests/42"


@pytest.fixture
def server() -> Iterator[LoopServer]:
    with LoopServer() as running:
        yield running


@pytest.fixture
def other_server() -> Iterator[LoopServer]:
    with LoopServer() as running:
        yield running


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def make_client(server: LoopServer, clock: VirtualClock) -> Iterator[Callable[..., LoopClient]]:
    made: list[LoopClient] = []

    def make(**settings: float) -> LoopClient:
        made.append(LoopClient(ClientSettings(KEY, server.base_url, **settings), clock=clock))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., LoopClient]) -> LoopClient:
    return make_client()


@pytest.fixture
def hostile_environment(tmp_path: Path) -> Iterator[None]:
    """Proxies that lead nowhere, and a password for the server's host."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    names = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), "http://127.0.0.1:9")
    before = dict(os.environ)
    os.environ.update(names, NO_PROXY="", no_proxy="", NETRC=str(netrc))
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def tls_port(tmp_path: Path) -> Iterator[int]:
    """A server whose certificate nobody trusts."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    pem = tmp_path / "self-signed.pem"
    options = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    made = ["openssl", "req", *options.split(), "-keyout", str(pem), "-out", str(tmp_path / "certificate")]
    subprocess.run(made, check=True, capture_output=True)
    pem.write_text(pem.read_text() + (tmp_path / "certificate").read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with LoopServer(context) as running:
        yield running.port
