"""Clocks that are wrong: an event far ahead of the wall clock is taken in and told, and moves event time nowhere."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from consumers.outgoing import outgoing
from contracts.outgoing import OUTBOUND_MODEL_OF
from domain.calendar import instant, utc_text
from engine.intake import Intake
from ledger.database import Role, connect
from ledger.intake.outbox import PendingEvent, pending
from ledger.intake.positions import totals
from projections.schema import migrate
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff

LAST = instant("2026-03-02T11:01:00Z")
NETWORK = [operator(), tariff(), *session()]


def status(time: str, source: str = "urn:test", evse_uid: str = "EVSE-9") -> dict[str, Any]:
    """A charger's status, by a gateway's clock."""
    data = {"operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": evse_uid, "status": "AVAILABLE", "at": time}
    return event("charging.charger.status_changed", evse_uid, time, data, f"{source}:{time}") | {"source": source}


def ahead(engine: Engine) -> int:
    """How many events were far ahead when they came."""
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        return totals(cursor).ahead


def notices(engine: Engine, kind: str) -> list[dict[str, Any]]:
    """What people are told of a kind, as it leaves."""
    with connect(engine.dsn, Role.WRITER) as connection, connection.cursor() as cursor:
        rows = [row for row in pending(cursor, 10_000) if isinstance(row, PendingEvent)]
    sent = [json.loads(outgoing(row).value or b"") for row in rows if row.topic == "settlement.notifications"]
    for each in sent:
        OUTBOUND_MODEL_OF[each["type"]].model_validate(each)
    return [each["data"] for each in sent if each["data"]["kind"] == kind]


def test_a_gateway_in_another_century_moves_event_time_nowhere_and_is_told_once(engine: Engine) -> None:
    engine.feed([*NETWORK, status("2062-05-01T00:00:00Z"), status("2063-05-01T00:00:00Z")])
    engine.feed([status("2064-05-01T00:00:00Z"), status("2062-05-01T00:00:00Z", "urn:other")])
    assert engine.clock.event_time() == LAST
    assert ahead(engine) == 4
    assert engine.tally() == (len(NETWORK) + 4, 0, 0, 0)
    told = notices(engine, "SOURCE_AHEAD")
    assert [(each["subject"], each["operator_id"]) for each in told] == [("urn:test", "OP-1"), ("urn:other", "OP-1")]
    assert "2062-05-01T00:00:00Z" in told[0]["sentence"]
    assert verify(engine.dsn).passed


def test_what_comes_again_is_counted_once(engine: Engine) -> None:
    engine.feed([status("2062-05-01T00:00:00Z")] * 2)
    engine.feed([status("2062-05-01T00:00:00Z")])
    assert (ahead(engine), engine.tally()) == (1, (1, 2, 0, 0))
    assert engine.clock.event_time() is None


def test_an_event_that_is_thirty_hours_ahead_counts_in_seven_hours(engine: Engine) -> None:
    now = datetime.now(UTC)
    engine.feed([*NETWORK, status(utc_text(now + timedelta(hours=30)))])
    assert engine.clock.event_time(now) == LAST
    assert engine.clock.event_time(now + timedelta(hours=5)) == LAST
    assert engine.clock.event_time(now + timedelta(hours=7)) == now + timedelta(hours=30)


@pytest.mark.parametrize("batch", [1, 500])
def test_of_several_that_are_ahead_the_last_that_is_near_counts(engine: Engine, batch: int) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    hours = (48, 20, 26, 72, 30)
    engine.feed([status(utc_text(now + timedelta(hours=hour))) for hour in hours], batch)
    later = {hour: engine.clock.event_time(now + timedelta(hours=hour)) for hour in (0, 3, 12, 24, 100)}
    assert later == {
        passed: now + timedelta(hours=hour) for passed, hour in ((0, 20), (3, 26), (12, 30), (24, 48), (100, 72))
    }


def test_the_clock_of_the_machine_that_takes_them_in_decides(engine: Engine) -> None:
    """One day and a second ahead is far, one day is not."""
    now = instant("2026-03-02T12:00:00Z")
    engine.intake.close()
    engine.intake = Intake(engine.dsn, clock=lambda: now)
    engine.epochs = {key: claim.epoch for key, claim in engine.intake.claim(list(engine.epochs)).items()}
    engine.feed([*NETWORK, status("2026-03-03T12:00:00Z")])
    assert (ahead(engine), engine.clock.event_time(now)) == (0, now + timedelta(days=1))
    engine.feed([status("2026-03-03T12:00:01Z")])
    assert (ahead(engine), engine.clock.event_time(now)) == (1, now + timedelta(days=1))
    (told,) = notices(engine, "SOURCE_AHEAD")
    assert "more than 24 hours ahead of 2026-03-02T12:00:00Z" in told["sentence"]


def test_a_store_that_is_ahead_already_goes_back_to_the_greatest_time_that_is_not(engine: Engine) -> None:
    """Migration 140 on what the version before it left: one event time a partition, whatever it was."""
    engine.feed([*NETWORK, status("2062-05-01T00:00:00Z"), status(utc_text(datetime.now(UTC) + timedelta(hours=20)))])
    engine.feed([status("2061-01-01T00:00:00Z")])
    before = engine.clock.event_time()
    with psycopg.connect(engine.dsn) as connection:
        # A view of a later migration looks at it; nothing here does at the view.
        connection.execute("DROP VIEW surface.event_times")
        connection.execute("DROP TABLE intake.ahead")
        connection.execute("ALTER TABLE intake.tally DROP COLUMN ahead")
        connection.execute("UPDATE intake.position SET event_time = '2062-05-01T00:00:00Z'")
        connection.execute("DELETE FROM wattledger.migration WHERE number = 140")
    migrate(engine.dsn)
    assert engine.clock.event_time() == before
    assert engine.rows("SELECT event_time FROM intake.ahead ORDER BY 1") == [
        (instant("2061-01-01T00:00:00Z"),),
        (instant("2062-05-01T00:00:00Z"),),
    ]
