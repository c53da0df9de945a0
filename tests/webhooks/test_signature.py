"""The signature: over raw bytes, with every current secret, and nothing else will do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop_returns.webhooks.signature import Match, check, sha256_hmac

OLD, NEW = b"old-secret", b"new-secret"
BODY = b'{"topic":"return","id":"25001","status_page_url":"https:\\/\\/shop.example\\/r"}'


def signed(secret: bytes, body: bytes) -> bytes:
    """Written again from Loop's page, so that the code under test is not its own measure."""
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest())


def test_given_an_old_and_a_new_secret_when_either_signed_then_it_is_said_which() -> None:
    assert check([OLD, NEW], BODY, signed(OLD, BODY)) == Match(0, "raw")
    assert check([OLD, NEW], BODY, signed(NEW, BODY)) == Match(1, "raw")


def test_given_a_retired_secret_when_it_signed_then_it_is_refused() -> None:
    assert check([NEW], BODY, signed(OLD, BODY)) is None


def test_given_one_bit_of_body_or_header_flipped_when_checked_then_it_is_refused() -> None:
    header = signed(NEW, BODY)

    for place in range(len(BODY) * 8):
        assert check([NEW], flipped(BODY, place), header) is None
    for place in range(len(header) * 8):
        assert check([NEW], BODY, flipped(header, place)) is None


def flipped(text: bytes, place: int) -> bytes:
    changed = bytearray(text)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


@pytest.mark.parametrize("header", [signed(OLD, BODY), signed(NEW, BODY), b"nothing", b"\xff", None])
def test_every_secret_is_computed_whatever_the_header_says(header: bytes | None) -> None:
    calls = []

    def digest(secret: bytes, body: bytes) -> bytes:
        calls.append(secret)
        return sha256_hmac(secret, body)

    check([OLD, NEW, b"third"], BODY, header, digest=digest)

    assert calls == [OLD, NEW, b"third"]


@given(st.binary(max_size=300), st.one_of(st.none(), st.binary(max_size=200)))
def test_a_header_that_is_not_the_signature_never_passes_and_never_raises(
    body: bytes, header: bytes | None
) -> None:
    assert check([OLD, NEW], body, header) is None


def test_given_no_secret_when_checked_then_nothing_passes() -> None:
    assert check([], BODY, signed(b"", BODY)) is None


def test_given_a_body_rewritten_on_the_way_when_diagnosing_then_the_variant_is_named() -> None:
    rewritten = json.dumps(json.loads(BODY), indent=1).encode().replace(b'": ', b'":').replace(b"\n ", b"\n")

    assert check([NEW], rewritten, signed(NEW, BODY)) is None
    assert check([NEW], rewritten, signed(NEW, BODY), diagnose=True) == Match(0, "escaped")
