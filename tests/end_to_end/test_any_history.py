"""Invented histories with refunds, disputes, corrections, late tariffs, returns and roaming: any order, same result.

Without Kafka, so that many are tried: records go from a list to the intake, in batches of any size.
"""

import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from domain.book.findings import Finding
from domain.payout.cover import CoverRule
from ledger.events.codec import decode
from projections.export import export
from tests.conftest import Stores
from tests.end_to_end.comparing import MENDING_APART, difference
from tests.support.engine import Engine
from tests.support.histories import UNTIL, Event, disordered, history
from wattledger.settings import Settings
from wattledger.store import Store as EngineStore

EXAMPLES = int(os.environ.get("WATTLEDGER_TEST_HISTORIES", "20"))


def settled(
    stores: Stores,
    events: list[Event],
    batch: int,
    out: Path,
    cover_rule: CoverRule = CoverRule.WARN,
    *,
    before_clock: bool = False,
) -> tuple[Path, list[Finding]]:
    """The files of a store that took these messages in this order and then did what the clock drives.

    With what is open about operators. With `before_clock` no session is judged before the clock is moved.
    """
    with stores() as dsn:
        engine = Engine(dsn, cover_rule=cover_rule, before_clock=before_clock)
        try:
            engine.feed(events, batch)
            engine.advance(UNTIL)
            found = open_about_operators(engine)
        finally:
            engine.close()
        export(dsn, out, EngineStore(dsn, {}, Settings()).platform)
    return out, found


def open_about_operators(engine: Engine) -> list[Finding]:
    """What is found about operators and is not over, by operator and key."""
    found: dict[tuple[str, str], Finding] = {}
    query = "SELECT topic, state FROM event_store.stored_events WHERE topic ~ '^Finding' ORDER BY notification_id"
    for topic, state in engine.rows(query):
        change = decode(topic, state)
        if topic == "FindingOpened":
            found[change.stream, change.finding.key] = change.finding
        else:
            del found[change.stream, change.finding.key]
    return [finding for (stream, _), finding in sorted(found.items()) if stream.startswith("operator:")]


@pytest.mark.timeout(120 + 10 * EXAMPLES)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    order=st.integers(0, 2**32 - 1),
    sessions=st.integers(1, 14),
    batch=st.sampled_from((1, 3, 17, 100)),
    rule=st.sampled_from(CoverRule),
    before_clock=st.booleans(),
)
def test_any_order_with_duplicates_in_batches_of_any_size_gives_the_same_result(
    stores: Stores,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    order: int,
    sessions: int,
    batch: int,
    rule: CoverRule,
    before_clock: bool,
) -> None:
    events = history(Random(seed), sessions)
    note(f"{len(events)} events: seed {seed}, order {order}, {sessions} sessions, batches of {batch}, {rule}")
    folder = tmp_path_factory.mktemp("history")
    expected, open_in_order = settled(stores, events, 500, folder / "in-order", rule)
    shuffled = disordered(Random(order), events)
    found, still_open = settled(stores, shuffled, batch, folder / "disordered", rule, before_clock=before_clock)
    assert difference(expected, found, MENDING_APART) == ""
    assert still_open == open_in_order
