"""What somebody with every right changes of payouts and of what people decided about them: `verify` finds each.

Of two small networks: in one payouts wait for people, in the other runs keep, withhold and limit, and pay at once.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from projections.export import export
from tests.audit.forgery import unguarded
from tests.audit.test_run_amounts import TERMS
from tests.conftest import Stores
from tests.intake.test_decisions_in_any_order import lived
from tests.intake.test_instant_payouts import FEE, request
from tests.intake.test_run_terms import days
from tests.projections.builders import PLATFORM
from tests.support.audited import verify
from tests.support.decisions import PUBLIC_KEYS
from tests.support.engine import Engine
from tests.support.matters import approved, proposed

_numbers = itertools.count(1)
_BODY = "convert_from(state, 'UTF8')::jsonb"


def _event(topic: str, path: str, value: str, where: str = "true") -> str:
    """Change a field of the first stored event of a topic that a condition on its `body` holds for."""
    return f"""
        UPDATE event_store.stored_events AS event
        SET state = convert_to(jsonb_set(body, '{{{path}}}', {value})::text, 'UTF8')
        FROM (SELECT notification_id, body FROM event_store.stored_events, LATERAL (SELECT {_BODY} AS body) AS parsed
              WHERE topic = '{topic}' AND {where} ORDER BY notification_id LIMIT 1) AS chosen
        WHERE event.notification_id = chosen.notification_id
    """


def _again(topic: str) -> str:
    """Store the first event of a topic once more at the end of its stream."""
    return f"""
        INSERT INTO event_store.stored_events (originator_id, originator_version, topic, state)
        SELECT originator_id, (SELECT max(originator_version) + 1 FROM event_store.stored_events AS other
                               WHERE other.originator_id = first.originator_id), topic, state
        FROM (SELECT * FROM event_store.stored_events WHERE topic = '{topic}'
              ORDER BY notification_id LIMIT 1) AS first
    """


_GONE = "body ->> 'payout_id' IN (SELECT convert_from(state, 'UTF8')::jsonb ->> 'payout_id' FROM "
_GONE += "event_store.stored_events WHERE topic = 'PayoutHandedOff')"
_OF_GONE = _GONE.replace("body ->>", "body #>>").replace("'payout_id' IN", "'{data,payout_id}' IN", 1)
_WAITS = f"""
    (SELECT {_BODY} ->> 'payout_id' FROM event_store.stored_events WHERE topic = 'PayoutCreated'
     AND {_BODY} ->> 'status' = 'AWAITING_APPROVAL'
     AND originator_id NOT IN (SELECT originator_id FROM event_store.stored_events WHERE topic = 'PayoutHandedOff')
     ORDER BY notification_id DESC LIMIT 1)
"""
# Those that were refused.
_COUNTED = f"""
    UPDATE event_store.stored_events
    SET topic = 'DecisionCounts', state = convert_to(({_BODY} - 'sentence')::text, 'UTF8')
    WHERE topic = 'DecisionRefused' AND {_BODY} ->> 'type' = 'payout.approved'
