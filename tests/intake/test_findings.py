"""Findings end to end: stored in the stream, told once, the same in any order, warm or replayed."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from consumers.outgoing import outgoing
from contracts.outgoing import OUTBOUND_MODEL_OF
from ledger.events.codec import decode
from ledger.intake.outbox import PendingEvent, pending
from tests.support.aftermath import payout_id
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import captured, ended, event, money, operator, started, tariff

KIND = "REFUND_WITHOUT_CAPTURE"
CATALOGUE = [operator(), tariff()]


def refunded(refund_id: str = "R-1", payment_id: str = "P-S-1", at: str = "2026-03-03T10:00:00Z") -> dict[str, Any]:
    data = {
        "refund_id": refund_id,
        "payment_id": payment_id,
        "session_id": "S-1",
        "amount": money("4.00"),
        "refunded_at": at,
        "borne_by": "OPERATOR",
    }
    return event("payment.refunded", "S-1", at, data, f"refund {refund_id}")


def notices(engine: Engine) -> list[dict[str, Any]]:
    """What goes out about findings, checked against its contract."""
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        rows = [row for row in pending(cursor, 100) if isinstance(row, PendingEvent)]
    events = [json.loads(outgoing(row).value or b"") for row in rows if row.event_topic.startswith("Finding")]
    for each in events:
        OUTBOUND_MODEL_OF[each["type"]].model_validate(each)
    return events


def still_open(engine: Engine) -> list[tuple[str, str]]:
    """Stream and key of what is open by the stored decisions, but for what is found about operators."""
    found: dict[tuple[str, str], bool] = {}
    for topic, state in engine.rows(
        "SELECT topic, state FROM event_store.stored_events WHERE topic IN ('FindingOpened', 'FindingEnded') "
        "ORDER BY notification_id"
    ):
        change = decode(topic, state)
        found[change.stream, change.finding.key] = topic == "FindingOpened"
    return sorted(key for key, is_open in found.items() if is_open and not key[0].startswith("operator:"))


def test_it_is_told_once_when_it_opens_and_once_when_it_ends(engine: Engine) -> None:
    engine.feed([*CATALOGUE, refunded()])
    engine.feed([started()])
    engine.feed([ended()])
    (opened,) = notices(engine)
    assert (opened["data"]["kind"], opened["subject"], opened["time"]) == (KIND, "P-S-1", "2026-03-03T10:00:00Z")
    assert opened["data"]["sentence"] == "refund R-1 is of payment P-S-1, of which session S-1 has no capture"
    engine.feed([captured()])
    _, over = notices(engine)
    # The fact that ended it is the capture.
    assert (over["data"]["kind"], over["subject"], over["time"]) == (f"{KIND}_ENDED", "P-S-1", captured()["time"])
    assert over["data"]["operator_id"] == "OP-1"
    assert still_open(engine) == []
    assert verify(engine.dsn).passed


@pytest.mark.parametrize("kept", [True, False], ids=["warm", "replayed"])
def test_a_session_that_is_loaded_again_tells_nothing_twice(engine: Engine, kept: bool) -> None:
    for step in ([*CATALOGUE, refunded()], [started()], [ended()], [refunded("R-2", "P-2")]):
        reader = engine if kept else Engine(engine.dsn)
        reader.feed(step)
        if not kept:
            reader.close()
    assert [notice["data"]["kind"] for notice in notices(engine)] == [KIND, KIND]
    assert still_open(engine) == [("session:S-1", f"refund:urn:test:refund {name}") for name in ("R-1", "R-2")]


TOLD = [refunded(), started(), ended(), captured(payment_id="P-2"), refunded("R-2", "P-2")]


@pytest.mark.parametrize("order", list(itertools.islice(itertools.permutations(TOLD), 0, 120, 23)))
def test_the_same_is_open_in_every_order_of_arrival(engine: Engine, order: Sequence[dict[str, Any]]) -> None:
    engine.feed(CATALOGUE)
    for each in order:
        engine.feed([each])
    engine.advance("2026-03-20T00:00:00Z")
    unanswered = (f"payout:{payout_id('OP-1', '2026-03-02')}", "unanswered")
    assert still_open(engine) == [unanswered, ("session:S-1", "refund:urn:test:refund R-1")]
    assert [notice["data"]["kind"] for notice in notices(engine)].count(KIND) >= 1
    assert verify(engine.dsn).passed
