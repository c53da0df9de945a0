"""Acting on the simulated shop: what works, in how many ways it is refused, and what may go wrong."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
import requests

from loop_returns.simulator.app import Fault

from .conftest import DETAILS, LIST, Reader


def post(reader: Reader, return_id: int, action: str, body: Any = None) -> requests.Response:
    url = f"{reader.loop.base_url}/warehouse/return/{return_id}/{action}"
    headers = {"X-Authorization": "simulator-key", "Connection": "close"}
    return requests.post(url, json=body, headers=headers, timeout=5)


def state(reader: Reader, return_id: int) -> str:
    return str(reader.get(DETAILS, return_id=return_id).json()["state"])


def ids(reader: Reader, wanted: str = "open") -> list[int]:
    return [each.id for each in reader.loop.world.returns if each.state == wanted and each.is_listed]


@pytest.mark.parametrize("success", [True, "true"])
def test_process_is_queued_and_closes_later(reader: Reader, success: Any) -> None:
    reader.loop.switches = replace(reader.loop.switches, process_seconds=2, success=success)
    (one, *_) = ids(reader)

    answer = post(reader, one, "process", {"who": "me"})

    assert (answer.status_code, answer.json()) == (200, success)
    assert state(reader, one) == "open"
    time.sleep(2.05)
    assert state(reader, one) == "closed"
    assert reader.loop.actions.effects == {(str(one), "process"): 1}
    assert str(one) in {
        row["id"]
        for row in reader.rows(
            **{"from": "2026-11-01", "to": "2026-11-30"}, state="closed", filter="updated_at"
        )
    }
    assert [note["content"] for note in reader.get(f"/warehouse/return/{one}/notes").json()] == ["who: me"]


@pytest.mark.parametrize(("action", "wanted"), [("flag", "review"), ("cancel", "cancelled")])
def test_flag_and_cancel_work_at_once(reader: Reader, action: str, wanted: str) -> None:
    (one, *_) = ids(reader)

    assert post(reader, one, action).json() is True
    assert state(reader, one) == wanted
    assert post(reader, one, action).json()["errors"]["code"] == "UNPROCESSABLE_RETURN" or action == "cancel"
    assert reader.loop.actions.effects == {(str(one), action): 1}


@pytest.mark.parametrize(
    ("of", "action", "body"),
    [
        (
            "closed",
            "process",
            {
                "errors": {
                    "message": "Return is closed and therefore cannot be processed.",
                    "code": "UNPROCESSABLE_RETURN",
                }
            },
        ),
        ("cancelled", "process", {"message": "Return is cancelled and therefore cannot be processed."}),
        (
            "review",
            "process",
            {
                "errors": {
                    "message": "Return is open and therefore cannot be processed.",
                    "code": "UNPROCESSABLE_FLAGGED_RETURN",
                }
            },
        ),
        ("expired", "cancel", {"content": "Return is expired and cannot be processed."}),
        ("review", "cancel", {"content": "Return is flagged and cannot be processed."}),
        (
            "closed",
            "flag",
            {
                "errors": {
                    "message": "Return is closed and therefore cannot be flagged.",
                    "code": "UNPROCESSABLE_RETURN",
                }
            },
        ),
    ],
)
def test_refusals_are_200s(reader: Reader, of: str, action: str, body: Any) -> None:
    answer = post(reader, ids(reader, of)[0], action)

    assert (answer.status_code, answer.json()) == (200, body)
    assert reader.loop.actions.effects == {}


def test_an_unknown_return_is_a_200(reader: Reader) -> None:
    answer = post(reader, 1, "process")

    assert (answer.status_code, answer.json()) == (
        200,
        {"errors": {"message": "No return found with this ID."}},
    )


def test_notes(reader: Reader) -> None:
    (one, *_) = ids(reader)
    none = reader.get(f"/warehouse/return/{one}/notes")

    assert (none.status_code, none.json()) == (422, False)
    assert post(reader, one, "note", {"content": "a"}).json() is True
    assert post(reader, one, "note", {"content": "b"}).json() is True
    assert post(reader, one, "note", {"content": "x" * 255}).status_code == 422
    assert post(reader, one, "note").status_code == 422
    assert [note["content"] for note in reader.get(f"/warehouse/return/{one}/notes").json()] == ["b", "a"]


@pytest.mark.parametrize(
    ("fault", "says", "ends", "effects"),
    [
        (Fault("effect_no_answer"), None, "closed", 1),
        (Fault("effect_status", status=500), 500, "closed", 1),
        (Fault("no_effect"), 200, "open", 0),
        (Fault("late_effect", seconds=0.1), None, "closed", 1),
        (Fault("partial"), 200, "review", 1),
        (Fault("fails"), 200, "open", 0),
        (Fault("another_actor", to="cancelled"), 200, "cancelled", 0),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_what_may_go_wrong(reader: Reader, fault: Fault, says: int | None, ends: str, effects: int) -> None:
    (one, *_) = ids(reader)
    control = reader.loop.base_url.replace("/api/v1", "/_control/actions")
    asked = {name: getattr(fault, name) for name in ("kind", "status", "seconds", "to")}
    assert requests.post(control, json=[asked], timeout=5).json() == {"waiting": 1, "effects": {}}

    if says is None:
        with pytest.raises(requests.ConnectionError):
            post(reader, one, "process")
    else:
        assert post(reader, one, "process").status_code == says

    time.sleep(0.3)
    assert state(reader, one) == ends
    assert requests.get(control, timeout=5).json()["effects"].get(f"{one} process", 0) == effects


def test_two_accepted_processes_pay_twice(reader: Reader) -> None:
    (one, *_) = ids(reader)

    assert [post(reader, one, "process").json() for _ in range(2)] == [True, True]

    time.sleep(0.3)
    assert state(reader, one) == "closed"
    assert reader.loop.actions.effects == {(str(one), "process"): 2}


def test_a_key_for_actions_alone(reader: Reader) -> None:
    reader.loop.action_api_key = "other"

    assert post(reader, ids(reader)[0], "flag").status_code == 401
    assert reader.get(LIST).status_code == 200
