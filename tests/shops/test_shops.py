"""Many shops in one loop.toml: each has its own files, keys and thresholds, and none takes another's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from loop_returns import cli, keys, settings, shops
from loop_returns.errors import KeyRefusedError, LoopReturnsError, UsageError
from loop_returns.webhooks import options

TWO = """
[tolerance]
minor_units = 2
per_line = 1.0

[shops.eu]
base_url = "https://eu.example.com/api/v1"
start_date = 2026-01-31
page_size = 100

[shops.eu.tolerance]
minor_units = 3

[shops.us]
"""
ENV = "SOURCES__LOOP_RETURNS__"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and nothing of this machine's settings."""
    for name in [*os.environ]:
        if name.startswith(("SOURCES__", "LOOP_RETURNS_", "DESTINATION__")):
            monkeypatch.delenv(name)
    monkeypatch.setenv(shops.VARIABLE, "")  # so that what `--shop` sets is undone
    monkeypatch.chdir(tmp_path)


def of_shop(name: str, monkeypatch: pytest.MonkeyPatch, text: str = TWO) -> None:
    Path("loop.toml").write_text(text)
    monkeypatch.setenv(shops.VARIABLE, name)


def test_a_shop_has_a_data_directory_and_thresholds_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    of_shop("eu", monkeypatch)
    monkeypatch.setenv(f"{ENV}SHOPS__EU__API_KEY", "key-of-eu")
    monkeypatch.setenv(f"{ENV}PAGE_SIZE", "200")
    monkeypatch.setenv(f"{ENV}WINDOW_DAYS", "30")

    found = settings.read()

    assert found.paths.data == Path("_data/shops/eu").absolute()
    assert found.paths.work_file == Path("_data/shops/eu/work/loop.duckdb").absolute()
    assert (found.api_key, found.base_url) == ("key-of-eu", "https://eu.example.com/api/v1")
    assert f"{found.start_date:%Y-%m-%d}" == "2026-01-31"
    assert (found.page_size, found.window_days) == (100, 30)
    assert settings.merchant() == {"tolerance": {"minor_units": 3, "per_line": 1.0}}


def test_a_work_file_elsewhere_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    of_shop("us", monkeypatch)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "duckdb:////disk2/loop.duckdb")

    assert settings.paths().work_file == Path("/disk2/loop_us.duckdb")
    assert settings.paths("eu").work_file == Path("/disk2/loop_eu.duckdb")


