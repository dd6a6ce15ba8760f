"""Payees of splits: from when on one can be paid its part, and what is wrong where it cannot."""

from datetime import datetime

from domain.book.findings import FindingKind
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.values import value


@value
class Payee:
    """A payee as it is known; `wrong` is the kind of finding and why, (None, "") where it can be paid."""

    versions: Versions[Operator] | None
    wrong: tuple[FindingKind | None, str] = (None, "")

    def from_when(self, moment: datetime) -> datetime | None:
        """The first moment from one on at which it has terms; None where it never has, or is not to be paid."""
        if self.wrong[0] is not None or self.versions is None:
            return None
        if self.versions.at(moment) is not None:
            return moment
        return min((start for start, _ in self.versions.timeline if start > moment), default=None)


def payee_of(catalogue: Catalogue, payee_id: str, operator: Operator, started_at: datetime, currency: str) -> Payee:
    """The payee of an operator's split, of a session that started at a moment and is in a currency."""
    versions = catalogue.operators.get(payee_id)
    if not versions:
        return Payee(None, (FindingKind.PAYEE_UNKNOWN, "no operator of that id is registered"))
    if any(version.value.currency != currency for _, version in versions.timeline):
        return Payee(versions, (FindingKind.PAYEE_CURRENCY, f"its terms are not in {currency}"))
    if _leads_back(catalogue, payee_id, operator.operator_id, started_at):
        why = f"its own splits lead back to {operator.operator_id}"
        return Payee(versions, (FindingKind.PAYEE_IN_CIRCLE, why))
    return Payee(versions)


def _leads_back(catalogue: Catalogue, payee_id: str, operator_id: str, moment: datetime) -> bool:
    """Whether splits in effect lead from a payee to an operator, over however many."""
    seen, ahead = {payee_id}, [payee_id]
    while ahead:
        terms = catalogue.operator_at(ahead.pop(), moment)
        payees = terms.splits.payees if terms is not None and terms.splits is not None else frozenset()
        if operator_id in payees:
            return True
        ahead += sorted(payees - seen)
        seen |= payees
    return False
