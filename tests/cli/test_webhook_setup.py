"""Setting webhooks up: what `init --webhooks` prints and makes, what `check` finds missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loop_returns.simulator.app import Switches

OpenShop = Callable[..., Any]
HOST = "https://returns.example.com"


def test_init_webhooks_prints_what_to_make_and_makes_nothing(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()

    told = shop.loop("init", "--webhooks", "--url", f"{HOST}/").stdout

    assert [line.split() for line in told.splitlines() if "/hooks/loop/" in line] == [
        ["return", "return.created", f"{HOST}/hooks/loop/return-created"],
        ["return", "return.updated", f"{HOST}/hooks/loop/return-updated"],
        ["label", "label.updated", f"{HOST}/hooks/loop/label-updated"],
        ["return.processing", "return.processing.failed", f"{HOST}/hooks/loop/return-processing-failed"],
    ]
    assert 'subscriptions = ["return-created", "return-updated", "label-updated"' in told
    assert simulator.seen == []
    assert not (shop.folder / ".dlt").exists()


def test_with_create_what_is_missing_is_posted_once_and_a_second_time_nothing_is(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    simulator.hooks.subscriptions.clear()
    words = ("init", "--webhooks", "--url", HOST, "--create")

    first = shop.loop(*words).stdout
    second = shop.loop(*words).stdout

    assert first.splitlines()[:2] == ["return.created: made", "return.updated: made"]
    assert second.splitlines()[3] == "return.processing.failed: there"
    assert [request.method for request in simulator.seen] == ["GET", *["POST"] * 4, "GET"]
    assert [(each["trigger"], each["url"]) for each in simulator.hooks.subscriptions][-1] == (
        "return.processing.failed",
        f"{HOST}/hooks/loop/return-processing-failed",
    )


def test_the_names_of_loop_toml_are_made(open_shop: OpenShop) -> None:
    shop, simulator = open_shop(None, Switches(webhook_made=200))
    (shop.folder / "loop.toml").write_text('[webhooks]\nsubscriptions = ["return-closed-k3v9", "mine"]\n')

    told = shop.loop("init", "--webhooks", "--url", HOST, "--create").stdout

    assert "loop.toml:" not in told
    assert [each["url"] for each in simulator.hooks.subscriptions[2:]] == [
        f"{HOST}/hooks/loop/return-closed-k3v9"
    ]


def test_a_post_that_fails_is_not_sent_again(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    simulator.fail_when = lambda request: 502 if request.method == "POST" else None

    said = shop.loop("init", "--webhooks", "--url", HOST, "--create", exit_code=1).stderr

    assert "look whether it was done before asking again" in said
    assert [request.method for request in simulator.seen] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [(401, 4, "lacks the scope Developer Tools"), (429, 1, "nothing was done"), (422, 1, "Loop refused")],
)
def test_a_refusal_is_said(open_shop: OpenShop, fault: int, code: int, words: str) -> None:
    shop, simulator = open_shop()
    simulator.fail_when = lambda request: fault if request.method == "POST" else None

    assert words in shop.loop("init", "--webhooks", "--url", HOST, "--create", exit_code=code).stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--webhooks", "--create"),
        ("--create",),
        ("--webhooks", "--url", "http://returns.example.com"),
        ("--webhooks", "--url", "returns.example.com"),
    ],
)
def test_what_cannot_be_asked_is_said(open_shop: OpenShop, words: tuple[str, ...]) -> None:
    shop, _ = open_shop()

    assert "url" in shop.loop("init", *words, exit_code=2).stderr


def test_check_tells_which_subscriptions_are_missing_or_inactive(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    (shop.folder / "loop.toml").write_text(
        '[webhooks]\nsubscriptions = ["return-created", "return-updated", "label-updated"]\n'
    )
    simulator.hooks.subscriptions[1]["status"] = "inactive"

    found = {one["point"]: one for one in shop.json("check")["findings"]}

    point = found["webhook subscriptions"]
    assert point["result"] == "note"
    assert "return.updated is inactive, label.updated is missing" in point["text"]
