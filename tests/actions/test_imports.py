"""Nothing that retries, redirects or reuses connections can get between an action and its one POST."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import loop_returns.actions

FOLDER = Path(loop_returns.actions.__file__).parent
FORBIDDEN = {
    "tenacity",
    "dlt",
    "requests",
    "urllib3",
    "httpx",
    "backoff",
    "stamina",
    "retry",
    "retrying",
    "aiohttp",
}


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_no_file_imports_a_retry() -> None:
    found = {
        (file.name, name)
        for file in FOLDER.glob("*.py")
        for name in imported(file)
        if name.split(".")[0] in FORBIDDEN or name.startswith("loop_returns.api.retries")
    }

    assert found == set()


def test_none_comes_along() -> None:
    code = "import sys, loop_returns.actions.engine, loop_returns.actions.send;"
    code += f"print(sorted({FORBIDDEN!r} & set(sys.modules)))"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"
