"""Nobody inside moves money: what says who is paid, how much and when is the stored events, whatever tables say."""

import logging
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, RestrictViolation

from consumers.outgoing import all_outgoing
from contracts.errors import ContractError
from domain.calendar import instant
from engine.errors import RunsFailed
from engine.line_audit import doubtful_lines
from engine.operator_runs import lock_desks
from ledger.database import Role, connect
from ledger.intake.catalogue import KnownCatalogue
from ledger.intake.outbox import PendingEvent, PendingLetter, pending
from projections.export import export
from projections.runner import catch_up
from tests.audit.forgery import unguarded
from tests.projections.builders import PLATFORM
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import corrected, operator, session, tariff
from tests.support.matters import approved, proposed

Connection = psycopg.Connection[Any]
THIEF = {"holder": "Thief", "iban": "FR1420041010050500013M02606"}
OWN = "NL91ABNA0417164300"
# A row of the catalogue without an event, and one that names the event of something else.
FORGED = """
INSERT INTO intake.catalogue (type, source, id, event_time, data, stream_id, version)
SELECT type, source, 'forged', '2026-03-01T12:00:00Z', %s, {event} FROM intake.catalogue
WHERE type = 'operator.registered'
"""
OF_NO_EVENT, OF_ANOTHER = (
    "gen_random_uuid(), 1",
    ("(SELECT originator_id FROM event_store.stored_events WHERE topic = 'charging.session.started'), 1"),
)


def made(engine: Engine) -> list[dict[str, Any]]:
    """The payouts that were made, as stored."""
    query = "SELECT state FROM event_store.stored_events WHERE topic = 'PayoutCreated' ORDER BY notification_id"
    return [orjson.loads(state) for (state,) in engine.rows(query)]


def bank_files(engine: Engine, folder: Path) -> bytes:
    """All bank files that are made of what left."""
    export(engine.dsn, folder, PLATFORM)
    return b"".join(path.read_bytes() for path in sorted((folder / "batches").iterdir()))


def terms(**changed: Any) -> bytes:
    """The data of an operator's terms."""
    return orjson.dumps(operator(**changed)["data"])


@pytest.mark.parametrize("event", [OF_NO_EVENT, OF_ANOTHER])
def test_the_writer_adds_nothing_to_the_catalogue_that_no_event_published(engine: Engine, event: str) -> None:
    engine.feed([operator(), tariff(), *session()])
    forged = FORGED.format(event=event).encode()
    with connect(engine.dsn, Role.WRITER) as connection:
        connection.execute(forged, (terms(bank_account=THIEF),))
        with pytest.raises(RestrictViolation, match="the catalogue holds what stored events published"):
            connection.commit()
        connection.rollback()
        with pytest.raises(InsufficientPrivilege):
            connection.execute("UPDATE intake.catalogue SET data = '{}'")


