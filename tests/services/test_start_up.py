"""Commands start quickly, since none loads what it does not use: told by what is loaded, not by a clock."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from projections.schema import migrate
from wattledger.cli import app

# Tells what each help text has loaded that those before it had not, a document a line.
HELP_SCRIPT = """
import contextlib, io, json, sys
from wattledger.cli import main
known = set()
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        status = main([*words, "--help"])
    assert status == 0 and shown.getvalue(), words
    print(json.dumps(sorted(set(sys.modules) - known)))
    known |= set(sys.modules)
"""
# Loads the command, runs it with the words it is given, and tells on standard error what that has loaded.
SCRIPT = """
import json, sys
from wattledger.cli import main
status = main(sys.argv[1:])
sys.stderr.write(json.dumps(sorted(sys.modules)) + "\\n")
sys.exit(status)
"""
# Everything that a help text has no use for: servers, stores, settings, the engine; parsers of Markdown and of code.
NOT_FOR_HELP = (
    *("aiokafka", "asyncio", "eventsourcing", "faststream", "orjson", "psutil", "psycopg", "tenacity"),
    *("markdown_it", "pygments", "rich.markdown", "rich.progress", "rich.traceback"),
    *("consumers", "contracts", "domain", "engine", "ledger", "projections"),
    *("wattledger.crew", "wattledger.demo", "wattledger.embedded", "wattledger.settings", "wattledger.verbs"),
)
# What takes records in, judges sessions, folds events or writes files: balances that are up to date need none of it.
NOT_FOR_BALANCES = (
    *("aiokafka", "faststream", "eventsourcing", "pyiso20022", "schwifty", "xsdata"),
    *("markdown_it", "pygments", "rich.progress"),
    *("consumers", "contracts", "domain.payout", "domain.rating", "domain.session", "domain.tariff"),
    *("engine.clock", "engine.intake", "engine.judging", "engine.work", "ledger.audit", "ledger.events"),
    *("projections.export", "projections.registry", "projections.runner"),
    *("wattledger.crew", "wattledger.demo", "wattledger.verbs"),
)


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """All commands and groups of commands there are, each as its words."""
    yield words
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*words, name))


def loaded(*words: str, **environment: str) -> set[str]:
    """The modules that a command has loaded, which must do what it is asked."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        capture_output=True,
        env=os.environ | environment,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
    return set(json.loads(ran.stderr.splitlines()[-1]))


def among(modules: set[str], names: tuple[str, ...]) -> set[str]:
    """Those modules that are one of these or lie in one."""
    return {module for module in modules if any(f"{module}.".startswith(f"{name}.") for name in names)}


def test_the_help_of_all_commands_loads_no_types_of_options_either() -> None:
    # Typer reads the options of a command with Pydantic, and does so before it sees that a command's help is wanted.
    assert not among(loaded("--help"), (*NOT_FOR_HELP, "pydantic"))


def test_a_help_text_loads_nothing_that_the_command_works_with() -> None:
    """Of all commands in one process: to start one for each would take half a minute."""
    every = [*commands(typer.main.get_command(app))]
    ran = subprocess.run(
        [sys.executable, "-c", HELP_SCRIPT, json.dumps(every)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    told = zip(every, map(json.loads, ran.stdout.splitlines()), strict=True)
    too_much = {" ".join(words): found for words, modules in told if (found := among(set(modules), NOT_FOR_HELP))}
    assert not too_much


@pytest.fixture
def at(database_url: str) -> dict[str, str]:
    """The environment of a command on a store that is up to date."""
    migrate(database_url)
    return {"WATTLEDGER_DATABASE_URL": database_url}


def test_balances_load_nothing_of_kafka_of_the_engine_or_of_what_folds_events(at: dict[str, str]) -> None:
    assert not among(loaded("balances", **at), NOT_FOR_BALANCES)


def test_only_tables_load_what_draws_them(at: dict[str, str]) -> None:
    assert not among(loaded("balances", "--json", **at), (*NOT_FOR_BALANCES, "rich"))


def test_what_help_leaves_out_of_rich_is_there_for_others() -> None:
    script = (
        "from wattledger.help_printer import load_help_printer; load_help_printer()\n"
        "from rich.markdown import Markdown; from rich.traceback import Traceback\n"
        "print(Markdown('*wide*').markup, Traceback.from_exception(ValueError, ValueError('no'), None).trace.stacks)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("*wide* [Stack(")


def test_a_printer_that_asks_for_more_than_the_stand_ins_have_is_loaded_with_the_real_modules() -> None:
    # Stand-ins without the classes that the printer names stand for a printer that names others.
    script = (
        "import sys; from wattledger import cli, help_printer\n"
        "help_printer._NOT_NEEDED = dict.fromkeys(help_printer._NOT_NEEDED, 'Another')\n"
        "status = cli.main(['--help'])\n"
        "from rich.markdown import Markdown\n"
        "assert sys.modules['typer.rich_utils'].Markdown is Markdown\n"
        "sys.exit(status)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "Usage: wattledger" in ran.stdout
