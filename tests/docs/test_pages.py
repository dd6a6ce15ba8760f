"""What the pages name is there: commands with their options, make targets, tests, links, settings."""

import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from benchmarks.__main__ import MEASURES
from ledger.migrate import read_migrations
from projections.schema import FOLDERS
from tests.docs.pages import OPERATIONS, README, ROOT, anchors, code_lines, commands, links, pages
from wattledger import commands as commands_package
from wattledger.cli import app
from wattledger.settings import ENV_PREFIX, Settings

# Used by setup and compose.yaml, and no setting of the engine.
NOT_SETTINGS = frozenset(
    {
        "WATTLEDGER_CERTIFICATES",
        "WATTLEDGER_TEST_CRATES",
        "WATTLEDGER_TEST_EXAMPLES",
        "WATTLEDGER_TEST_PROCESSES",
        "WATTLEDGER_TEST_WRITES",
    }
)
# What the recipes of CONTRIBUTING.md make.
MADE_UP_COMMANDS = frozenset({"parties"})
MADE_UP_FILES = frozenset(
    {
        "api/pages/subjects/parties.py",
        "api/pages/templates/parties.html",
        "api/v1/parties.py",
        "contracts/golden/charging.session.reviewed/v1-verdict.json",
        "projections/documents/parties.py",
        "projections/tariff_use.py",
        "tests/projections/test_tariff_use.py",
        "wattledger/commands/parties.py",
    }
)


def name_of(page: Path) -> str:
    """A page as it is called in the project."""
    return str(page.relative_to(ROOT))


@cache
def whole_command() -> Any:
    """`wattledger` with all that is below it, made once."""
    return typer.main.get_command(app)


def command_names(command: Any, prefix: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """All commands that the help names, each as its words."""
    children = getattr(command, "commands", {})
    if not children:
        return {prefix}
    return {
        found
        for name, child in children.items()
        if not child.hidden
        for found in command_names(child, (*prefix, name))
    }


def command_of(words: list[str]) -> Any:
    """The command that words call, options and their values left out; None where there is no such command."""
    command, is_value = whole_command(), False
    for word in words:
        children = getattr(command, "commands", None)
        if children is None:
            break
        if word.startswith("-"):
            is_value = any(word in each.opts and not each.is_flag for each in command.params)
        elif is_value:
            is_value = False
        elif word in children:
            command = children[word]
        else:
            return None
    return command


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    for words in commands(page, "wattledger"):
        if words[0] in MADE_UP_COMMANDS:
            continue
        command = command_of(words)
        assert command is not None, f"{name_of(page)} names 'wattledger {' '.join(words)}', which there is not"
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        unknown = {word for word in words if word.startswith("--")} - known
        assert not unknown, f"{name_of(page)}: 'wattledger {' '.join(words)}' has no {unknown}"


def test_the_readme_lists_every_command() -> None:
    named = {tuple(word for word in words if word.islower()) for words in commands(README, "wattledger")}
    listed = {name for name in command_names(whole_command()) if any(n[: len(name)] == name for n in named)}

    missing = sorted(" ".join(words) for words in command_names(whole_command()) - listed)
    assert not missing, f"not under 'Commands': {', '.join(missing)}: mend README.md"


def test_every_module_with_commands_is_put_into_the_command() -> None:
    modules = {name for _, name, _ in pkgutil.iter_modules(commands_package.__path__)}
    apps = {name: vars(importlib.import_module(f"wattledger.commands.{name}")).get("app") for name in modules}
    put_in = [group.typer_instance for group in app.registered_groups]
    left_out = sorted(name for name, made in apps.items() if made is not None and made not in put_in)
    assert not left_out, f"not in the command: {', '.join(left_out)}: mend wattledger/cli.py"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_make_target_and_every_test_on_a_page_exists(page: Path) -> None:
    targets = {line.partition(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ": " in line}
    for target, *arguments in commands(page, "make"):
        assert target in targets, f"{name_of(page)} names 'make {target}', which there is not"
        for argument in " ".join(arguments).removeprefix("ARGS=").split():
            is_measure = target == "bench" and argument in MEASURES
            there = argument.startswith("-") or is_measure or (ROOT / argument).exists()
            assert there, f"{name_of(page)} names {argument}, which there is not"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_file_of_ours_on_a_page_exists(page: Path) -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0].isalpha()}
    for line in code_lines(page):
        if line.partition("/")[0] in folders and " " not in line and ":" not in line and line not in MADE_UP_FILES:
            assert (ROOT / line).exists(), f"{name_of(page)} names {line}, which there is not"


def test_what_is_made_up_stands_in_a_recipe() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    made_up = {*MADE_UP_FILES, *(f"wattledger {name}" for name in MADE_UP_COMMANDS)}
    assert [name for name in sorted(made_up) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_link_on_a_page_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name_of(page)} links to {link}, which there is not"
        assert not anchor or anchor in anchors(target), f"{name_of(page)} links to {link}: no such heading"


def test_the_architecture_names_every_table_and_none_that_is_gone() -> None:
    migrations = [migration.text for migration in read_migrations(FOLDERS)]
    made = set(re.findall(r"^CREATE TABLE \w+\.(\w+)", "\n".join(migrations), re.MULTILINE))
    _, _, section = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("\n## Tables\n")
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("|")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    named -= {"migration"}
    # `rebuild_NAME` stands for them all.
    made = {name for name in made if not name.startswith("rebuild_")}
    assert named == made, f"{sorted(named ^ made)}: mend docs/architecture.md, Tables"


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    settings = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    rows = {line for line in code_lines(OPERATIONS) if line.startswith(ENV_PREFIX)}
    named = {line for page in pages() for line in code_lines(page) if line.startswith(ENV_PREFIX)}

    assert settings - rows == set()
    assert named - settings - NOT_SETTINGS == set()


def test_the_defaults_of_settings_are_those_of_the_table() -> None:
    told = {}
    for line in OPERATIONS.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"| `{ENV_PREFIX}"):
            name, default, _ = (cell.strip().strip("`") for cell in line[1:-1].split("|"))
            told[name.removeprefix(ENV_PREFIX).lower()] = default
    for name in (
        "group_id",
        "batch_max_records",
        "log_level",
        "platform_name",
        "kafka_security_protocol",
        "data_dir",
    ):
        assert told[name] == str(Settings.model_fields[name].default)
