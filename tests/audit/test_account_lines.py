"""Account lines that are not the book's postings, or not where their events are, are seen."""

import psycopg
import pytest

from projections.runner import catch_up
from tests.audit.test_notices import EARNED, HISTORY, PAYOUT, REFUND, UNTIL
from tests.support import aftermath
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator

_SOME = "(SELECT entry_id FROM projection.account_lines WHERE account = '2010/OP-1' ORDER BY entry_id LIMIT 1)"
_LINES = f"UPDATE projection.account_line_row SET {{}} WHERE account = '2010/OP-1' AND entry_id = {_SOME}"
# What is changed of a line, and how the change is taken back.
FAULTS = {
    "amount": ("amount = amount + 1", "amount = amount - 1"),
    "position": ("position = position + 1", "position = position - 1"),
    "effective_at": ("effective_at = effective_at + interval '1 s'", "effective_at = effective_at - interval '1 s'"),
    "currency": ("currency = 'SEK'", "currency = 'EUR'"),
    "operator_id": ("operator_id = 'OP-9'", "operator_id = 'OP-1'"),
    "mirror": ("mirror = NOT mirror", "mirror = NOT mirror"),
    "kind": ("kind = kind || 'x'", "kind = rtrim(kind, 'x')"),
}


@pytest.fixture
def settled(engine: Engine) -> Engine:
    """A store in which a payout was made and paid."""
    engine.feed([operator(payout_reserve_percent="10", payout_reserve_days=30), *HISTORY[1:], REFUND, *EARNED])
    engine.feed([aftermath.payout_answer("paid", PAYOUT, "2026-03-04T12:00:00Z")])
    engine.advance(UNTIL)
    catch_up(engine.dsn)
    return engine


def change(engine: Engine, statement: str) -> int:
    """Make a change that nobody may; how many rows it took."""
    with psycopg.connect(engine.dsn) as connection:
        return connection.execute(statement.encode()).rowcount


def found(engine: Engine) -> dict[str, list[str]]:
    """The sentences of each check that fails."""
    return {check.name: [finding.sentence for finding in check.findings] for check in verify(engine.dsn).failed}


def test_lines_that_say_something_else_than_the_book(settled: Engine) -> None:
    assert found(settled) == {}
    for fault, back in FAULTS.values():
        assert change(settled, _LINES.format(fault)) == 1, fault
        assert {*found(settled)} == {"account_lines"}, fault
        assert change(settled, _LINES.format(back)) == 1, back
    assert found(settled) == {}


def test_sums_of_days_that_are_not_those_of_their_lines(settled: Engine) -> None:
    of_days = "UPDATE projection.account_day_row SET {} WHERE account = '2010/OP-1'"
    for fault, back in (
        ("debits = debits + 1", "debits = debits - 1"),
        ("credits = credits + 1", "credits = credits - 1"),
        ("last_position = last_position + 1", "last_position = last_position - 1"),
        ("first_position = first_position - 1", "first_position = first_position + 1"),
        ("since = since - interval '1 s'", "since = since + interval '1 s'"),
    ):
        assert change(settled, of_days.format(fault)) > 0
        assert {*found(settled)} == {"account_lines"}, fault
        assert change(settled, of_days.format(back)) > 0
    assert found(settled) == {}


def test_lines_that_are_missing_or_that_no_posting_is_behind(settled: Engine) -> None:
    change(
        settled,
        "INSERT INTO projection.account_line_row (generation, account, currency, effective_at, entry_id, line, "
        "position, amount, kind, mirror) SELECT generation, account, currency, effective_at, entry_id, 60::int2, "
        "position, 1, kind, mirror FROM projection.account_line_row WHERE account = '1010' LIMIT 1",
    )
    (line, day) = found(settled)["account_lines"]
    assert line.startswith("line 60 of entry")
    assert "should be no line and is 1010 EUR" in line
    assert day.startswith("account 1010 in EUR from 2026-03-0")
    assert change(settled, "DELETE FROM projection.account_line_row WHERE account = '1105/S-1'") > 1
    sentences = found(settled)["account_lines"]
    assert len([each for each in sentences if "and is no line" in each]) > 1


def test_lines_that_are_behind_are_no_failure(settled: Engine) -> None:
    assert change(settled, "DELETE FROM projection.account_line_row WHERE account = '4010'") > 0
    settled.feed([REFUND | {"id": "another", "data": REFUND["data"] | {"refund_id": "R-2"}}])
    assert found(settled) == {}
