"""Every golden file goes the whole way into the store."""

import orjson

from contracts.messages import MESSAGE_TYPES
from tests.contracts.builders import inbound_golden
from tests.support.decisions import signed
from tests.support.engine import Engine


def test_every_golden_file_is_taken_in_and_kept_under_its_type(engine: Engine) -> None:
    engine.feed([signed(orjson.loads(golden.raw)) for golden in inbound_golden()])
    kept = engine.rows("SELECT topic FROM event_store.stored_events UNION SELECT type FROM intake.parked")
    items = {row.items.type for row in MESSAGE_TYPES.values() if row.items is not None}
    assert engine.tally() == (len(inbound_golden()), 0, 0, 0)
    assert {*MESSAGE_TYPES, *items} <= {topic for (topic,) in kept}
