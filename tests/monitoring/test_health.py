"""When a piece says that it lives and that it is ready."""

import re

import psycopg
import pytest

from ledger.database import Role
from ledger.errors import MachineryFault
from projections.state_watch import Known, StateWatch
from tests.support.engine import Engine
from tests.support.events import operator
from tests.support.library import login
from wattledger.monitoring.health import liveness, readiness
from wattledger.monitoring.sampling import Sample


def known(engine: Engine) -> Sample[Known]:
    """What is read of a store."""
    watch = StateWatch(engine.dsn)
    try:
        return Sample(watch.read())
    finally:
        watch.close()


def look(engine: Engine, seconds_ago: int) -> None:
    """A piece has looked so many seconds ago how far the store was."""
    with psycopg.connect(engine.dsn) as connection:
        connection.execute(
            "INSERT INTO wattledger.sample (at, position, taken, entries) SELECT now() - make_interval(secs => %s), "
            "coalesce(max(notification_id), 0), 0, 0 FROM event_store.stored_events",
            (seconds_ago,),
        )


def test_who_moves_lives(engine: Engine) -> None:
    assert liveness({"intake": 0.2}, None) == (True, "alive")
    assert liveness({"intake": 60.0}, known(engine)) == (True, "alive")


def test_a_loop_that_stands_still_for_more_than_a_minute_is_dead_unless_it_waits_for_the_database(
    engine: Engine,
) -> None:
    ages = {"projections": 61.0, "relay": 0.1}
    lives, sentence = liveness(ages, known(engine))
    assert not lives
    assert sentence.startswith("stands still: projections for 61 s; ")
    assert liveness(ages, Sample(None, "the database does not answer"))[0]
    assert liveness(ages, None)[0]


def test_who_has_no_store_yet_is_not_ready() -> None:
    assert readiness(None, None) == (False, "starting: the store is not open yet")


def test_read_models_may_be_a_minute_behind_and_no_more(engine: Engine) -> None:
    engine.feed([operator()])
    look(engine, 50)
    assert readiness(known(engine), None) == (True, "ready")
    look(engine, 70)
    ready, sentence = readiness(known(engine), None)
    assert not ready
    assert re.search(r"read model cdrs is 7\d s behind; is `wattledger project` running\?", sentence)


def test_every_reason_is_said(engine: Engine) -> None:
    away: Sample[object] = Sample(None, "Kafka does not answer (refused); check its address")
    assert readiness(known(engine), away) == (False, away.fault)
    gone: Sample[Known] = Sample(None, "the database does not answer: refused")
    assert readiness(gone, away) == (False, f"{gone.fault}; {away.fault}")


def test_a_connection_that_broke_is_made_anew_and_operators_are_known_as_before(engine: Engine) -> None:
    sessions = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    engine.feed([operator()])
    others = [pid for (pid,) in engine.rows(sessions)]
    watch = StateWatch(engine.dsn)
    assert [each.operator_id for each in watch.read().state.runs] == ["OP-1"]
    engine.rows(f"SELECT pg_terminate_backend(pid, 60000) FROM ({sessions}) AS found WHERE pid <> ALL(%s)", others)
    with pytest.raises(MachineryFault, match="the database does not answer"):
        watch.read()
    assert [each.operator_id for each in watch.read().state.runs] == ["OP-1"]
    watch.close()


def test_the_login_of_a_piece_may_read_all_of_it(engine: Engine) -> None:
    engine.feed([operator()])
    with login(engine.dsn, Role.WRITER) as dsn:
        watch = StateWatch(dsn)
        assert watch.read().state.events == 1
        watch.close()
