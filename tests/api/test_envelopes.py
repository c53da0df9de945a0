"""Every error envelope of Loop's becomes words, and no secret is among them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.conftest import KEY
from loop_returns.api import envelopes
from loop_returns.api.envelopes import Subject, refusal, scrub
from loop_returns.errors import (
    ApiRefusedError,
    KeyRefusedError,
    LoopReturnsError,
    UnexpectedAnswerError,
    WindowRefusedError,
)

EMAIL = "jane.doe+returns@shop.example"
SUBJECT = Subject("the list", "Returns", KEY, is_window=True)
GATEWAY_401 = {"error": {"code": "401", "http_code": "GEN-UNAUTHORIZED", "message": "Unauthorized."}}
FLAGGED = {"errors": {"message": "Return is open.", "code": "UNPROCESSABLE_FLAGGED_RETURN"}}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            401,
            {"error": {"code": "401", "http_code": "GEN-UNAUTHORIZED", "message": "Unauthorized."}},
            "Unauthorized.",
        ),
        (401, {"errors": "Unauthorized."}, "Unauthorized."),
        (400, {"errors": ["ORDER_NOT_FOUND", "UNEXPECTED_ERROR"]}, "ORDER_NOT_FOUND; UNEXPECTED_ERROR"),
        (400, {"errors": ['["ORDER_NOT_FOUND"]', "[broken"]}, "ORDER_NOT_FOUND; [broken"),
        (403, {"errors": [{"message": "Not yours."}]}, "Not yours."),
        (404, {"errors": {"code": "NOT_FOUND"}}, "NOT_FOUND"),
        (
            422,
            {
                "message": "The value field is required.",
                "errors": {"value": ["The value field is required."]},
            },
            "The value field is required.",
        ),
        (
            422,
            {"message": "Invalid.", "errors": {"from": ["Too old."], "to": ["Too new."]}},
            "Invalid.; Too old.; Too new.",
        ),
        (422, {"errors": {"message": "Missing fields."}}, "Missing fields."),
        (
            422,
            {"error": {"message": "The line item id field is required."}},
            "The line item id field is required.",
        ),
        (422, False, None),
        (429, {"message": "Too Many Attempts."}, "Too Many Attempts."),
        (500, {"message": "Server Error"}, "Server Error"),
        (500, None, None),
        (200, FLAGGED, "Return is open.; UNPROCESSABLE_FLAGGED_RETURN"),
        (200, {"message": "Return is cancelled."}, "Return is cancelled."),
        (
            200,
            {"content": "Return is expired and cannot be processed."},
            "Return is expired and cannot be processed.",
        ),
        (200, {"error": {"message": "No return found with this ID."}}, "No return found with this ID."),
        (200, {"returns": [], "errors": ["UNEXPECTED_ERROR"]}, "UNEXPECTED_ERROR"),
        (200, {"returns": [], "message": "Good morning."}, None),
        (200, {"id": 1, "content": "A note."}, None),
        (200, [{"message": "a row"}], None),
        (200, True, None),
    ],
)
def test_each_envelope_is_put_into_words(status: int, body: object, words: str | None) -> None:
    assert refusal(status, body) == words


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, KeyRefusedError),
        (403, KeyRefusedError),
        (422, WindowRefusedError),
        (400, ApiRefusedError),
        (404, ApiRefusedError),
    ],
)
def test_each_status_has_its_exception(status: int, error: type[LoopReturnsError]) -> None:
    with pytest.raises(error, match="Gone wrong") as caught:
        envelopes.raise_for_status(status, {"message": "Gone wrong."}, SUBJECT)

    assert type(caught.value) is error


def test_given_401_when_raised_then_the_scope_and_the_place_of_scopes_are_named() -> None:
    with pytest.raises(KeyRefusedError) as caught:
        envelopes.raise_for_status(401, None, Subject("the webhooks", "Developer Tools"))

    assert str(caught.value) == (
        "error: Loop refused the API key for the webhooks\n"
        "cause: HTTP 401: no reason given\n"
        "hint: the key is wrong, or lacks the scope Developer Tools "
        "(Loop Admin > Returns management > Tools & integrations > Developer Tools)"
    )


def test_given_422_without_a_window_when_raised_then_no_smaller_window_is_promised() -> None:
    with pytest.raises(ApiRefusedError):
        envelopes.raise_for_status(422, False, Subject("return 1"))


ROW = {"id": "1"}


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (False, "false instead of an object"),
        (True, "true instead of an object"),
        (None, "null instead of an object"),
        ("true", "a string instead of an object"),
        (7, "a number instead of an object"),
        ({}, "an object instead of an object with the array `returns`"),
        ({"data": []}, "with the array `returns`"),
        ({"returns": {"0": ROW}}, "with the array `returns`"),
        ({"returns": None}, "with the array `returns`"),
        ({"returns": [ROW, 7]}, "row 1 is a number"),
        ({"returns": [[]]}, "row 0 is an array"),
        ({"returns": [{"name": "x"}]}, "row 0 has no id"),
        ({"returns": [{"id": None}]}, "row 0 has no id"),
        ({"returns": [{"id": ""}]}, "row 0 has no id"),
        ({"returns": [{"id": True}]}, "row 0 has no id"),
        ({"returns": [{"id": [1]}]}, "row 0 has no id"),
        ({"returns": [ROW], "nextPageUrl": 7}, "`nextPageUrl` is a number"),
        ([ROW, ROW], "a bare array of 2 rows where a page of 2 was asked for"),
    ],
)
def test_given_what_is_no_page_when_read_then_it_is_an_unexpected_answer(body: object, seen: str) -> None:
    with pytest.raises(UnexpectedAnswerError) as caught:
        envelopes.list_page(body, SUBJECT, page_size=2)

    assert seen in caught.value.cause
    assert "the list" in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        {"error": "x"},
        {"errors": {"code": "X"}},
        {"message": "x"},
        {"content": "x"},
        {"returns": [], "error": "x"},
    ],
)
def test_given_a_200_that_refuses_when_read_then_every_endpoint_says_so(body: object) -> None:
    for read in (
        lambda: envelopes.list_page(body, SUBJECT, page_size=2),
        lambda: envelopes.shipping_notice_rows(body, SUBJECT),
        lambda: envelopes.return_object(body, SUBJECT),
        lambda: envelopes.webhook_objects(body, SUBJECT),
    ):
        with pytest.raises(ApiRefusedError, match="Loop refused the list"):
            read()


@pytest.mark.parametrize(
    ("body", "link"),
    [
        ({"returns": [ROW]}, None),
        ({"returns": [ROW], "nextPageUrl": None, "previousPageUrl": None, "new": 1}, None),
        ({"returns": [ROW], "nextPageUrl": ""}, None),
        ({"returns": [ROW], "nextPageUrl": "https://x/?cursor=a"}, "https://x/?cursor=a"),
        ([ROW], None),
    ],
)
def test_given_a_page_in_any_documented_shape_when_read_then_rows_and_link_come(
    body: object, link: str | None
) -> None:
    assert envelopes.list_page(body, SUBJECT, page_size=2) == ([ROW], link)


@pytest.mark.parametrize("body", [{}, {"returns": []}, False, "true", None, [7]])
def test_given_no_array_of_objects_when_shipping_notices_are_read_then_it_is_unexpected(body: object) -> None:
    with pytest.raises(UnexpectedAnswerError):
        envelopes.shipping_notice_rows(body, SUBJECT)


@pytest.mark.parametrize("body", [{}, {"name": "x"}, [], False, "true", None])
def test_given_no_return_object_when_details_are_read_then_it_is_unexpected(body: object) -> None:
    with pytest.raises(UnexpectedAnswerError):
        envelopes.return_object(body, SUBJECT)


@pytest.mark.parametrize("body", [{}, [], {"webhooks": {}}, {"webhooks": [1]}])
def test_given_no_webhooks_array_when_webhooks_are_read_then_it_is_unexpected(body: object) -> None:
    with pytest.raises(UnexpectedAnswerError):
        envelopes.webhook_objects(body, SUBJECT)


secrets = st.sampled_from(
    [KEY, KEY.upper(), EMAIL, f"mailto:{EMAIL}", f"https://x.example/{KEY}?e={EMAIL}", "jane%40shop.example"]
)
texts = st.builds(
    lambda before, secret, after: before + secret + after,
    st.text(max_size=210),
    secrets,
    st.text(max_size=30),
)
names = st.sampled_from(["message", "errors", "error", "content", "code", "value", KEY, EMAIL])
bodies: st.SearchStrategy[Any] = st.recursive(
    texts | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(bodies, st.sampled_from([200, 400, 401, 403, 404, 422]))
def test_whatever_the_body_no_message_holds_the_key_or_an_email(body: object, status: int) -> None:
    said = []
    for read in (
        lambda: envelopes.raise_for_status(status, body, SUBJECT),
        lambda: envelopes.list_page(body, SUBJECT, page_size=2),
        lambda: envelopes.shipping_notice_rows(body, SUBJECT),
        lambda: envelopes.return_object(body, SUBJECT),
        lambda: envelopes.webhook_objects(body, SUBJECT),
    ):
        try:
            read()
        except LoopReturnsError as error:
            said.append(f"{error} {error!r} {error.args}")

    assert not [text for text in said if KEY.lower() in text.lower() or "jane" in text]
    assert KEY not in repr(SUBJECT)


@given(texts)
def test_a_scrubbed_text_is_one_short_line(text: str) -> None:
    clean = scrub(text, key=KEY)

    assert len(clean) <= 200
    assert not clean or clean.isprintable()


def test_given_a_long_text_when_scrubbed_then_it_is_cut() -> None:
    assert scrub("word " * 100) == ("word " * 100)[:197] + "..."


def test_given_links_mails_and_phones_when_scrubbed_then_the_rest_stays() -> None:
    text = f"Return 25044777 of {EMAIL} (+1 415-555-0100), see https://x.co/r/1\nfrom 2023-01-01 00:00:00"

    assert scrub(text) == "Return 25044777 of [e-mail] ([phone]), see [link] from 2023-01-01 00:00:00"


def test_given_a_body_of_brackets_when_read_then_the_stack_holds() -> None:
    body: object = "deep"
    for _ in range(900):
        body = [body]

    assert refusal(422, body) is None
