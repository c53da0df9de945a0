"""What a pull, a build and a verification did, for `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loop_returns.extract.pull import PullResult
    from loop_returns.extract.verify import Verdict, Verification
    from loop_returns.report.published import Figures
    from loop_returns.warehouse.marts import BuildResult


def pull_figures(pulled: PullResult) -> Figures:
    """A pull's figures for `--json`."""
    plain = {
        name: getattr(pulled, name)
        for name in ("run_ids", "windows", "pages", "requests", "loads", "resumed")
    }
    return plain | {"rows": dict(pulled.rows), "unknown": dict(pulled.unknown), "unfit": dict(pulled.unfit)}


def build_figures(built: BuildResult) -> Figures:
    """A build's figures for `--json`."""
    return {"models": len(built.models), "audits": built.audits, "seconds": round(built.seconds, 1)}


def verification_figures(found: Verification) -> Figures:
    """A verification's figures for `--json`."""
    return {
        "holds": found.holds,
        "changed_since": found.changed_since,
        "windows": [_verdict(verdict) for verdict in found.verdicts],
    }


def _verdict(verdict: Verdict) -> Figures:
    window, of = verdict.span.window, verdict.span.of
    return {
        "endpoint": of.endpoint,
        "pass": of.name,
        "from": window.start,
        "to": window.end,
        "api": verdict.api,
        "missing": verdict.missing,
        "stale": verdict.stale,
        "extra": verdict.extra,
    }
