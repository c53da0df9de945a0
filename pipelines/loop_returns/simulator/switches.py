"""What the simulator may do either way, and the faults it can be asked for.

Each switch stands for a point of Loop's API that is undocumented or contradicted; its default is the
likeliest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FaultKind = Literal[
    "status",
    "error_200",
    "html",
    "half",
    "reset",
    "slow",
    "repeat_cursor",
    "foreign_link",
    "no_returns",
    "empty",
    "refuse_422",
    "redirect",
    "retry_after",
    "effect_no_answer",
    "effect_status",
    "no_effect",
    "late_effect",
    "partial",
    "fails",
    "another_actor",
]


@dataclass(frozen=True)
class Switches:
    """How this Loop behaves.

    Attributes:
        page_order: Order of the rows over all pages; `shuffled` is random but stable.
        bounds: Which of `from` and `to` belong to the window.
        cursor: `created_at`: documented, rows that share the second at a page edge are skipped;
            `filter_field`: the same by the filtered timestamp; `unique`: with the id as tie-break;
            `opaque`: a token.
        last_page: Whether the last page says `"nextPageUrl": null` or nothing.
        next_link_keeps: Parameters in the next link; `documented` leaves out `from`, `state` and `paginate`.
        ids: Shape of ids on the list.
        times: Shape of timestamps on the list and the shipping notices.
        success: What an accepted action answers.
        process_seconds: How long an accepted process waits in the queue.
        retry_after: Whether a 429 says how long to wait, and how.
        rate_limit: Requests in any 60 s; None sets no limit and sends no rate headers.
        unauthorized: Which of the two documented 401 bodies.
        condition: `condition_category` of a graded line; the object is `{"value", "label"}`.
        asn_id: Whether a notice's `id` is the return's, or a number of its own.
        asn_filter: The timestamp that `from` and `to` of the notices mean.
        asn_states: `default` hides cancelled and review there too.
        asn_max_span_days: Widest window of the notices; None sets no limit.
        page_size_max: Largest `pageSize`.
        above_max: What happens above it.
        max_span_days: A list window as long as this is refused.
        scopes: Of the key.
        webhook_made: Status of the answer to a new webhook subscription.
        webhook_status: What a new subscription is when the request does not say.
    """

    page_order: Literal["desc", "asc", "shuffled"] = "desc"
    bounds: Literal["both", "from", "to", "none"] = "both"
    cursor: Literal["created_at", "filter_field", "unique", "opaque"] = "unique"
    last_page: Literal["null", "absent"] = "null"
    next_link_keeps: Literal["documented", "all"] = "documented"
    ids: Literal["string", "number"] = "string"
    times: Literal["offset", "z", "naive"] = "offset"
    success: Literal[True, "true"] = True
    process_seconds: float = 0.2
    retry_after: Literal["seconds", "date"] | None = None
    rate_limit: int | None = None
    unauthorized: Literal["gateway", "documented"] = "gateway"
    condition: Literal["string", "object"] = "string"
    asn_id: Literal["return", "row"] = "return"
    asn_filter: Literal["created_at", "updated_at"] = "created_at"
    asn_states: Literal["all", "default"] = "all"
    asn_max_span_days: int | None = None
    page_size_max: int = 750
    above_max: Literal["clamp", "refuse"] = "clamp"
    max_span_days: int = 120
    scopes: frozenset[str] | set[str] = frozenset({"returns", "developer_tools"})
    webhook_made: Literal[200, 201] = 201
    webhook_status: Literal["active", "inactive"] = "active"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with one request.

    Attributes:
        kind: What goes wrong. `status` answers `status` with Loop's body for it; `error_200` a 200 with an
            error body; `html` a 200 page; `half` a body cut in the middle; `reset` no answer at all; `slow`
            waits `seconds` first; `repeat_cursor` a next link that leads back to the same page, from then
            on; `foreign_link` a next link to another host; `no_returns` an envelope without rows; `empty` a
            body of no bytes; `refuse_422` a validation error; `redirect` a 302 to `to`; `retry_after` a 429
            with that header. Of actions: `effect_no_answer` does it and hangs up; `effect_status` does it and
            answers `status`; `no_effect` says yes and does nothing; `late_effect` hangs up and does it after
            `seconds`; `partial` ends in review, `fails` in nothing; `another_actor` first gives the return
            the state `to`.
        status: For `status` and `effect_status`.
        seconds: For `slow` and `late_effect`.
        to: For `redirect` and `another_actor`.
        retry_after: For `retry_after`: the header's text.
        message: For `error_200` and `refuse_422`.
    """

    kind: FaultKind
    status: int = 500
    seconds: float = 1.0
    to: str = "https://elsewhere.example/"
    retry_after: str | int = 1
    message: str = "Something went wrong."
