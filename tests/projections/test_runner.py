"""Projections follow the store: in sets, in step with their positions, each event once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from threading import Event
from typing import Any

import orjson
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from domain.book.standing import Booked, Retracted
from domain.fact import RecordedFact
from domain.payout.events import PayoutStatus, PayoutStatusChanged, payout_stream
from domain.session.assessment import SessionState
from domain.session.decisions import SessionAssessed
from domain.session.session import session_stream
from ledger.database import Role, connect, open_connection
from ledger.events.codec import encode
from ledger.events.store import StoredEvent, append
from projections import feed
from projections.errors import UnknownProjection
from projections.queries import OperatorBalance, operator_balances, payouts
from projections.registry import PROJECTIONS, tables_of
from projections.runner import advance_live, catch_up
from tests.projections.builders import (
    IBAN_ACCOUNT,
    NOON,
    Recorder,
    assessed,
    created,
    credited,
    issued,
    payout_history,
    rated_booking,
    session_history,
)
from tests.projections.following import following

TABLES = tuple(PROJECTIONS)


def catch_up_all(database: str | Connection[TupleRow]) -> dict[str, int]:
    """Those too that are brought up to date on demand."""
    return catch_up(database, sorted(PROJECTIONS))


def everything(connection: Connection[TupleRow]) -> dict[str, list[str]]:
    """The rows of every view as text, sorted."""
    return {
        table: sorted(row[0] for row in connection.execute(f"SELECT shown::text FROM projection.{table} AS shown"))
        for table in TABLES
    }


def rows(connection: Connection[TupleRow], query: str) -> list[dict[str, Any]]:
    """The rows of a query as dicts."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


def positions(connection: Connection[TupleRow]) -> dict[str, int]:
    """Where each live projection stands."""
    return dict(connection.execute("SELECT name, position FROM projection.generation WHERE live").fetchall())


@contextmanager
def small_sets(monkeypatch: pytest.MonkeyPatch, size: int) -> Iterator[None]:
    """Sets of a few events, so that a short history takes many."""
    with monkeypatch.context() as patched:
        patched.setattr(feed, "EVENTS_MAX", size)
        yield


def test_an_empty_store_is_followed_to_its_end_at_once(store: str) -> None:
    assert catch_up_all(store) == dict.fromkeys(PROJECTIONS, 0)


def test_a_session_shows_its_last_outcome(recorder: Recorder, projector: Connection[TupleRow]) -> None:
    recorder.record(
        session_stream("S-1"), SessionAssessed("S-1", "OP-1", SessionState.OPEN, "NO_END"), assessed("S-1")
    )
    recorder.record(session_stream("S-2"), SessionAssessed("S-2", "OP-1", SessionState.SUSPENSE, "NO_TARIFF"))
    catch_up_all(projector)
    first, second = rows(projector, "SELECT * FROM projection.sessions ORDER BY session_id")
    assert first == {
        "session_id": "S-1",
        "operator_id": "OP-1",
        "state": "RATED",
        "reason": "",
        "energy_wh": Decimal("14320.5"),
        "currency": "EUR",
        "net": 1000,
        "vat": 200,
        "gross": 1200,
        "commission": 100,
        "commission_vat": 19,
        "operator_share": 1081,
        "shortfall": 0,
        "evse_uid": None,
        "metered": None,
        "partner": None,
        "tariff_hash": None,
    }
    assert (second["state"], second["reason"], second["gross"]) == ("SUSPENSE", "NO_TARIFF", None)
    recorder.record(session_stream("S-2"), assessed("S-2", gross=600))
    catch_up_all(projector)
    assert [row["gross"] for row in rows(projector, "SELECT gross FROM projection.sessions ORDER BY session_id")] == [
        1200,
        600,
    ]


