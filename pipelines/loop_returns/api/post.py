"""One POST, sent exactly once: nothing here repeats it, whatever becomes of it.

An answer that did not come leaves open whether Loop did what was asked: that is said, and left to the
caller, who looks before asking again.
"""

from __future__ import annotations

import orjson
import requests
import urllib3.exceptions

from loop_returns.api.envelopes import Subject, raise_for_status, refusal
from loop_returns.api.limiter import Limiter
from loop_returns.api.transport import ClientSettings, json_or_none, open_session
from loop_returns.errors import ApiRefusedError, ApiUnavailableError, UnexpectedAnswerError

UNSURE_HINT = "look whether it was done before asking again"


def post_once(
    settings: ClientSettings, limiter: Limiter, path: str, body: object, subject: Subject
) -> dict[str, object]:
    """Send a JSON object on a connection of its own, and give Loop's back.

    Raises:
        KeyRefusedError: 401 or 403: it was not done.
        ApiRefusedError: Any other refusal, with HTTP 200 too: it was not done.
        ApiUnavailableError: 429: it was not done. 5xx or no answer: not known.
        UnexpectedAnswerError: A redirect, or no JSON object: not known.
    """
    limiter.acquire()
    with open_session(settings.api_key) as session:
        try:
            answer = session.post(
                settings.base_url + path,
                data=orjson.dumps(body),
                headers={"Content-Type": "application/json", "Connection": "close"},
                timeout=(settings.connect_timeout, settings.read_timeout),
                allow_redirects=False,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError):
            raise ApiUnavailableError(
                f"Loop did not answer {subject.what}", cause="the connection failed", hint=UNSURE_HINT
            ) from None
    limiter.observe(answer.headers)
    return _read(answer, subject)


def _read(answer: requests.Response, subject: Subject) -> dict[str, object]:
    status, found = answer.status_code, json_or_none(answer.content)
    if status == 429 or status >= 500:
        hint = "nothing was done; run it again in a minute" if status == 429 else UNSURE_HINT
        raise ApiUnavailableError(f"Loop failed at {subject.what}", cause=f"HTTP {status}", hint=hint)
    if not 200 <= status < 300 and not 300 <= status < 400:
        raise_for_status(status, found, subject)
    words = refusal(200, found, key=subject.key)
    if words:
        raise ApiRefusedError(f"Loop refused {subject.what}", cause=f"HTTP {status}, but: {words}")
    if status >= 300 or not isinstance(found, dict):
        raise UnexpectedAnswerError(
            f"Loop's answer to {subject.what} cannot be read", cause=f"HTTP {status}", hint=UNSURE_HINT
        )
    return found
