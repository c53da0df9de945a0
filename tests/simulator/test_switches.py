"""Each undocumented point of the API, answered either way."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import ASN, LIST, Reader

WIDE: dict[str, str | int] = {"from": "2026-08-01", "to": "2026-11-20T12:00:00Z", "pageSize": 50}


def switch(reader: Reader, **values: object) -> Reader:
    reader.loop.switches = replace(reader.loop.switches, **values)  # type: ignore[arg-type]  # a bad name fails
    return reader


def first_page(reader: Reader, **query: str | int) -> dict[str, Any]:
    body: dict[str, Any] = reader.get(LIST, paginate="true", **(WIDE | query)).json()
    return body


def cursor_of(reader: Reader, **query: str | int) -> dict[str, Any]:
    cursor = parse_qs(urlsplit(first_page(reader, **query)["nextPageUrl"]).query)["cursor"][0]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return found


def test_pages_run_from_new_to_old_or_back(reader: Reader) -> None:
    newest_first = [row["created_at"] for row in switch(reader, page_order="desc").rows(**WIDE)]
    oldest_first = [row["created_at"] for row in switch(reader, page_order="asc").rows(**WIDE)]

    assert newest_first == sorted(newest_first, reverse=True)
    assert oldest_first == sorted(oldest_first)
    assert sorted(newest_first) == oldest_first


def test_shuffled_pages_are_stable_and_in_no_order(reader: Reader) -> None:
    switch(reader, page_order="shuffled")

    once, again = reader.rows(**WIDE), reader.rows(**WIDE)

    times = [row["created_at"] for row in once]
    assert [row["id"] for row in once] == [row["id"] for row in again]
    assert times not in (sorted(times), sorted(times, reverse=True))


@pytest.mark.parametrize(
    ("bounds", "finds_at_from", "finds_at_to"),
    [("both", True, True), ("from", True, False), ("to", False, True), ("none", False, False)],
)
def test_the_bounds_of_a_window_count_or_not(
    reader: Reader, bounds: str, finds_at_from: bool, finds_at_to: bool
) -> None:
    row = reader.rows(**WIDE)[5]
    at = row["created_at"]

    switch(reader, bounds=bounds)
    after = reader.rows(**{"from": at, "to": "2026-11-20T12:00:00Z"})
    before = reader.rows(**{"from": "2026-10-01", "to": at})

    assert (row["id"] in [each["id"] for each in after]) is finds_at_from
    assert (row["id"] in [each["id"] for each in before]) is finds_at_to


def test_the_documented_cursor_holds_a_second_and_nothing_else(reader: Reader) -> None:
    switch(reader, cursor="created_at")
    last = first_page(reader)["returns"][-1]

    cursor = cursor_of(reader, filter="updated_at")

    assert set(cursor) == {"created_at", "_pointsToNextItems"}
    assert len(cursor["created_at"]) == len(last["created_at"][:19]) == 19


def test_the_documented_cursor_skips_rows_that_share_a_second(reader: Reader) -> None:
    whole = reader.rows(**WIDE)
    seconds = [row["created_at"] for row in whole]
    edge = next(i for i in range(1, len(seconds)) if seconds[i] == seconds[i - 1])

    switch(reader, cursor="created_at")
    pages = reader.pages(**(WIDE | {"pageSize": edge}))

    read = {row["id"] for page in pages for row in page}
    assert whole[edge]["id"] not in read
    assert {row["id"] for row in whole} > read


def test_the_filter_field_cursor_is_keyed_by_the_filter(reader: Reader) -> None:
    switch(reader, cursor="filter_field")

    assert set(cursor_of(reader, filter="updated_at")) == {"updated_at", "_pointsToNextItems"}
    assert set(cursor_of(reader, filter="created_at")) == {"created_at", "_pointsToNextItems"}
    updated = [row["updated_at"] for row in reader.rows(**WIDE, filter="updated_at")]
    assert updated == sorted(updated, reverse=True)


def test_the_unique_cursor_breaks_ties_by_id(reader: Reader) -> None:
    assert set(cursor_of(reader)) == {"created_at", "id", "_pointsToNextItems"}


def test_an_opaque_cursor_reads_the_same_rows(reader: Reader) -> None:
    wanted = [row["id"] for row in reader.rows(**WIDE)]

    switch(reader, cursor="opaque")

    assert [row["id"] for row in reader.rows(**WIDE)] == wanted


def test_the_last_page_says_null_or_nothing(reader: Reader) -> None:
    said = first_page(reader, pageSize=750)
    switch(reader, last_page="absent")
    unsaid = first_page(reader, pageSize=750)

    assert said["nextPageUrl"] is None
    assert set(unsaid) == {"returns"}


def test_the_documented_link_drops_from_state_and_paginate(reader: Reader) -> None:
    link = first_page(reader, filter="updated_at", state="closed")["nextPageUrl"]
    switch(reader, next_link_keeps="all")
    whole = first_page(reader, filter="updated_at", state="closed")["nextPageUrl"]

    assert list(parse_qs(urlsplit(link).query)) == ["to", "filter", "pageSize", "cursor"]
    assert set(parse_qs(urlsplit(whole).query)) == {
        "to",
        "filter",
        "pageSize",
        "cursor",
        "from",
        "state",
        "paginate",
    }


@pytest.mark.parametrize("state", ["closed", "cancelled", None])
def test_a_link_may_be_followed_verbatim_or_its_cursor_sent_with_everything(
    reader: Reader, state: str | None
) -> None:
    query = WIDE | {"pageSize": 2, "paginate": "true"} | ({"state": state} if state else {})
    link = reader.get(LIST, **query).json()["nextPageUrl"]
    cursor = parse_qs(urlsplit(link).query)["cursor"][0]

    verbatim = reader.follow(link).json()["returns"]
    resent = reader.get(LIST, **query, cursor=cursor).json()["returns"]

    assert verbatim == resent
    assert len(verbatim) == 2


def test_ids_are_strings_or_numbers(reader: Reader) -> None:
    text = first_page(reader)["returns"][0]
    switch(reader, ids="number")
    number = first_page(reader)["returns"][0]

    assert number["id"] == int(text["id"])
    assert number["line_items"][0]["line_item_id"] == int(text["line_items"][0]["line_item_id"])


@pytest.mark.parametrize(
    ("times", "length", "end"), [("offset", 25, "+00:00"), ("z", 24, ".000Z"), ("naive", 19, "")]
)
def test_times_have_three_shapes(reader: Reader, times: str, length: int, end: str) -> None:
    switch(reader, times=times)

    row = first_page(reader)["returns"][0]
    notice = reader.get(ASN).json()[0]

    assert (len(row["created_at"]), row["created_at"].endswith(end)) == (length, True)
    assert (len(notice["updated_at"]), notice["updated_at"].endswith(end)) == (length, True)
    assert len(row["line_items"][0]["returned_at"]) == 19


def test_the_401_body_has_two_forms(reader: Reader) -> None:
    switch(reader, unauthorized="documented", scopes=set())

    assert reader.get(LIST).json() == {"errors": "Unauthorized."}


def test_a_grade_is_a_text_or_an_object(reader: Reader) -> None:
    def grades() -> list[Any]:
        lines = [line for row in reader.rows(**WIDE) for line in row["line_items"] if line["condition"]]
        return [line["condition"]["condition_category"] for line in lines]

    texts = grades()
    switch(reader, condition="object")

    assert [each["value"] for each in grades()] == texts
    assert {"grade_a", "grade_b", "grade_c"} <= set(texts)


def test_the_notice_id_is_the_return_or_the_row(reader: Reader) -> None:
    by_return = reader.get(ASN).json()
    switch(reader, asn_id="row")
    by_row = reader.get(ASN).json()

    rows = reader.get(LIST, **{"from": "2026-11-13 12:00:00", "to": "2026-11-20 12:00:00"}).json()
    planted = reader.loop.world.planted["recon_endpoint.timing"]
    labelled = {int(row["id"]) for row in rows if row["labels"] and row["id"] not in planted}
    assert labelled <= {row["id"] for row in by_return}
    assert len({row["id"] for row in by_row}) == len(by_row) == len(by_return)


def test_notices_are_filtered_by_either_timestamp(reader: Reader) -> None:
    day = {"from": "2026-11-19", "to": "2026-11-20"}
    by_creation = reader.get(ASN, **day).json()
    switch(reader, asn_filter="updated_at")
    by_change = reader.get(ASN, **day).json()

    assert {row["created_at"][:10] for row in by_creation} == {"2026-11-19"}
    assert {row["updated_at"][:10] for row in by_change} == {"2026-11-19"}


def test_notices_may_hide_cancelled_and_review(reader: Reader) -> None:
    window = {"from": "2026-08-01", "to": "2026-11-20T12:00:00Z"}

    shown = {row["state"] for row in reader.get(ASN, **window).json()}
    switch(reader, asn_states="default")
    hidden = {row["state"] for row in reader.get(ASN, **window).json()}

    assert shown - hidden == {"cancelled", "review"}


def test_a_page_size_above_the_maximum_is_clamped_or_refused(reader: Reader) -> None:
    switch(reader, page_size_max=60)
    assert len(first_page(reader, pageSize=61)["returns"]) == 60

    switch(reader, above_max="refuse")
    assert reader.get(LIST, pageSize=61).status_code == 422
    assert reader.get(LIST, pageSize=60).status_code == 200


def test_the_widest_window_can_be_set(reader: Reader) -> None:
    switch(reader, max_span_days=10)

    assert reader.get(LIST, **{"from": "2026-11-01", "to": "2026-11-11"}).status_code == 422
    assert reader.get(LIST, **{"from": "2026-11-01", "to": "2026-11-10"}).status_code == 200
