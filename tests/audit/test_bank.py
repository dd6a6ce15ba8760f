"""What is wrongly booked of what banks say is planted, and `verify` sees it: J37, J55, J56, and what was told of."""

from collections.abc import Iterable
from typing import Any

import pytest

import domain.bank.entry as entries
import engine.bank as engine_bank
from domain.bank.matching import NOTHING
from domain.bank.statement import BankSaying
from domain.book.bank_bookings import BankCharged, ReceiptUnallocated
from tests.intake.test_bank import allocated, line, paid, settled, statement
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import partner


def failed(engine: Engine) -> set[str]:
    """The checks of this engine that fail, but for those of read models that nobody has brought up to date."""
    return {check.name for check in verify(engine.dsn).failed}


def charge(**told: Any) -> dict[str, Any]:
    """A charge of a bank."""
    return line(direction="DEBIT", purpose="CHARGE", amount="4.50", **told)


def test_the_audit_agrees_about_all_of_it(engine: Engine) -> None:
    engine.feed([charge(), line("BE-2"), line("BE-3", remittance="ST-77"), settled(), allocated(reference="BE-2")])
    engine.feed([line("BE-4.4AAAAAAAA", purpose="REMAINDER"), statement(1), paid("7.00")])
    assert failed(engine) == set()


def test_it_is_seen_when_a_charge_is_booked_as_money_that_nobody_knows(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        entries,
        "_charged",
        lambda told: ReceiptUnallocated(
            key="x", effective_at=told.at, currency="EUR", line=told.reference, amount=told.amount
        ),
    )
    engine.feed([charge()])
    assert failed(engine) == {"bank_entries"}


def test_it_is_seen_when_a_charge_is_booked_with_another_amount(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        entries,
        "_charged",
        lambda told: BankCharged(key="x", effective_at=told.at, currency="EUR", line=told.reference, amount=451),
    )
    engine.feed([charge()])
    assert failed(engine) == {"bank_entries"}


def test_it_is_seen_when_a_line_is_not_booked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries.BankEntry, "_unknown", lambda *_: iter(()))
    engine.feed([line()])
    assert failed(engine) == {"bank_entries"}


def test_it_is_seen_when_a_batch_is_booked_beside_its_details(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "_split", lambda _: 0)
    engine.feed([line("BE-1", "300.00"), line("BE-1.4AAAAAAAA", "300.00")])
    assert failed(engine) == {"bank_entries", "kept"}


def test_it_is_seen_when_more_is_allocated_than_is_there(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = entries.BankEntry._unknown
    monkeypatch.setattr(
        entries.BankEntry,
        "_unknown",
        lambda self, *told: (
            each if isinstance(each, ReceiptUnallocated) else _doubled(each) for each in unknown(self, *told)
        ),
    )
    engine.feed([partner(), line(), allocated()])
    assert failed(engine) == {"bank_entries"}


def _doubled(booking: Any) -> Any:
    return type(booking)(
        key=booking.key,
        effective_at=booking.effective_at,
        currency=booking.currency,
        line=booking.line,
        partner=booking.partner,
        amount=2 * booking.amount,
    )


def test_it_is_seen_when_what_was_told_of_is_booked_twice(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_bank, "match", lambda *_: {})
    engine.feed([settled(), line(remittance="ST-77")])
    assert failed(engine) == {"bank_told"}


def test_it_is_seen_when_a_line_is_said_to_be_what_nobody_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_bank, "match", lambda lines, _: {each.reference: _invented(each) for each in lines})
    engine.feed([line()])
    assert failed(engine) == {"bank_told"}


def _invented(told: Any) -> Any:
    return NOTHING._replace(amount=told.amount, by=("settlement ST-78 of acme-psp",), taken=(told.amount,))


def test_it_is_seen_when_two_lines_are_said_to_be_one_settlement(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def each_alone(lines: Iterable[Any], receipts: Any) -> Any:
        return {told.reference: _of_settlement(told) for told in lines}

    monkeypatch.setattr(engine_bank, "match", each_alone)
    engine.feed([settled(), line("BE-1", remittance="ST-77"), line("BE-2", remittance="ST-77")])
    assert failed(engine) == {"bank_told"}


def _of_settlement(told: Any) -> Any:
    return NOTHING._replace(amount=told.amount, by=("settlement ST-77 of acme-psp",), taken=(told.amount,))


def test_it_is_seen_when_nobody_is_told_of_details_that_do_not_add_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries.BankEntry, "_found_in", lambda *_: iter(()))
    engine.feed([line("BE-1.4AAAAAAAA", purpose="REMAINDER")])
    assert failed(engine) == {"bank_entries"}


def test_it_is_seen_when_nobody_is_told_of_a_statement_that_does_not_add_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BankSaying, "_found_in", lambda *_: iter(()))
    engine.feed([statement(2, closing="7.00")])
    assert failed(engine) == {"bank_statements"}
