"""Builders of what partners are told and say of CDRs beside their answers: invoices, disputes, outcomes."""

from domain.session.cdr_chain import cdr_id
from domain.session.roaming_facts import CdrDisputeClosed, CdrDisputed, CdrDisputeOutcome, CdrInvoiced
from tests.domain.builders import PARTNER, SESSION, at


def invoiced(when: str, number: int = 1, invoice: str = "I-1", to: str = PARTNER, total: int = 1200) -> CdrInvoiced:
    return CdrInvoiced(
        at=at(when),
        source="b",
        id=f"invoiced {invoice} {number} {when}",
        cdr_id=cdr_id(SESSION, number),
        partner=to,
        invoice_id=invoice,
        currency="EUR",
        total=total,
    )


def cdr_disputed(
    when: str, amount: int | None = None, number: int = 1, dispute: str = "D-1", by: str = PARTNER
) -> CdrDisputed:
    return CdrDisputed(
        at=at(when),
        source="r",
        id=f"disputed {dispute} {number} {when} {amount}",
        dispute_id=dispute,
        cdr_id=cdr_id(SESSION, number),
        partner=by,
        currency=None if amount is None else "EUR",
        amount=amount,
    )


def cdr_dispute_closed(
    when: str, outcome: str, number: int = 1, dispute: str = "D-1", by: str = PARTNER
) -> CdrDisputeClosed:
    return CdrDisputeClosed(
        at=at(when),
        source="r",
        id=f"closed {dispute} {number} {when} {outcome}",
        dispute_id=dispute,
        cdr_id=cdr_id(SESSION, number),
        partner=by,
        outcome=CdrDisputeOutcome(outcome),
    )