@pytest.mark.parametrize(("line", "expected"), [("", "returns_eu"), ('database = "europe"', "europe")])
def test_on_postgres_a_shop_has_a_database_of_its_own(
    line: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_shop("eu", monkeypatch, f"[shops.eu]\n{line}\n[shops.us]\n")
    monkeypatch.setenv("DESTINATION__NAME", "postgres")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://loader:secret@db:5432/returns")

    found = settings.read(need_key=False)

    assert found.dsn.partition("?")[0].endswith(f"@db:5432/{expected}")
    assert settings.merchant() == {}


def test_a_key_is_never_taken_from_the_common_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    of_shop("us", monkeypatch)
    for name in ("API_KEY", "ACTION_API_KEY", "WEBHOOK_SECRETS", "PII_KEY", "ALERT_WEBHOOK"):
        monkeypatch.setenv(ENV + name, f"common-{name}")
    monkeypatch.setenv(f"{ENV}SHOPS__EU__API_KEY", "key-of-eu")

    with pytest.raises(KeyRefusedError) as missing:
        settings.read()
    with pytest.raises(KeyRefusedError) as action:
        settings.action_key()
    with pytest.raises(KeyRefusedError) as hook:
        options.read()

    assert f"{ENV}SHOPS__US__API_KEY" in missing.value.hint
    assert f"{ENV}SHOPS__US__ACTION_API_KEY" in action.value.hint
    assert f"{ENV}SHOPS__US__WEBHOOK_SECRETS" in hook.value.hint
    assert (keys.secret("pii_key"), settings.alert_webhook()) == ("common-PII_KEY", "common-ALERT_WEBHOOK")
    assert keys.secret("api_key", "eu") == "key-of-eu"


def test_secrets_of_a_shop_are_read_from_the_file_of_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    of_shop("eu", monkeypatch)
    Path(".dlt").mkdir()
    Path(".dlt/secrets.toml").write_text(
        '[sources.loop_returns]\nwebhook_secrets = ["common"]\n'
        '[sources.loop_returns.shops.eu]\nwebhook_secrets = ["of-eu"]\n'
    )

    assert options.read().secrets == (b"of-eu",)


def test_a_secret_of_a_shop_beats_the_common_one(monkeypatch: pytest.MonkeyPatch) -> None:
    of_shop("eu", monkeypatch)
    monkeypatch.setenv(f"{ENV}FORWARD_SECRETS__ERP", "common")
    monkeypatch.setenv(f"{ENV}SHOPS__EU__FORWARD_SECRETS__ERP", "of-eu")

    assert settings.forward_secret("erp") == "of-eu"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[shops.eu]\napi_key = "the-secret"', "a secret does not belong there"),
        ('[shops.eu.forward_secrets]\nerp = "the-secret"', "a secret does not belong there"),
        ("[shops.EU]", "cannot be the name of a shop"),
        ("[shops.a__b]", "cannot be the name of a shop"),
        ("[shops]\neu = 1", "is not a table"),
        ("shops = 1", "is not a table"),
        ("[shops.eu]\npage_sise = 1", "shops.eu.page_sise in loop.toml is no setting"),
        ("[shops.eu.pii]\na = 1", "cannot be a table"),
        ("[extracts.shopify_refunds]\n[shops.eu]", "would be that of every shop"),
        ("[forward.erp]\n[shops.eu]", "would be that of every shop"),
    ],
)
def test_what_cannot_be_is_refused(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of_shop("eu", monkeypatch, text)

    with pytest.raises(UsageError, match=said) as caught:
        settings.merchant()

    assert "the-secret" not in str(caught.value)


def test_a_command_without_a_shop_says_which_there_are() -> None:
    Path("loop.toml").write_text(TWO)

    with pytest.raises(UsageError) as caught:
        cli.run(["status"])

    assert (caught.value.exit_code, caught.value.hint) == (2, "say --shop NAME, one of: eu, us")


@pytest.mark.parametrize("words", [["--shop", "eu", "status"], ["status", "--shop=eu"]])
def test_a_command_works_on_the_shop_that_is_named(words: list[str]) -> None:
    Path("loop.toml").write_text(TWO)

    with pytest.raises(LoopReturnsError, match="nothing is published yet") as caught:
        cli.run(words)

    assert str(Path("_data/shops/eu/loop.duckdb")) in caught.value.cause


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        (TWO, ["status", "--shop", "jp"], "loop.toml has: eu, us"),
        ("", ["status", "--shop", "jp"], ""),
        (TWO, ["status", "--shop"], "--shop eu, for [shops.eu] of loop.toml"),
        (TWO, ["status", "--shop", "eu", "--shop", "us"], "--shop eu, for [shops.eu] of loop.toml"),
    ],
)
def test_a_shop_that_is_not_there_is_refused(text: str, words: list[str], hint: str) -> None:
    Path("loop.toml").write_text(text)

    with pytest.raises(UsageError) as caught:
        cli.run(words)

    assert caught.value.hint == hint


def test_without_shops_everything_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{ENV}API_KEY", "the-key")
    monkeypatch.setenv(f"{ENV}SHOPS__EU__API_KEY", "key-of-eu")
    content: dict[str, Any] = {"tolerance": {"minor_units": 3}}
    Path("loop.toml").write_text("[tolerance]\nminor_units = 3\n")

    assert settings.read().api_key == "the-key"
    assert settings.paths().data == Path("_data").absolute()
    assert settings.merchant() == content
