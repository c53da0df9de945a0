"""No hand-over leads into the inner network: of every address below, 0 connections are made."""

from __future__ import annotations

import socket

import pytest
from tests.forward.erp import SECRET, Erp

from loop_returns.errors import UsageError
from loop_returns.webhooks import delivery
from loop_returns.webhooks.endpoints import endpoint
from loop_returns.webhooks.ssrf import check_url, is_allowed

REFUSED = [
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.8.9.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.5",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:93.184.216.34",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "not-an-address",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
]
PUBLIC = ["93.184.216.34", "1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:2800:220:1:248:1893:25c8:1946"]
DISGUISED = [
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://0x7f.1/",
    "https://1.1.1/",
    "https://017700000001/",
    "https://a.b.0x1/",
    "https://127.0.0.1./",
    "http://erp.example.com/",
    "ftp://erp.example.com/",
    "https://user@erp.example.com/",
    "https://user:pass@erp.example.com/",
    "https://erp.example.com/#x",
    "https:///path",
    "https://erp.example.com:99999/",
    "erp.example.com/x",
    "https://[::1/",
    "https://exämple.com/",
]


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every address that the program tries to connect to; none is reached."""
    tried: list[object] = []

    def note(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append(address)
        raise OSError("the tests connect to nobody")

    monkeypatch.setattr(delivery.socket, "create_connection", note)  # type: ignore[attr-defined]
    return tried


def erp_at(url: str = "https://erp.example.com/rma", **settings: object) -> Erp | object:
    return endpoint("erp", {"url": url, **settings}, lambda _: SECRET)


@pytest.mark.parametrize("address", REFUSED)
def test_given_a_name_that_leads_inside_when_sent_then_nothing_connects(
    connects: list[object], address: str
) -> None:
    answers = [[address], ["93.184.216.34", address], [address, "93.184.216.34"]]
    for found in answers:
        answer = delivery.post(erp_at(), "key", b"{}", lambda host, port, found=found: found)  # type: ignore[arg-type, misc]

        assert (answer.began, answer.words) == (False, "address refused")
    assert connects == []


@pytest.mark.parametrize("url", DISGUISED)
def test_given_a_url_in_disguise_when_configured_then_it_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        check_url(url, allow_private=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
def test_given_an_address_in_the_url_when_sent_then_nothing_connects(
    connects: list[object], host: str
) -> None:
    answer = delivery.post(erp_at(f"https://{host}/"), "key", b"{}", lambda host, port: [host])  # type: ignore[arg-type]

    assert answer.words == "address refused"
    assert connects == []


def test_given_a_name_that_changes_when_sent_then_it_was_asked_once_and_that_address_is_used(
    connects: list[object],
) -> None:
    asked = iter([["93.184.216.34"], ["127.0.0.1"]])

    delivery.post(erp_at(), "key", b"{}", lambda host, port: next(asked))  # type: ignore[arg-type]

    assert connects == [("93.184.216.34", 443)]
    assert next(asked) == ["127.0.0.1"]


def test_given_a_proxy_in_the_environment_when_sent_then_it_is_not_used(
    connects: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")

    delivery.post(erp_at(), "key", b"{}", lambda host, port: ["93.184.216.34"])  # type: ignore[arg-type]

    assert connects == [("93.184.216.34", 443)]


@pytest.mark.parametrize("address", PUBLIC)
def test_given_a_public_address_then_it_is_allowed(address: str) -> None:
    assert is_allowed(address, allow_private=False)


@pytest.mark.parametrize("address", ["169.254.169.254", "0.1.2.3", "::", "fe80::1", "::ffff:10.0.0.1"])
def test_given_allow_private_then_metadata_and_oddities_stay_refused(address: str) -> None:
    assert not is_allowed(address, allow_private=True)
    assert is_allowed("10.0.0.1", allow_private=True)
    assert is_allowed("::1", allow_private=True)
