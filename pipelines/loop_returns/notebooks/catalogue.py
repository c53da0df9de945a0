"""The notebooks in the order in which people open them: file name, title, question."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[3] / "notebooks"
"""They are part of the source tree, not of the wheel."""


class Entry(NamedTuple):
    """A notebook's title, and what it answers."""

    title: str
    question: str


NOTEBOOKS = {
    "one_return": Entry(
        "One return, all evidence",
        "Everything that any source knows about one return: what happened and when, what was promised,"
        " carried out and paid, what does not reconcile, and what was decided.",
    ),
    "everything_here": Entry(
        "Is everything here?",
        "Was every day of every source read, in every state? Which returns stand in one source only, how"
        " late do the others come, and what changed in Loop's answers?",
    ),
    "money_foots": Entry(
        "Does the money foot?",
        "Which money identities hold, for which outcomes, where do the residuals cluster, and which"
        " returns do not add up?",
    ),
    "exchanges": Entry(
        "Exchanges",
        "Did every exchange become goods on an order, once, at the right value? Which way do exchanges go,"
        " does their credit clear, and was the upsell collected?",
    ),
    "refunds_shopify": Entry(
        "Refunds against Shopify",
        "Did every refund that Loop promises reach Shopify, once, with the right amount? What may be"
        " paid twice, and who refunds outside Loop?",
    ),
    "goods": Entry(
        "Where are the goods?",
        "How far are the parcels, which carrier or dock is behind, and which units are missing, too many"
        " or bad?",
    ),
    "what_we_owe": Entry(
        "What do we owe?",
        "What do open returns promise, what moved it since last month, which part is to be expected, and"
        " what is out as store credit?",
    ),
    "rules": Entry(
        "Rules before they act",
        "What would a threshold have picked last quarter, how often would it have been right, and what"
        " do the rules pick now?",
    ),
    "actions_done": Entry(
        "What did the machine do?",
        "What was sent, confirmed, refused or parked, how long did it take, and did the money follow?",
    ),
    "products_people": Entry(
        "Products, reasons, people",
        "What comes back and why, which size is wanted instead, and whose returns should a person look at?",
    ),
    "time_to_refund": Entry(
        "Time to refund",
        "Where do the days go, how sure is that, and which returns breach their target next?",
    ),
}
