"""The six columns of an operator are what the ledger's own accounts add up to, for every kind of booking."""

from collections.abc import Iterator
from dataclasses import fields
from itertools import count
from typing import Any
from uuid import UUID, uuid5

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book import bookings
from domain.book.bookings import Booking
from domain.book.posting import POSTING_RULES
from domain.book.standing import Booked, Retracted
from domain.session.session import session_stream
from projections.movements import COLUMNS
from projections.queries import operator_balances
from projections.runner import catch_up
from tests.projections.builders import NOON, Recorder
from tests.support.listed_fields import is_listed, listed_fields, with_sums

numbers = count(1)
KINDS = sorted(POSTING_RULES, key=lambda kind: kind.__name__)
HEAD = {field.name for field in fields(Booking)}
PAYOUT_KINDS = (
    bookings.PayoutInitiated,
    bookings.PayoutReissued,
    bookings.PayoutSettled,
    bookings.PayoutFailed,
    bookings.PayoutReturned,
)

# What the ledger has on an operator's accounts; of what is in transit, the payouts that are the operator's.
_OF_LEDGER = """
SELECT -coalesce(sum(amount_minor) FILTER (WHERE account = '2011/' || %(operator)s), 0)::bigint,
       -coalesce(sum(amount_minor) FILTER (WHERE account = '2010/' || %(operator)s), 0)::bigint,
       -coalesce(sum(amount_minor) FILTER (WHERE account = '2020/' || %(operator)s), 0)::bigint,
       -coalesce(sum(amount_minor) FILTER (WHERE account = '2030/' || %(operator)s), 0)::bigint,
       -coalesce(sum(amount_minor) FILTER (WHERE account = '2050/PO-' || %(operator)s), 0)::bigint,
       -coalesce(sum(amount_minor) FILTER (WHERE account = '2060/' || %(operator)s), 0)::bigint,
       -coalesce(sum(amount_minor) FILTER (WHERE account = '1010' AND kind IN ('J36', 'J39')
                                             AND payout_id = 'PO-' || %(operator)s), 0)::bigint
FROM book.posting JOIN book.entry USING (entry_id)
WHERE posting.currency = %(currency)s
"""

_LISTED = listed_fields(st.integers(0, 10**8))


@st.composite
def any_booking(draw: st.DrawFn) -> Booking:
    """A booking of any kind with any amounts; its operator is given later."""
    kind = draw(st.sampled_from(KINDS))
    body: dict[str, Any] = {"payout_id": "PO"} if kind in PAYOUT_KINDS else {"session_id": "S-1"}
    for field in fields(kind):
        if field.name in HEAD:
            continue
        if field.type in (int, "int"):
            body[field.name] = draw(st.integers(0, 10**9))
        elif is_listed(field.name, field.type):
            body[field.name] = draw(_LISTED[field.name])
        elif field.type in (bool, "bool"):
            body[field.name] = draw(st.booleans())
        else:
            body[field.name] = "X-1"
    currency, matured = draw(st.sampled_from(["EUR", "JPY"])), draw(st.booleans())
    return kind(key="", effective_at=NOON, currency=currency, matured=matured, **with_sums(body))


def of_operator(booking: Booking, operator_id: str, key: str) -> Booking:
    """The booking as one of an operator's, about a payout of its own where it is about one."""
    body = {field.name: getattr(booking, field.name) for field in fields(booking)}
    payout_id = f"PO-{operator_id}" if booking.payout_id else None
    return type(booking)(**(body | {"operator_id": operator_id, "key": key, "payout_id": payout_id}))


def decisions(made: list[tuple[Booking, bool]], operator_id: str, stream: UUID) -> Iterator[tuple[UUID, Any]]:
    """Each booking booked, and taken back where it is marked."""
    for index, (booking, taken_back) in enumerate(made):
        booked = of_operator(booking, operator_id, f"{stream}:{index}")
        yield stream, Booked(booked, 1)
        if taken_back:
            yield stream, Retracted(booked, 1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(st.tuples(any_booking(), st.booleans()), min_size=1, max_size=12))
def test_columns_equal_the_accounts_of_the_ledger(
    recorder: Recorder, projector: Connection[TupleRow], made: list[tuple[Booking, bool]]
) -> None:
    operator_id = f"OP-{next(numbers)}"
    recorder.record_all(list(decisions(made, operator_id, uuid5(session_stream("S-1"), operator_id))))
    catch_up(projector)
    cursor = projector.cursor()
    shown = {balance.currency: balance for balance in operator_balances(cursor, operator_id)}
    for currency in ("EUR", "JPY"):
        ledger = cursor.execute(_OF_LEDGER, {"operator": operator_id, "currency": currency}).fetchone()
        balance = shown.get(currency)
        assert tuple(getattr(balance, column) if balance else 0 for column in COLUMNS) == ledger
    standing = {booking.currency for booking, taken_back in made if not taken_back}
    assert set(shown) <= standing


def test_every_kind_of_booking_is_followed() -> None:
    from projections.registry import PROJECTIONS

    topics = PROJECTIONS["operator_balances"].topics
    assert topics == {f"{what}.{kind.__name__}" for what in ("Booked", "Retracted") for kind in KINDS}
