"""The settings files that `init` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

CONFIG = """\
# Settings that may be committed. Keys and secrets belong into secrets.toml or the environment.
# Each can be set by an environment variable as well: SOURCES__LOOP_RETURNS__START_DATE=2024-01-01

[runtime]
dlthub_telemetry = false

[sources.loop_returns]
# base_url = "https://api.loopreturns.com/api/v1"   # the last part is the API's version
# start_date = "2024-01-01"       # first day wanted; without it: two years before the first run
# lookback_hours = 48             # each run starts this long before the cursor: rows commit late
# asn_lookback_days = 85          # shipping notices are read again this far back
# window_days = 90                # longest span of one request; the API refuses 120
# page_size = 750                 # halved by itself when the API is slow
# requests_per_minute = 300       # Loop's limit per key
# patience_seconds = 300          # how long a request is tried again while Loop is down or says 429
# batch_rows = 5000               # rows held before they are loaded: fewer take less memory, more less time
# pii = "hash"                    # hash | drop | keep
"""

SECRETS = """\
# Never commit this file.

[sources.loop_returns]
api_key = ""    # Loop Admin > Returns management > Tools & integrations > Developer Tools; scope: Returns
pii_key = ""    # any long random text: e-mail addresses are stored as its HMAC; without it they are left out
# action_api_key goes into the environment of `apply --execute` alone, never here
webhook_secrets = []    # what Loop signs webhooks with: ["..."]; two while it changes
# alert_webhook = "https://..."    # a chat that takes Slack's incoming webhooks: told when a run fails
# forward_secrets.erp = "whsec_..."    # what signs the records of [forward.erp]
"""


def write(folder: Path = Path(".dlt")) -> Iterator[tuple[Path, bool]]:
    """Write what is not there yet; yield each file and whether it was written."""
    folder.mkdir(exist_ok=True)
    for name, text, mode in (("config.toml", CONFIG, 0o644), ("secrets.toml", SECRETS, 0o600)):
        file = folder / name
        is_new = not file.exists()
        if is_new:
            file.touch(mode=mode)
            file.write_text(text)
        yield file, is_new
