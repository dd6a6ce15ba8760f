"""What was said of a matter: messages as they were accepted, each with the moment at which it acts."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from domain.book.refusals import DecisionRefused
from domain.calendar import instant
from domain.fact import RecordedFact
from domain.money import minor_of

# The field that says when a message acts, where it is not `at`.
_ACTS_AT = {
    "adjustment.proposed": "proposed_at",
    "saas.invoiced": "invoiced_at",
    "fx.executed": "executed_at",
    "supplier.paid": "paid_at",
    "vat.filed": "filed_at",
    "vat.paid": "paid_at",
}


class Told(NamedTuple):
    """A message about a matter; sorted, they are in the order in which they count: by time, source and id."""

    at: datetime
    source: str
    id: str
    type: str
    data: Mapping[str, Any]

    @property
    def by(self) -> str:
        """Who decided it; nobody by name where a system said it."""
        return str(self.data.get("by") or "")

    def minor(self, name: str = "amount") -> int:
        """An amount in minor units of its currency."""
        money = self.data[name]
        return minor_of(money)

    def refused(self, subject: str, sentence: str) -> DecisionRefused:
        """That it counts for nothing."""
        return DecisionRefused(self.source, self.id, self.type, subject, self.at, sentence)


def told_of(fact: RecordedFact) -> Told:
    """A message as it is judged."""
    at = instant(fact.data[_ACTS_AT.get(fact.type, "at")])
    return Told(at, fact.source, fact.id, fact.type, fact.data)


def of_types(told: Iterable[Told], *types: str) -> list[Told]:
    """Those of some types, in the order in which they count."""
    return sorted((each for each in told if each.type in types), key=lambda each: (each.at, each.source, each.id))
