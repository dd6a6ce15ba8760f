"""Bank files of a live system: at once of what people let go, of a run once all of it is there, each once."""

from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import pytest

from ledger.database import Role, connect
from projections import live_handoff
from projections.handoff import file_of
from projections.live_handoff import QUIET_S, LiveHandOff, hand_off_forever
from projections.runner import catch_up
from tests.projections.builders import PLATFORM
from tests.support.aftermath import payout_id
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff
from tests.support.waiting import wait_until

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
PAYOUT = payout_id("OP-1", "2026-03-02")


class Watch:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def settled(engine: Engine, **terms: Any) -> tuple[LiveHandOff, Watch]:
    engine.feed([operator(**terms), tariff(), *session("S-1", "2026-03-02")])
    engine.advance("2026-03-03T06:00:00Z")
    catch_up(engine.dsn)
    watch = Watch()
    return LiveHandOff(engine.dsn, PLATFORM, watch), watch


def approve(engine: Engine) -> None:
    """Somebody lets the payout go, and the read models know it."""
    ((hash_,),) = engine.rows("SELECT content_hash FROM projection.payouts")
    data = {"payout_id": PAYOUT, "content_hash": hash_, "approved_at": "2026-03-03T09:00:00Z", "by": "anna"}
    engine.feed([event("payout.approved", PAYOUT, data["approved_at"], data)])
    catch_up(engine.dsn)


def has_file(engine: Engine) -> bool:
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        return file_of(cursor, PAYOUT) is not None


def test_a_payout_that_people_let_go_has_its_file_at_the_next_look(engine: Engine) -> None:
    hand_off, _ = settled(engine, payout_requires_approval=True)
    assert hand_off.look(NOW) == 0
    approve(engine)
    assert (hand_off.look(NOW), hand_off.look(NOW)) == (1, 0)
    assert has_file(engine)


def test_a_run_has_its_file_once_no_further_payout_of_it_has_come_for_a_while(engine: Engine) -> None:
    hand_off, watch = settled(engine)
    assert hand_off.look(NOW) == 0
    watch.now = QUIET_S - 1
    assert hand_off.look(NOW) == 0
    assert not has_file(engine)
    watch.now = QUIET_S
    assert (hand_off.look(NOW), hand_off.look(NOW)) == (1, 0)
    assert has_file(engine)


def test_who_moves_the_read_models_has_the_file_made_at_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_handoff, "LOOK_S", 600.0)
    settled(engine, payout_requires_approval=True)
    stop, woken = Event(), Event()
    thread = Thread(target=hand_off_forever, args=(engine.dsn, PLATFORM, stop, woken), name="hand-off")
    thread.start()
    try:
        approve(engine)
        woken.set()
        wait_until(lambda: has_file(engine))
    finally:
        stop.set()
        woken.set()
        thread.join()
