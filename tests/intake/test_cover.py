"""Client money at the bank and what is handed off: runs without cover are made and told, or wait for it."""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from consumers.outgoing import outgoing
from contracts.outgoing import OUTBOUND_MODEL_OF
from domain.calendar import instant
from domain.payout.cover import CoverRule
from engine.cover import money_left
from ledger.events.codec import decode
from ledger.intake.outbox import PendingEvent, pending
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import event, money, operator, session, tariff

# What remains of 12.10 for the operator, and what the provider pays of it.
SHARE, NET = 1089, 1180
UNTIL = "2026-03-12T00:00:00Z"


def settled(session_id: str, at: str, provider: str = "acme-psp") -> dict[str, Any]:
    item = {"payment_id": f"P-{session_id}", "gross": money("12.10"), "fee": money("0.30")}
    data = {
        "settlement_id": f"X-{session_id}", "provider": provider, "settled_at": at, "items": [item],
        "net": money("11.80"),
    }  # fmt: skip
    return event("payment.settled", f"X-{session_id}", at, data)


def network(*settlements: dict[str, Any]) -> list[dict[str, Any]]:
    """Two operators that are paid on capture, with a session each on the second and one of the first on the third."""
    sessions = [session("S-1"), session("S-3", "2026-03-03")]
    other = [
        each | {"data": each["data"] | {"operator_id": "OP-2", "tariff_id": "T-2"}} for each in session("S-2")[:1]
    ]
    return [
        operator(),
        operator("OP-2", bank_account={"holder": "Two", "iban": "NL20INGB0001234567"}),
        tariff(),
        tariff("OP-2", "T-2"),
        *itertools.chain(*sessions),
        *other,
        *session("S-2")[1:],
        *settlements,
    ]


def made(engine: Engine) -> list[tuple[str, str, str]]:
    """Operator, business date and moment (UTC) of each payout."""
    found = engine.rows("SELECT state FROM event_store.stored_events WHERE topic = 'PayoutCreated'")
    payouts = [json.loads(bytes(state)) for (state,) in found]
    return sorted((each["operator_id"], each["business_date"][8:], each["fired_at"][8:16]) for each in payouts)


def short(engine: Engine) -> list[tuple[str, str, str, int, bool]]:
    """Operator, what is meant, since when, how much is missing and whether it is open, of each finding."""
    found: dict[tuple[str, str], tuple[str, str, str, int, bool]] = {}
    query = "SELECT topic, state FROM event_store.stored_events WHERE topic ~ '^Finding' ORDER BY notification_id"
    for topic, state in engine.rows(query):
        finding = decode(topic, state).finding
        if finding.kind != "COVER_SHORT":
            continue
        what = "run" if finding.subject == finding.operator_id else "payout"
        told = (finding.operator_id, what, f"{finding.since:%d %H:%M}", finding.amount, topic == "FindingOpened")
        found[finding.operator_id, finding.key] = told
    return sorted(found.values())


def told(engine: Engine) -> list[str]:
    """The kinds of what is told of cover and of accounts, checked against the contract."""
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        rows = [row for row in pending(cursor, 1000) if isinstance(row, PendingEvent)]
    events = [json.loads(outgoing(row).value or b"") for row in rows if row.event_topic.startswith("Finding")]
    for each in events:
        OUTBOUND_MODEL_OF[each["type"]].model_validate(each)
    return [each["data"]["kind"] for each in events if not each["data"]["kind"].startswith(("PAYOUT_", "RUNS_"))]


@pytest.fixture
def stopping(database_url: str) -> Iterator[Engine]:
    """An engine whose runs wait for cover."""
    engine = Engine(database_url, cover_rule=CoverRule.STOP)
    yield engine
    engine.close()


def test_what_is_left_of_client_money_counts_what_is_on_its_way_and_not_what_arrived_twice(engine: Engine) -> None:
    engine.feed(network(settled("S-1", "2026-03-02T15:00:00Z")))
    engine.advance("2026-03-03T00:00:00Z")
    moments = [instant(f"2026-03-{each}:00Z") for each in ("02T14:00", "02T22:00", "03T00:00", "05T00:00")]
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        assert list(money_left(cursor, [("EUR", each) for each in moments]).values()) == [
            0, NET, NET - 2 * SHARE, NET - 2 * SHARE,
        ]  # fmt: skip
    ((payout_id,),) = engine.rows("SELECT payout_id FROM intake.open_payout WHERE operator_id = 'OP-1'")
    at = "2026-03-04T09:00:00Z"
    engine.feed([event("payout.paid", payout_id, at, {"payout_id": payout_id, "at": at})])
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        left = money_left(cursor, [("EUR", each) for each in moments])
    assert list(left.values()) == [0, NET, NET - 2 * SHARE, NET - 2 * SHARE]


