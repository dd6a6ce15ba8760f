"""Who may write to one topic says nothing that belongs on another: a type counts on its own topic alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import psycopg

from contracts.messages import INBOUND_TOPICS, TOPIC_OF
from engine.intake import Intake
from engine.ports import Record
from engine.working_set import WorkingSet
from tests.support.decisions import KEYRING, signed

_GOLDEN = Path(__file__).parents[2] / "contracts" / "golden"
EVENTS = [signed(orjson.loads(next((_GOLDEN / type_).glob("v1*.json")).read_bytes())) for type_ in TOPIC_OF]


def on(topic: str, events: Sequence[Mapping[str, Any]], first: int = 0) -> list[Record]:
    return [Record(topic, 0, number, None, orjson.dumps(each), ()) for number, each in enumerate(events, first)]


def test_what_comes_on_another_topic_than_its_own_is_refused_and_counts_when_it_comes_on_its_own(
    database_url: str,
) -> None:
    """As a gateway, which may write to `charging.sessions`, says that a payout failed, to have it paid again."""
    intake = Intake(WorkingSet.of(database_url, decision_keys=KEYRING))
    claims = intake.claim([(topic, 0) for topic in INBOUND_TOPICS])
    epochs = {home: claim.epoch for home, claim in claims.items()}
    try:
        for topic in INBOUND_TOPICS:
            intake.process(on(topic, [each for each in EVENTS if TOPIC_OF[each["type"]] != topic]), epochs)
        with psycopg.connect(database_url) as connection:
            stored = connection.execute("SELECT count(*) FROM event_store.stored_events").fetchone()
            codes = connection.execute("SELECT DISTINCT code FROM intake.deadletter").fetchall()
            (example,) = connection.execute(
                "SELECT sentence FROM intake.deadletter "
                "WHERE event_type = 'payout.failed' AND topic = 'charging.sessions'"
            ).fetchall()
        assert (stored, codes) == ((0,), [("WRONG_TOPIC",)])
        (sentence,) = example
        assert sentence.startswith(
            "payout.failed counts on the topic payout.results alone, and this came on charging."
        )

        for topic in INBOUND_TOPICS:
            its_own = [each for each in EVENTS if TOPIC_OF[each["type"]] == topic]
            intake.process(on(topic, its_own, len(EVENTS)), epochs)
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SELECT sum(accepted)::int FROM intake.tally").fetchone() == (len(EVENTS),)
    finally:
        intake.close()
