"""Builders of histories: decisions as the domain makes them, recorded as the intake records them."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.bookings import PaymentCaptured, PayoutInitiated, PayoutSettled, SessionRated, ShareMatured
from domain.book.journal import Entry
from domain.book.posting import entries_of, mirrors_of
from domain.book.standing import Booked, Retracted
from domain.payout.events import PayoutCreated, PayoutKey, PayoutStatus, PayoutStatusChanged, payout_stream
from domain.session.assessment import SessionState
from domain.session.decisions import CdrCredited, CdrIssued, SessionAssessed
from domain.session.session import session_stream
from ledger.book.journal import write_entries
from ledger.events.codec import encode
from ledger.events.store import StoredEvent, append
from projections.bank_file import OwnAccount, Platform

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWN_ACCOUNT = OwnAccount("DE89370400440532013000", "COBADEFFXXX", "000123456789", "021000021")
PLATFORM = Platform("WattLedger Demo", OWN_ACCOUNT)
IBAN_ACCOUNT = {"holder": "Ladestrom Süd GmbH", "iban": "NL91ABNA0417164300", "bic": "ABNANL2AXXX"}
ACH_ACCOUNT = {"holder": "Volt & Sons", "account_number": "9876543", "routing_code": "121000358", "scheme": "ACH"}


class Recorder:
    """Appends decisions and facts to their streams and posts what they book, one transaction a call."""

    def __init__(self, connection: Connection[TupleRow], shard: int = 0) -> None:
        self.connection, self.shard = connection, shard
        self.versions: Counter[UUID] = Counter()

    def record(self, stream_id: UUID, *events: Any) -> None:
        """Store events of one stream and their entries."""
        self.record_all([(stream_id, event) for event in events])

    def record_all(self, events: list[tuple[UUID, Any]]) -> None:
        """Store (stream, event) pairs in their order, with their entries, in one transaction."""
        stored: list[StoredEvent] = []
        entries: list[Entry] = []
        for stream_id, event in events:
            self.versions[stream_id] += 1
            stored.append(StoredEvent(stream_id, self.versions[stream_id], *encode(event)))
            if isinstance(event, Booked | Retracted):
                made = entries_of if isinstance(event, Booked) else mirrors_of
                entries += made(event.booking, stream_id, event.revision, stream_id)
        with self.connection.transaction(), self.connection.cursor() as cursor:
            write_entries(cursor, entries, self.shard)
            append(cursor, stored)


def assessed(session_id: str = "S-1", operator_id: str = "OP-1", gross: int = 1200, **others: Any) -> SessionAssessed:
    """A rated session: a fifth of the gross is VAT's part of six, and the platform keeps 100 + 19."""
    vat = gross // 6
    rated: dict[str, Any] = {
        "energy_wh": "14320.5",
        "currency": "EUR",
        "net": gross - vat,
        "vat": vat,
        "gross": gross,
        "commission": 100,
        "commission_vat": 19,
        "operator_share": gross - 119,
    }
    return SessionAssessed(session_id, operator_id, SessionState.RATED, "", **(rated | others))


def rated_booking(session_id: str = "S-1", operator_id: str = "OP-1", gross: int = 1200) -> SessionRated:
    """The driver owes the gross, and the operator is owed it less the commission (J01, J02)."""
    return SessionRated(
        key="rated",
        effective_at=NOON,
        currency="EUR",
        operator_id=operator_id,
        session_id=session_id,
        share="driver",
        gross=gross,
        commission=100,
        commission_vat=19,
    )


def captured_booking(session_id: str = "S-1", operator_id: str = "OP-1", amount: int = 1200) -> PaymentCaptured:
    """The driver's card was charged (J01c, J03)."""
    return PaymentCaptured(
        key="captured:P-1",
        effective_at=NOON,
        currency="EUR",
        operator_id=operator_id,
        session_id=session_id,
        payment_id="P-1",
        provider="acme-psp",
        amount=amount,
        fee=35,
    )


