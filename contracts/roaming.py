"""Events between roaming partners and the platform: invoices that are issued, CDRs that are disputed or received."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, model_validator

from contracts.amounts import Percent, PositiveMoney, UnsignedMoney, check_same_currency
from contracts.countries import KnownCountry
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


class CdrReceivedData(Wire):
    """A partner sent a CDR of a driver of ours (J24); with `payee_id` of one who charged at that payee's home (J24h).

    `cdr` is the OCPI CDR as it came, which is kept and not read.
    """

    cdr_id: Identifier
    partner: Partner
    net: UnsignedMoney
    vat: UnsignedMoney
    jurisdiction: KnownCountry
    vat_percent: Percent
    at: Time
    cdr: dict[str, Any] | None = None
    payee_id: Identifier | None = None

    @model_validator(mode="after")
    def _is_in_one_currency(self) -> "CdrReceivedData":
        check_same_currency(self.net, self.vat, "vat")
        return self


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


class CdrReceived(Event):
    """`roaming.cdr_received`."""

    type: Literal["roaming.cdr_received"]
    data: CdrReceivedData
