"""Bookings that were stored before they said what of an amount is the driver's own are read as they were meant."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from domain.book.bookings import Booking, DisputeLost, DisputeOpened, DisputeWon, PaymentRefunded
from domain.book.posting import entries_of
from domain.book.standing import Booked
from ledger.audit.posting_table import journals_of
from ledger.events.codec import decode, encode

LATER = ("from_overpaid", "drivers_own", "due_payment_id", "from_refunds_due")
HEAD: dict[str, Any] = {
    "key": "k",
    "effective_at": datetime(2026, 3, 2, tzinfo=UTC),
    "currency": "EUR",
    "operator_id": "OP",
    "session_id": "S-1",
}
DISPUTE: dict[str, Any] = {"dispute_id": "D-1", "provider": "psp", "amount": 1200}
STORED: dict[str, tuple[Booking, tuple[str, ...]]] = {
    "refund": (
        PaymentRefunded(
            **HEAD,
            refund_id="R-1",
            payment_id="P-1",
            due_payment_id="P-1",
            provider="psp",
            from_refunds_due=100,
            by_operator=300,
            by_platform=0,
            commission_back=30,
            commission_vat_back=6,
        ),
        ("from_overpaid",),
    ),
    "dispute opened": (DisputeOpened(**HEAD, **DISPUTE, fee=1500), LATER),
    "dispute won": (DisputeWon(**HEAD, **DISPUTE), LATER),
    "dispute lost": (DisputeLost(**HEAD, **DISPUTE, commission_back=100, commission_vat_back=20), LATER),
}


@pytest.mark.parametrize("name", STORED)
def test_a_booking_of_before_is_read_and_audited_as_it_was(name: str) -> None:
    booking, later = STORED[name]
    topic, state = encode(Booked(booking, 1))
    body = orjson.loads(state)
    for field in later:
        body["booking"].pop(field, None)
    assert decode(topic, orjson.dumps(body)) == Booked(booking, 1)
    posted = [
        (entry.kind, sorted((posting.account, posting.amount_minor) for posting in entry.postings))
        for entry in entries_of(booking, UUID(int=1), 1, UUID(int=2))
    ]
    audited = journals_of(topic.partition(".")[2], body["booking"], 1)
    assert [(kind, postings) for _, kind, postings in audited] == posted
