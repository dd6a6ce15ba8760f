"""A sweep: own money that two people take out of the account of client money, never above the cover (J57)."""

from collections.abc import Iterator
from dataclasses import dataclass

from domain.book.closing_bookings import OwnFundsSwept
from domain.book.standing import Booked
from domain.closing.affair import Affair, Decision
from domain.closing.events import BookDecided, SweepReserved
from domain.matter.told import Told
from domain.money import format_minor, parse_minor
from domain.people import same_person
from domain.values import value

PROPOSED, APPROVED, EXECUTED = "sweep.proposed", "sweep.approved", "sweep.executed"
KEY = "sweep"


@value
class SweepAround:
    """What there is to be swept at the moment of a decision, in minor units, less what is reserved already."""

    free: int


@dataclass(slots=True)
class SweepAffair(Affair):
    """What people said of one sweep."""

    proposal: Told | None = None
    reserved: SweepReserved | None = None

    @property
    def is_open(self) -> bool:
        """Whether its amount is reserved and not moved yet."""
        return self.reserved is not None and not len(self.standing)

    def waits_for(self, told: Told) -> str | None:
        """An approval waits for what is proposed, and what was done for its approval."""
        if told.type != PROPOSED and self.proposal is None:
            return f"sweep {self.subject} was not proposed: it counts once it is"
        if told.type == EXECUTED and self.reserved is None:
            return f"sweep {self.subject} was not approved: it counts once it is"
        return None

    def why_not(self, told: Told, around: SweepAround) -> str | None:
        """Why somebody's word does not count."""
        name, proposal = f"sweep {self.subject}", self.proposal
        if proposal is None:
            return None
        if told.type == PROPOSED:
            return f"{name} was proposed before, by {proposal.by}: propose another under an id of its own"
        if told.at < proposal.at:
            return f"{name} was not proposed by then: decide it again, after its proposal"
        if (told.data["currency"], _minor(told)) != (proposal.data["currency"], _minor(proposal)):
            return f"{name} was proposed as {_amount(proposal)}: say that amount"
        if told.type == EXECUTED:
            return f"{name} was carried out before" if len(self.standing) else None
        return self._not_approved(told, proposal, around)

    def _not_approved(self, told: Told, proposal: Told, around: SweepAround) -> str | None:
        name = f"sweep {self.subject}"
        if self.reserved is not None:
            return f"{name} was approved before"
        if same_person(told.by, proposal.by):
            return f"{name} was proposed by {proposal.by}, who may not approve it: another person has to"
        if _minor(told) > around.free:
            currency = told.data["currency"]
            free = format_minor(max(around.free, 0), currency)
            return (
                f"ABOVE_COVER: {name} is {_amount(told)}, and {free} {currency} is there above what is owed and what "
                "is reserved: propose less"
            )
        return None

    def follow(self, told: Told, around: SweepAround) -> Iterator[Decision]:
        """An approval reserves the amount, and what was done is booked."""
        if told.type == APPROVED:
            yield SweepReserved(told.source, told.id, told.data["currency"], _minor(told), around.free)
            return
        yield BookDecided(told.source, told.id)
        if told.type == EXECUTED:
            currency = told.data["currency"]
            booking = OwnFundsSwept(key=KEY, effective_at=told.at, currency=currency, amount=_minor(told))
            yield Booked(booking, 1)

    def take(self, told: Told, decision: Decision) -> None:
        """Keep what was proposed, and what is reserved."""
        if isinstance(decision, SweepReserved):
            self.reserved = decision
        elif told.type == PROPOSED:
            self.proposal = told


def _minor(told: Told) -> int:
    return parse_minor(str(told.data["amount"]), told.data["currency"])


def _amount(told: Told) -> str:
    return f"{format_minor(_minor(told), told.data['currency'])} {told.data['currency']}"
