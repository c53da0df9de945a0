"""The finance report in words: figures -> Document, the same for page, Markdown and terminal."""

from __future__ import annotations

from loop_returns.report.chapters import ageing, breaks, causes, changes, liability, machine, pull, trust
from loop_returns.report.document import Document, Headline, Voice, instant
from loop_returns.report.published import Figures

TITLE = "Returns: what reconciles, and what does not"


def document(figures: Figures) -> Document:
    """The report of `finance.figures`."""
    voice = Voice.of(figures)
    return Document(
        title=TITLE,
        stand=_stand(figures),
        headlines=headlines(figures),
        chapters=[
            pull.chapter(figures, voice),
            changes.chapter(figures, voice),
            *breaks.chapters(figures, voice),
            ageing.chapter(figures, voice),
            liability.chapter(figures, voice),
            *machine.chapters(figures, voice),
            causes.chapter(figures, voice),
            trust.chapter(figures, voice),
        ],
        foot=_foot(),
    )


def headlines(figures: Figures) -> list[Headline]:
    """The summary: one sentence a question."""
    return [
        *pull.headlines(figures),
        *trust.headlines(figures),
        *changes.headlines(figures),
        *breaks.headlines(figures),
        *liability.headlines(figures),
        *machine.headlines(figures),
        *causes.headlines(figures),
    ]


def _stand(figures: Figures) -> str:
    first = figures["first_created_at"]
    made = f"returns made since {first:%Y-%m-%d}" if first else "no return yet"
    return (
        f"As of {instant(figures['as_of'])}, {made}; loaded {instant(figures['pull']['loaded_at'])}."
        f" All times are UTC."
    )


def _foot() -> list[str]:
    return [
        "Currencies are never added up. Sums are signed: look at the counts too,"
        " since +5 and -5 net to 0. A figure without its other side is unverifiable, never a break.",
        "Severity 1: money leaves wrongly; 2: money wrong or goods missing; 3: a customer waits; 4: hygiene.",
        "Made by loop-returns report from the published DuckDB file; marts.data_dictionary there says"
        " what each column means. No personal data is in this report.",
    ]
