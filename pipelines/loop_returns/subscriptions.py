"""The webhook subscriptions at Loop: which are wanted, which are there, and making those that are missing.

loop.toml [webhooks] -> wanted() -> `init --webhooks` prints or makes them; `check` compares
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from loop_returns import settings, terminal
from loop_returns.api.client import LoopClient
from loop_returns.errors import UsageError
from loop_returns.webhooks import options, topics
from loop_returns.webhooks.topics import Subscription

PLACEHOLDER = "https://YOUR-HOST"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def wanted(merchant: Mapping[str, Any]) -> list[Subscription]:
    """Those that loop.toml names; without a list there, the four that are of use.

    Raises:
        UsageError: A setting cannot be.
    """
    table = merchant.get("webhooks", {})
    names = options.subscriptions(table)
    return topics.known(names if "subscriptions" in table else topics.ADVISED)


def check_base(url: str) -> str:
    """The receiver's public address, checked: Loop sends personal data there.

    Raises:
        UsageError: It is not https://host, or http on this machine.

    >>> check_base("https://returns.example.com/")
    'https://returns.example.com'
    """
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not parts.hostname or not is_safe or parts.query or parts.fragment or "@" in parts.netloc:
        raise UsageError(
            "--url must be the receiver's public address",
            hint="https://host, without /hooks/loop: https://returns.example.com",
        )
    return url.rstrip("/")


def text(found: Sequence[Subscription], base: str, *, is_listed: bool) -> str:
    """What to create, as words.

    Args:
        found: The subscriptions.
        base: The receiver's address.
        is_listed: Whether loop.toml names them already.
    """
    rows = [(each.topic, each.trigger, each.url(base)) for each in found]
    lines = ["Loop Admin > Returns management > Tools & integrations > Developer Tools > Webhooks:"]
    lines.append(terminal.table(("topic", "trigger", "url"), rows))
    if not is_listed:
        names = ", ".join(f'"{each.name}"' for each in found)
        lines += ["loop.toml:", "  [webhooks]", f"  subscriptions = [{names}]"]
    lines.append(
        f"next: put Loop's secret into {settings.variable(options.SETTING)}, then `loop-returns serve`"
    )
    return "\n".join(lines)


def create(
    client: LoopClient, found: Sequence[Subscription], base: str
) -> Iterator[tuple[Subscription, str]]:
    """Make what is missing, one POST each; yield each with what became of it.

    Raises:
        KeyRefusedError, ApiError: As the client: what was yielded before is made.
    """
    held = client.webhooks()
    for each in found:
        same = [one for one in held if topics.is_held(each, one) and one.get("url") == each.url(base)]
        if any(one.get("status") == "active" for one in same):
            yield each, "there"
        elif same:
            yield each, "there, but inactive: activate it in Loop Admin"
        else:
            made = client.create_webhook(each.topic, each.trigger, each.url(base))
            yield each, "made" if made.get("status") == "active" else "made, but inactive: activate it"


def lacking(held: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """What is wrong with the subscriptions of these names, in words; empty when all are there and active."""
    wrong = []
    for each in topics.known(names):
        states = {one.get("status") for one in held if topics.is_held(each, one)}
        if not states:
            wrong.append(f"{each.trigger} is missing")
        elif "active" not in states:
            wrong.append(f"{each.trigger} is inactive")
    return wrong
