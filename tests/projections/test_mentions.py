"""Which events mention an id: asked by kind and id, in any spelling, and the same after a rebuild."""

from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.standing import Booked
from domain.calendar import instant
from domain.fact import RecordedFact
from domain.payout.payout import payout_stream
from domain.session.session import session_stream
from ledger.database import Role, connect
from ledger.events.store import event_id
from projections.freshness import ON_DEMAND
from projections.mentions import Kind, Mentions, ids_in, key_of
from projections.rebuild import rebuild
from projections.runner import catch_up
from projections.schema import migrate
from tests.projections.builders import Recorder, created, rated_booking

AT = "2026-03-01T12:00:00Z"
SETTLED = {
    "settlement_id": "SET-1",
    "provider": "acme",
    "settled_at": AT,
    "items": [{"payment_id": "P-1", "gross": {}, "fee": {}}, {"refund_id": "R-1", "payment_id": "P-2"}, {}],
}
MENTIONED = "SELECT position FROM projection.mentions WHERE key = %s ORDER BY position"


def fact(type_: str, id_: str, **data: Any) -> RecordedFact:
    return RecordedFact(type_, "urn:test", id_, instant(AT), data)


@pytest.fixture
def store(database_url: str) -> str:
    """A store with a session of two messages, a settlement and a payout."""
    migrate(database_url)
    with connect(database_url, Role.WRITER, autocommit=True) as writer:
        recorder = Recorder(writer)
        started = fact("charging.session.started", "M-1", session_id="S-1", operator_id="OP-1", evse_uid="EV-1")
        recorder.record(session_stream("S-1"), started, Booked(rated_booking(), 1))
        recorder.record(session_stream("S-1"), fact("payment.captured", "M-2", payment_id="P-1", provider="acme"))
        recorder.record(session_stream("other"), fact("payment.settled", "M-3", **SETTLED))
        recorder.record(payout_stream("P"), created())
    catch_up(database_url, ON_DEMAND)
    return database_url


def positions(dsn: str, kind: Kind, id_: str) -> list[int]:
    with connect(dsn, Role.AUDITOR) as connection:
        return [row[0] for row in connection.execute(MENTIONED, (key_of(kind, id_),))]


def everything(dsn: str) -> list[tuple[Any, ...]]:
    with connect(dsn, Role.AUDITOR) as connection:
        return connection.execute("SELECT key, position FROM projection.mentions ORDER BY 1, 2").fetchall()


def test_messages_are_found_by_their_id_and_by_every_id_that_they_name(store: str) -> None:
    assert positions(store, Kind.MESSAGE, "M-1") == positions(store, Kind.EVSE, "EV-1") == [1]
    assert positions(store, Kind.PAYMENT, "P-1") == [3, 4]
    assert positions(store, Kind.PAYMENT, "P-2") == positions(store, Kind.REFUND, "R-1") == [4]
    assert positions(store, Kind.SETTLEMENT, "SET-1") == [4]
    assert positions(store, Kind.DISPUTE, "R-1") == []


def test_decisions_are_found_by_their_id_in_any_spelling(store: str) -> None:
    id_ = str(event_id(session_stream("S-1"), 2))
    assert positions(store, Kind.EVENT, id_) == [2]
    assert positions(store, Kind.EVENT, id_.upper().replace("-", "")) == [2]


def test_a_payout_is_found_by_its_batch(store: str) -> None:
    assert positions(store, Kind.BATCH, created().batch_id) == [5]


def test_a_rebuild_finds_the_same(store: str) -> None:
    before = everything(store)
    rebuild(store, ["mentions"])
    assert everything(store) == before


def test_what_a_message_names_are_the_ids_of_its_lines_too() -> None:
    assert list(ids_in(SETTLED)) == [
        (Kind.SETTLEMENT, "SET-1"),
        (Kind.PAYMENT, "P-1"),
        (Kind.PAYMENT, "P-2"),
        (Kind.REFUND, "R-1"),
    ]
    assert list(ids_in({"invoice_id": "I", "cdr_ids": ["a", "b"]})) == [
        (Kind.INVOICE, "I"),
        (Kind.CDR, "a"),
        (Kind.CDR, "b"),
    ]


def test_events_without_their_places_are_refused(projector: Connection[TupleRow]) -> None:
    with pytest.raises(TypeError, match="EventSet with places"):
        Mentions().apply(projector.cursor(), 1, [("payment.failed", b"{}")])