def test_a_payout_without_cover_is_made_and_told_and_over_once_the_money_is_there(engine: Engine) -> None:
    engine.feed(network(settled("S-1", "2026-03-02T15:00:00Z")))
    engine.advance("2026-03-03T12:00:00Z")
    assert made(engine) == [("OP-1", "02", "02T23:00"), ("OP-2", "02", "02T23:00")]
    assert short(engine) == [("OP-2", "payout", "02 23:00", 2 * SHARE - NET, True)]
    engine.feed([settled("S-2", "2026-03-03T13:00:00Z")])
    engine.advance("2026-03-03T14:00:00Z")
    assert short(engine) == [("OP-2", "payout", "02 23:00", 2 * SHARE - NET, False)]
    assert told(engine) == ["COVER_SHORT", "COVER_SHORT_ENDED"]
    assert verify(engine.dsn).passed


LATE = [
    settled("S-1", "2026-03-02T15:00:00Z"),
    settled("S-2", "2026-03-05T10:00:00Z"),
    settled("S-3", "2026-03-09T10:00:00Z"),
]


def test_what_was_short_is_told_also_where_all_is_known_by_then(engine: Engine) -> None:
    engine.feed(network(*LATE))
    engine.advance(UNTIL)
    assert short(engine) == [
        ("OP-1", "payout", "03 23:00", 3 * SHARE - NET, False),
        ("OP-2", "payout", "02 23:00", 2 * SHARE - NET, False),
    ]


def test_nothing_is_found_and_nobody_is_told_where_money_comes_before_it_leaves(engine: Engine) -> None:
    engine.feed(network(*(settled(f"S-{each}", "2026-03-02T15:00:00Z") for each in (1, 2, 3))))
    engine.advance(UNTIL)
    assert short(engine) == []
    assert engine.rows("SELECT * FROM intake.operator_finding") == []


def test_a_run_without_cover_waits_until_there_is_and_another_goes_on(stopping: Engine) -> None:
    stopping.feed(network(settled("S-1", "2026-03-02T15:00:00Z")))
    stopping.advance("2026-03-03T12:00:00Z")
    assert made(stopping) == [("OP-1", "02", "02T23:00")]
    assert short(stopping) == [("OP-2", "run", "02 23:00", 2 * SHARE - NET, True)]
    stopping.feed([settled("S-2", "2026-03-03T13:00:00Z")])
    stopping.advance("2026-03-03T14:00:00Z")
    assert made(stopping) == [("OP-1", "02", "02T23:00"), ("OP-2", "02", "03T14:00")]
    assert short(stopping) == [("OP-2", "run", "02 23:00", 2 * SHARE - NET, False)]
    assert told(stopping) == ["COVER_SHORT", "COVER_SHORT_ENDED"]
    assert verify(stopping.dsn).passed


@pytest.mark.parametrize("calls", [[UNTIL], ["2026-03-03T12:00:00Z", UNTIL], ["2026-03-06T00:00:00Z", UNTIL, UNTIL]])
def test_runs_that_wait_are_made_in_the_order_of_time_however_often_the_clock_is_moved(
    stopping: Engine, calls: Sequence[str]
) -> None:
    stopping.feed(network(*LATE))
    for until in calls:
        stopping.advance(until)
    assert made(stopping) == [("OP-1", "02", "02T23:00"), ("OP-1", "03", "09T23:00"), ("OP-2", "02", "05T23:00")]
    with psycopg.connect(stopping.dsn) as connection, connection.cursor() as cursor:
        days = [instant(f"2026-03-{day:02}T23:00:00Z") for day in range(1, 12)]
        assert min(money_left(cursor, [("EUR", day) for day in days]).values()) >= 0
    assert not [each for each in short(stopping) if each[-1]]


def test_a_run_that_waits_pays_no_payout_again_that_it_has_no_cover_for(stopping: Engine) -> None:
    sessions = itertools.chain(session("S-1"), session("S-3", "2026-03-03"))
    stopping.feed([operator(), tariff(), *sessions, settled("S-1", "2026-03-02T15:00:00Z")])
    stopping.advance("2026-03-05T00:00:00Z")
    assert made(stopping) == [("OP-1", "02", "02T23:00")]
    # The first payout fails while the run of the third waits: its money is there for one of the two.
    ((payout_id,),) = stopping.rows("SELECT payout_id FROM intake.open_payout")
    data = {"payout_id": payout_id, "at": "2026-03-05T09:00:00Z", "reason": "AM04"}
    stopping.feed([event("payout.failed", payout_id, data["at"], data)])
    stopping.advance("2026-03-05T10:00:00Z")
    moment = instant("2026-03-05T10:00:00Z")
    with psycopg.connect(stopping.dsn) as connection, connection.cursor() as cursor:
        assert money_left(cursor, [("EUR", moment)])["EUR", moment] >= 0
    stopping.feed([settled("S-3", "2026-03-06T10:00:00Z")])
    stopping.advance("2026-03-07T00:00:00Z")
    assert made(stopping) == [("OP-1", "02", "02T23:00"), ("OP-1", "02", "06T23:00"), ("OP-1", "03", "05T10:00")]
    assert not [each for each in short(stopping) if each[-1]]
