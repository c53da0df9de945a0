"""Following the pages gives exactly the truth's rows, once, whatever is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from .conftest import END, Reader


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    ago=st.integers(min_value=0, max_value=200 * 24 * 60),
    length=st.integers(min_value=0, max_value=119 * 24 * 60),
    state=st.sampled_from([None, "open", "closed", "cancelled", "expired", "review"]),
    filter_by=st.sampled_from(["created_at", "updated_at"]),
    page_size=st.sampled_from([2, 25, 750]),
    order=st.sampled_from(["desc", "asc", "shuffled"]),
    keeps=st.sampled_from(["documented", "all"]),
)
def test_pages_hold_every_row_of_the_window_once(
    quiet: Reader,
    ago: int,
    length: int,
    state: str | None,
    filter_by: str,
    page_size: int,
    order: str,
    keeps: str,
) -> None:
    since = END - timedelta(minutes=ago)
    until = since + timedelta(minutes=length if page_size > 2 else min(length, 10_000))
    quiet.loop.switches = replace(quiet.loop.switches, page_order=order, next_link_keeps=keeps)

    query = {"from": since.isoformat(), "to": until.isoformat(), "filter": filter_by, "pageSize": page_size}
    rows = quiet.rows(**query, **({"state": state} if state else {}))

    states = {state} if state else {"open", "closed", "expired", "frozen"}
    wanted = [
        str(each.id)
        for each in quiet.loop.world.returns
        if each.is_listed and each.state in states and since <= getattr(each, filter_by) <= until
    ]
    assert sorted(row["id"] for row in rows) == sorted(wanted)
