"""An issued statement that was altered, struck out, or opens with something else than the one before closed with."""

from collections.abc import Iterator
from datetime import date

import psycopg
import pytest

from domain.calendar import instant
from engine.clock import Clock
from ledger.audit import verify
from projections.runner import catch_up
from projections.statement_issuing import issue_statements, restate
from tests.conftest import Stores
from tests.projections.test_issued_statements import APRIL, LATE, lived
from tests.support.engine import Engine
from tests.support.stores import issue_through


@pytest.fixture(scope="module")
def stated(stores: Stores) -> Iterator[Engine]:
    """Statements of March and April, and one of March as it would be said after a late refund."""
    with stores() as dsn:
        engine = Engine(dsn)
        lived(engine)
        assert len([*issue_statements(dsn, APRIL, "tests")]) == 1
        engine.feed([LATE])
        restate(dsn, "OP-1-000001", "tests")
        catch_up(dsn)
        yield engine
        engine.close()


def found(engine: Engine) -> dict[str, list[str]]:
    """The sentences of each check that fails."""
    return {check.name: [finding.sentence for finding in check.findings] for check in verify(engine.dsn).failed}


_ALTER = "UPDATE intake.statement SET {} WHERE number = 'OP-1-00000{}'"
_SAID = "content = convert_to(replace(convert_from(content, 'UTF8'), '{}', '{}'), 'UTF8')"
_HASHED = "content_sha256 = sha256(content)"
# What somebody with every right did, and what is said of it.
FAULTS = {
    "a document was altered": (
        _ALTER.format(_SAID.format("Grachtenlader", "Grachtenladen"), 1),
        "hash of its document",
    ),
    "a document and its hash were altered": (
        [_ALTER.format(_SAID.format("Grachtenlader", "Grachtenladen"), 1), _ALTER.format(_HASHED, 1)],
        "its statement before should be",
    ),
    "an amount was altered": (
        [_ALTER.format(_SAID.format('"12.10"', '"12.11"'), 2), _ALTER.format(_HASHED, 2)],
        "its closing, as its movements add up",
    ),
    "an amount was altered with what adds up to it": (
        [
            _ALTER.format(_SAID.format('"12.10"', '"12.11"'), 2),
            _ALTER.format(_SAID.format('"-10.89"', '"-10.90"'), 2),
            _ALTER.format(_HASHED, 2),
        ],
        "what moved by kind, as the book said by then",
    ),
    "a kind was altered": (
        [_ALTER.format(_SAID.format('"J35"', '"J31"'), 2), _ALTER.format(_HASHED, 2)],
        "what moved by kind, as the book said by then",
    ),
    "an opening is not the closing before": (
        _ALTER.format("opening = opening + 1", 2),
        "the closing of the one before",
    ),
    "another closing is kept": (_ALTER.format("closing = closing + 1", 1), "its closing"),
    "another month is kept": (_ALTER.format("month = '2026-06-01'", 2), "its month"),
    "another end is kept": (_ALTER.format("until = until - interval '1 day'", 2), "its end"),
    "another position is kept": (_ALTER.format("position = position - 1", 2), "its position"),
    "it says nothing that can be read": (
        [_ALTER.format("content = '{'", 3), _ALTER.format(_HASHED, 3)],
        "cannot be read",
    ),
    "it follows one of a later month": (
        _ALTER.format("follows = 'OP-1-000002'", 1),
        "which is none of before its month",
    ),
    "it says one of another month anew": (_ALTER.format("restates = 'OP-1-000002'", 3), "which is none of its month"),
    "one was struck out": ("DELETE FROM intake.statement WHERE number = 'OP-1-000002'", "behind 1"),
    "a number was changed": (
        _ALTER.format("sequence = 4, number = 'OP-1-000004'", 3),
        "is number 4 of OP-1, behind 2",
    ),
}


def test_statements_that_nobody_altered_are_found_sound(stated: Engine) -> None:
    report = verify(stated.dsn)
    assert report.passed
    (check,) = [check for check in report.checks if check.name == "statements"]
    assert check.examined == 3


def test_statements_of_a_network_with_every_posting_are_found_sound(book: str) -> None:
    clock = Clock(book)
    clock.advance(instant("2026-04-02T12:00:00Z"))
    clock.close()
    issue_through(book, date(2026, 3, 1))
    (check,) = [check for check in verify(book).checks if check.name == "statements"]
    assert check.passed
    assert check.examined > 3


@pytest.mark.parametrize("what", FAULTS)
def test_a_statement_that_was_altered_is_found(stated: Engine, what: str) -> None:
    statements, said = FAULTS[what]
    with psycopg.connect(stated.dsn) as connection:
        kept = connection.execute("SELECT * FROM intake.statement ORDER BY number").fetchall()
        connection.execute("ALTER TABLE intake.statement DISABLE TRIGGER ALL")
        _drop_checks(connection)
        for statement in [statements] if isinstance(statements, str) else statements:
            assert connection.execute(statement.encode()).rowcount == 1
    try:
        failed = found(stated)
        assert {*failed} == {"statements", "ground"}
        assert any(said in sentence for sentence in failed["statements"]), failed
    finally:
        with psycopg.connect(stated.dsn) as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM intake.statement")
            with cursor.copy("COPY intake.statement FROM STDIN") as copy:
                for row in kept:
                    copy.write_row(row)


def _drop_checks(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Take away what would not let anybody alter a statement."""
    names = connection.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'intake.statement'::regclass AND contype IN ('c', 'f')"
    ).fetchall()
    for (name,) in names:
        connection.execute(f"ALTER TABLE intake.statement DROP CONSTRAINT {name}".encode())
