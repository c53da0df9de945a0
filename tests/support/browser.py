"""A real browser for pages: the system's Chromium, headless, with every way out closed but loopback.

Debian: `apt-get install chromium`; .ci/run does it. Where there is none the tests that need it are skipped
with that word, but never in CI.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names resolve to nothing and addresses go to a proxy that is not there: only loopback answers.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=127.0.0.1",
]
DESKTOP, PHONE = (1280, 900), (390, 844)
PATIENCE = 60_000
"""Milliseconds that a page may take on a busy machine; a fast one waits for none of them."""
_LOCAL = {"127.0.0.1", "localhost", None}


@dataclass
class Watched:
    """A page, and what it said and asked for while it was open.

    Attributes:
        errors: Console errors and uncaught exceptions.
        outside: Addresses asked for that are not on this machine.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def assert_quiet(self) -> None:
        """No error, and nothing was asked of anybody else."""
        assert self.outside == []
        assert self.errors == []

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _asked(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob", "file") and urlsplit(url).hostname not in _LOCAL:
            self.outside.append(url)


def executable() -> str:
    """Where Chromium is; without one the test is skipped, in CI it fails."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("there is no Chromium: .ci/run installs it")
    if found is None:
        pytest.skip("there is no Chromium on this machine; Debian: apt-get install chromium")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for some tests; starting one takes seconds, so share it."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched(browser: Browser, size: tuple[int, int] = DESKTOP, **options: bool) -> Iterator[Watched]:
    """A page of its own profile that is watched from its first request on.

    Args:
        browser: From `chromium()`.
        size: Width and height in CSS pixels.
        options: Of playwright's `new_context`: `java_script_enabled`, `accept_downloads`.
    """
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="en-GB", timezone_id="UTC", **options
    )
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        seen = Watched(page)
        page.on("console", seen._console)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("request", lambda request: seen._asked(request.url))
        page.on("websocket", lambda socket: seen._asked(socket.url))
        yield seen
    finally:
        context.close()
