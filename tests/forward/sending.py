"""A process that sends until it is killed: `python -m tests.forward.sending FOLDER URL MODE`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.forward.erp import Erp
from tests.forward.rows import send, to

from loop_returns.webhooks.forward import sender
from loop_returns.webhooks.outbox import Outbox

if __name__ == "__main__":
    folder, url, mode = sys.argv[1:]
    with sender(Path(folder)):
        send(Outbox(Path(folder)), to(Erp(url=url), mode=mode, parallel=4))
