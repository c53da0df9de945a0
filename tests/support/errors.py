"""What a command said when it failed."""

from __future__ import annotations

from conftest import KEY


def words_of(error: str) -> dict[str, str]:
    """`error:`, `cause:` and `hint:` of a message."""
    assert "Traceback" not in error, error
    assert KEY not in error
    lines = [
        line.partition(": ")
        for line in error.splitlines()
        if line.startswith(("error: ", "cause: ", "hint: "))
    ]
    return {label: text for label, _, text in lines}
