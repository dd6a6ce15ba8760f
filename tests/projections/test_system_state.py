"""The state of the system is what the tables say, counted without reading what grows."""

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from domain.payout.events import PayoutStatus, PayoutStatusChanged, payout_stream
from ledger.database import Role, connect
from ledger.heartbeat import heartbeat
from ledger.verifications import record_verification
from projections.rebuild import rebuild
from projections.runner import catch_up
from projections.system_state import SystemState, system_state
from tests.projections.builders import Recorder, created, payout_key, session_history
from tests.support.engine import Engine
from tests.support.events import ended, operator, session, started, tariff
from tests.support.waiting import wait_until

# What is kept counted, and the query that counts it.
COUNTED = {
    "sessions": "SELECT state, count(*) FROM projection.sessions GROUP BY 1",
    "payouts": "SELECT status, count(*) FROM projection.payouts GROUP BY 1",
    "findings": "SELECT kind, count(*) FROM projection.findings GROUP BY 1",
    "open_items": "SELECT left(account, 4), count(*) FROM projection.open_items GROUP BY 1",
}
SUSPENDED = [started("S-3", tariff_id="NONE"), ended("S-3")]


def state_of(dsn: str) -> SystemState:
    with connect(dsn, Role.AUDITOR, autocommit=True) as connection:
        return system_state(connection)


def counted_now(dsn: str) -> dict[str, dict[str, int]]:
    with psycopg.connect(dsn) as connection:
        return {name: dict(connection.execute(query.encode()).fetchall()) for name, query in COUNTED.items()}


def kept_in(state: SystemState) -> dict[str, dict[str, int]]:
    return {name: dict(getattr(state, name)) for name in COUNTED}


@pytest.fixture
def settled(engine: Engine) -> Engine:
    """Three sessions, one captured and paid out, one without a tariff, and a record that is no message."""
    events: list[Any] = [
        operator(),
        tariff(),
        *session("S-1"),
        started("S-2"),
        ended("S-2"),
        *SUSPENDED,
        b"no message",
    ]
    engine.feed(events)
    engine.advance("2026-03-05T00:00:00Z")
    catch_up(engine.dsn)
    return engine


def test_what_is_counted_is_what_the_read_models_hold(settled: Engine) -> None:
    counted = counted_now(settled.dsn)
    assert counted["sessions"] == {"RATED": 2, "SUSPENSE": 1}
    assert counted["payouts"] == {"IN_TRANSIT": 1}
    assert counted["open_items"]
    state = state_of(settled.dsn)
    assert kept_in(state) == counted
    assert state.entries == settled.rows("SELECT count(*) FROM book.entry")[0][0] > 0
    assert state.events == settled.rows("SELECT max(notification_id) FROM event_store.stored_events")[0][0]
    assert state.outbox.count == settled.rows("SELECT count(*) FROM intake.outbox")[0][0] > 0
    assert state.dead_letters.count == 1
    assert state.tally.accepted == settled.tally()[0]


def test_counts_stay_true_through_changes_and_a_rebuild(recorder: Recorder, store: str) -> None:
    recorder.record_all(session_history("S-1") + session_history("S-2"))
    key = payout_key()
    recorder.record(payout_stream(key.payout_id), created(key))
    catch_up(store)
    assert kept_in(state_of(store)) == counted_now(store)
    changed = PayoutStatusChanged(key.payout_id, key.operator_id, PayoutStatus.PAID, datetime.now(UTC), None)
    recorder.record(payout_stream(key.payout_id), changed)
    recorder.record_all(session_history("S-3"))
    catch_up(store)
    assert dict(state_of(store).payouts) == {"PAID": 1}
    assert kept_in(state_of(store)) == counted_now(store)
    rebuild(store)
    assert kept_in(state_of(store)) == counted_now(store)
    with psycopg.connect(store) as connection:
        generations = connection.execute("SELECT count(DISTINCT generation) FROM projection.row_count").fetchone()
    assert generations == (1,)


def test_a_dead_letter_that_was_replayed_waits_no_more(settled: Engine) -> None:
    assert state_of(settled.dsn).dead_letters.at is not None
    with psycopg.connect(settled.dsn) as connection:
        connection.execute("UPDATE intake.deadletter SET replayed_at = now()")
    dead = state_of(settled.dsn).dead_letters
    assert (dead.count, dead.at) == (0, None)


