"""A clock beside others: what they have in hand it leaves to them, and waits for before a payout run may fire."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from engine.clock import Clock
from tests.support.engine import Engine
from tests.support.waiting import wait_until
from wattledger.demo.load import load

SESSIONS = 60
CDRS = "SELECT count(*) FROM event_store.stored_events WHERE topic = 'CdrIssued'"
SOMEBODY_WAITS = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@pytest.fixture
def engine(database_url: str) -> Any:
    """An engine that has taken in a few sessions, which the clock has not seen yet."""
    made = Engine(database_url)
    made.feed(value for _, _, value in load(SESSIONS, 6, operators=2))
    yield made
    made.close()


def a_month_later(engine: Engine) -> datetime:
    """When all there is about the sessions is due."""
    moment = engine.clock.event_time()
    assert moment is not None
    return moment + timedelta(days=30)


def due(engine: Engine) -> list[str]:
    return [row[0] for row in engine.rows("SELECT session_id FROM intake.session_head WHERE due_at IS NOT NULL")]


def test_a_share_leaves_out_what_another_process_has_in_hand(engine: Engine) -> None:
    held = sorted(due(engine))[:7]
    moment = a_month_later(engine)
    undisturbed = engine.clock.count_due(moment, 1_000)

    with psycopg.connect(engine.dsn) as other:
        other.execute("SELECT FROM intake.session_head WHERE session_id = ANY(%s) FOR UPDATE", (held,))
        engine.clock.advance_sessions(moment)
        left = engine.clock.count_due(moment, 1_000)

    assert 0 < left <= len(held) < undisturbed


def test_no_run_fires_before_sessions_that_another_process_holds_were_looked_at(engine: Engine) -> None:
    moment = a_month_later(engine)
    with psycopg.connect(engine.dsn) as other, ThreadPoolExecutor(1) as threads:
        other.execute(
            "SELECT FROM intake.session_head WHERE session_id = ANY(%s) FOR UPDATE", (sorted(due(engine))[:7],)
        )
        advancing = threads.submit(engine.clock.advance, moment)
        wait_until(lambda: engine.rows(SOMEBODY_WAITS) == [(1,)])
        assert engine.rows("SELECT count(*) FROM intake.run") == [(0,)]
        other.rollback()
        advancing.result(180)

    assert engine.clock.count_due(moment, 1_000) == 0
    assert engine.rows("SELECT count(*) > 0 FROM intake.run") == [(True,)]


def test_two_clocks_at_once_do_each_session_once(engine: Engine) -> None:
    moment = a_month_later(engine)
    clocks = [Clock(engine.dsn), Clock(engine.dsn)]
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(clock.advance_sessions, moment) for clock in clocks]:
            done.result(180)
    for clock in clocks:
        clock.close()

    assert engine.clock.count_due(moment, 1_000) == 0
    (issued,) = engine.rows(CDRS)[0]
    engine.clock.advance(moment)
    assert engine.rows(CDRS) == [(issued,)]
    assert issued > 0
