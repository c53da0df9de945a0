"""Acting on a return of the simulated shop: process, flag, cancel, notes; what works, what is refused, how.

POST -> Actions.post() -> the world's truth; a queued process runs `Switches.process_seconds` later, when the
next request comes. Effects are counted per return, so that a test sees what happened twice.
Source: Loop API, actions of the Warehouse API; refusals come with HTTP 200.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Any

import orjson

from loop_returns.simulator.faults import HTML, Answer, refusal
from loop_returns.simulator.switches import Fault, Switches
from loop_returns.simulator.truth import Event, Return
from loop_returns.simulator.world import World

PATH = re.compile(r"/warehouse/return/(\d{1,18})/(process|flag|cancel|note|notes)")
FAULTS = (
    "effect_no_answer",
    "effect_status",
    "no_effect",
    "late_effect",
    "partial",
    "fails",
    "another_actor",
)
"""Kinds of `Fault` that are about actions."""
UNKNOWN = {"errors": {"message": "No return found with this ID."}}
_VERB = {"process": "processed", "flag": "flagged", "cancel": "cancelled"}


class Actions:
    """Carries actions out; wants `world.lock` held.

    Attributes:
        effects: How often each (return id, action) had its effect.
        next_faults: Faults of the next process, flag or cancel, one used up by each.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.effects: Counter[tuple[str, str]] = Counter()
        self.next_faults: list[Fault] = []
        self._notes: dict[int, list[dict[str, Any]]] = {}
        self._jobs: list[tuple[float, int, str, str]] = []
        self._by_id: dict[int, Return] = {}
        self._is_changed = False

    def settle(self) -> None:
        """Run the jobs whose time has come."""
        now = time.monotonic()
        due = sorted(job for job in self._jobs if job[0] <= now)
        self._jobs = [job for job in self._jobs if job[0] > now]
        for _, return_id, action, ending in due:
            self._finish(return_id, action, ending)

    def publish(self) -> None:
        """Let the lists show what was done."""
        if self._is_changed:
            self._is_changed = False
            self.world.changed()

    def get(self, path: str) -> Answer | None:
        """The notes of a return, newest first; 422 with `false` when there are none. None: another path."""
        found = PATH.fullmatch(path)
        if found is None or found[2] != "notes":
            return None
        notes = self._notes.get(int(found[1]), [])
        return Answer.of(notes[::-1]) if notes else Answer.of(False, 422)

    def post(self, path: str, body: bytes, switches: Switches) -> Answer:
        """Carry out a POST, or refuse it in one of Loop's ways."""
        found = PATH.fullmatch(path)
        if found is None or found[2] == "notes":
            return Answer(404, HTML, is_json=False)
        owner = self._owner(int(found[1]))
        if owner is None:
            return Answer.of(UNKNOWN)
        if found[2] == "note":
            return self._note(owner, body, switches)
        fault = self.next_faults.pop(0) if self.next_faults else None
        if fault is not None and fault.kind == "another_actor":
            self._turn(owner, fault.to)
        return self._act(owner, found[2], body, switches, fault)

    def _owner(self, return_id: int) -> Return | None:
        if len(self._by_id) != len(self.world.returns):
            self._by_id = {each.id: each for each in self.world.returns}
        return self._by_id.get(return_id)

    def _note(self, owner: Return, body: bytes, switches: Switches) -> Answer:
        content = _content(body)
        if not content or len(content) >= 255:
            text = "Content is required and must be less than 255 characters."
            return Answer.of({"errors": {"message": text}}, 422)
        self._add_note(owner, content)
        return Answer.of(switches.success)

    def _add_note(self, owner: Return, content: str) -> None:
        notes = self._notes.setdefault(owner.id, [])
        at = self.world.end.isoformat(sep=" ")[:19]
        notes.append({"id": owner.id * 100 + len(notes), "content": content, "created_at": at})

    def _act(
        self, owner: Return, action: str, body: bytes, switches: Switches, fault: Fault | None
    ) -> Answer:
        kind = fault.kind if fault else ""
        if kind == "late_effect" and fault:
            self._queue(owner, action, "", fault.seconds)
            return Answer(0, b"", is_cut=True)
        if no := _refused(owner, action):
            return Answer.of(no)
        if kind != "no_effect":
            self._accept(owner, action, body, switches, kind)
        if kind == "effect_no_answer":
            return Answer(0, b"", is_cut=True)
        if kind == "effect_status" and fault:
            return refusal(fault.status, switches)
        return Answer.of(switches.success)

    def _accept(self, owner: Return, action: str, body: bytes, switches: Switches, ending: str) -> None:
        if action != "process":
            self._finish(owner.id, action, ending)
            return
        for name, value in _json_object(body).items():
            self._add_note(owner, f"{name}: {value}")
        self._queue(owner, action, ending, switches.process_seconds)

    def _queue(self, owner: Return, action: str, ending: str, seconds: float) -> None:
        self._jobs.append((time.monotonic() + seconds, owner.id, action, ending))

    def _finish(self, return_id: int, action: str, ending: str) -> None:
        """The effect; a process that was accepted twice pays twice, the worst that can be."""
        owner = self._owner(return_id)
        if owner is None or ending == "fails":
            return
        if owner.state not in (("open", "closed") if action == "process" else ("open",)):
            return
        self.effects[str(return_id), action] += 1
        if action == "process" and ending != "partial":
            owner.apply(Event(self.world.end, "processed", ""))
        state = {"process": "closed", "flag": "review", "cancel": "cancelled"}[action]
        self._turn(owner, "review" if ending == "partial" else state)

    def _turn(self, owner: Return, state: str) -> None:
        """Give a return another state; what its script had in store is over."""
        owner.script = [event for event in owner.script if event.kind == "label"]
        owner.apply(Event(self.world.end, "state", state))
        self._is_changed = True


def _refused(owner: Return, action: str) -> dict[str, Any] | None:
    """Loop's words for an action that the state forbids: four shapes, all of them HTTP 200."""
    state = owner.state
    if state == "open":
        return None
    if action == "process" and state == "review":
        text = "Return is open and therefore cannot be processed."
        return {"errors": {"message": text, "code": "UNPROCESSABLE_FLAGGED_RETURN"}}
    if action == "process" and state in ("cancelled", "expired"):
        return {"message": f"Return is {state} and therefore cannot be processed."}
    if action == "cancel" and state in ("expired", "review"):
        return {"content": f"Return is {'flagged' if state == 'review' else state} and cannot be processed."}
    text = f"Return is {state} and therefore cannot be {_VERB[action]}."
    return {"errors": {"message": text, "code": "UNPROCESSABLE_RETURN"}}


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _content(body: bytes) -> str:
    content = _json_object(body).get("content")
    return content if isinstance(content, str) else ""
