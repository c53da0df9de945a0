"""The command `extracts`: what other systems' data is here, and what a file of one must look like."""

from __future__ import annotations

from loop_returns import settings as settings_of
from loop_returns.cli.wiring import Json, app, show


@app.command(sort_key=8)
def extracts(*, template: str | None = None, as_json: Json = False) -> int:
    """Other systems' data: what is here, what was refused, what is wanted.

    Args:
        template: Print the columns that this extract wants, and its table of loop.toml.
        as_json: One JSON object on stdout.
    """
    from loop_returns.warehouse import publishing
    from loop_returns.warehouse.extracts import listing, sources

    if template is not None:
        wanted = listing.template(template)
        show(wanted, listing.template_text(wanted), as_json=as_json)
        return 0
    found = sources.sources(settings_of.merchant(), settings_of.config_file().parent)
    entries = listing.listed(found, publishing.published())
    show({"extracts": entries}, listing.listed_text(entries), as_json=as_json)
    return 0
