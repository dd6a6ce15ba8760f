"""What disputes take for good of the CDRs of one bill, and what is left to bill: for the chain of CDRs.

The CDRs of a bill are the first one and those that take its place because of a dispute; each may be disputed, and
what was decided of one is decided again while another stands.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from domain.money import largest_remainder
from domain.session.assessment import Bill
from domain.session.cdr_disputes import Disputable, disputes_of
from domain.session.contracting import Contract
from domain.session.facts import CdrAnswered
from domain.session.roaming_facts import PartnersWord
from domain.values import value


@value
class Loss:
    """From a moment on something else is lost: `rest` is the bill of what is left, None where nothing is."""

    at: datetime
    rest: Bill | None


class Losses:
    """What is lost of the bill that stands, while the chain is built."""

    def __init__(self, contract: Contract, answers: Iterable[CdrAnswered], told: PartnersWord) -> None:
        self._partner = contract.partner.partner if contract.partner else ""
        self._currency, self._told = contract.operator.currency, told
        self._accepted: dict[str, datetime] = {}
        for answer in answers:
            if answer.accepted:
                at = self._accepted.get(answer.cdr_id, answer.at)
                self._accepted[answer.cdr_id] = min(at, answer.at)
        self.turn_to(None)

    def turn_to(self, bill: Bill | None) -> None:
        """Begin anew, with another bill or none."""
        self._bill = bill
        self._lost: dict[str, int] = {}
        self._ahead: list[tuple[datetime, str, int]] = []

    def add(self, cdr_id: str, bill: Bill) -> None:
        """A CDR went out for what is left of the bill."""
        about = Disputable(cdr_id, self._partner, self._currency, bill.gross, self._accepted.get(cdr_id))
        found = disputes_of(about, self._told.disputes, self._told.closes)
        self._ahead += [(at, cdr_id, lost) for at, lost in found.losses()]
        # Of one moment and CDR in the order in which they were decided.
        self._ahead.sort(key=lambda each: each[:2])

    def next(self, before: datetime | None) -> Loss | None:
        """The next change of what is left of the bill, in time; None where nothing changes any more."""
        while self._bill is not None and self._ahead and (before is None or self._ahead[0][0] < before):
            at, cdr_id, lost = self._ahead.pop(0)
            was = sum(self._lost.values())
            self._lost[cdr_id] = lost
            now = sum(self._lost.values())
            if now != was:
                return Loss(at, less(self._bill, now))
        return None


def less(bill: Bill, lost: int) -> Bill | None:
    """A bill without so much of its gross: net, VAT and the commission in proportion, by the largest remainder."""
    if lost >= bill.gross:
        return None
    net, _ = largest_remainder(lost, (bill.net, bill.vat))
    _, commission, vat = largest_remainder(lost, (bill.share, bill.commission, bill.commission_vat))
    return replace(
        bill,
        net=bill.net - net,
        gross=bill.gross - lost,
        commission=bill.commission - commission,
        commission_vat=bill.commission_vat - vat,
    )
