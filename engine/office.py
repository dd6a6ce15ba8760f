"""By what payouts are decided, for whoever decides about them."""

from dataclasses import dataclass
from datetime import datetime

from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.payout.circumstances import Circumstances
from domain.payout.payout import Payout
from engine.working_set import WorkingSet


@dataclass(frozen=True, slots=True)
class Office:
    """By what payouts are decided: what is published and set, and how it is decided.

    `is_live`: nothing leaves while payouts are stopped. `puts_off`: what people decide is only kept, and the clock,
    which moves next, decides by all of it at once. What people decided for a moment after `now` waits until then.
    """

    working_set: WorkingSet
    is_live: bool = True
    puts_off: bool = False
    now: datetime | None = None

    @property
    def catalogue(self) -> Catalogue:
        """All that is published."""
        return self.working_set.known.catalogue

    @property
    def weighs_cover(self) -> bool:
        """Whether what people let go waits for client money, which the clock looks at."""
        return self.working_set.weighs_cover

    def leaves_open(self, payout: Payout) -> bool:
        """Whether the clock has to look at what people decided about a payout."""
        return self.puts_off or self.weighs_cover or any(self.now and self.now < vote.at for vote in payout.votes)

    def around(self, operator_id: str) -> Circumstances:
        """What rules an operator's payouts."""
        return self.working_set.around(operator_id, is_live=self.is_live, now=self.now)

    def versions(self, payout: Payout) -> Versions[Operator] | None:
        """The terms of a payout's operator; None while it is not made."""
        return self.catalogue.operators.get(payout.created.operator_id) if payout.created else None
