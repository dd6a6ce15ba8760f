"""Events between roaming partners and the platform: invoices that are issued, CDRs that are disputed or received."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from contracts.amounts import PositiveMoney, UnsignedMoney
from contracts.envelope import Event
from contracts.payments import BusinessDate
from contracts.values import AtLeastOne, Identifier, Partner, Text, Time, Wire, bad_value


def _each_once(cdr_ids: tuple[str, ...]) -> tuple[str, ...]:
    """The ids as they came; raises a refusal that names the first that comes again."""
    seen: set[str] = set()
    for number, cdr_id in enumerate(cdr_ids):
        if cdr_id in seen:
            raise bad_value(f"names {cdr_id} twice (again at place {number}): an invoice bills each CDR once")
        seen.add(cdr_id)
    return cdr_ids


class InvoiceIssuedData(Wire):
    """A roaming partner was invoiced for these CDRs, each billed from `issued_at` on (J16); `due_on` is a date."""

    invoice_id: Identifier
    partner: Partner
    cdr_ids: Annotated[AtLeastOne[Identifier], AfterValidator(_each_once)]
    amount: UnsignedMoney
    issued_at: Time
    due_on: BusinessDate


class CdrDisputedData(Wire):
    """A roaming partner disputes an amount of a CDR, without `amount` all of it (J18)."""

    dispute_id: Identifier
    cdr_id: Identifier
    partner: Partner
    amount: PositiveMoney | None = None
    reason: Text
    at: Time


class DisputeClosedData(Wire):
    """A dispute of a CDR was won or lost by the operator (J19, J20); it may be told again, and the later stands."""

    dispute_id: Identifier
    cdr_id: Identifier
    partner: Partner
    outcome: Literal["WON", "LOST"]
    at: Time


class InvoiceIssued(Event):
    """`roaming.invoice_issued`."""

    type: Literal["roaming.invoice_issued"]
    data: InvoiceIssuedData


class CdrDisputed(Event):
    """`roaming.cdr_disputed`."""

    type: Literal["roaming.cdr_disputed"]
    data: CdrDisputedData


class DisputeClosed(Event):
    """`roaming.dispute_closed`."""

    type: Literal["roaming.dispute_closed"]
    data: DisputeClosedData
