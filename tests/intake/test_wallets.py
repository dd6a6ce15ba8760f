"""Wallets from messages in any order to the book, a payout, findings and a sound audit."""

from random import Random
from typing import Any

import pytest

from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.wallets import charged, closed, refunded, topped_up

END = "2026-03-10T12:00:00Z"
WALLET = "2070/W-1 EUR"


def network() -> list[dict[str, Any]]:
    """An operator, and two sessions of 12.10 EUR each that nobody has paid with a card."""
    unpaid = [*session()[:-1], *session("S-2", day="2026-03-03")[:-1]]
    return [operator(fund_release="ON_SETTLEMENT"), tariff(), *unpaid]


def story() -> list[dict[str, Any]]:
    """A wallet of 25.00 that pays both sessions once it is topped up; one is given back in part, and it is closed."""
    return [
        topped_up("2026-03-02T08:00:00Z", "13.00"),
        charged("2026-03-02T12:00:00Z", "12.10"),
        charged("2026-03-03T12:00:00Z", "12.10", "S-2"),
        topped_up("2026-03-04T08:00:00Z", "12.00", "TU-2", fee="0.00"),
        refunded("2026-03-05T08:00:00Z", "2.00"),
        closed("2026-03-06T08:00:00Z", "2.80"),
    ]


def findings(engine: Engine) -> list[str]:
    """The kinds of what is open, by the stored events."""
    rows = engine.rows("""
        SELECT DISTINCT ON (body ->> 'stream', body #>> '{finding,key}') topic, body #>> '{finding,kind}'
        FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
        WHERE topic IN ('FindingOpened', 'FindingEnded')
        ORDER BY body ->> 'stream', body #>> '{finding,key}', notification_id DESC
    """)
    return sorted(kind for topic, kind in rows if topic == "FindingOpened")


def wrong(engine: Engine) -> list[str]:
    """What the audit finds."""
    return [finding.sentence for check in verify(engine.dsn).failed for finding in check.findings]


@pytest.mark.parametrize("seed", range(3))
def test_any_order_and_any_batches_give_the_same_book(engine: Engine, seed: int) -> None:
    random = Random(seed)
    told = [*network(), *story()]
    if seed:
        told += random.sample(told, 4)
        random.shuffle(told)
    engine.feed(told, batch=random.choice((1, 3, 500)))
    engine.advance(END)
    balances = engine.balances()
    assert WALLET not in {account for account, amount in balances.items() if amount}
    # Both shares were paid; what went back to the wallet after that is the operator's to give.
    assert balances["2010/OP-1 EUR"] == 200
    assert {kind for kind in engine.journal_kinds() if kind.startswith(("J11", "J12"))} == {
        "J11",
        "J12",
        "J12c",
        "J12r",
    }
    assert not [kind for kind in findings(engine) if kind.startswith("WALLET")]
    assert wrong(engine) == []


def test_a_charge_that_is_not_covered_waits_as_a_finding(engine: Engine) -> None:
    engine.feed([*network(), *story()[:3]])
    engine.advance("2026-03-03T23:00:00Z")
    assert "WALLET_NOT_COVERED" in findings(engine)
    assert engine.balances()[WALLET] == -90
    assert wrong(engine) == []
