"""The texts that go to a return: the reason of a flag, and the mark of a process."""

from __future__ import annotations

LONGEST_NOTE = 254
"""Loop refuses a note of 255 characters or more. Source: loop-api.md, section 7."""


def flag_note(reason: str, key: str) -> str:
    r"""The note that says why a return was flagged; one line, with a mark that names the action.

    >>> flag_note("box was\n empty", "0123456789abcdef")
    'box was empty [loop-returns 0123456789ab]'
    """
    mark = f" [loop-returns {key[:12]}]"
    text = " ".join("".join(char if char.isprintable() else " " for char in reason).split())
    return text[: LONGEST_NOTE - len(mark)] + mark


def process_mark(key: str) -> str:
    """What the body of a process carries, and what is looked for among the notes afterwards."""
    return f"loop-returns process {key[:16]}"
