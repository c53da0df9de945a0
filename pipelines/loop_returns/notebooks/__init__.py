r"""What the notebooks share: the published file, filters that stand in the link, figures, requests, exports.

    published file --READ_ONLY--> Shop --SQL as shown--> Figure (words, chart, table, SQL) --> marimo's page
                                                                      export: HTML, .ipynb <--/

The notebooks themselves are notebooks/*.py; each of their cells ends in a part (parts.py) or in nothing.
Needs the extra `notebooks`.
"""

from loop_returns.notebooks.filters import Filters, Link, choice, days, picked, text
from loop_returns.notebooks.opening import opened, published
from loop_returns.notebooks.parts import Note, Part
from loop_returns.notebooks.shop import Shop
from loop_returns.notebooks.sql import between, literal

__all__ = [
    "Filters",
    "Link",
    "Note",
    "Part",
    "Shop",
    "between",
    "choice",
    "days",
    "literal",
    "opened",
    "picked",
    "published",
    "text",
]
