"""`wattledger balance` shows an account of the book, now or as of a moment."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.book.journal import Entry
from ledger.book.journal import write_entries
from ledger.database import Role, connect
from wattledger.cli import main

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(
    book: str,
    make_entry: Callable[..., Entry],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ask:
    """Runs the command on a book of two entries, a day apart: exit status, and the document or what was said."""
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", book)
    monkeypatch.setenv("WATTLEDGER_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    with connect(book, Role.WRITER) as writer:
        later = datetime(2026, 3, 2, 12, tzinfo=UTC)
        entries = [
            make_entry(("1105/S-1", 1200), ("2011/OP-1", -1200)),
            make_entry(("2011/OP-1", 200), ("2011/OP-2", -200), name="S-2", effective_at=later),
        ]
        write_entries(writer.cursor(), entries, shard=0)

    def run(*arguments: str) -> tuple[int, Any]:
        status = main(["balance", *arguments, "--json"])
        said = capsys.readouterr()
        return status, json.loads(said.out) if status == 0 else said.err

    return run


def _row(account: str, debits: str, credits: str, balance: str) -> dict[str, str]:
    return {"account": account, "currency": "EUR", "debits": debits, "credits": credits, "balance": balance}


def test_one_account_is_shown_now_and_as_of_a_moment(ask: Ask) -> None:
    assert ask("2011/OP-1") == (0, [_row("2011/OP-1", "2.00", "12.00", "-10.00")])
    before = ("2011/OP-1", "--currency", "EUR", "--at", "2026-03-02T12:59:59.999999+01:00")
    assert ask(*before) == (0, [_row("2011/OP-1", "0.00", "12.00", "-12.00")])
    assert ask("2011/OP-1", "--at", "2026-03-02T13:00:00+01:00") == ask("2011/OP-1")


def test_a_code_shows_all_its_accounts(ask: Ask) -> None:
    first = _row("2011/OP-1", "2.00", "12.00", "-10.00")
    assert ask("2011") == (0, [first, _row("2011/OP-2", "0.00", "2.00", "-2.00")])
    earlier = ask("2011", "--at", "2026-03-01T12:00:00Z")
    assert earlier == (0, [_row("2011/OP-1", "0.00", "12.00", "-12.00"), _row("2011/OP-2", "0.00", "0.00", "0.00")])


@pytest.mark.parametrize("arguments", [["2011/OP-9"], ["20"], ["2011/OP-1", "--currency", "SEK"]])
def test_an_account_that_was_never_posted_to_is_refused(ask: Ask, arguments: list[str]) -> None:
    status, said = ask(*arguments)
    assert status == 1
    assert f"nothing was ever posted to '{arguments[0]}'" in said


def test_a_time_without_an_offset_is_wrong_usage(ask: Ask) -> None:
    status, said = ask("2011/OP-1", "--at", "2026-03-01T12:00:00")
    assert status == 2
    assert "--at" in said
