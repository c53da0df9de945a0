"""What is planned covers every instant of every pass, in windows that the API takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from loop_returns.api.windows import Window, subtract
from loop_returns.extract.coverage import PASSES, Entry, Lookback, Record, Span

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOOKBACK = Lookback(timedelta(hours=48), timedelta(days=20), 90)

spans = st.builds(
    lambda of, start, length: Span(of, Window(START + start * HOUR, START + (start + length) * HOUR)),
    st.sampled_from(PASSES),
    st.integers(-24 * 60, 24 * 400),
    st.integers(1, 24 * 120),
)
records = st.lists(st.tuples(spans, st.booleans()), max_size=30).map(
    lambda held: Record([Entry("run", START, span, is_complete) for span, is_complete in held])
)
bounds = st.integers(1, 24 * 420).map(lambda hours: START + hours * HOUR)


@given(records, bounds, st.integers(1, 90), st.booleans())
def test_after_the_plan_is_read_every_pass_is_complete_to_the_bound(
    record: Record, bound: datetime, days: int, again: bool
) -> None:
    lookback = Lookback(LOOKBACK.returns, LOOKBACK.notices, days)

    pull = record.plan(START, bound, lookback, again=again)

    read = Record([*record.entries, *(Entry(pull.run_id, bound, span, True) for span in pull.spans)])
    assert read.holes(START, bound) == []
    assert all(read.cursor(of.endpoint, START) >= bound for of in PASSES)
    assert all(span.window.end - span.window.start <= timedelta(days=days) for span in pull.spans)
    assert all(START <= span.window.start < span.window.end <= bound for span in pull.spans)


@given(records, bounds)
def test_the_last_stretch_of_what_was_read_is_read_again_and_nothing_else(
    record: Record, bound: datetime
) -> None:
    pull = record.plan(START, bound, LOOKBACK)

    for of in PASSES:
        planned = [span.window for span in pull.spans if span.of == of]
        covered = record.covered(of)
        newest = max((window.end for window in covered), default=START)
        for window in planned:
            old = [w for w in covered if w.start < newest - LOOKBACK.of(of.endpoint)]
            settled = [Window(w.start, min(w.end, newest - LOOKBACK.of(of.endpoint))) for w in old]
            assert subtract(window, settled) == [window]
        overlap = Window(max(START, newest - LOOKBACK.of(of.endpoint)), bound) if newest < bound else None
        assert overlap is None or subtract(overlap, planned) == []


@given(records, bounds)
def test_all_of_it_is_read_again_when_that_is_asked_for(record: Record, bound: datetime) -> None:
    pull = record.plan(START, bound, LOOKBACK, again=True)

    for of in PASSES:
        assert subtract(Window(START, bound), [span.window for span in pull.spans if span.of == of]) == []


def test_an_interrupted_pull_goes_on_with_what_it_lacks_at_its_own_bound() -> None:
    pull = Record().plan(START, START + timedelta(days=200), LOOKBACK)
    read, left = pull.spans[:5], pull.spans[5:]
    record = Record([Entry(pull.run_id, pull.bound, span, span in read) for span in pull.spans])

    unfinished = record.unfinished()

    assert unfinished is not None
    assert (unfinished.run_id, unfinished.bound, unfinished.spans) == (pull.run_id, pull.bound, left)
    assert unfinished.resumed
    assert Record([entry for entry in record.entries if entry.is_complete]).unfinished() is None


def test_the_crowded_last_days_have_windows_of_their_own_and_the_newest_is_read_first() -> None:
    bound = START + timedelta(days=100)

    pull = Record().plan(START, bound, LOOKBACK)

    default = [span.window for span in pull.spans if span.of == PASSES[0]]
    assert [(window.end - window.start).days for window in default] == [1, 3, 6, 90]
    assert all(sum(span.of == of for span in pull.spans) == 2 for of in PASSES[1:])
    assert [span.window.start for span in pull.spans] == sorted(
        (span.window.start for span in pull.spans), reverse=True
    )
