"""The process that queues notices: killed while it writes them, the next one queues the rest, and nothing twice."""

import signal
from functools import partial
from pathlib import Path

from ledger.login import surface_login
from projections.freshness import ON_DEMAND
from projections.runner import catch_up
from tests.end_to_end.running import Home
from tests.notices.test_feed import status, subscribed
from tests.support.engine import Engine
from tests.support.events import operator
from tests.support.examples import examples
from tests.support.waiting import wait_until

# As often it is killed, while so many chargers go down between two kills.
KILLS, MANY = examples(1), 400

_WRITING = "SELECT count(*) FROM pg_locks WHERE relation = 'access.notice'::regclass AND mode = 'RowExclusiveLock'"


def queued(engine: Engine) -> int:
    """How many notices there are."""
    return int(engine.rows("SELECT count(*) FROM access.notice")[0][0])


def is_writing(engine: Engine, before: int) -> bool:
    """Whether somebody queues notices, or has just done so."""
    return bool(engine.rows(_WRITING)[0][0]) or queued(engine) > before


def go_down(engine: Engine, round_: int) -> None:
    """So many more chargers are down, and the read models know of it."""
    engine.feed([status("INOPERATIVE", "2026-03-05T12:00:00Z", f"EVSE-{round_}-{number}") for number in range(MANY)])
    catch_up(engine.dsn)
    catch_up(engine.dsn, ON_DEMAND)


def test_whenever_one_is_killed_each_notice_is_queued_once(engine: Engine, tmp_path: Path) -> None:
    home = Home(tmp_path, DATABASE_URL=surface_login(engine.dsn, tmp_path))
    engine.feed([operator(), subscribed("OP-1", "charger.down", channel="MAIL", target="desk@example.org")])
    for round_ in range(KILLS):
        go_down(engine, round_)
        before = queued(engine)
        process = home.start("webhooks", "run")
        try:
            wait_until(partial(is_writing, engine, before))
        finally:
            process.kill()
            process.wait()
    go_down(engine, KILLS)
    last = home.start("webhooks", "run")
    wait_until(lambda: queued(engine) >= (KILLS + 1) * MANY)
    last.send_signal(signal.SIGTERM)
    assert last.wait(180) == 0, home.log.read_text()
    found = engine.rows("SELECT count(*), count(DISTINCT cause), count(DISTINCT id) FROM access.notice")
    assert found == [((KILLS + 1) * MANY,) * 3]
    assert engine.rows("SELECT count(*) FROM access.notice_delivery") == [((KILLS + 1) * MANY,)]
