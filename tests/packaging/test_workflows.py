"""The workflows of GitHub: linted offline, dates never in a shell's text, keys only where they are needed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
BIN = Path(sys.executable).parent
LINTS = {
    "form": ("check-jsonschema", "--quiet", "--builtin-schema", "vendor.github-workflows"),
    "safety": ("zizmor", "--quiet", "--offline"),
}
GOOD = """
name: good
on: {workflow_dispatch: {inputs: {day: {type: string}}}}
permissions: {}
concurrency: {group: good, cancel-in-progress: false}
jobs:
  good:
    runs-on: ubuntu-24.04
    steps:
      - run: echo "$DAY"
        env: {DAY: "${{ inputs.day }}"}
"""


def lint(name: str, file: Path) -> int:
    program, *flags = LINTS[name]
    found = subprocess.run([BIN / program, *flags, file], capture_output=True, text=True, check=False)
    return found.returncode


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("form", "runs-on: ubuntu-24.04", "runs_on: ubuntu-24.04"),
        ("safety", 'echo "$DAY"', 'echo "${{ inputs.day }}"'),
    ],
)
def test_a_bad_workflow_is_refused(tmp_path: Path, name: str, before: str, after: str) -> None:
    file = tmp_path / ".github" / "workflows" / "one.yml"
    file.parent.mkdir(parents=True)

    file.write_text(GOOD)
    assert lint(name, file) == 0
    file.write_text(GOOD.replace(before, after))
    assert lint(name, file) != 0


def test_both_lints_are_a_part_of_make_check() -> None:
    check = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert check is not None
    for words in LINTS.values():
        assert f"$(BIN)/{' '.join(words)} .github/workflows" in check[1]
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(file)
    return found


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each step of each workflow, with `file job name`."""
    for file in FILES:
        for name, job in read(file)["jobs"].items():
            for step in job["steps"]:
                yield f"{file.stem} {name} {step.get('name') or step.get('uses') or step['run']}", step


def test_each_action_is_pinned_by_a_commit_with_its_version_beside_it() -> None:
    lines = [line for file in FILES for line in file.read_text().splitlines() if "uses:" in line]

    assert len(lines) >= 2 * len(FILES)
    for line in lines:
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_secrets_are_only_in_the_steps_that_need_them() -> None:
    needs = {
        place: sorted(re.findall(r"secrets\.(\w+)", str(step)))
        for place, step in steps()
        if "secrets." in str(step)
    }

    assert needs == {
        "sync sync Run": ["LOOP_ALERT_WEBHOOK", "LOOP_API_KEY", "LOOP_PII_KEY", "POSTGRES_URI"],
        "sync sync Report, of the last run that published": ["POSTGRES_URI"],
        "actions plan Plan": ["LOOP_API_KEY", "POSTGRES_URI"],
        "actions apply Approve, in their names": ["POSTGRES_URI"],
        "actions apply Apply": ["LOOP_ACTION_API_KEY", "POSTGRES_URI"],
    }
    whole = sum(file.read_text().count("secrets.") for file in FILES)
    assert whole == sum(map(len, needs.values()))


def test_no_workflow_keeps_a_file_or_puts_a_value_into_a_shell() -> None:
    for place, step in steps():
        assert "${{" not in step.get("run", ""), place
        assert "artifact" not in step.get("uses", ""), place
        assert "cache" not in step.get("uses", ""), place


def test_runs_do_not_cancel_what_writes_and_have_no_rights_but_reading() -> None:
    for name in ("sync", "actions"):
        found = read(FOLDER / f"{name}.yml")
        assert found["permissions"] == {}
        assert found["concurrency"]["cancel-in-progress"] is False
        for job in found["jobs"].values():
            assert set(job["permissions"].values()) == {"read"}
            assert job["environment"]
    assert read(FOLDER / "actions.yml")["jobs"]["apply"]["environment"] == "loop-actions"


def step_of(file: str, job: str, name: str) -> str:
    (found,) = (
        step["run"] for step in read(FOLDER / f"{file}.yml")["jobs"][job]["steps"] if step.get("name") == name
    )
    return str(found)


