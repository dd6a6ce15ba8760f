"""Open items: what accounts that should come to zero add up to, to the cent, and no row where there is nothing."""

from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import UUID, uuid5

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.bookings import AcceptedCdrCredited, Booking, CdrInvoicePaid, InvoicePaid
from domain.book.standing import Booked, Retracted
from domain.session.session import session_stream
from projections.runner import catch_up
from tests.projections.builders import NOON, Recorder, captured_booking, rated_booking
from tests.projections.test_operator_balances import any_booking, of_operator

numbers = count(1)
_OF_LEDGER = """
SELECT account, currency, sum(debits - credits)::bigint FROM book.balance
WHERE split_part(account, '/', 1) IN ('1105', '1110', '1210', '2080', '2410')
GROUP BY account, currency HAVING sum(debits - credits) <> 0 ORDER BY account, currency
"""
_OF_ITEMS = """
SELECT account, currency, sum(amount)::bigint FROM projection.open_items
GROUP BY account, currency HAVING sum(amount) <> 0 ORDER BY account, currency
"""


def items(connection: Connection[TupleRow]) -> list[tuple[Any, ...]]:
    query = "SELECT account, document, amount FROM projection.open_items ORDER BY account, document"
    return connection.execute(query).fetchall()


def decisions(made: list[tuple[Booking, bool]], operator_id: str, stream: UUID) -> Iterator[tuple[UUID, Any]]:
    for index, (booking, taken_back) in enumerate(made):
        booked = of_operator(booking, operator_id, f"{stream}:{index}")
        yield stream, Booked(booked, 1)
        if taken_back:
            yield stream, Retracted(booked, 1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(st.tuples(any_booking(), st.booleans()), min_size=1, max_size=12), at_once=st.booleans())
def test_items_add_up_to_the_accounts_of_the_ledger(
    recorder: Recorder, projector: Connection[TupleRow], made: list[tuple[Booking, bool]], at_once: bool
) -> None:
    operator_id = f"OP-{next(numbers)}"
    for stream, decision in decisions(made, operator_id, uuid5(session_stream("S-1"), operator_id)):
        recorder.record(stream, decision)
        if not at_once:
            catch_up(projector)
    catch_up(projector)
    assert projector.execute(_OF_ITEMS).fetchall() == projector.execute(_OF_LEDGER).fetchall()
    assert projector.execute("SELECT count(*) FROM projection.open_item_row WHERE amount = 0").fetchall() == [(0,)]


def test_what_is_rated_and_captured_in_one_set_writes_no_row_of_the_session(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    recorder.record(session_stream("S-1"), Booked(rated_booking(), 1), Booked(captured_booking(), 1))
    catch_up(projector)
    assert items(projector) == [("1110/acme-psp", "", 1165)]
    # The first place in the table: no other row was ever written.
    assert projector.execute("SELECT ctid::text FROM projection.open_item_row").fetchall() == [("(0,1)",)]


def test_a_session_that_is_captured_later_is_an_item_until_then(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    recorder.record(session_stream("S-1"), Booked(rated_booking(), 1))
    catch_up(projector)
    assert items(projector) == [("1105/S-1", "", 1200)]
    recorder.record(session_stream("S-1"), Booked(captured_booking(amount=1100), 1))
    catch_up(projector)
    assert items(projector) == [("1105/S-1", "", 100), ("1110/acme-psp", "", 1065)]


HEAD: dict[str, Any] = {"effective_at": NOON, "currency": "EUR"}


def paid(invoice_id: str, amount: int) -> InvoicePaid:
    return InvoicePaid(key="paid", invoice_id=invoice_id, partner="DE-ABC", amount=amount, **HEAD)


def billed(invoice_id: str, gross: int) -> CdrInvoicePaid:
    head = HEAD | {"session_id": "S-1", "operator_id": "OP-1"}
    return CdrInvoicePaid(
        key=f"billed {invoice_id}", cdr_id="C-1", partner="DE-ABC", invoice_id=invoice_id, gross=gross, **head
    )


def test_a_partners_account_is_open_by_invoice_and_by_what_was_credited_of_it(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    recorder.record(session_stream("I-1"), Booked(paid("I-1", 1000), 1))
    recorder.record(session_stream("I-2"), Booked(paid("I-2", 500), 1))
    recorder.record(session_stream("S-1"), Booked(billed("I-1", 1200), 1), Booked(billed("I-2", 500), 1))
    credited = AcceptedCdrCredited(
        key="credited",
        cdr_id="C-9",
        partner="DE-ABC",
        invoiced=True,
        gross=300,
        commission=0,
        commission_vat=0,
        session_id="S-1",
        operator_id="OP-1",
        **HEAD,
    )
    recorder.record(session_stream("S-1"), Booked(credited, 1))
    catch_up(projector)
    assert items(projector) == [("1210/DE-ABC", "C-9", -300), ("1210/DE-ABC", "I-1", 200)]
    (since,) = projector.execute("SELECT since FROM projection.open_items WHERE document = 'I-1'").fetchall()[0]
    assert since == NOON
