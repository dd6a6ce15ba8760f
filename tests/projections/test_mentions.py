"""Which events mention an id: asked by kind and id, in any spelling, and the same after a rebuild."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.standing import Booked
from domain.calendar import instant
from domain.fact import RecordedFact
from domain.payout.events import payout_stream
from domain.session.session import session_stream
from ledger.database import Role, connect
from ledger.events.store import event_id
from projections.mentions import Kind, Mentions, ids_in, key_of, keys_between
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
        # A sign of life is found by its own id, and nobody's charger by its signs of life.
        recorder.record(session_stream("beats"), fact("charging.charger.heartbeat", "M-4", evse_uid="EV-1"))
    catch_up(database_url, ["mentions"])
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
    assert len(positions(store, Kind.MESSAGE, "M-4")) == 1


def test_events_are_found_by_their_id_in_any_spelling(store: str) -> None:
    assert positions(store, Kind.EVENT, str(event_id(session_stream("S-1"), 1))) == [1]
    id_ = str(event_id(session_stream("S-1"), 2))
    assert positions(store, Kind.EVENT, id_) == [2]
    assert positions(store, Kind.EVENT, id_.upper().replace("-", "")) == [2]


@given(st.uuids(), st.sampled_from(list(Kind)), st.integers(6, 32), st.booleans())
def test_the_key_of_a_uuid_lies_between_those_of_its_beginning(
    id_: UUID, kind: Kind, digits: int, is_credit: bool
) -> None:
    key = key_of(kind, f"{id_}-C" if is_credit else str(id_).upper())
    between = keys_between(id_.hex[:digits])
    assert between is not None
    assert between[0] <= key <= between[1]
    assert key & 0xFF == key_of(kind, str(UUID(int=0))) & 0xFF


@pytest.mark.parametrize("text", ["12345", "", "12345g", "S-1001", "0" * 34, "0c39a1 "])
def test_what_is_no_beginning_of_a_uuid_lies_nowhere(text: str) -> None:
    assert keys_between(text) is None


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
