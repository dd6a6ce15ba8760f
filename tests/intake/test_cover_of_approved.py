"""Where runs wait for client money, what people let go waits for it as well, is told, and goes when it is there."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import psycopg
import pytest

from domain.calendar import instant
from domain.payout.cover import CoverRule
from engine.cover import money_left
from tests.intake.test_approvals import SHARE, created, decided, network, payouts, refusals
from tests.intake.test_cover import settled
from tests.intake.test_far_ahead import notices
from tests.intake.test_holds_and_stops import switch
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

FIRST, SECOND = "2026-03-02T15:00:00Z", "2026-03-05T10:00:00Z"


@pytest.fixture(params=[False, True], ids=["live", "by event time"])
def stopping(database_url: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine whose payouts wait for cover."""
    engine = Engine(database_url, cover_rule=CoverRule.STOP, before_clock=request.param)
    yield engine
    engine.close()


def sound(engine: Engine) -> None:
    assert [finding for check in verify(engine.dsn).failed for finding in check.findings] == []
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        moments = [instant(f"2026-03-{day:02}T{hour:02}:00:00Z") for day in range(1, 12) for hour in range(24)]
        assert min(money_left(cursor, [("EUR", moment) for moment in moments]).values()) >= 0


def left(engine: Engine) -> list[str]:
    found = engine.rows("SELECT effective_at FROM book.entry WHERE kind = 'J35' ORDER BY effective_at")
    return [f"{at:%d %H:%M}" for (at,) in found]


def test_an_approved_payout_without_cover_waits_and_goes_when_money_is_there(stopping: Engine) -> None:
    stopping.feed(network())
    stopping.advance("2026-03-03T00:00:00Z")
    stopping.feed([decided("approved", created(stopping), "03 09:00")])
    stopping.advance("2026-03-03T10:00:00Z")
    assert payouts(stopping) == [("02", 1, "AWAITING_APPROVAL", SHARE)]
    (told,) = notices(stopping, "COVER_SHORT")
    assert told["sentence"].endswith("was approved and waits: client money is 10.89 EUR short")
    sound(stopping)
    stopping.advance("2026-03-04T10:00:00Z")
    stopping.feed([settled("S-1", SECOND)])
    stopping.advance("2026-03-05T12:00:00Z")
    assert payouts(stopping) == [("02", 1, "IN_TRANSIT", SHARE)]
    assert left(stopping) == ["05 12:00"]
    assert len(notices(stopping, "COVER_SHORT")) == len(notices(stopping, "COVER_SHORT_ENDED")) == 1
    sound(stopping)


def test_one_that_is_covered_goes_as_of_its_approval(stopping: Engine) -> None:
    stopping.feed([*network(), settled("S-1", FIRST)])
    stopping.advance("2026-03-03T00:00:00Z")
    stopping.feed([decided("approved", created(stopping), "03 09:00")])
    stopping.advance("2026-03-03T10:00:00Z")
    assert left(stopping) == ["03 09:00"]
    assert notices(stopping, "COVER_SHORT") == []
    sound(stopping)


def test_what_waits_for_money_can_still_be_rejected_or_held(stopping: Engine) -> None:
    stopping.feed(network())
    stopping.advance("2026-03-03T00:00:00Z")
    payout = created(stopping)
    stopping.feed([decided("approved", payout, "03 09:00")])
    stopping.advance("2026-03-03T10:00:00Z")
    stopping.feed([switch("operator.payouts_held", "03 11:00", "OP-1"), settled("S-1", "2026-03-03T12:00:00Z")])
    stopping.advance("2026-03-03T13:00:00Z")
    assert payouts(stopping) == [("02", 1, "AWAITING_APPROVAL", SHARE)]
    stopping.feed([decided("rejected", payout, "03 14:00", "a.keller")])
    stopping.advance("2026-03-03T15:00:00Z")
    assert payouts(stopping) == [("02", 1, "REJECTED", SHARE)]
    assert refusals(stopping) == []
    assert len(notices(stopping, "COVER_SHORT_ENDED")) == 1
    sound(stopping)


def told_of_two() -> Sequence[dict[str, Any]]:
    """Two operators whose payouts wait, and money for one of them at first."""
    other = operator("OP-2", time_zone="UTC", bank_account={"holder": "Two", "iban": "NL20INGB0001234567"})
    sessions = [
        each | {"data": each["data"] | {"operator_id": "OP-2", "tariff_id": "T-2"}} for each in session("S-2")[:1]
    ]
    return [*network(), other, tariff("OP-2", "T-2"), *sessions, *session("S-2")[1:], settled("S-1", FIRST)]


def test_a_run_does_not_spend_what_an_approved_payout_took_nor_the_other_way_round(stopping: Engine) -> None:
    stopping.feed(told_of_two())
    stopping.advance("2026-03-03T00:00:00Z")
    stopping.feed([decided("approved", created(stopping), "03 09:00")])
    stopping.advance("2026-03-04T00:00:00Z")
    # The run of the second came first: what the first was let go for is short until there is more.
    assert sorted((day, status) for day, _, status, _ in payouts(stopping)) == [
        ("02", "AWAITING_APPROVAL"),
        ("02", "IN_TRANSIT"),
    ]
    stopping.feed([settled("S-2", SECOND)])
    stopping.advance("2026-03-06T00:00:00Z")
    assert [status for _, _, status, _ in payouts(stopping)] == ["IN_TRANSIT"] * 2
    sound(stopping)


@pytest.mark.parametrize("seed", range(2))
def test_recorded_messages_alone_come_to_the_same(stores: Any, seed: int) -> None:
    ids = []
    with stores() as dsn:
        engine = Engine(dsn, cover_rule=CoverRule.STOP)
        told = [*network(), *session("S-3", "2026-03-03"), settled("S-1", "2026-03-04T12:00:00Z")]
        engine.feed(told)
        engine.advance("2026-03-03T00:00:00Z")
        said = [decided("approved", created(engine), "03 09:00")]
        engine.feed(said)
        engine.advance("2026-03-04T00:00:00Z")
        said.append(decided("approved", created(engine, "03"), "04 13:00", "a.keller"))
        engine.feed(said[1:])
        engine.advance("2026-03-08T00:00:00Z")
        ids = payouts(engine)
        sound(engine)
        engine.close()
    assert [status for _, _, status, _ in ids] == ["IN_TRANSIT", "AWAITING_APPROVAL"]
    everything = [*told, *said]
    Random(seed).shuffle(everything)
    with stores() as dsn:
        engine = Engine(dsn, cover_rule=CoverRule.STOP, before_clock=True)
        engine.feed(everything, batch=2)
        engine.advance("2026-03-08T00:00:00Z")
        assert payouts(engine) == ids
        sound(engine)
        engine.close()