def test_a_row_that_is_not_its_events_counts_for_nothing_and_is_told(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.feed([operator(), tariff(), *session()])
    with psycopg.connect(engine.dsn) as connection, unguarded(connection, "intake.catalogue"):
        connection.execute(FORGED.format(event=OF_NO_EVENT).encode(), (terms(bank_account=THIEF),))
        connection.execute(
            "UPDATE intake.catalogue SET data = %s WHERE id <> 'forged' AND type = 'operator.registered'",
            (terms(bank_account=THIEF),),
        )
    with caplog.at_level(logging.ERROR):
        engine.advance("2026-03-04T00:00:00Z")
    assert [each["bank_account"]["iban"] for each in made(engine)] == [OWN]
    told = [record.getMessage() for record in caplog.records]
    assert ["its stored event counts, which says else" in each for each in told] == [True, False]
    assert "no stored event published it" in told[1]


def test_bank_files_pay_what_stored_events_say_whatever_the_read_model_does(engine: Engine, tmp_path: Path) -> None:
    engine.feed([operator(), tariff(), *session()])
    engine.advance("2026-03-03T12:00:00Z")
    catch_up(engine.dsn)
    with connect(engine.dsn, Role.PROJECTOR) as connection:
        connection.execute(
            "UPDATE projection.payout_row SET amount = amount * 100, bank_account = %s",
            (orjson.dumps(THIEF).decode(),),
        )
    content = bank_files(engine, tmp_path)
    assert OWN.encode() in content
    assert THIEF["iban"].encode() not in content
    assert b">10.89<" in content


@pytest.mark.parametrize(
    "change", ["status = 'IN_TRANSIT'", "status = 'IN_TRANSIT', payout_id = gen_random_uuid()::text"]
)
def test_no_bank_file_is_made_of_what_no_event_let_go(
    change: str, engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.feed([operator(payout_requires_approval=True), tariff(), *session()])
    engine.advance("2026-03-03T12:00:00Z")
    catch_up(engine.dsn)
    with connect(engine.dsn, Role.PROJECTOR) as connection:
        connection.execute(f"UPDATE projection.payout_row SET {change}".encode())
    assert bank_files(engine, tmp_path) == b""
    told = [record.getMessage() for record in caplog.records if "goes into no bank file" in record.getMessage()]
    assert len(told) == 1


def failed_runs(engine: Engine) -> list[str]:
    """What is told of runs that are not made."""
    findings = [
        orjson.loads(state)["finding"]
        for (state,) in engine.rows("SELECT state FROM event_store.stored_events WHERE topic = 'FindingOpened'")
    ]
    return [each["sentence"] for each in findings if each["kind"] == "RUNS_FAILED"]


# What the writer does to lines of OP-1, so that its next payout is more than it earned, or sooner.
ATTACKS = {
    "released without a capture": (
        "UPDATE intake.line SET released_at = effective_at, available_on = '2026-03-02' WHERE released_at IS NULL",
        "no stored event released it",
    ),
    "released sooner": (
        "UPDATE intake.line SET available_on = available_on - 1 WHERE operator_id = 'OP-1'",
        "no stored event released it",
    ),
    "copied": (
        (
            "INSERT INTO intake.line (entry_id, stream_id, share, operator_id, currency, amount, released_at, "
            "available_on, effective_at, kind) SELECT gen_random_uuid(), stream_id, share, operator_id, currency, "
            "amount, released_at, available_on, effective_at, kind FROM intake.line "
            "WHERE released_at IS NOT NULL AND amount > 0 AND operator_id = 'OP-1'"
        ),
        "no stored event booked it",
    ),
    "a debit that is paid by nobody": (
        "UPDATE intake.line SET payout_id = 'none' WHERE kind = 'J46'",
        "by its accounts to 20.78",
    ),
    "a debit that nothing released": (
        "UPDATE intake.line SET released_at = NULL WHERE kind = 'J46'",
        "payable from its own time on, and not released",
    ),
    "a debit for later": (
        "UPDATE intake.line SET available_on = '2027-01-01' WHERE kind = 'J46'",
        "and not from 2027-01-01",
    ),
    "a debit that is said to be free later": (
        "UPDATE intake.line SET free_from = '2027-01-01' WHERE kind = 'J46'",
        "no payout of it was rejected",
    ),
}


@pytest.fixture
def owed(engine: Engine) -> Engine:
    """Two operators that are owed a session each; of the first another was not captured, and 1.00 EUR was charged."""
    others = [
        each | {"data": each["data"] | {"operator_id": "OP-2", "tariff_id": "T-2"}} for each in session("S-3")[:1]
    ]
    engine.feed([operator(), operator("OP-2"), tariff(), tariff("OP-2", "T-2"), *session(), *session("S-2")[:4]])
    engine.feed([*others, *session("S-3")[1:], proposed(amount="1.00", direction="DEBIT"), approved()])
    return engine


def doubts(cursor: psycopg.Cursor[Any], until: str = "2026-03-03T12:00:00Z") -> dict[str, str]:
    """What is said of the lines that runs would pay by then."""
    known = KnownCatalogue()
    known.read(cursor)
    desks = lock_desks(cursor, sorted(known.catalogue.operators))
    return doubtful_lines(cursor, known.catalogue, {key: desk.lines for key, desk in desks.items()}, instant(until))


def test_lines_that_stored_events_do_not_give_are_found_before_they_are_paid(owed: Engine) -> None:
    with connect(owed.dsn, Role.WRITER) as connection, connection.cursor() as cursor:
        assert doubts(cursor) == {}
        connection.commit()
        for name, (statement, said) in ATTACKS.items():
            assert cursor.execute(statement.encode()).rowcount, name
            found = doubts(cursor)
            connection.rollback()
            assert list(found) == ["OP-1"], name
            assert said in found["OP-1"], name


# Of two equal sessions one was never captured; what the writer does to both leaves the sums as they were.
OF_SESSION = "stream_id IN (SELECT stream_id FROM intake.line WHERE kind = 'J01' AND amount = 605 AND {})"
CAPTURED, UNCAPTURED = (OF_SESSION.format(f"released_at IS {is_null} NULL") for is_null in ("NOT", ""))
SWAPS = {
    "released in place of another": (
        f"UPDATE intake.line SET available_on = '2026-06-01' WHERE {CAPTURED}",
        f"UPDATE intake.line SET released_at = effective_at, available_on = '2026-03-02' WHERE {UNCAPTURED}",
        "no stored event released it",
    ),
    "a debit that is hidden with what was not captured": (
        f"UPDATE intake.line SET payout_id = 'none' WHERE {UNCAPTURED}",
        "UPDATE intake.line SET payout_id = 'none' WHERE kind = 'J46'",
        "is kept as paid by payout none",
    ),
}


def test_what_leaves_all_sums_as_they_were_is_found_whatever_its_size(engine: Engine) -> None:
    large = [each for number in range(20) for each in session(f"L-{number}")]
    equal = [*session("A", register_wh=10_000)[:4], *session("B", register_wh=10_000)]
    engine.feed([operator(), tariff(), *large, *equal, proposed(amount="5.44", direction="DEBIT"), approved()])
    engine.clock.advance_sessions(instant("2026-03-03T12:00:00Z"))
    with connect(engine.dsn, Role.WRITER) as connection, connection.cursor() as cursor:
        assert doubts(cursor) == {}
        connection.commit()
        for name, (first, second, said) in SWAPS.items():
            assert [cursor.execute(each.encode()).rowcount > 0 for each in (first, second)] == [True, True], name
            found = doubts(cursor)
            connection.rollback()
            assert said in found.get("OP-1", ""), name
        for each in reversed(SWAPS["released in place of another"][:2]):
            cursor.execute(each.encode())
    with pytest.raises(RunsFailed, match="no stored event released it"):
        engine.advance("2026-03-03T12:00:00Z")
    assert made(engine) == []


def test_what_was_paid_before_its_release_moved_is_no_doubt(engine: Engine) -> None:
    """A correction from before the capture comes late: the share waits again, and the account is below its lines."""
    engine.feed([operator(), tariff(), *session()])
    engine.advance("2026-03-03T12:00:00Z")
    engine.feed([corrected("S-1", "2026-03-02T11:00:30Z", 30_000), proposed(amount="1.00"), approved()])
    engine.advance("2026-03-03T13:00:00Z")
    available = "SELECT sum(credits - debits)::int FROM book.balance WHERE account = '2010/OP-1'"
    assert engine.rows(available) == [(100 - 1089,)]
    with connect(engine.dsn, Role.WRITER) as connection, connection.cursor() as cursor:
        assert doubts(cursor, "2026-03-03T13:00:00Z") == {}
        cursor.execute(
            "UPDATE intake.line SET released_at = released_at - interval '1 h' WHERE payout_id IS NOT NULL"
        )
        assert "no stored event released it" in doubts(cursor, "2026-03-03T13:00:00Z").get("OP-1", "")


def test_nothing_is_paid_at_once_that_nobody_asked_for(owed: Engine, caplog: pytest.LogCaptureFixture) -> None:
    fee = {"percent": "1", "fixed": "0.00", "vat_percent": "0"}
    owed.feed([operator(changed=True, time="2026-03-01T01:00:00Z", instant_fee=fee)])
    with connect(owed.dsn, Role.WRITER) as connection:
        connection.execute(
            "INSERT INTO intake.instant_request (source, id, at, operator_id, currency, reason, requested_by) "
            "VALUES ('urn:test', 'R-1', '2026-03-02T14:00:00Z', 'OP-1', 'EUR', '', 'thief')"
        )
    owed.advance("2026-03-02T15:00:00Z")
    assert made(owed) == []
    assert [record.args for record in caplog.records if "paid at once" in record.msg] == [("OP-1", "R-1", "urn:test")]


def test_who_has_lines_that_no_event_gives_is_not_paid_and_everybody_else_is(owed: Engine) -> None:
    statement, said = ATTACKS["released without a capture"]
    with connect(owed.dsn, Role.WRITER) as connection:
        connection.execute(statement.encode())
    with pytest.raises(RunsFailed, match=said):
        owed.advance("2026-03-03T12:00:00Z")
    assert [(each["operator_id"], each["amount"]) for each in made(owed)] == [("OP-2", 1089)]
    assert [said in each for each in failed_runs(owed)] == [True]
    with psycopg.connect(owed.dsn) as connection:
        connection.execute(
            "UPDATE intake.line SET released_at = NULL, available_on = NULL WHERE stream_id IN (SELECT stream_id "
            "FROM intake.line EXCEPT SELECT originator_id FROM event_store.stored_events "
            "WHERE topic = 'ShareReleased') AND kind <> 'J46'"
        )
    owed.advance("2026-03-03T12:00:00Z")
    assert [(each["operator_id"], each["amount"]) for each in made(owed)] == [("OP-2", 1089), ("OP-1", 989)]
    assert verify(owed.dsn).passed


# What the writer has sent of a payout that waits for approval, or to another operator.
MISPLACED = {
    "INSERT INTO intake.outbox (topic, record_key, stream_id, version) SELECT 'settlement.batches', 'OP-1', "
    "originator_id, originator_version FROM event_store.stored_events WHERE topic = 'PayoutCreated'": "for approval",
    "UPDATE intake.outbox SET topic = 'settlement.batches'": "is sent to settlement.",
    "INSERT INTO intake.outbox (topic, record_key, stream_id, version) SELECT topic, 'OP-2', stream_id, version "
    "FROM intake.outbox WHERE topic = 'settlement.cdrs' LIMIT 1": "is of operator OP-1",
}


def test_nothing_leaves_by_the_outbox_that_its_event_does_not_say(engine: Engine) -> None:
    engine.feed([operator(payout_requires_approval=True), tariff(), *session()])
    engine.advance("2026-03-03T12:00:00Z")
    with connect(engine.dsn, Role.WRITER) as connection, connection.cursor() as cursor:
        before = {row.outbox_id for row in pending(cursor, 100)}
        assert all(all_outgoing(row) for row in pending(cursor, 100))
        connection.commit()
        for statement, said in MISPLACED.items():
            assert cursor.execute(statement.encode()).rowcount
            refused = [
                refusal(row) for row in pending(cursor, 100) if row.outbox_id not in before or "UPDATE" in statement
            ]
            connection.rollback()
            assert any(said in each for each in refused), refused


def refusal(row: PendingEvent | PendingLetter) -> str:
    """Why nothing is sent of a row of the outbox; "" where it is."""
    try:
        all_outgoing(row)
    except ContractError as error:
        return str(error)
    return ""