"""

# What is changed, and which checks say so at least.
OF_DECISIONS: dict[str, tuple[str, set[str]]] = {
    "the payee of a payout is another": (
        _event("PayoutCreated", "bank_account,iban", "'\"DE89370400440532013000\"'", _GONE),
        {"decided", "bank_files"},
    ),
    "a payout that waited says that it did not": (
        _event("PayoutCreated", "status", "'\"IN_TRANSIT\"'", _GONE),
        {"decided"},
    ),
    "a payout needs one person in place of two": (_event("PayoutCreated", "approvals", "'1'", _GONE), {"decided"}),
    "one person approved twice": (
        _event("payout.approved", "data,by", "'\"m.ortega\"'", f"body #>> '{{data,by}}' = 'a.keller' AND {_OF_GONE}"),
        {"decided", "signatures"},
    ),
    "another content was approved": (
        _event("payout.approved", "data,content_hash", f"'\"{'0' * 64}\"'", _OF_GONE),
        {"decided", "signatures"},
    ),
    "an approval that had lapsed was used": (
        _event("payout.approved", "data,approved_at", "'\"2026-02-20T09:00:00Z\"'", _OF_GONE),
        {"decided", "signatures"},
    ),
    "an approval came only after the payout had left": (
        _event("payout.approved", "data,approved_at", "'\"2026-03-11T09:00:00Z\"'", _OF_GONE),
        {"decided", "signatures"},
    ),
    "whoever let it go are others": (_event("PayoutHandedOff", "by", '\'["a.keller", "x.other"]\''), {"decided"}),
    "one person is said to have let it go": (_event("PayoutHandedOff", "by", "'[\"a.keller\"]'"), {"decided"}),
    "what it kept is not among what it paid": (_event("PayoutHandedOff", "own_entries", "'[]'"), {"decided"}),
    "it left at another time": (
        _event("PayoutHandedOff", "at", "'\"2026-03-03T09:30:00+00:00\"'"),
        {"decided"},
    ),
    "the bank is asked to pay before it was let go": (
        _event("PayoutHandedOff", "execution_date", "'\"2026-03-01\"'"),
        {"decided"},
    ),
    "it left twice": (_again("PayoutHandedOff"), {"decided"}),
    "it was booked twice that it left": (_again("Booked.PayoutInitiated"), {"decisions"}),
    "it left while all payouts were stopped": (
        _event("payouts.resumed", "data,at", "'\"2026-03-09T12:00:00Z\"'"),
        {"decided", "signatures"},
    ),
    "it was made while its operator's payouts were held": (
        _event("operator.payouts_released", "data,at", "'\"2026-03-09T12:00:00Z\"'"),
        {"decided", "signatures"},
    ),
    "one person proposed and confirmed an account": (
        _event("bank_account.confirmed", "data,by", "'\"b.rossi\"'", "body #>> '{data,by}' = 'c.adler'"),
        {"decided", "signatures"},
    ),
    "another account was confirmed": (
        _event("bank_account.confirmed", "data,bank_account,iban", "'\"DE89370400440532013000\"'"),
        {"signatures"},
    ),
    "who rejected a payout did not": (
        _event("payout.rejected", "data,content_hash", f"'\"{'0' * 64}\"'"),
        {"decided", "signatures"},
    ),
    "lines that a rejection had freed are paid twice": (
        _event("PayoutStatusChanged", "status", "'\"IN_TRANSIT\"'", "body ->> 'status' = 'REJECTED'"),
        {"payout_sums", "payable_lines"},
    ),
    "an approval counts that came after a rejection": (_COUNTED, {"decided"}),
    "a payout that waits is in a bank file": (
        (
            f"INSERT INTO intake.bank_file_payout (name, payout_id) SELECT name, {_WAITS} "
            "FROM intake.bank_file ORDER BY name LIMIT 1"
        ),
        {"bank_files"},
    ),
    "a reserve was released twice": (_again("Booked.ReserveReleased"), {"decisions"}),
    "a reserve was released too low": (
        _event("Booked.ReserveReleased", "booking,amount", "'1'"),
        {"payouts", "journal"},
    ),
    "less was kept than the terms say": (
        _event("PayoutCreated", "reserve", "'1'", _GONE),
        {"payouts", "run_amounts", "decided"},
    ),
    "the bank is said to have given nothing back": (
        "UPDATE event_store.stored_events SET topic = 'payout.paid' WHERE topic = 'payout.returned'",
        {"payouts"},
    ),
    "a payout pays a line of another": (
        _event(
            "PayoutCreated",
            "entry_ids",
            f"(body -> 'entry_ids') || (SELECT {_BODY} -> 'entry_ids' -> 0 FROM event_store.stored_events "
            "WHERE topic = 'PayoutCreated' ORDER BY notification_id DESC LIMIT 1)",
            _GONE,
        ),
        {"payout_sums", "payable_lines"},
    ),
}
_OUTBOX = "INSERT INTO intake.outbox (topic, record_key, stream_id, version)"
# What is to be sent is not what was decided.
OF_DECISIONS |= {
    "a batch is sent of a payout that waits": (
        (
            f"{_OUTBOX} SELECT 'settlement.batches', 'OP-1', originator_id, originator_version "
            f"FROM event_store.stored_events WHERE topic = 'PayoutCreated' AND {_BODY} ->> 'payout_id' = {_WAITS}"
        ),
        {"outbox"},
    ),
    "a batch is sent of no payout": (
        f"{_OUTBOX} VALUES ('settlement.batches', 'OP-1', '00000000-0000-0000-0000-000000000001', 1)",
        {"outbox"},
    ),
    "a batch is sent twice": (
        (
            f"{_OUTBOX} SELECT topic, record_key, stream_id, version FROM intake.outbox "
            "WHERE topic = 'settlement.batches' ORDER BY outbox_id LIMIT 1"
        ),
        {"outbox"},
    ),
    "a batch is sent to another operator": (
        "UPDATE intake.outbox SET record_key = 'OP-2' WHERE topic = 'settlement.batches'",
        {"outbox"},
    ),
    "a batch that is sent is of another event": (
        "UPDATE intake.outbox SET version = version + 1 WHERE topic = 'settlement.batches'",
        {"outbox"},
    ),
    "what was decided is sent as a batch": (
        (
            "UPDATE intake.outbox SET topic = 'settlement.batches' WHERE topic = 'settlement.notifications' "
            "AND (stream_id, version) IN (SELECT originator_id, originator_version FROM event_store.stored_events "
            "WHERE topic = 'ApprovalCounted')"
        ),
        {"outbox"},
    ),
    "a payout that left was never made": (
        (
            "DELETE FROM event_store.stored_events WHERE topic = 'PayoutCreated' AND originator_id IN "
            "(SELECT originator_id FROM event_store.stored_events WHERE topic = 'PayoutHandedOff')"
        ),
        {"streams", "decided"},
    ),
}
OF_TERMS: dict[str, tuple[str, set[str]]] = {
    "less tax is withheld": (
        _event("PayoutCreated", "withheld,IN-TCS", "'1'", "(body #>> '{withheld,IN-TCS}')::int > 1"),
        {"run_amounts"},
    ),
    "a tax is of another base": (_event("PayoutCreated", "tax_bases,IN-TCS", "'1'"), {"run_amounts"}),
    "a tax that was withheld is not booked": (
        _event("Booked.TaxWithheld", "booking,amount", "'1'"),
        {"payouts", "journal"},
    ),
    "another amount stays": (
        _event("PayoutCreated", "retained", "'1'", "body ->> 'retained' > '0'"),
        {"run_amounts"},
    ),
    "what was released is paid too soon": (
        _event("ShareReleased", "available_on", "'\"2026-03-01\"'"),
        {"releases"},
    ),
    "it was to be paid after more days": (
        _event("operator.registered", "data,funding_delays", "'{\"CARD\": 2}'"),
        {"releases"},
    ),
    "nobody had doubts": (
        _event("PayoutCreated", "doubts", "'[]'", "body -> 'doubts' <> '[]'"),
        {"run_amounts"},
    ),
    "it costs nothing to be paid at once": (
        _event("PayoutCreated", "fee", "'0'", "(body ->> 'fee')::int > 0"),
        {"run_amounts", "payouts"},
    ),
    "more is paid at once than the limit": (
        _event("operator.registered", "data,limits,instant", "'\"1.00\"'"),
        {"run_amounts"},
    ),
    "a limit that was met was lower": (
        _event("operator.registered", "data,limits,payout", "'\"1.00\"'"),
        {"run_amounts"},
    ),
    "who proposed an adjustment approved it": (
        _event("adjustment.approved", "data,by", "'\"m.ortega\"'"),
        {"matters", "signatures"},
    ),
    "an adjustment was never approved": (
        "UPDATE event_store.stored_events SET topic = 'adjustment.rejected' WHERE topic = 'adjustment.approved'",
        {"matters", "signatures"},
    ),
    "another amount was approved": (
        _event("adjustment.proposed", "data,amount,amount", "'\"9.00\"'"),
        {"matters", "signatures"},
    ),
    "a payout is of a date whose run paid already": (
        _event("PayoutCreated", "business_date", "'\"2026-03-02\"'", "body ->> 'business_date' = '2026-03-04'"),
        {"payouts", "runs"},
    ),
    "the bank is asked to pay on a holiday": (
        _event("PayoutCreated", "execution_date", "'\"2026-04-03\"'"),
        {"payouts"},
    ),
}
FAULTS = {"decisions": OF_DECISIONS, "terms": OF_TERMS}


def _with_terms(engine: Engine) -> None:
    limits = {"payout": "60.00", "day": "15.00", "instant": "30.00"}
    engine.feed(days(**TERMS | {"limits": limits, "instant_fee": FEE}))
    engine.feed([proposed(amount="3.00"), approved(), request("2026-03-04T14:00:00Z", "7.00")])
    engine.advance("2026-03-12T00:00:00Z")


@pytest.fixture(scope="module")
def networks(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The two networks, settled, with their bank files; they are only read."""
    with stores() as decided, stores() as of_terms:
        for dsn, settle in ((decided, lived), (of_terms, _with_terms)):
            engine = Engine(dsn)
            settle(engine)
            engine.close()
            export(dsn, tmp_path_factory.mktemp("files"), PLATFORM)
        yield {"decisions": decided, "terms": of_terms}


