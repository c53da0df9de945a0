"""The command line: wires settings, job and output together; holds no rule.

dlt, duckdb and sqlmesh are imported inside the commands, so that `--help` answers at once.
"""

from loop_returns.cli import (
    actions,
    breaks,
    data,
    extracts,
    flags,
    forward,
    report,
    serve,
    shops,
)  # their import adds the commands
from loop_returns.cli.wiring import app, run

__all__ = [
    "actions",
    "app",
    "breaks",
    "data",
    "extracts",
    "flags",
    "forward",
    "report",
    "run",
    "serve",
    "shops",
]