def test_a_balance_walks_from_pending_to_paid_out(recorder: Recorder, projector: Connection[TupleRow]) -> None:
    cursor = projector.cursor()
    history = session_history()
    recorder.record_all(history[:3])
    catch_up_all(projector)
    assert operator_balances(cursor) == [OperatorBalance("OP-1", "EUR", 1081, 0, 0, 0, 0, 0, 0)]
    recorder.record_all(history[3:])
    catch_up_all(projector)
    assert operator_balances(cursor) == [OperatorBalance("OP-1", "EUR", 0, 1081, 0, 0, 0, 0, 0)]
    recorder.record_all(payout_history()[:2])
    catch_up_all(projector)
    assert operator_balances(cursor) == [OperatorBalance("OP-1", "EUR", 0, 0, 0, 0, 1081, 0, 0)]
    recorder.versions[payout_stream(created().payout_id)] = 2
    recorder.record_all(payout_history()[2:])
    catch_up_all(projector)
    assert operator_balances(cursor, "OP-1") == [OperatorBalance("OP-1", "EUR", 0, 0, 0, 0, 0, 0, 1081)]
    assert operator_balances(cursor, "OP-2") == []


def test_an_operator_whose_only_booking_was_taken_back_is_not_listed(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    booking = rated_booking()
    recorder.record(session_stream("S-1"), Booked(booking, 1), Retracted(booking, 1))
    catch_up_all(projector)
    assert operator_balances(projector.cursor()) == []


def test_cdrs_keep_their_documents_to_the_digit(recorder: Recorder, projector: Connection[TupleRow]) -> None:
    document = {"id": "CDR-S-1-1", "price": Decimal("0.00000010"), "total": Decimal("12345678901234567.89")}
    cdr = issued()
    object.__setattr__(cdr, "document", document)
    recorder.record(session_stream("S-1"), cdr, credited())
    catch_up_all(projector)
    shown = rows(projector, "SELECT cdr_id, credit, document::text AS text FROM projection.cdrs ORDER BY credit")
    assert [(row["cdr_id"], row["credit"]) for row in shown] == [("CDR-S-1-1", False), ("CDR-S-1-1-C", True)]
    assert shown[0]["text"] == '{"id":"CDR-S-1-1","price":0.0000001,"total":12345678901234567.89}'


def test_a_payout_shows_what_it_pays_and_what_the_bank_said(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    made = created()
    stream = payout_stream(made.payout_id)
    recorder.record(stream, made, PayoutStatusChanged(made.payout_id, "OP-1", PayoutStatus.FAILED, NOON, "AC04"))
    catch_up_all(projector)
    (row,) = payouts(projector.cursor())
    assert (row.payout_id, row.batch_id, row.amount, row.entries) == (made.payout_id, made.batch_id, 1081, 2)
    assert (row.status, row.status_at, row.reason, row.fired_at) == (PayoutStatus.FAILED, NOON, "AC04", made.fired_at)
    (stored,) = rows(projector, "SELECT bank_account, entry_ids::text[] AS entry_ids FROM projection.payouts")
    assert stored == {"bank_account": IBAN_ACCOUNT, "entry_ids": sorted(made.entry_ids)}


def test_the_size_of_the_sets_changes_nothing(
    recorder: Recorder, projector: Connection[TupleRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        recorder.record_all(session_history(f"S-{number}", f"OP-{number % 2}", 1200 + number))
    recorder.record_all(payout_history())
    catch_up_all(projector)
    at_once = everything(projector)
    for table in (table for name in PROJECTIONS for table in tables_of(name)):
        projector.execute(f"DELETE FROM projection.{table}".encode())
    projector.execute("UPDATE projection.generation SET position = 0")
    with small_sets(monkeypatch, 3):
        catch_up_all(projector)
    assert everything(projector) == at_once


def test_events_that_no_projection_wants_move_the_position(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    fact = RecordedFact("charging.charger.profile_answered", "gw", "1", NOON, {"command_id": "C-1"})
    recorder.record(session_stream("S-1"), fact, fact)
    catch_up_all(projector)
    assert set(positions(projector).values()) == {2}


def test_a_projection_that_was_left_behind_joins_the_others(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    recorder.record_all(session_history("S-1"))
    assert catch_up(projector, ["sessions"]) == {"sessions": 6}
    assert positions(projector)["operator_balances"] == 0
    recorder.record_all(session_history("S-2"))
    assert set(catch_up_all(projector).values()) == {12}
    assert [balance.available for balance in operator_balances(projector.cursor())] == [2 * 1081]


def test_a_crash_leaves_rows_and_position_together(
    store: str, recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    recorder.record_all(session_history("S-1"))
    catch_up_all(projector)
    before, stood_at = everything(projector), positions(projector)
    recorder.record_all(session_history("S-2"))
    doomed = open_connection(store, Role.PROJECTOR)
    with doomed.transaction(force_rollback=True):
        assert set(advance_live(doomed, sorted(TABLES)).values()) == {12}
        assert everything(doomed) != before
        # The process ends here: its connection goes, and with it what was not committed.
        doomed.close()
    assert (everything(projector), positions(projector)) == (before, stood_at)
    catch_up_all(projector)
    assert [balance.available for balance in operator_balances(projector.cursor())] == [2 * 1081]


def test_two_runners_at_once_apply_each_event_once(
    store: str, recorder: Recorder, projector: Connection[TupleRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        recorder.record_all(session_history(f"S-{number}"))
    with small_sets(monkeypatch, 5), ThreadPoolExecutor(3) as runners:
        reached = list(runners.map(lambda _: catch_up_all(store), range(3)))
    assert all(set(each.values()) == {180} for each in reached)
    assert [balance.available for balance in operator_balances(projector.cursor())] == [30 * 1081]


def test_a_runner_waits_for_the_one_that_holds_the_position(
    store: str, recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    recorder.record_all(session_history())
    with connect(store, Role.PROJECTOR) as holder, holder.transaction():
        advance_live(holder, ["sessions"])
        projector.execute("SET lock_timeout = '50ms'")
        with pytest.raises(Exception, match="lock timeout"):
            advance_live(projector, ["sessions"])


def test_an_unknown_projection_is_named_with_those_there_are(store: str) -> None:
    with pytest.raises(UnknownProjection, match=r"no projection sesions: choose among .*sessions"):
        catch_up(store, ["sesions"])


def test_a_projection_that_no_migration_began_is_named_and_not_waited_for(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROJECTIONS, "sesions", PROJECTIONS["sessions"])
    with pytest.raises(UnknownProjection, match=r"no generation of projection sesions: insert its first one"):
        catch_up_all(store)


def test_a_follower_keeps_up_until_it_is_stopped(store: str, recorder: Recorder) -> None:
    arrived = Event()

    def reached(moved: dict[str, int]) -> None:
        if min(moved.values()) == 12:
            arrived.set()

    with following(store, reached=reached):
        recorder.record_all(session_history("S-1"))
        recorder.record_all(session_history("S-2"))
        assert arrived.wait(180)


def test_a_follower_outlives_the_loss_of_its_connection(store: str, recorder: Recorder) -> None:
    started, arrived = Event(), Event()

    def reached(moved: dict[str, int]) -> None:
        started.set()
        if min(moved.values()) == 6:
            arrived.set()

    with following(store, reached=reached):
        assert started.wait(180)
        with connect(store, Role.PROJECTOR, autocommit=True) as administrator:
            administrator.execute("SET ROLE NONE")
            mine = [administrator.info.backend_pid, recorder.connection.info.backend_pid]
            administrator.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> ALL(%s)",
                (mine,),
            )
        recorder.record_all(session_history("S-1"))
        assert arrived.wait(180)


def test_an_outcome_from_before_the_meter_was_told_counts_what_was_billed(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    topic, state = encode(assessed("S-1"))
    body = orjson.loads(state)
    del body["metered"]
    with recorder.connection.transaction(), recorder.connection.cursor() as cursor:
        append(cursor, [StoredEvent(session_stream("S-1"), 1, topic, orjson.dumps(body))])
    catch_up_all(projector)
    (row,) = rows(projector, "SELECT metered, energy_wh::text FROM projection.sessions")
    assert row == {"metered": [[None, "14320.5"]], "energy_wh": "14320.5"}
