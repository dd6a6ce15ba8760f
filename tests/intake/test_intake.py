"""How records are taken in: accepted, known again, in conflict or refused, and never half."""

import random
from typing import Any

import pytest

from engine.errors import PartitionLost
from engine.intake import Intake
from engine.ports import Record
from tests.support.engine import Engine
from tests.support.events import captured, corrected, ended, event, lines, metered, money, operator, session, started
from tests.support.events import tariff as published

NETWORK = [operator(), published()]


def test_a_paid_session_is_on_the_book_and_balances(engine: Engine) -> None:
    engine.feed([*NETWORK, *session("S-1")])
    engine.advance("2026-03-02T12:00:00Z")
    assert engine.balances() == {
        "1110/acme-psp EUR": 1_210 - 30,
        "5010 EUR": 30,
        "2010/OP-1 EUR": -(1_210 - 100 - 21),
        "2110 EUR": -21,
        "4010 EUR": -100,
    }
    assert engine.journal_kinds("S-1") == ["J01", "J02", "J01c", "J03", "J08"]


def test_the_run_after_midnight_pays_the_days_lines(engine: Engine) -> None:
    engine.feed([*NETWORK, *session("S-1")])
    engine.advance("2026-03-02T22:59:59Z")
    assert engine.rows("SELECT count(*) FROM book.entry WHERE kind = 'J35'") == [(0,)]
    engine.advance("2026-03-02T23:00:00Z")
    assert engine.rows("SELECT effective_at::text, payout_id IS NOT NULL FROM book.entry WHERE kind = 'J35'") == [
        ("2026-03-02 23:00:00+00", True)
    ]
    assert "2010/OP-1 EUR" not in engine.balances()


def test_a_message_sent_twice_counts_once_and_posts_once(engine: Engine) -> None:
    engine.feed([*NETWORK, *session("S-1"), *session("S-1")])
    once = engine.balances()
    engine.feed(session("S-1"))
    assert engine.balances() == once
    assert engine.tally() == (7, 10, 0, 0)


def test_the_same_id_with_other_content_is_a_conflict_and_the_first_stands(engine: Engine) -> None:
    other = ended("S-1", register_wh=99_000)
    engine.feed([*NETWORK, started(), ended(), other])
    assert engine.tally() == (4, 0, 1, 0)
    assert engine.refusals() == ["CONFLICT"]
    assert engine.balances()["1105/S-1 EUR"] == 1_210


def test_bad_records_are_refused_and_their_neighbours_settled(engine: Engine) -> None:
    negative = ended("S-2", register_wh=-5)
    unknown = event("charging.session.teleported", "S-3", "2026-03-02T10:00:00Z", {})
    broken = [b"not json", b'{"hello": "world"}', b'{"specversion": "1.0", "energy": NaN}']
    engine.feed([*lines(NETWORK), *broken, *lines([negative, unknown, *session("S-1")])])
    assert engine.tally() == (7, 0, 0, 5)
    assert sorted(engine.refusals()) == ["BAD_VALUE", "NOT_CLOUDEVENT", "NOT_JSON", "NOT_JSON", "UNKNOWN_TYPE"]
    assert engine.rows("SELECT count(*) FROM book.entry WHERE kind = 'J01'") == [(1,)]


def test_a_refused_message_sent_again_is_a_duplicate_and_a_mended_one_is_taken(engine: Engine) -> None:
    bad = ended("S-1", register_wh=-5)
    engine.feed([*NETWORK, started(), bad, bad])
    assert engine.tally() == (3, 1, 0, 1)
    engine.feed([ended("S-1")])
    assert engine.tally() == (4, 1, 0, 1)
    assert engine.balances()["1105/S-1 EUR"] == 1_210


@pytest.mark.parametrize("late", [True, False])
def test_a_payment_in_another_currency_is_refused_whenever_that_shows(engine: Engine, late: bool) -> None:
    wrong = captured("S-1", amount="12.10", currency="USD")
    rest = [*NETWORK, started(), ended()]
    engine.feed([wrong, *rest] if late else [*rest, wrong])
    assert engine.tally() == (4, 0, 0, 1)
    assert engine.refusals() == ["CURRENCY_MISMATCH"]
    assert [account for account in engine.balances() if account.endswith("USD")] == []