class Runner:
    """A runner of GitHub: a folder, a shell with `-e`, files for outputs and the summary."""

    def __init__(self, folder: Path, *commands: str) -> None:
        self.folder = folder
        program = folder / ".venv" / "bin" / "loop-returns"
        program.parent.mkdir(parents=True)
        lines = "\n".join(commands)
        program.write_text(f'#!/bin/bash\necho "$@" >> called.txt\n{lines}\n')
        program.chmod(0o755)
        self.output, self.summary = folder / "output", folder / "summary"

    def run(self, script: str, **env: str) -> int:
        known = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(self.output)}
        known |= {"GITHUB_STEP_SUMMARY": str(self.summary), "GITHUB_RUN_ID": "7"}
        shell = ["bash", "-e", "-c", script]
        return subprocess.run(
            shell, cwd=self.folder, env=known | env, capture_output=True, check=False
        ).returncode

    @property
    def called(self) -> list[str]:
        file = self.folder / "called.txt"
        return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize(
    ("day", "code"),
    [("", 0), ("2026-01-31", 0), ("2026-1-31", 2), ("2026-01-31; id", 2), ("$(id)", 2), ("--version", 2)],
)
def test_a_day_by_hand_is_a_day_or_the_run_ends(tmp_path: Path, day: str, code: int) -> None:
    runner = Runner(tmp_path)

    assert runner.run(step_of("sync", "sync", "Refuse what is no day"), FROM=day, TO="") == code
    assert runner.run(step_of("sync", "sync", "Refuse what is no day"), FROM="", TO=day) == code


def test_a_scheduled_run_asks_for_what_is_new_and_one_by_hand_for_its_days(tmp_path: Path) -> None:
    runner, script = Runner(tmp_path, 'exit "$CODE"'), step_of("sync", "sync", "Run")

    assert runner.run(script, FROM="", TO="", CODE="0") == 0
    assert runner.run(script, FROM="2026-01-01", TO="2026-01-31", CODE="6") == 6
    assert runner.called == ["run", "run --from 2026-01-01 --to 2026-01-31"]


DIGEST = "3b100c8ff4ae12226cb401982a6cb24a3a05a4526433299413a68206673cbb17"


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (8, 0), (9, 0), (1, 1), (5, 5)])
def test_a_plan_is_shown_as_text_and_its_digest_handed_on(tmp_path: Path, code: int, ends: int) -> None:
    runner = Runner(tmp_path, f'echo "  reason: <b>"; echo "Digest: {DIGEST}"; exit {code}')

    assert runner.run(step_of("actions", "plan", "Plan")) == ends
    assert runner.summary.read_text().splitlines() == ["      reason: <b>", f"    Digest: {DIGEST}"]
    assert runner.output.exists() is (ends == 0)
    if ends == 0:
        assert runner.output.read_text() == f"digest={DIGEST}\n"


def test_an_empty_plan_hands_nothing_on(tmp_path: Path) -> None:
    runner = Runner(tmp_path, 'echo "Nothing to do."')

    assert runner.run(step_of("actions", "plan", "Plan")) == 0
    assert runner.output.read_text() == ""


def test_each_reviewer_approves_and_what_waits_for_another_stops_nobody(tmp_path: Path) -> None:
    runner, script = Runner(tmp_path, 'exit "$CODE"'), step_of("actions", "apply", "Approve, in their names")
    (tmp_path / "reviewers.txt").write_text("ann\nbob\n")

    assert runner.run(script, DIGEST=DIGEST, CODE="8") == 0
    assert runner.called == [f"approve {DIGEST} --by ann", f"approve {DIGEST} --by bob"]
    assert runner.run(script, DIGEST=DIGEST, CODE="9") == 9
    assert len(runner.called) == 3


@pytest.mark.parametrize("code", [0, 4, 7, 8, 9])
def test_what_was_applied_is_shown_and_ends_with_its_own_code(tmp_path: Path, code: int) -> None:
    runner = Runner(tmp_path, f'echo "Applied: 1 CONFIRMED"; exit {code}')

    assert runner.run(step_of("actions", "apply", "Apply"), DIGEST=DIGEST) == code
    assert runner.called == [f"apply {DIGEST} --execute --by github run 7"]
    assert runner.summary.read_text() == "    Applied: 1 CONFIRMED\n"
