"""Accounts that cannot be one, and accounts of two operators: told once, with what waits, until one is published."""

from typing import Any

import pytest

from domain.catalogue.account_findings import ACCOUNT_KINDS
from ledger.events.codec import decode
from tests.intake.test_cover import made, told
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

WRONG = {"holder": "Grachtenlader BV", "iban": "NL92ABNA0417164300"}
GOOD = {"holder": "Grachtenlader BV", "iban": "NL20INGB0001234567"}


def still_open(engine: Engine) -> list[tuple[str, str, str | None, int | None]]:
    """Operator, kind, currency and amount of what is open about accounts."""
    found: dict[tuple[str, str], Any] = {}
    query = "SELECT topic, state FROM event_store.stored_events WHERE topic ~ '^Finding' ORDER BY notification_id"
    for topic, state in engine.rows(query):
        change = decode(topic, state)
        found[change.stream, change.finding.key] = change.finding if topic == "FindingOpened" else None
    return sorted(
        (each.operator_id, each.kind, each.currency, each.amount)
        for each in found.values()
        if each is not None and each.kind in ACCOUNT_KINDS
    )


def test_what_waits_for_an_account_is_told_once_and_paid_when_there_is_one(engine: Engine) -> None:
    engine.feed([operator(bank_account=WRONG), tariff(), *session("S-1"), *session("S-2", "2026-03-04")])
    assert still_open(engine) == [("OP-1", "BAD_ACCOUNT", None, None)]
    engine.advance("2026-03-03T12:00:00Z")
    assert still_open(engine) == [("OP-1", "BAD_ACCOUNT", "EUR", 1089)]
    engine.advance("2026-03-05T12:00:00Z")
    assert still_open(engine) == [("OP-1", "BAD_ACCOUNT", "EUR", 2178)]
    assert made(engine) == []
    engine.feed([operator(changed=True, time="2026-03-06T08:00:00Z", bank_account=GOOD)])
    assert still_open(engine) == []
    assert told(engine) == ["BAD_ACCOUNT", "BAD_ACCOUNT_ENDED"]
    engine.advance("2026-03-07T12:00:00Z")
    assert made(engine) == [("OP-1", "06", "06T23:00")]
    assert verify(engine.dsn).passed


def test_terms_that_change_later_end_nothing_before(engine: Engine) -> None:
    """A version that is published for later is in effect later: runs before it go by the account they have."""
    later = operator(changed=True, time="2026-03-02T08:00:00Z", bank_account=GOOD)
    later["data"]["effective_from"] = "2026-03-06T08:00:00Z"
    engine.feed([operator(bank_account=WRONG), later, tariff(), *session("S-1")])
    engine.advance("2026-03-05T12:00:00Z")
    assert (made(engine), still_open(engine)) == ([], [("OP-1", "BAD_ACCOUNT", "EUR", 1089)])
    engine.advance("2026-03-07T12:00:00Z")
    assert (made(engine), still_open(engine)) == ([("OP-1", "06", "06T23:00")], [])


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_two_operators_with_one_account_are_told_once_and_both_paid(engine: Engine, in_one_batch: bool) -> None:
    both = [operator("OP-2"), operator("OP-1"), tariff(), *session("S-1")]
    engine.feed(both, batch=100 if in_one_batch else 1)
    assert still_open(engine) == [("OP-2", "SHARED_ACCOUNT", None, None)]
    engine.feed([operator(changed=True, time="2026-03-02T08:00:00Z", name="Another name")])
    assert told(engine) == ["SHARED_ACCOUNT"]
    engine.feed([operator(changed=True, time="2026-03-03T08:00:00Z", bank_account=GOOD)])
    assert still_open(engine) == []
    assert told(engine) == ["SHARED_ACCOUNT", "SHARED_ACCOUNT_ENDED"]
    assert verify(engine.dsn).passed
