"""A store of before: references by payment id alone, lines of settlements without what they settle."""

import psycopg
import pytest

from projections.schema import migrate
from tests.audit.forgery import unguarded
from tests.intake.test_settlements import CATALOGUE, DAY_AFTER, LATE, is_released, line, open_findings, settled
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import captured, session

# What the version before wrote: no provider in references, no gross in lines, and none of the later tables.
_AS_BEFORE = """
DELETE FROM wattledger.migration WHERE number = 122;
DROP TABLE intake.receipt_to_look_at, intake.shared_payment;
ALTER TABLE intake.parked DROP COLUMN settlement;
UPDATE intake.reference SET ref = split_part(ref, E'\\t', 2) WHERE kind = 'payment';
UPDATE intake.parked SET ref = split_part(ref, E'\\t', 2),
    data = convert_to((convert_from(data, 'UTF8')::jsonb - 'gross')::text, 'UTF8');
UPDATE event_store.stored_events
SET state = convert_to((convert_from(state, 'UTF8')::jsonb #- '{data,gross}')::text, 'UTF8')
WHERE topic = 'payment.settled.item'
"""


def brought_up_to_date(engine: Engine) -> Engine:
    """The engine on the same store as the version before left it, after its migrations."""
    engine.close()
    with psycopg.connect(engine.dsn) as connection, unguarded(connection, "event_store.stored_events"):
        connection.execute(_AS_BEFORE)
    migrate(engine.dsn)
    return Engine(engine.dsn)


@pytest.mark.parametrize("paid", ["before", "after", "parked"])
def test_what_was_captured_and_settled_before_and_after_fits(engine: Engine, paid: str) -> None:
    settlement, capture = settled("11.80", line("P-S-1")), session("S-1")
    engine.feed([*CATALOGUE, *(capture if paid != "parked" else capture[:-1])])
    if paid != "after":
        engine.feed([settlement])
    today = brought_up_to_date(engine)
    if paid == "after":
        today.feed([settlement])
    if paid == "parked":
        today.feed(capture[-1:])
    today.advance("2026-03-03T12:00:00Z")
    assert is_released(today)
    assert "1110/acme-psp EUR" not in today.balances()
    assert open_findings(today) == []
    assert verify(today.dsn).passed
    today.close()


def test_sessions_that_shared_a_payment_before_are_told_of_each_other(engine: Engine) -> None:
    first = captured("S-1", payment_id="P")
    second = captured("S-2", "2026-03-02T11:02:00Z", payment_id="P")
    engine.feed([*CATALOGUE, *session("S-1")[:-1], *session("S-2")[:-1], first, second])
    today = brought_up_to_date(engine)
    today.feed([settled("23.90", line("P", "24.20", "0.30"), at=DAY_AFTER)])
    today.advance(LATE)
    assert today.balances()["5010 EUR"] == 30
    assert "1110/acme-psp EUR" not in today.balances()
    assert verify(today.dsn).passed
    today.close()
