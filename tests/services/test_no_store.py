"""Where there is no store, whoever reads is told so, and nothing is made; told of every command there is."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer.main

from wattledger.cli import app, main
from wattledger.embedded import EmbeddedPostgres

# These make a store, and these have no use for one. Every other command works on what is there.
MAKES = {"settle", "demo", "publish", "bank import", "up", "consume", "project", "load run", "migrate"}
NEEDS_NONE = {"schemas", "price", "tariff lint", "load allocate", "load plan"}
# What a command cannot be called without, where any word will not do; by its name or its option's.
GIVEN = {
    "--from": "2026-03-01",
    "--to": "2026-03-02",
    "--role": "finance",
    "--year": "2026",
    "--month": "2026-03",
    "account": "2010",
    "partition": "0",
    "named": "2026-03",
    "offset": "1",
    "--module": "locations",
}
# Commands that do something else with another option, or take either of two.
VARIANTS = {
    "deadletter replay": ["--code", "NOT_JSON"],
    "rerate --apply": ["--reason", "because"],
    "balance 9110": [],
    "payouts why": ["X-1"],
    "ocpi set": ["--flag", "explicit_nulls"],
    "account propose": ["--iban", "NL91ABNA0417164300"],
    "account confirm": ["--iban", "NL91ABNA0417164300"],
}


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """All commands there are, groups of commands left out, each by its words."""
    children = getattr(command, "commands", None)
    if children is None:
        yield " ".join(words), command
        return
    for name, child in children.items():
        yield from commands(child, (*words, name))


ALL = dict(commands(typer.main.get_command(app)))


def needed(command: Any) -> list[str]:
    """The words that a command cannot be called without."""
    words = []
    for parameter in command.params:
        if parameter.required:
            option = [name for name in parameter.opts if name.startswith("--")][:1]
            words += [*option, GIVEN.get((option or [parameter.name])[0], "X-1")]
    return words


def calls() -> Iterator[list[str]]:
    for name, command in ALL.items():
        if name not in MAKES | NEEDS_NONE:
            yield [*name.split(), *needed(command), *VARIANTS.get(name, [])]
    yield ["rerate", "--apply", *needed(ALL["rerate"]), *VARIANTS["rerate --apply"]]
    yield ["balance", "9110"]


def test_the_commands_that_make_a_store_or_need_none_are_there() -> None:
    assert set(ALL) >= MAKES | NEEDS_NONE
    assert len([*calls()]) > 15


@pytest.mark.parametrize("words", [*calls()], ids=" ".join)
def test_a_folder_without_a_store_is_told_and_left_as_it_was(
    words: Sequence[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATTLEDGER_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--data-dir", "mistyped"]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("wattledger: no store at mistyped;")
    assert len(told.err.splitlines()) == 1
    assert told.out == ""
    assert not [*tmp_path.iterdir()]


def test_a_folder_whose_store_was_never_finished_holds_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedPostgres(tmp_path):
        pass
    assert main(["verify", "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"wattledger: no store at {tmp_path};")


@pytest.mark.parametrize("words", [["verify"], ["balances"], ["rebuild"], ["export", "out"]], ids=" ".join)
def test_an_empty_database_is_told_and_left_as_it_was(
    words: Sequence[str],
    bare_database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", bare_database_url)
    monkeypatch.chdir(tmp_path)
    assert main([*words]) == 1
    name = bare_database_url.rpartition("/")[2]
    assert f"database {name}; `wattledger migrate` makes one" in capsys.readouterr().err
    with psycopg.connect(bare_database_url) as connection:
        schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_|public)'")
        assert schemas.fetchall() == []
    assert not [*tmp_path.iterdir()]