def test_a_session_waits_for_its_operator_and_tariff_and_is_then_rated(engine: Engine) -> None:
    engine.feed(session("S-1"))
    outcome = "SELECT convert_from(state, 'utf8')::json->>'state', convert_from(state, 'utf8')::json->>'reason' "
    outcome += "FROM event_store.stored_events WHERE topic = 'SessionAssessed' ORDER BY notification_id DESC LIMIT 1"
    assert engine.rows(outcome) == [("SUSPENSE", "OPERATOR_UNKNOWN")]
    engine.feed([operator()])
    assert engine.rows(outcome) == [("SUSPENSE", "TARIFF_UNKNOWN")]
    engine.feed([published()])
    assert engine.rows(outcome) == [("RATED", "")]


def test_a_consumer_that_lost_its_partition_can_write_nothing(engine: Engine) -> None:
    batch = engine.records([*NETWORK, *session("S-1")])
    rival = Intake(engine.dsn)
    claim = rival.claim([(engine.topic, 0)])[engine.topic, 0]
    with pytest.raises(PartitionLost):
        engine.intake.process(batch, engine.epochs)
    assert engine.tally() == (0, 0, 0, 0)
    rival.process(batch, {(engine.topic, 0): claim.epoch})
    rival.close()
    assert engine.tally() == (7, 0, 0, 0)


def test_records_below_the_stored_position_are_not_taken_again(engine: Engine) -> None:
    batch = engine.records([b"no json", *lines([*NETWORK, *session("S-1")])])
    engine.intake.process(batch, engine.epochs)
    engine.intake.process(batch, engine.epochs)
    assert engine.tally() == (7, 0, 0, 1)


def test_a_poison_record_is_set_aside_with_its_reason(engine: Engine) -> None:
    (record,) = engine.records(lines([started()]))
    engine.intake.quarantine(record, ZeroDivisionError("division by zero"), engine.epochs)
    assert engine.refusals() == ["PROCESSING_FAILED"]
    engine.feed([started()])
    assert engine.tally() == (1, 0, 0, 1)


def history() -> list[dict[str, Any]]:
    """Sessions with a settlement, a correction after capture, a refund, a dispute and a late tariff."""
    made = [*NETWORK]
    for number in range(12):
        made += session(f"S-{number}", f"2026-03-{number % 9 + 1:02d}", 10_000 + 700 * number)
    items = [
        {"payment_id": f"P-S-{n}", "gross": money("1.00"), "fee": money("0.30" if n % 3 else "0.35")}
        for n in range(12)
    ]
    settled = {"settlement_id": "X", "provider": "acme-psp", "settled_at": "2026-03-12T06:00:00Z"}
    made.append(
        event("payment.settled", "X", "2026-03-12T06:00:00Z", settled | {"items": items, "net": money("8.40")})
    )
    made.append(corrected("S-3", "2026-03-20T00:00:00Z", 9_900))
    refund = {"refund_id": "R", "payment_id": "P-S-5", "session_id": "S-5", "amount": money("3.00")}
    refund |= {"refunded_at": "2026-03-13T00:00:00Z", "borne_by": "SHARED"}
    made.append(event("payment.refunded", "S-5", "2026-03-13T00:00:00Z", refund))
    made.append(published(time="2026-03-05T00:00:00Z", price=0.7))
    made.append(metered("S-7", "2026-03-08T10:10:00Z", 100))
    return made


def test_any_order_with_duplicates_gives_the_same_book(engine: Engine, database_url: str) -> None:
    del database_url
    events = history()
    shuffled = events + random.Random(7).sample(events, len(events) // 3)
    random.Random(8).shuffle(shuffled)
    engine.feed(shuffled, batch=5)
    engine.advance("2026-04-01T00:00:00Z")
    balances = engine.balances()
    lines_paid = "SELECT operator_id, sum(amount)::bigint FROM intake.line WHERE payout_id IS NOT NULL GROUP BY 1"
    paid = engine.rows(lines_paid)
    in_order = Engine(_another(engine.dsn))
    in_order.feed(events)
    in_order.advance("2026-04-01T00:00:00Z")
    assert balances == in_order.balances()
    assert paid == in_order.rows(lines_paid)
    in_order.close()


def _another(dsn: str) -> str:
    """A second empty database on the same server."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    name = f"{conninfo_to_dict(dsn)['dbname']}_b"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return make_conninfo(dsn, dbname=name)


def test_tombstones_and_empty_records_are_refused(engine: Engine) -> None:
    engine.intake.process([Record(engine.topic, 0, 0, b"key", None, ())], engine.epochs)
    assert engine.refusals() == ["NOT_JSON"]
