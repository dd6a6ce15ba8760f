"""What was decided leaves in order by key, at least once, and as the same event each time."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4, uuid5

import psycopg
import pytest

from consumers.publisher import Publisher
from consumers.relay import Relay, drain, run_relay
from consumers.topics import OUTBOUND_TOPICS
from contracts.outgoing import OUTBOUND_MODEL_OF
from domain.fact import RecordedFact
from domain.payout.events import PayoutCreated, PayoutStatus, PayoutStatusChanged
from domain.session.assessment import SessionState
from domain.session.decisions import CdrCredited, CdrIssued, SessionAssessed
from engine.work import Unfolded, Work
from ledger.errors import MachineryFault
from ledger.gateway import Gateway
from ledger.intake import quarantine
from ledger.intake.quarantine import DeadLetter
from ledger.locks import Lock, hold
from projections.schema import migrate
from tests.kafka.reading import Read, read_new
from tests.kafka.store import until

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
STREAM = UUID("00000000-0000-4000-8000-000000000001")

_DELETE_FIRST = "DELETE FROM intake.outbox WHERE outbox_id = (SELECT min(outbox_id) FROM intake.outbox)"


@pytest.fixture
def gateway(database_url: str) -> Iterator[Gateway]:
    """The way to a migrated database."""
    migrate(database_url)
    gateway = Gateway(database_url)
    yield gateway
    gateway.close()


def assessed(reason: str) -> SessionAssessed:
    return SessionAssessed(session_id="S-1", operator_id="OP-1", state=SessionState.SUSPENSE, reason=reason)


def payout_status(status: str, reason: str | None = None) -> PayoutStatusChanged:
    return PayoutStatusChanged("P-1", operator_id="OP-1", status=PayoutStatus(status), at=AT, reason=reason)


def decide(gateway: Gateway, events: Sequence[Any], topic: str, key: str, stream: UUID = STREAM) -> None:
    """Stores events and has each decision of them sent."""
    with gateway.transaction() as cursor:
        work = Work(0)
        appended = work.stream(stream, Unfolded(0))
        for event in events:
            appended.append(event)
            if not isinstance(event, RecordedFact):
                appended.send(topic, key)
        work.write(cursor)


def rows_left(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM intake.outbox").fetchone()
    return int(row[0]) if row else -1


def payout_created() -> PayoutCreated:
    return PayoutCreated(
        payout_id="7d9f9a4c-0000-5000-8000-000000000001",
        batch_id="7d9f9a4c-0000-5000-8000-000000000002",
        operator_id="OP-1",
        currency="EUR",
        business_date=date(2026, 3, 1),
        attempt=1,
        amount=123_450,
        reserve=0,
        status=PayoutStatus.IN_TRANSIT,
        fired_at=AT,
        bank_account={"holder": "OP", "iban": "DE89370400440532013000"},
        holder_name="OP",
        country_code="DE",
        entry_ids=("e-1", "e-2"),
    )


async def test_a_payout_batch_is_an_event_of_the_contract(
    gateway: Gateway, database_url: str, client_options: dict[str, Any]
) -> None:
    decide(gateway, [payout_created()], "settlement.batches", "OP-1")
    [sent] = await emitted(client_options, database_url)
    assert (sent.topic, sent.key) == ("settlement.batches", b"OP-1")
    assert sent.event["type"] == "settlement.batch.created"
    assert sent.event["time"] == "2026-03-01T12:30:00Z"
    assert sent.event["data"]["amount"] == {"amount": "1234.50", "currency": "EUR"}
    assert sent.event["data"]["lines"] == 2
    assert rows_left(database_url) == 0


async def test_notices_name_what_a_person_should_know(
    gateway: Gateway, database_url: str, client_options: dict[str, Any]
) -> None:
    fact = RecordedFact("charging.session.ended", "gw", "e-1", AT, {"session_id": "S-1"})
    decide(gateway, [fact, assessed("NO_TARIFF")], "settlement.notifications", "OP-1")
    decide(gateway, [payout_status("FAILED", "AC04")], "settlement.notifications", "OP-1", uuid5(STREAM, "payout"))
    session, payout = await emitted(client_options, database_url)
    assert session.event["time"] == "2026-03-01T12:30:00Z"
    assert session.event["data"]["kind"] == "SESSION_SUSPENDED"
    assert "NO_TARIFF" in session.event["data"]["sentence"]
    assert payout.event["data"]["kind"] == "PAYOUT_FAILED"
    assert payout.event["data"]["sentence"] == "payout P-1 of operator OP-1 is FAILED (AC04)"


async def test_cdrs_go_out_with_their_numbers_as_they_were_written(
    gateway: Gateway,
    database_url: str,
    client_options: dict[str, Any],
    cdr_document: Callable[[str], dict[str, Any]],
) -> None:
    document = {**cdr_document("settlement.cdr.issued"), "total_energy": Decimal("12.3456")}
    credit = cdr_document("settlement.cdr.credited")
    pins: dict[str, Any] = {"tariff_hash": "ab" * 32, "replaces": "cdr-0"}
    issued = CdrIssued("S-1", "OP-1", 1, "cdr-1", AT, ("1", 1, 1, 0, 0), document, **pins)
    credited = CdrCredited("S-1", "OP-1", 1, "cdr-1-C", AT, credit)
    decide(gateway, [issued, credited], "settlement.cdrs", "OP-1")
    first, second = await emitted(client_options, database_url)
    assert [first.event["type"], second.event["type"]] == ["settlement.cdr.issued", "settlement.cdr.credited"]
    assert first.event["data"]["cdr"] == {**document, "total_energy": 12.3456}
    assert second.event["data"]["cdr"] == credit
    assert b'"total_energy":12.3456' in first.value
    assert {name: first.event["data"][name] for name in pins} == pins
    assert not second.event["data"].keys() & pins


async def test_a_dead_letter_goes_out_with_the_record_it_is_about(
    gateway: Gateway, database_url: str, client_options: dict[str, Any]
) -> None:
    letters = [dead_letter(b"\xff not text", 1), dead_letter(b"plain text", 2), dead_letter(b'"' * 1_000_000, 3)]
    for letter in letters:
        with gateway.transaction() as cursor:
            work = Work(0)
            assert quarantine.add(cursor, [letter])
            work.send_deadletter(letter.source or "", letter.deadletter_id)
            work.write(cursor)
    by_id = {each.event["id"]: each.event for each in await emitted(client_options, database_url)}
    raw, text, large = (by_id[str(letter.deadletter_id)] for letter in letters)
    assert raw["data"]["origin"] == {"topic": "payments", "partition": 3, "offset": 1}
    assert raw["data"]["record"] == {"encoding": "base64", "text": "/yBub3QgdGV4dA==", "truncated": False}
    assert raw["data"]["headers"][0]["value"]["text"] == "Ynl0ZXP/"
    assert text["data"]["record"]["text"] == "plain text"
    assert large["data"]["record"]["truncated"] is True


def dead_letter(value: bytes, offset: int) -> DeadLetter:
    return DeadLetter(
        deadletter_id=uuid5(STREAM, f"letter {offset}"),
        topic="payments",
        partition=3,
        offset=offset,
        key=b"k",
        headers=(("h", b"bytes\xff"),),
        value=value,
        code="NOT_JSON",
        path="$",
        sentence="the value is not JSON",
    )


async def test_a_relay_that_dies_before_deleting_sends_the_same_events_again(
    gateway: Gateway, database_url: str, client_options: dict[str, Any]
) -> None:
    decide(gateway, [assessed(f"REASON_{number}") for number in range(30)], "settlement.notifications", "OP-1")

    class DyingPublisher(Publisher):
        """Loses the connection to the database right after the broker acknowledged everything."""

        async def flush(self) -> None:
            await super().flush()
            kill_other_sessions(database_url)

    async with read_new(client_options, OUTBOUND_TOPICS) as reading:
        async with DyingPublisher(client_options) as publisher:
            with pytest.raises(MachineryFault):
                await Relay(gateway, publisher).send_batch()
        assert rows_left(database_url) == 30
        assert await asyncio.to_thread(drain, client_options, database_url) == 30
        sent = await reading.take(60)
    assert [each.value for each in sent[:30]] == [each.value for each in sent[30:]]
    assert len({each.event["id"] for each in sent}) == 30
    assert rows_left(database_url) == 0


def kill_other_sessions(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_the_events_of_a_key_leave_in_the_order_of_the_outbox(
    gateway: Gateway, database_url: str, client_options: dict[str, Any]
) -> None:
    for operator in ("OP-1", "OP-2", "OP-3"):
        stream = uuid5(STREAM, operator)
        decide(gateway, [assessed(f"{n:04}") for n in range(250)], "settlement.notifications", operator, stream)
    sent = await emitted(client_options, database_url)
    assert len(sent) == 750
    for key in (b"OP-1", b"OP-2", b"OP-3"):
        sentences = [each.event["data"]["sentence"] for each in sent if each.key == key]
        assert sentences == sorted(sentences)
        assert len(sentences) == 250


async def test_while_one_relay_sends_another_one_does_not(
    gateway: Gateway, database_url: str, client_options: dict[str, Any]
) -> None:
    decide(gateway, [payout_status("PAID")], "settlement.notifications", "OP-1")
    with psycopg.connect(database_url) as other:
        hold(other, Lock.RELAY)
        async with Publisher(client_options) as publisher:
            relay = Relay(gateway, publisher)
            assert await relay.send_batch() == 0
            assert not relay.is_done()
            other.rollback()
            assert await relay.send_batch() == 1
            assert relay.is_done()


async def test_waiting_for_another_relay_uses_up_no_patience_with_faults(
    gateway: Gateway, database_url: str, client_options: dict[str, Any]
) -> None:
    decide(gateway, [payout_status("PAID")], "settlement.notifications", "OP-1")
    patience_seconds = 1.0
    with psycopg.connect(database_url) as other:
        hold(other, Lock.RELAY)
        # It deletes a row whenever it is looked at, as one does that gets on.
        for _ in range(3):
            decide(gateway, [payout_status("PAID")], "settlement.notifications", "OP-1", uuid4())
        draining = asyncio.create_task(asyncio.to_thread(drain, client_options, database_url, patience_seconds))
        for _ in range(3):
            await asyncio.wait({draining}, timeout=0.6 * patience_seconds)
            with gateway.transaction() as cursor:
                cursor.execute(_DELETE_FIRST)
        other.rollback()
        assert await draining == 1
    assert rows_left(database_url) == 0


async def test_another_relay_that_gets_no_further_is_told_and_not_waited_for_without_end(
    gateway: Gateway, database_url: str, client_options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    decide(gateway, [payout_status("PAID")], "settlement.notifications", "OP-1")
    with psycopg.connect(database_url) as other:
        hold(other, Lock.RELAY)
        with pytest.raises(MachineryFault, match="another process has the relay's turn and sends nothing"):
            await asyncio.to_thread(drain, client_options, database_url, 3.0)
    assert "waiting for another process that sends what the outbox holds" in caplog.text


async def test_a_row_that_nothing_can_be_made_of_holds_up_no_other(
    gateway: Gateway, database_url: str, client_options: dict[str, Any]
) -> None:
    fact = RecordedFact("payment.failed", "psp", "1", AT, {})
    with gateway.transaction() as cursor:
        work = Work(0)
        stream = work.stream(STREAM, Unfolded(0))
        for event in (fact, payout_status("PAID")):
            stream.append(event)
            stream.send("settlement.notifications", "OP-1")
        work.write(cursor)
    [sent] = await emitted(client_options, database_url)
    assert sent.event["data"]["kind"] == "PAYOUT_PAID"
    assert rows_left(database_url) == 1


async def test_the_relay_of_a_live_system_sends_what_comes_until_it_is_stopped(
    gateway: Gateway, database_url: str, client_options: dict[str, Any]
) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(run_relay(client_options, database_url, stop)))
    async with read_new(client_options, OUTBOUND_TOPICS) as reading:
        thread.start()
        try:
            for number in range(3):
                decide(gateway, [payout_status("PAID")], "settlement.notifications", "OP", uuid5(STREAM, str(number)))
                assert len(await reading.take(1)) == 1
            # A database that drops all its connections is asked again.
            kill_other_sessions(database_url)
            gateway.close()
            decide(gateway, [payout_status("PAID")], "settlement.notifications", "OP", uuid5(STREAM, "last"))
            assert len(await reading.take(1)) >= 1
            await until(lambda: rows_left(database_url) == 0)
        finally:
            stop.set()
            await asyncio.to_thread(thread.join, 30)
    assert not thread.is_alive()


async def emitted(client_options: dict[str, Any], database_url: str) -> list[Read]:
    """What a drain sends, each checked against the contract, in order by partition."""
    async with read_new(client_options, OUTBOUND_TOPICS) as reading:
        count = await asyncio.to_thread(drain, client_options, database_url)
        sent = await reading.take(count)
    for each in sent:
        OUTBOUND_MODEL_OF[each.event["type"]].model_validate_json(json.dumps(each.event))
    return sent
