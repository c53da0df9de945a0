"""What a client may be given: a safe address, a key that is one, limits that can be."""

from __future__ import annotations

import pytest

from api.conftest import KEY
from api.loop_server import VirtualClock
from loop_returns.api.client import ClientSettings, LoopClient
from loop_returns.errors import (
    KeyRefusedError,
    UsageError,
)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.loopreturns.com/api/v1",
        "https://",
        "https:///api/v1",
        "http://api.loopreturns.com/api/v1",
        "ftp://api.loopreturns.com",
        "https://user:secret@api.loopreturns.com/api/v1",
        "https://api.loopreturns.com/api/v1?x=1",
        "https://api.loopreturns.com/api/v1#x",
        "https://api.loopreturns.com:port/",
        "https://[broken/",
    ],
)
def test_given_a_base_url_that_cannot_be_when_set_then_it_is_a_usage_error(base_url: str) -> None:
    with pytest.raises(UsageError) as caught:
        ClientSettings(KEY, base_url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.loopreturns.com/api/v1/",
        "http://localhost:1/api/v1",
        "http://[::1]:1/v1",
        "http://127.0.0.1/v1",
    ],
)
def test_given_a_safe_base_url_when_set_then_the_version_is_its_last_part(base_url: str) -> None:
    assert LoopClient(ClientSettings(KEY, base_url), clock=VirtualClock()).api_version == "v1"


@pytest.mark.parametrize("key", ["", " ", "a b", "a\nb", "kéy", "a\x00b"])
def test_given_a_key_that_cannot_be_when_set_then_it_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(KeyRefusedError) as caught:
        ClientSettings(key, "https://api.loopreturns.com/api/v1")

    assert "SOURCES__LOOP_RETURNS__API_KEY" in caught.value.hint


@pytest.mark.parametrize(
    "setting", ["requests_per_minute", "connect_timeout", "read_timeout", "answer_timeout"]
)
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_given_a_limit_that_cannot_be_when_set_then_it_is_a_usage_error(setting: str, value: float) -> None:
    with pytest.raises(UsageError, match=setting):
        ClientSettings(KEY, "https://api.loopreturns.com/api/v1", **{setting: value})


def test_the_settings_do_not_show_the_key() -> None:
    assert KEY not in repr(ClientSettings(KEY, "https://api.loopreturns.com/api/v1"))
