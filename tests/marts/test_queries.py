"""docs/queries.md: each query runs on a published file, and answers where there is an answer."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from conftest import Shop
from loop_returns.simulator.elsewhere.files import Elsewhere

PAGE = (Path(__file__).parents[2] / "docs" / "queries.md").read_text()
FOUND = [
    (title.strip(), sql)
    for title, body in re.findall(r"^## (.*?):.*\n((?:(?!^## ).*\n)*)", PAGE, re.M)
    for sql in re.findall(r"```sql\n(.*?)```", body, re.S)
]
UNANSWERED = "Whoever signs"
"""No action is taken in the planted world; tests/report has one with an action."""


def test_every_asker_of_the_domain_has_a_query() -> None:
    assert len({title for title, _ in FOUND}) == len(re.findall("^## ", PAGE, re.M)) == 12
    assert len(FOUND) == PAGE.count("```sql")


@pytest.mark.parametrize(
    ("title", "sql"), FOUND, ids=[f"{title} {number}" for number, (title, _) in enumerate(FOUND)]
)
def test_it_answers(planted: tuple[Shop, Elsewhere], title: str, sql: str) -> None:
    with duckdb.connect(str(planted[0].published), read_only=True) as database:
        answer = database.execute(sql)
        names = [column[0] for column in answer.description or []]
        rows = answer.fetchall()

    assert bool(rows) == (title != UNANSWERED)
    assert len(names) == len(set(names)) > 3


def test_a_link_of_a_question_leads_to_the_dictionary() -> None:
    dictionary = (Path(__file__).parents[2] / "docs" / "data-dictionary.md").read_text()

    for name in set(re.findall(r"(?:from|join) ((?:marts|ops)\.\w+)", PAGE)) - {"marts.explain"}:
        assert f"### {name}\n" in dictionary