def matured_booking(session_id: str = "S-1", operator_id: str = "OP-1", amount: int = 1081) -> ShareMatured:
    """The operator's share became available (J08)."""
    return ShareMatured(
        key="matured:driver",
        effective_at=NOON + timedelta(days=1),
        currency="EUR",
        operator_id=operator_id,
        session_id=session_id,
        share="driver",
        amount=amount,
    )


def session_history(session_id: str = "S-1", operator_id: str = "OP-1", gross: int = 1200) -> list[tuple[UUID, Any]]:
    """A session rated, captured, matured, with its CDR, as (stream, event) pairs."""
    stream = session_stream(session_id)
    events: list[Any] = [
        SessionAssessed(session_id, operator_id, SessionState.OPEN, "NO_END"),
        assessed(session_id, operator_id, gross),
        Booked(rated_booking(session_id, operator_id, gross), 1),
        Booked(captured_booking(session_id, operator_id, gross), 1),
        Booked(matured_booking(session_id, operator_id, gross - 119), 1),
        issued(session_id, operator_id),
    ]
    return [(stream, event) for event in events]


def issued(session_id: str = "S-1", operator_id: str = "OP-1", number: int = 1) -> CdrIssued:
    """A CDR whose document has the numbers that floats would spoil."""
    document = {"id": f"CDR-{session_id}-{number}", "total_energy": 14.3205, "price": "raw", "credit": False}
    return CdrIssued(
        session_id,
        operator_id,
        number,
        f"CDR-{session_id}-{number}",
        NOON,
        ("14320.5", 1000, 1200, 100, 19),
        document,
    )


def credited(session_id: str = "S-1", operator_id: str = "OP-1", number: int = 1) -> CdrCredited:
    """The credit CDR of one."""
    cdr_id = f"CDR-{session_id}-{number}-C"
    return CdrCredited(session_id, operator_id, number, cdr_id, NOON, {"id": cdr_id, "credit": True})


def payout_key(operator_id: str = "OP-1", attempt: int = 1, day: date = date(2026, 3, 2)) -> PayoutKey:
    """The key of an operator's payout in euro."""
    return PayoutKey(operator_id, "EUR", day, attempt)


def created(key: PayoutKey | None = None, amount: int = 1081, **others: Any) -> PayoutCreated:
    """A payout handed off a day after its business date."""
    key = key or payout_key()
    default: dict[str, Any] = {
        "reserve": 0,
        "status": PayoutStatus.IN_TRANSIT,
        "fired_at": datetime(2026, 3, 3, 4, tzinfo=UTC),
        "bank_account": IBAN_ACCOUNT,
        "holder_name": "Ladestrom Süd",
        "country_code": "NL",
        "entry_ids": (str(UUID(int=2)), str(UUID(int=1))),
    }
    return PayoutCreated(
        key.payout_id,
        key.batch_id,
        key.operator_id,
        key.currency,
        key.business_date,
        key.attempt,
        amount,
        **(default | others),
    )


def payout_history(key: PayoutKey | None = None, amount: int = 1081) -> list[tuple[UUID, Any]]:
    """A payout handed off and executed by the bank (J35, J36)."""
    made = created(key, amount)
    head: dict[str, Any] = {
        "currency": made.currency,
        "operator_id": made.operator_id,
        "payout_id": made.payout_id,
        "amount": amount,
    }
    paid_at = made.fired_at + timedelta(hours=6)
    events: list[Any] = [
        made,
        Booked(PayoutInitiated(key="initiated", effective_at=made.fired_at, **head), 1),
        Booked(PayoutSettled(key="settled", effective_at=paid_at, **head), 1),
        PayoutStatusChanged(made.payout_id, made.operator_id, PayoutStatus.PAID, paid_at, None),
    ]
    return [(payout_stream(made.payout_id), event) for event in events]
