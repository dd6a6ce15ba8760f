"""What people ask: totals, tables, and one session followed from its first message to its payout."""

from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.posting import entries_of
from domain.book.standing import Booked, Retracted
from domain.fact import RecordedFact
from domain.session.session import session_stream
from projections.queries import totals
from projections.runner import catch_up
from projections.story import session_story
from tests.projections.builders import (
    NOON,
    Recorder,
    assessed,
    created,
    issued,
    matured_booking,
    payout_key,
    rated_booking,
    session_history,
)

FACT = RecordedFact("charging.session.started", "gw", "e-1", NOON, {"session_id": "S-1"})


def test_totals_count_what_the_store_holds(recorder: Recorder, projector: Connection[TupleRow]) -> None:
    recorder.record_all(session_history("S-1"))
    recorder.record(session_stream("S-2"), assessed("S-2"))
    catch_up(projector)
    expected = {"sessions_rated": 2, "sessions_open": 0, "sessions_in_suspense": 0, "cdrs": 1, "payouts": 0}
    assert totals(projector.cursor()) == expected


def test_a_session_is_followed_from_its_first_message_to_its_payouts(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    stream = session_stream("S-1")
    first, again = rated_booking(gross=900), rated_booking(gross=1200)
    recorder.record(stream, FACT, Booked(first, 1), Retracted(first, 1), Booked(again, 2), assessed(), issued())
    recorder.record(stream, Booked(matured_booking(), 1))
    recorder.record_all(session_history("S-2"))
    pays = tuple(str(entry.entry_id) for entry in entries_of(again, stream, 2, stream))
    for attempt in (1, 2):
        key = payout_key(attempt=attempt)
        recorder.record(session_stream(key.payout_id), created(key, entry_ids=pays))
    recorder.record(session_stream("other"), created(payout_key("OP-2")))
    catch_up(projector)

    story = session_story(projector.cursor(), "S-1")
    assert story is not None
    assert story.outcome == assessed()
    assert story.facts == (FACT,)
    assert len(story.timeline) == 7
    kinds = sorted((entry.kind, entry.reverses is not None) for entry in story.entries)
    assert kinds == [("J01", False)] * 2 + [("J01", True)] + [("J02", False)] * 2 + [("J02", True)] + [("J08", False)]
    assert sum(posting.amount_minor for entry in story.entries for posting in entry.postings) == 0
    assert [cdr["id"] for cdr in story.cdrs] == ["CDR-S-1-1"]
    assert [payout.attempt for payout in story.payouts] == [1, 2]


def test_a_session_nobody_reported_has_no_story(store: str, projector: Connection[TupleRow]) -> None:
    assert session_story(projector.cursor(), "S-404") is None
