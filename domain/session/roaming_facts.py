"""Facts about CDRs of a session that its partner was invoiced for, or disputes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from domain.calendar import instant
from domain.fact import Fact
from domain.money import minor_of
from domain.values import named_value


class CdrDisputeOutcome(StrEnum):
    """How a dispute of a CDR ended, as the operator sees it."""

    WON = "WON"
    LOST = "LOST"


@named_value
class CdrInvoiced(Fact):
    """A `roaming.invoice_issued` that bills a CDR of this session; the invoice's `total` is in minor units."""

    cdr_id: str
    partner: str
    invoice_id: str
    currency: str
    total: int


@named_value
class CdrDisputed(Fact):
    """`roaming.cdr_disputed`: an `amount` in minor units of `currency`; both None for the whole CDR."""

    dispute_id: str
    cdr_id: str
    partner: str
    currency: str | None = None
    amount: int | None = None


@named_value
class CdrDisputeClosed(Fact):
    """`roaming.dispute_closed`: WON or LOST, the last word so far."""

    dispute_id: str
    cdr_id: str
    partner: str
    outcome: CdrDisputeOutcome


@dataclass(slots=True)
class PartnersWord:
    """What was told of CDRs beside answers and payments; `bool` says whether anything was."""

    invoiced: list[CdrInvoiced] = field(default_factory=list)
    disputes: list[CdrDisputed] = field(default_factory=list)
    closes: list[CdrDisputeClosed] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.invoiced or self.disputes or self.closes)


def _cdr_invoiced(data: Mapping[str, Any], source: str, id_: str) -> CdrInvoiced:
    return CdrInvoiced(
        at=instant(data["issued_at"]),
        source=source,
        id=id_,
        cdr_id=data["cdr_id"],
        partner=data["partner"].upper(),
        invoice_id=data["invoice_id"],
        currency=data["amount"]["currency"],
        total=minor_of(data["amount"]),
    )


def _cdr_disputed(data: Mapping[str, Any], source: str, id_: str) -> CdrDisputed:
    amount = data.get("amount")
    return CdrDisputed(
        at=instant(data["at"]),
        source=source,
        id=id_,
        dispute_id=data["dispute_id"],
        cdr_id=data["cdr_id"],
        partner=data["partner"].upper(),
        currency=amount["currency"] if amount else None,
        amount=minor_of(amount) if amount else None,
    )


def _cdr_dispute_closed(data: Mapping[str, Any], source: str, id_: str) -> CdrDisputeClosed:
    return CdrDisputeClosed(
        at=instant(data["at"]),
        source=source,
        id=id_,
        dispute_id=data["dispute_id"],
        cdr_id=data["cdr_id"],
        partner=data["partner"].upper(),
        outcome=CdrDisputeOutcome(data["outcome"]),
    )


ROAMING_PARSERS: Mapping[str, Callable[[Mapping[str, Any], str, str], Fact]] = {
    "roaming.invoice_issued.item": _cdr_invoiced,
    "roaming.cdr_disputed.item": _cdr_disputed,
    "roaming.dispute_closed.item": _cdr_dispute_closed,
}
