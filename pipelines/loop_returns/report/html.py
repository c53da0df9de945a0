"""The report as one page: no script, no request, all values escaped by the template engine."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from loop_returns.report.document import Bar, Document


def page(document: Document) -> str:
    """A whole HTML document."""
    return _environment().get_template("page.html").render(report=document)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("loop_returns.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.tests["bar"] = lambda value: isinstance(value, Bar)
    return made