def _failed(dsn: str) -> set[str]:
    return {check.name for check in verify(dsn, decision_keys=PUBLIC_KEYS).failed}


def test_it_is_found_that_a_reserve_was_never_given_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.payout.making.Making.release_reserves", lambda *_: None)
    engine.feed(days(payout_reserve_percent="10", payout_reserve_days=2))
    engine.advance("2026-03-05T23:30:00Z")
    assert _failed(engine.dsn) == {"run_amounts"}


@pytest.mark.parametrize("network", FAULTS)
def test_the_audit_agrees_about_them_as_they_are(network: str, networks: dict[str, str], tmp_path: Path) -> None:
    assert _failed(networks[network]) == set()


@pytest.mark.parametrize(("network", "what"), [(network, what) for network in FAULTS for what in FAULTS[network]])
def test_it_is_found_that(network: str, what: str, networks: dict[str, str], postgres_dsn: str, copying: str) -> None:
    statement, expected = FAULTS[network][what]
    server, _, name = networks[network].rpartition("/")
    copy = f"payout_fault_{next(_numbers)}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {copy} TEMPLATE {name} {copying}".encode())
        try:
            with psycopg.connect(f"{server}/{copy}") as changing, unguarded(changing, "event_store.stored_events"):
                assert changing.execute(statement.encode()).rowcount >= 1, "the statement found nothing to change"
            failed = _failed(f"{server}/{copy}")
            assert expected <= failed, failed
        finally:
            connection.execute(f"DROP DATABASE {copy} WITH (FORCE)".encode())
