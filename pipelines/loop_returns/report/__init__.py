"""What the published file says, for people and for `--json`: nothing here computes a break.

published file -> standing.figures()                                     `run`, `status`, `demo`
published file -> finance.figures() -> story.document() -> html, markdown    `report`
"""

from loop_returns.report.amounts import money
from loop_returns.report.outcomes import build_figures, pull_figures, verification_figures
from loop_returns.report.published import Figures
from loop_returns.report.standing import figures

__all__ = ["Figures", "build_figures", "figures", "money", "pull_figures", "verification_figures"]
