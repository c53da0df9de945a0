"""One GET over HTTP: key, limiter, time-outs, retries.

`client` says what to ask; here it is sent, and comes back as an `Answer` with status 200 and valid JSON, or
as one of the exceptions of `errors`. The key goes to the configured host only: no redirect is followed and
no proxy of the environment is used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from loop_returns.api.clock import Clock
from loop_returns.api.envelopes import Subject, raise_for_status, scrub
from loop_returns.api.limiter import Limiter
from loop_returns.api.retries import Patience, Trouble, retry_after
from loop_returns.errors import ApiUnavailableError, KeyRefusedError, UnexpectedAnswerError, UsageError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class ClientSettings:
    """How the API is reached.

    Attributes:
        api_key: Sent as `X-Authorization`, shown nowhere.
        base_url: `https://host/api/version`; plain http only for this machine itself.
        requests_per_minute: Of all requests with this key; Loop allows 300.
        connect_timeout: Seconds.
        read_timeout: Seconds between two bytes.
        answer_timeout: Seconds for a whole answer, however slowly it drips.
        patience_seconds: How long connection errors, 429 and 5xx of one GET are borne.

    Raises:
        KeyRefusedError: There is no key, or it holds characters that no header can carry.
        UsageError: `base_url` or a number cannot be.
    """

    api_key: str
    base_url: str
    requests_per_minute: int = 300
    connect_timeout: float = 5
    read_timeout: float = 60
    patience_seconds: float = 300
    answer_timeout: float = 600

    def __repr__(self) -> str:
        return f"ClientSettings(api_key='[key]', base_url={self.base_url!r})"

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", self.base_url.strip().rstrip("/"))
        _check_key(self.api_key)
        _check_base_url(self.base_url)
        for name in ("requests_per_minute", "connect_timeout", "read_timeout", "answer_timeout"):
            if not getattr(self, name) > 0:
                raise UsageError(f"`{name}` must be greater than 0, not {getattr(self, name)}")


def _check_key(api_key: str) -> None:
    where = "set SOURCES__LOOP_RETURNS__API_KEY, or api_key in .dlt/secrets.toml"
    if not api_key:
        raise KeyRefusedError("there is no API key", hint=where)
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
        raise KeyRefusedError(
            "the API key holds blanks or other characters that a key cannot have", hint=where
        )


def _check_base_url(base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    if not host or not is_safe or "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            "`base_url` must be https://host/path, without user, query or fragment",
            cause="http is for this machine only: it would show the key to the network"
            if host
            else "it names no host",
            hint="the default is https://api.loopreturns.com/api/v1",
        )


@dataclass(frozen=True)
class Answer:
    """What a GET brought: a 200 whose body is JSON.

    Attributes:
        body: As received, content encoding undone.
        requests: HTTP requests that it took.
        fetched_at: When the answer was complete, UTC.
        seconds: Waited for Loop, from request to last byte, without what this process worked meanwhile.
    """

    body: bytes
    requests: int
    fetched_at: datetime
    seconds: float = 0.0

    @cached_property
    def json(self) -> Any:  # noqa: ANN401 - JSON is whatever the server sent; envelopes.py checks it
        """The parsed body; parsed once."""
        return orjson.loads(self.body)


class Transport:
    """A keep-alive connection to the API, for one thread."""

    def __init__(self, settings: ClientSettings, limiter: Limiter, clock: Clock) -> None:
        self._settings = settings
        self._limiter = limiter
        self._clock = clock
        self._session = open_session(settings.api_key)
        self.requests_sent = 0

    def close(self) -> None:
        """Give the connection back."""
        self._session.close()

    def get(
        self,
        path: str,
        params: Callable[[], Mapping[str, str]],
        subject: Subject,
        *,
        eases: Callable[[Trouble], bool] | None = None,
    ) -> Answer:
        """One logical GET: attempts until one succeeds or the patience ends.

        Args:
            path: Below `base_url`, with a leading slash.
            params: Makes the query; called for every attempt.
            subject: What is asked, for errors.
            eases: Told of every trouble before the wait; True when the next attempt asks for less.

        Raises:
            ApiError, KeyRefusedError: As the tree in errors.py says.
        """
        patience = Patience(subject, self._settings.patience_seconds, self._clock)
        first = self.requests_sent
        while True:
            try:
                body, seconds = self._attempt(path, params(), subject)
                answer = Answer(body, self.requests_sent - first, self._clock.now(), seconds)
                _parse(answer)
                return answer
            except Trouble as trouble:
                if eases is not None and eases(trouble):
                    patience.start_over()
                patience.wait(trouble)

    def _attempt(self, path: str, params: Mapping[str, str], subject: Subject) -> tuple[bytes, float]:
        self._limiter.acquire()
        self.requests_sent += 1
        started, worked = self._clock.monotonic(), time.process_time()
        timeouts = (self._settings.connect_timeout, self._settings.read_timeout)
        try:
            with self._session.get(
                self._settings.base_url + path,
                params=params,
                timeout=timeouts,
                allow_redirects=False,
                stream=True,
            ) as response:
                self._limiter.observe(response.headers)
                body = self._read(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._trouble(error, subject) from None
        seconds = self._clock.monotonic() - started - (time.process_time() - worked)
        if response.status_code != 200:
            self._raise(response, body, subject)
        return body, seconds

    def _read(self, response: requests.Response) -> bytes:
        """The body, read as it comes: the read time-out alone would let a drip last for ever."""
        deadline = self._clock.monotonic() + self._settings.answer_timeout
        chunks = []
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            chunks.append(chunk)
            if self._clock.monotonic() > deadline:
                raise Trouble(
                    "slow", f"Loop's answer was not complete after {self._settings.answer_timeout:g} s"
                )
        return b"".join(chunks)

    def _trouble(self, error: Exception, subject: Subject) -> Trouble:
        """What happened, without the error's own text: it may hold anything."""
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise ApiUnavailableError(
                f"Loop did not answer {subject.what}",
                cause="the server's certificate cannot be verified; nothing was sent",
                hint="check `base_url`, and the certificates of this machine",
            ) from None
        if isinstance(error, requests.ConnectTimeout):
            return Trouble(
                "unreachable", f"no connection to Loop within {self._settings.connect_timeout:g} s"
            )
        if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
            return Trouble("slow", f"Loop sent nothing for {self._settings.read_timeout:g} s")
        if isinstance(error, requests.ConnectionError):
            return Trouble("unreachable", "the connection to Loop failed")
        return Trouble("cut", "Loop's answer broke off before its end")

    def _raise(self, response: requests.Response, body: bytes, subject: Subject) -> None:
        status = response.status_code
        if status == 429 or status == 408 or status >= 500:
            pause = retry_after(response.headers, self._clock.now())
            raise Trouble(
                "busy" if status == 429 else "server", f"Loop answered HTTP {status}", retry_after=pause
            )
        if 300 <= status < 400:
            host = scrub(_host(response.headers.get("location", "")), key=self._settings.api_key)
            raise UnexpectedAnswerError(
                f"Loop redirected {subject.what} to {host}",
                cause=f"HTTP {status}; the key was not sent there",
                hint="check `base_url`: it must name the API itself",
            )
        raise_for_status(status, json_or_none(body), subject)


class _Session(requests.Session):
    """requests prepares a redirect even when told not to follow it; here there is none to prepare."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def open_session(api_key: str) -> requests.Session:
    """A session that sends the key, repeats nothing, and asks no proxy of the environment."""
    session = _Session()
    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=0))
    session.headers.update(
        {"X-Authorization": api_key, "Accept": "application/json", "User-Agent": f"loop-returns/{_version()}"}
    )
    return session


def _version() -> str:
    try:
        return version("loop-returns")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "another path of the same host"
    except ValueError:
        return "an address that cannot be read"


def _parse(answer: Answer) -> None:
    try:
        _ = answer.json
    except orjson.JSONDecodeError:
        text = answer.body.lstrip()
        seen = "HTML" if text.startswith(b"<") else "not complete JSON" if text else "empty"
        raise Trouble("garbled", f"Loop answered HTTP 200 with a body that is {seen}") from None


def json_or_none(body: bytes) -> object:
    """The parsed body; None where it is no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