def test_runs_are_told_by_their_moments(settled: Engine) -> None:
    (runs,) = state_of(settled.dsn).runs
    # Midnight in Amsterdam; the run of 4 March fired when 5 March began. All later ones are due, and the last counts.
    assert (runs.operator_id, runs.last_date) == ("OP-1", date(2026, 3, 4))
    assert runs.last_at == datetime(2026, 3, 4, 23, tzinfo=UTC)
    now = datetime.now(UTC)
    assert runs.next_at is not None
    assert timedelta() <= now - runs.next_at < timedelta(days=1, hours=1)
    settled.advance(now)
    (runs,) = state_of(settled.dsn).runs
    assert runs.last_at is not None
    assert runs.next_at is not None
    assert runs.last_at <= now < runs.next_at <= now + timedelta(days=1, hours=1)


def test_where_days_are_closed_that_are_not_over_yet_the_next_run_is_behind_them(settled: Engine) -> None:
    settled.advance("2062-05-01T12:00:00Z")
    (runs,) = state_of(settled.dsn).runs
    assert (runs.last_date, runs.next_at) == (date(2062, 4, 30), datetime(2062, 5, 1, 22, tzinfo=UTC))


@pytest.fixture
def alive(store: str) -> Iterator[str]:
    """A store on which a piece gives signs of life."""
    with heartbeat(store, "consume"):
        wait_until(lambda: bool(state_of(store).pieces) and state_of(store).rates is not None)
        yield store


def test_a_read_model_that_stands_still_is_told_by_events_and_seconds(alive: str, recorder: Recorder) -> None:
    assert {(each.events, each.seconds) for each in state_of(alive).projections} == {(0, 0.0)}
    recorder.record_all(session_history())
    behind = state_of(alive).projections[0]
    assert behind.events == 6
    assert behind.seconds is not None
    wait_until(lambda: (state_of(alive).projections[0].seconds or 0) > 3)
    catch_up(alive)
    assert {(each.events, each.seconds) for each in state_of(alive).projections} == {(0, 0.0)}


def test_rates_are_what_came_since_a_look_of_before(alive: str, recorder: Recorder) -> None:
    recorder.record_all(session_history())
    rates = state_of(alive).rates
    assert rates is not None
    assert rates.entries == state_of(alive).entries > 0


def test_a_piece_that_ends_in_order_is_gone_and_one_that_was_killed_is_not(store: str) -> None:
    with heartbeat(store, "project"):
        wait_until(lambda: [each.piece for each in state_of(store).pieces] == ["project"])
        first = state_of(store).pieces[0].beat_at
        wait_until(lambda: state_of(store).pieces[0].beat_at > first)
    wait_until(lambda: not state_of(store).pieces)
    with psycopg.connect(store) as connection:
        # Of a process that there cannot be.
        connection.execute(
            "INSERT INTO wattledger.heartbeat SELECT gen_random_uuid(), %s, 99999999, name, now(), now() "
            "FROM unnest(ARRAY['project', 'consume']) AS name",
            (socket.gethostname(),),
        )
    with heartbeat(store, "project"):
        wait_until(lambda: [each.pid for each in state_of(store).pieces if each.piece == "project"] != [99999999])
        assert [each.pid for each in state_of(store).pieces if each.piece == "consume"] == [99999999]


def test_a_database_that_is_away_holds_no_piece_up() -> None:
    began = threading.active_count()
    with heartbeat("postgresql://nobody@127.0.0.1:1/none", "consume"):
        pass
    wait_until(lambda: threading.active_count() <= began)


def test_the_latest_verification_is_told(store: str) -> None:
    assert state_of(store).verified is None
    assert record_verification(store, 1.5, passed=False, findings=3) is None
    assert record_verification(store, 2.5, passed=True, findings=0) is None
    # A standby can be verified too, and keeps no note of it.
    standby = make_conninfo(store, options="-c default_transaction_read_only=on")
    assert "read-only transaction" in (record_verification(standby, 3.5, passed=False, findings=1) or "")
    verified = state_of(store).verified
    assert verified is not None
    assert (verified.passed, verified.findings, verified.seconds) == (True, 0, 2.5)
