"""Whether a delivery is Loop's: an HMAC over the raw bytes, with every secret that is current.

Source: Loop API, Webhooks, Validating webhooks: `X-Loop-Signature` is base64(HMAC-SHA256(body, secret)). It
says nothing of the time: a captured body stays valid, so a delivery may only ever cause a reading.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

MAX_HEADER_BYTES = 128
Variant = Literal["raw", "escaped"]
Digest = Callable[[bytes, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Match:
    """The secret that fits, counted from 0, and over which form of the body."""

    secret_no: int
    variant: Variant


def sha256_hmac(secret: bytes, body: bytes) -> bytes:
    """What Loop signs with."""
    return hmac.digest(secret, body, hashlib.sha256)


def escaped(body: bytes) -> bytes:
    r"""The body as PHP's json_encode would have written it on one line: `/` as `\/`.

    >>> escaped(b'{"a":\n"x/y"}')
    b'{"a":"x\\/y"}'
    """
    plain = body.replace(b"\r", b"").replace(b"\n", b"").replace(b"\\/", b"/")
    return plain.replace(b"/", b"\\/")


def check(
    secrets: Sequence[bytes],
    body: bytes,
    given: bytes | None,
    *,
    diagnose: bool = False,
    digest: Digest = sha256_hmac,
) -> Match | None:
    """Which secret signed a body, or None.

    Every secret is tried whatever was found before, and compared in constant time: how long it takes tells
    nothing of which one fits.

    Args:
        secrets: The current ones; during a rotation the old and the new.
        body: As received, byte for byte: a re-serialised body has another signature.
        given: The header's bytes; None when there is none, or more than one.
        diagnose: Accept a signature over `escaped(body)` too: for a proxy that rewrites bodies.
        digest: What signs; the tests count its calls.

    >>> import base64
    >>> check([b"old", b"new"], b"{}", base64.b64encode(sha256_hmac(b"new", b"{}")))
    Match(secret_no=1, variant='raw')
    """
    forms: list[tuple[Variant, bytes]] = [("raw", body)]
    if diagnose:
        forms.append(("escaped", escaped(body)))
    wanted = given if given is not None and given.isascii() and len(given) <= MAX_HEADER_BYTES else b""
    found: Match | None = None
    for variant, form in forms:
        for number, secret in enumerate(secrets):
            fits = hmac.compare_digest(b64encode(digest(secret, form)), wanted)
            if fits and found is None:
                found = Match(number, variant)
    return found
