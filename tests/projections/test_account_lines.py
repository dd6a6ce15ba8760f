"""The lines of accounts are the postings of the book, whatever is booked and taken back, and say whose they are."""

from itertools import count
from typing import Any
from uuid import uuid5

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.bookings import Booking
from domain.session.session import session_stream
from projections.rebuild import rebuild
from projections.registry import KEPT_UP, shared_out
from projections.runner import catch_up
from tests.projections.builders import Recorder, payout_history, session_history
from tests.projections.test_operator_balances import any_booking, decisions

numbers = count(1)

# Lines as the book has them, and as the read model has them.
_POSTED = """
SELECT account, posting.currency, effective_at, entry_id, line, amount_minor, kind
FROM book.posting JOIN book.entry USING (entry_id)
ORDER BY account, currency, effective_at, entry_id, line
"""
_KEPT = """
SELECT account, currency, effective_at, entry_id, line, amount, kind
FROM projection.account_lines
ORDER BY account, currency, effective_at, entry_id, line
"""
_ALL = "SELECT * FROM projection.account_lines ORDER BY account, currency, effective_at, entry_id, line"


def rows(projector: Connection[TupleRow], query: str) -> list[tuple[Any, ...]]:
    """What a query gives."""
    return projector.execute(query.encode()).fetchall()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(st.tuples(any_booking(), st.booleans()), min_size=1, max_size=12))
def test_lines_equal_the_postings(
    recorder: Recorder, projector: Connection[TupleRow], made: list[tuple[Booking, bool]]
) -> None:
    operator_id = f"OP-{next(numbers)}"
    recorder.record_all(list(decisions(made, operator_id, uuid5(session_stream("S-1"), operator_id))))
    catch_up(projector)
    assert rows(projector, _KEPT) == rows(projector, _POSTED)


def test_a_line_says_whose_account_it_is(recorder: Recorder, projector: Connection[TupleRow]) -> None:
    recorder.record_all(session_history())
    recorder.record_all(payout_history())
    catch_up(projector)
    owners = dict(
        rows(projector, "SELECT DISTINCT split_part(account, '/', 1), operator_id FROM projection.account_lines")
    )
    assert owners == dict.fromkeys(("2010", "2011", "2050"), "OP-1") | dict.fromkeys(
        ("1010", "1105", "1110", "2110", "4010", "5010"), None
    )


def test_a_line_has_the_position_of_the_event_that_posted_it(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    recorder.record_all(session_history())
    catch_up(projector)
    assert rows(
        projector,
        """SELECT DISTINCT account_lines.position, kind, topic FROM projection.account_lines
        JOIN event_store.stored_events ON notification_id = account_lines.position
        WHERE account = '1105/S-1' ORDER BY kind""",
    ) == [(3, "J01", "Booked.SessionRated"), (4, "J01c", "Booked.PaymentCaptured")]


def test_rebuilt_lines_are_the_same(store: str, recorder: Recorder, projector: Connection[TupleRow]) -> None:
    recorder.record_all(session_history())
    recorder.record_all(payout_history())
    catch_up(projector)
    before = rows(projector, _ALL)
    assert rebuild(store, ["account_lines"]).keys() == {"account_lines"}
    assert rows(projector, _ALL) == before
    assert rows(projector, "SELECT DISTINCT generation FROM projection.account_line_row") == [(2,)]


def test_a_booking_of_nothing_has_no_line(recorder: Recorder, projector: Connection[TupleRow]) -> None:
    recorder.record_all(session_history(gross=0))
    catch_up(projector)
    assert {account for account, *_ in rows(projector, _ALL)} >= {"2011/OP-1"}
    assert rows(projector, _KEPT) == rows(projector, _POSTED)


def test_what_folds_bookings_is_shared_out_together() -> None:
    for size in range(1, 12):
        parts = shared_out(size)
        assert len(parts) == min(size, len(KEPT_UP))
        assert sorted(name for part in parts for name in part) == sorted(KEPT_UP)
    first, _ = shared_out(2)
    assert {"account_lines", "open_items", "operator_balances"} <= set(first)
