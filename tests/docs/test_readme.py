"""README and docs say what is there: commands, tables, settings, exit codes, what the demo prints."""

from __future__ import annotations

import dataclasses
import re
import shlex
import tomllib
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from loop_returns import errors, meanings, settings, skeletons, words
from loop_returns.__main__ import INTERRUPTED
from loop_returns.actions.limits import DEFAULTS as ACTIONS
from loop_returns.alerts import DEFAULTS as ALERTS
from loop_returns.api.fields import raw_columns
from loop_returns.cli import app
from loop_returns.cli.wiring import shop_named
from loop_returns.extract import return_details
from loop_returns.extract.pull import PullResult
from loop_returns.settings import Settings
from loop_returns.warehouse import rule_settings
from loop_returns.warehouse.mart_settings import DEFAULTS
from loop_returns.webhooks import options

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "notebooks" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = "\n".join(file.read_text() for file in (ROOT / "pipelines").rglob("*.py"))
_COMMAND = re.compile(r"(?<![\w-])loop-returns ([a-z-][^#`>|\n]*)")


def section(title: str) -> str:
    """The text below a heading of the README, up to the next one."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    assert found, f"the README has no section {title!r}"
    return found[1]


def table(text: str) -> list[list[str]]:
    """The rows of the Markdown tables in a text, without their headings."""
    bodies = re.findall(r"^\| ---.*\n((?:\|.*\n)*)", text, re.M)
    return [
        [cell.strip() for cell in line[1:-1].split(" | ")] for body in bodies for line in body.splitlines()
    ]


def names(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def test_it_is_short_and_can_be_run_at_once() -> None:
    lines = README.splitlines()

    assert len(lines) < 150
    assert any(line.startswith("make demo") for line in lines[:35])
    assert any(line.startswith("make test") for line in lines[:35])


def test_every_command_is_named() -> None:
    commands = {name for name in app if not name.startswith("-")}

    assert commands == {command.split()[0] for command in _COMMAND.findall(README)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_shown_can_be_typed(page: Path) -> None:
    for shown in _COMMAND.findall(page.read_text()):
        _, words = shop_named(shlex.split(shown))
        app.parse_args(words, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert link.startswith("https://docs.loopreturns.com") or (page.parent / link).exists(), link


def test_every_make_target_that_is_shown_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))

    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.M)) <= targets


def test_every_table_is_in_the_list() -> None:
    built = {f"marts.{file.stem}" for file in (ROOT / "transforms" / "models" / "marts").glob("*.sql")}
    raw = {name if "__" in name else f"loop_raw.{name}" for name in raw_columns()}

    shown = [name for row in table(section("The tables")) for cell in row for name in names(cell)]

    assert built | raw | {"marts.data_dictionary"} == {
        name for name in shown if name.startswith(("marts.", "loop_raw.", "returns__"))
    }


def test_every_setting_is_in_the_list_with_its_default() -> None:
    said = {"": "none", None: "two years before the first run"}
    others = ("paths", "destination", "dsn", "bucket")
    fields = [each for each in dataclasses.fields(Settings) if each.name not in others]
    defaults = {each.name: "" if each.default is dataclasses.MISSING else each.default for each in fields}
    defaults |= {"action_api_key": "", "alert_webhook": ""}  # no fields: read only where they are used

    shown: dict[str, str] = {}
    for row in table(section("Settings")):
        if row[0].strip("`").islower():
            shown |= zip(names(row[0]), row[1].replace("`", "").split(", "), strict=True)

    assert shown == {name: str(said.get(default, default)) for name, default in defaults.items()}


def test_every_environment_variable_is_in_the_list() -> None:
    own = set(re.findall(r'"(LOOP_RETURNS_[A-Z_]+|DESTINATION__[A-Z_]+)"', SOURCES))

    assert own == set(re.findall(r"(?<!_)(?:LOOP_RETURNS|DESTINATION)_[A-Z_]+", section("Settings")))


@pytest.mark.parametrize("text", [skeletons.CONFIG, (ROOT / ".dlt" / "config.toml").read_text()])
def test_the_skeletons_show_the_defaults(text: str) -> None:
    shown = tomllib.loads("\n".join(re.findall(r"^# ([a-z_]+ = .*)$", text, re.M)))

    assert shown.pop("start_date")
    assert shown == {
        each.name: each.default
        for each in dataclasses.fields(Settings)
        if each.name not in ("paths", "destination", "dsn", "bucket", "api_key", "pii_key", "start_date")
    }


def test_the_exit_codes_are_those_of_the_errors() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]

    codes = [int(row[0]) for row in table(section("When something fails"))]

    assert codes == sorted({0, INTERRUPTED, *(kind.exit_code for kind in kinds)})


def test_the_messages_are_those_of_the_program() -> None:
    for row in table(section("When something fails")):
        for message in names(row[1]):
            assert message in SOURCES, message


def test_the_example_of_loop_toml_shows_the_defaults() -> None:
    example = tomllib.loads((ROOT / "docs" / "loop.example.toml").read_text())

    assert example.pop("run") == {"lock_wait_seconds": settings.lock_wait_seconds({})}
    assert example.pop("actions") == ACTIONS
    assert example.pop("alerts") == ALERTS
    webhooks = example.pop("webhooks")
    assert set(webhooks) == set(options.KEYS)
    assert options.Options((), options.subscriptions(webhooks), webhooks["diagnose_signature"]) == (
        options.Options(())
    )
    assert example.pop("details") == return_details.DEFAULTS
    assert example == {name: dict(values) for name, values in (DEFAULTS | rule_settings.DEFAULTS).items()}


def test_the_demo_output_has_the_shape_that_the_demo_prints() -> None:
    block = shown_demo()

    assert max(len(line) for line in block) <= 80
    assert [line for line in printed() if line not in block] == []
    named = set(meanings.MEANING.values())
    kinds = [line for line in block if re.fullmatch(r".*  +N  +[A-Z]{3}.*", line) and "RMA" not in line]
    assert kinds
    assert {re.split(r"  +", line.strip())[0] for line in kinds} <= named


def shape(line: str) -> str:
    """A line without its figures and without the width of its columns."""
    return re.sub(r" {2,}", "  ", re.sub(r"\d[\d,.]*", "N", line)).rstrip()


def shown_demo() -> list[str]:
    found = re.search(r"^```text\n(A simulated shop.*?)^```", README, re.M | re.S)
    assert found
    return [shape(line) for line in found[1].splitlines()]


def printed() -> list[str]:
    """The lines that every demo prints, from made-up figures."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    pulled = PullResult(windows=1, pages=1, requests=1, rows=Counter({"returns.default": 1}))
    one: dict[str, Any] = {
        "recon": "recon_receipt",
        "break_type": "bad_grade",
        "severity": 2,
        "return_age_days": 1,
        "return_id": "1",
        "currency": "USD",
        "amount": Decimal(1),
    }
    kind = one | {"breaks": 1, "amounts": {"USD": Decimal(1)}}
    figures: dict[str, Any] = {
        "coverage": {"from": at, "to": at, "windows": 1, "holes": []},
        "breaks": {"open": 1, "kinds": [kind], "worst": [one]},
        "changes": {},
    }
    lines = [
        words.pull_text(pulled),
        *words.coverage_text(figures).splitlines(),
        *words.breaks_text(figures).splitlines(),
        *words.worst_text(figures).splitlines(),
        f"1 rows, 1 requests: {words.changes_text(figures)}",
    ]
    return [shape(line) for line in lines]
