"""What the simulated Loop refuses, ignores and assumes, as the live one does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import requests

from .conftest import ASN, DETAILS, LIST, Reader

DAY = {"from": "2026-11-01", "to": "2026-11-02"}


def test_the_key_counts_in_its_own_header_only(quiet: Reader) -> None:
    url = quiet.loop.base_url + LIST

    without = requests.get(url, timeout=5)
    bearer = requests.get(url, headers={"Authorization": "Bearer simulator-key"}, timeout=5)
    wrong = requests.get(url, headers={"X-Authorization": "other"}, timeout=5)

    assert [without.status_code, bearer.status_code, wrong.status_code] == [401, 401, 401]
    assert without.json() == {
        "error": {"code": "401", "http_code": "GEN-UNAUTHORIZED", "message": "Unauthorized."}
    }
    assert quiet.get(LIST).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", "yesterday"),
        ("from", "2026-13-01"),
        ("from", "2026-01-01T00:00:00 00:00"),
        ("to", "2026-02-30"),
        ("state", "frozen"),
        ("state", "open,closed"),
        ("filter", "edited_at"),
        ("pageSize", "0"),
        ("pageSize", "-1"),
        ("pageSize", "many"),
        ("paginate", "yes"),
        ("cursor", "abc"),
    ],
)
def test_a_bad_parameter_of_the_list_is_refused_by_name(quiet: Reader, name: str, value: str) -> None:
    answer = quiet.get(LIST, **(DAY | {name: value}))

    assert answer.status_code == 422
    assert set(answer.json()) == {"message", "errors"}
    assert list(answer.json()["errors"]) == [name]


def test_to_before_from_is_refused(quiet: Reader) -> None:
    assert quiet.get(LIST, **{"from": "2026-11-02", "to": "2026-11-01"}).status_code == 422
    assert quiet.get(LIST, **{"from": "2026-11-02", "to": "2026-11-02"}).status_code == 200


def test_a_span_of_exactly_120_days_is_refused(quiet: Reader) -> None:
    full = quiet.get(LIST, **{"from": "2026-07-01 00:00:00", "to": "2026-10-29 00:00:00"})
    less = quiet.get(LIST, **{"from": "2026-07-01 00:00:00", "to": "2026-10-28 23:59:59"})

    assert full.status_code == 422
    assert less.status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01",
        "2026-11-1",
        "2026-11-01 00:00:00",
        "2026-11-01T00:00:00",
        "2026-11-01 00:00:00Z",
        "2026-11-01T00:00:00.000Z",
        "2026-11-01T02:00:00+02:00",
    ],
)
def test_every_form_of_a_date_means_the_same_instant(quiet: Reader, text: str) -> None:
    wanted = quiet.get(LIST, **{"from": "2026-11-01T00:00:00Z", "to": "2026-11-05"}).json()

    assert quiet.get(LIST, **{"from": text, "to": "2026-11-05"}).json() == wanted
    assert len(wanted) > 5


def test_given_no_dates_the_last_24_hours_are_listed(quiet: Reader) -> None:
    rows = quiet.get(LIST).json()

    assert len(rows) > 2
    assert {row["created_at"][:19] >= "2026-11-19T12:00:00" for row in rows} == {True}


def test_to_alone_is_ignored(quiet: Reader) -> None:
    assert quiet.get(LIST, to="2026-09-01").json() == quiet.get(LIST).json()


def test_from_alone_means_the_24_hours_after_it(quiet: Reader) -> None:
    wanted = quiet.get(LIST, **{"from": "2026-11-10", "to": "2026-11-11"}).json()

    assert quiet.get(LIST, **{"from": "2026-11-10"}).json() == wanted
    assert wanted


def test_without_a_state_cancelled_and_review_are_hidden(quiet: Reader) -> None:
    window = {"from": "2026-08-01", "to": "2026-11-20T12:00:00Z"}

    states = {row["state"] for row in quiet.get(LIST, **window).json()}

    assert states == {"open", "closed", "expired", "frozen"}
    for state in ("open", "closed", "expired", "cancelled", "review"):
        assert {row["state"] for row in quiet.get(LIST, **window, state=state).json()} == {state}


def test_without_paginate_the_answer_is_a_bare_array(quiet: Reader) -> None:
    assert isinstance(quiet.get(LIST).json(), list)
    assert set(quiet.get(LIST, paginate="true").json()) == {"returns", "nextPageUrl", "previousPageUrl"}


def test_pages_hold_100_rows_by_default_and_750_at_most(quiet: Reader) -> None:
    window = {"from": "2026-07-24", "to": "2026-11-20T12:00:00Z", "paginate": "true"}

    assert len(quiet.get(LIST, **window).json()["returns"]) == 100
    assert len(quiet.get(LIST, **window, pageSize=750).json()["returns"]) > 200


def test_notices_take_a_bad_date_for_1970(quiet: Reader) -> None:
    all_of_them = quiet.get(ASN, **{"from": "1970-01-01", "to": "2026-11-21"}).json()

    assert quiet.get(ASN, **{"from": "rubbish", "to": "2026-11-21"}).json() == all_of_them
    assert quiet.get(ASN, **{"from": "2026-11-01", "to": "rubbish"}).json() == []


def test_notices_default_to_one_week_up_to_the_end_of_today(quiet: Reader) -> None:
    wanted = quiet.get(ASN, **{"from": "2026-11-13 12:00:00", "to": "2026-11-20 23:59:59"}).json()

    assert quiet.get(ASN).json() == wanted
    assert isinstance(wanted, list)
    assert wanted


def test_notices_have_no_widest_window_unless_switched(reader: Reader) -> None:
    wide = {"from": "2020-01-01", "to": "2026-11-20"}

    assert reader.get(ASN, **wide).status_code == 200

    reader.loop.switches = replace(reader.loop.switches, asn_max_span_days=120)
    assert reader.get(ASN, **wide).status_code == 422


def test_details_find_by_id_and_by_order(quiet: Reader) -> None:
    row = quiet.get(LIST, **{"from": "2026-10-01", "to": "2026-10-20"}).json()[0]

    by_id = quiet.get(DETAILS, return_id=row["id"]).json()
    by_name = quiet.get(DETAILS, order_name=row["order_name"].removeprefix("#")).json()
    by_order = quiet.get(DETAILS, order_id=row["provider_order_id"], currency_type="shop").json()

    assert by_id["id"] == int(row["id"])
    assert by_id["created_at"] == row["created_at"][:19].replace("T", " ")
    assert by_id["line_items"][0]["reason"] == row["line_items"][0]["return_reason"]
    assert by_name["order_id"] == by_order["order_id"] == int(row["order_id"])


def test_details_of_an_unknown_id_are_a_200_with_an_error(quiet: Reader) -> None:
    answer = quiet.get(DETAILS, return_id=1)

    assert answer.status_code == 200
    assert answer.json() == {"error": {"message": "No return found with this ID."}}


@pytest.mark.parametrize("query", [{}, {"return_id": "x"}, {"return_id": "1", "order_name": "2"}])
def test_details_want_exactly_one_key(quiet: Reader, query: dict[str, str]) -> None:
    assert quiet.get(DETAILS, **query).status_code == 422


def test_webhooks_are_listed_for_a_key_with_their_scope(reader: Reader) -> None:
    found = reader.get("/webhooks").json()["webhooks"]
    assert [(each["topic"], each["trigger"], each["status"]) for each in found] == [
        ("return", "return.created", "active"),
        ("return", "return.updated", "active"),
    ]

    reader.loop.switches = replace(reader.loop.switches, scopes={"returns"})
    assert reader.get("/webhooks").status_code == 401
    assert reader.get(LIST).status_code == 200

    reader.loop.switches = replace(reader.loop.switches, scopes={"developer_tools"})
    assert [reader.get(path).status_code for path in (LIST, ASN, DETAILS)] == [401, 401, 401]
