"""What a bank tells of the network's account: a charge, money that nobody knows, a statement, a notice."""

from datetime import timedelta
from typing import Any

from tests.audit.network import BEGINNING, Event, _event, _iso, _money

ACCOUNT = "DE89370400440532013000"


def told_by_banks() -> list[Event]:
    """A charge, money that nobody knows, some of it allocated, a statement whose sums do not hold, and a notice."""
    return [
        _line("BE-1", 3, "4.50", "DEBIT", "CHARGE"),
        _line("BE-2", 4, "100.00", "CREDIT", "UNALLOCATED", remittance="thank you"),
        _told(
            "bank.receipt_allocated",
            "BE-2:1",
            5,
            entry_reference="BE-2",
            invoice_id="I-2026-02",
            partner="DE-ABC",
            amount=_money("60.00", "EUR"),
            reason="they say so",
            by="m.ortega",
        ),
        _told(
            "bank.statement_told",
            "S-1",
            6,
            time="told_at",
            account=ACCOUNT,
            statement_id="S-1",
            number=1,
            count=2,
            opening=_money("0.00", "EUR"),
            entries=_money("95.50", "EUR"),
            closing=_money("95.00", "EUR"),
        ),
        _told("bank.notice_given", "BN-1", 5, notice_id="BN-1", account=ACCOUNT, kind="ORDER_UNKNOWN"),
    ]


def more_lines(number: int) -> list[Event]:
    """Money that nobody knows, line by line; some of it is for a partner that nobody registered."""
    lines = [
        _line(f"BE-{line}", 5, "7.00", "CREDIT", "UNALLOCATED", remittance=f"INV-2026-{line}")
        for line in range(10, 10 + number)
    ]
    allocated = [
        _told(
            "bank.receipt_allocated",
            f"BE-{line}:1",
            6,
            entry_reference=f"BE-{line}",
            invoice_id=f"I-{line}",
            partner="DE-WHO",
            amount=_money("5.00", "EUR"),
            reason="they say so",
            by="m.ortega",
        )
        for line in range(10, 13)
    ]
    return [*lines, *allocated]


def _told(type_: str, key: str, day: int, *, time: str = "at", **data: Any) -> Event:
    at = BEGINNING + timedelta(days=day)
    return _event(type_, key, at, {**data, time: _iso(at)})


def _line(reference: str, day: int, amount: str, direction: str, purpose: str, **texts: str) -> Event:
    data = {"account": ACCOUNT, "entry_reference": reference, "amount": _money(amount, "EUR"), "direction": direction}
    return _told("bank.entry_booked", reference, day, time="booked_at", purpose=purpose, **data, **texts)
