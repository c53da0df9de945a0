"""Which addresses are sent to: a URL of the settings must not lead into the inner network.

url -> check_url() -> Target -> addresses(): one look-up, every answer judged -> connect to one of these

A name is looked up once, and the connection goes to an address that was judged, so an answer that changes
between the two (DNS rebinding) changes nothing. Source: actions.md, section 10; IANA, special-purpose
address registries.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from loop_returns.errors import LoopReturnsError, UsageError

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port -> the addresses as text; raises OSError."""

_ODD_LAST_LABEL = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?$")
_NEVER = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
]
_INSIDE = [
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
]


class TargetRefusedError(LoopReturnsError):
    """The address of a hand-over is one that nothing is sent to."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads, taken apart; `path` has the query with it."""

    host: str
    port: int
    path: str
    is_tls: bool

    @property
    def host_header(self) -> str:
        """As the `Host` header names it."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.is_tls else 80) else f"{name}:{self.port}"


def check_url(url: str, *, allow_private: bool, what: str = "the url of a forward") -> Target:
    """Take a URL of the settings apart.

    Args:
        url: As it was set; it may be a secret, and is in no error.
        allow_private: Whether it may lie in the inner network, without TLS.
        what: What it is, for the errors.

    Raises:
        UsageError: It is not https (plain http only with `allow_private`), holds a user or a fragment, or
            its host is a number in disguise.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError(f"{what} is no URL") from None
    is_tls = parts.scheme == "https"
    if not (is_tls or (allow_private and parts.scheme == "http")):
        raise UsageError(f"{what} must be https://host/path")
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise UsageError(f"{what} has a host, and neither a user nor a #fragment")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError(f"{what} is plain ASCII", hint="write an international name as xn--")
    if ":" not in host and _ODD_LAST_LABEL.search(host) and not _is_dotted_quad(host):
        raise UsageError(f"the host of {what} is a number in disguise")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port or (443 if is_tls else 80), path, is_tls)


def _is_dotted_quad(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def look_up(host: str, port: int) -> list[str]:
    """Addresses of a name by the system's resolver, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def addresses(target: Target, *, allow_private: bool, resolver: Resolver = look_up) -> list[str]:
    """The addresses that may be connected to, in the resolver's order.

    Raises:
        TargetRefusedError: One of them is not public: then none of them is used.
        OSError: The name cannot be looked up.
    """
    found = list(resolver(target.host, target.port))
    if not found:
        raise OSError("the name has no address")
    for text in found:
        if not is_allowed(text, allow_private=allow_private):
            raise TargetRefusedError(
                f"the address of {target.host} is refused",
                cause="it is not a public address",
                hint="for a system inside your own network set allow_private = true in [forward.NAME]",
            )
    return found


def is_allowed(text: str, *, allow_private: bool) -> bool:
    """Whether an address may be connected to.

    >>> [is_allowed(each, allow_private=False) for each in ("93.184.216.34", "10.0.0.1", "::ffff:8.8.8.8")]
    [True, False, False]
    >>> [is_allowed(each, allow_private=True) for each in ("127.0.0.1", "169.254.169.254")]
    [True, False]
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if any(address in net for net in _INSIDE if net.version == address.version):
        return allow_private
    if any(address in net for net in _NEVER if net.version == address.version):
        return False
    return address.is_global and not address.is_multicast
