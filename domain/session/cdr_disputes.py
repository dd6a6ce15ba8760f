"""Disputes of a CDR over time: which of them stand, what was decided of each, and what they have taken for good.

What comes to nothing is told apart with the reason, for people. The later outcome of a dispute stands: each acts at
its own time, as those of card payments do.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from domain.fact import in_order
from domain.session.roaming_facts import CdrDisputeClosed, CdrDisputed, CdrDisputeOutcome
from domain.values import value


class Act(StrEnum):
    """What happens to a dispute: it is opened, won or lost; of one that was lost, lifted takes that back."""

    OPENED = "opened"
    WON = "won"
    LOST = "lost"
    LIFTED = "lifted"


@value
class Ruling:
    """Something that happened to a dispute, about so many minor units; `place` counts the decisions of it from 1."""

    at: datetime
    act: Act
    dispute_id: str
    amount: int
    place: int = 0


@value
class Idle:
    """A fact about a dispute that has no effect (yet), and why."""

    fact: CdrDisputed | CdrDisputeClosed
    why: str


_Told: TypeAlias = CdrDisputed | CdrDisputeClosed


@value
class Disputable:
    """What can be disputed: a CDR of so many minor units that its partner accepted at a moment, None while not."""

    cdr_id: str
    partner: str
    currency: str
    gross: int
    accepted_at: datetime | None


@dataclass(slots=True)
class Disputes:
    """What came of the disputes of one CDR: rulings in the order in which they act, and facts without effect."""

    rulings: list[Ruling] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)

    def losses(self) -> Iterator[tuple[datetime, int]]:
        """What is lost of the CDR from each moment on at which that changes."""
        lost = 0
        for ruling in self.rulings:
            if ruling.act in (Act.LOST, Act.LIFTED):
                lost += ruling.amount if ruling.act is Act.LOST else -ruling.amount
                yield ruling.at, lost


def disputes_of(cdr: Disputable, disputes: Iterable[CdrDisputed], closes: Iterable[CdrDisputeClosed]) -> Disputes:
    """All that was told of one CDR, judged in the order in which it acts.

    A dispute acts when it was told or, if later, when the CDR was accepted; one of more than is left of the CDR, in
    another currency or by another partner has no effect, and neither has a closing without a dispute.
    """
    found = Disputes()
    of_cdr = sorted((fact for fact in disputes if fact.cdr_id == cdr.cdr_id), key=in_order)
    closed = sorted((fact for fact in closes if fact.cdr_id == cdr.cdr_id), key=in_order)
    opened: dict[str, CdrDisputed] = {}
    for fact in of_cdr:
        why = _why_not(cdr, fact, opened)
        if why:
            found.idle.append(Idle(fact, why))
        else:
            opened[fact.dispute_id] = fact
    if cdr.accepted_at is not None:
        _Walk(cdr, cdr.accepted_at, found).go([*opened.values(), *_about(opened, closed, cdr, found)])
    else:
        found.idle += [Idle(fact, _NOT_ACCEPTED) for fact in opened.values()]
        found.idle += [Idle(fact, _NOT_ACCEPTED) for fact in closed]
    return found


_NOT_ACCEPTED = "the partner has not accepted the CDR"


def _why_not(cdr: Disputable, fact: CdrDisputed, opened: dict[str, CdrDisputed]) -> str:
    if fact.partner != cdr.partner:
        return f"the CDR was sent to {cdr.partner}"
    if fact.currency is not None and fact.currency != cdr.currency:
        return f"the CDR is in {cdr.currency}"
    first = opened.get(fact.dispute_id)
    if first is not None:
        return f"its id is that of the dispute before it, told by message {first.id}"
    return ""


def _about(
    opened: dict[str, CdrDisputed], closed: Iterable[CdrDisputeClosed], cdr: Disputable, found: Disputes
) -> Iterator[CdrDisputeClosed]:
    """The closings of disputes that were opened; the others are found to be idle."""
    for fact in closed:
        if fact.dispute_id in opened and fact.partner == cdr.partner:
            yield fact
        else:
            found.idle.append(Idle(fact, "no such dispute of the CDR was told by its partner"))


class _Walk:
    """Disputes and closings of one CDR, taken in the order in which they act."""

    def __init__(self, cdr: Disputable, accepted_at: datetime, found: Disputes) -> None:
        self._cdr, self._accepted_at, self._found = cdr, accepted_at, found
        self._amounts: dict[str, int] = {}
        self._acts: dict[str, Act] = {}
        self._opened_at: dict[str, datetime] = {}
        self._places: dict[str, int] = {}

    def go(self, told: Iterable[_Told]) -> None:
        facts = list(told)
        self._opened_at = {
            fact.dispute_id: max(fact.at, self._accepted_at) for fact in facts if isinstance(fact, CdrDisputed)
        }
        for fact in sorted(facts, key=self._when):
            if isinstance(fact, CdrDisputed):
                self._open(fact)
            else:
                self._close(fact)

    def _when(self, fact: _Told) -> tuple[datetime, bool, str, str]:
        """A closing acts at its time or, if later, when its dispute was opened: openings first at one moment."""
        is_close = isinstance(fact, CdrDisputeClosed)
        return max(fact.at, self._opened_at[fact.dispute_id]), is_close, fact.source, fact.id

    def _left(self) -> int:
        """What of the CDR is neither disputed nor lost."""
        bound = (self._amounts[name] for name, act in self._acts.items() if act in (Act.OPENED, Act.LOST))
        return self._cdr.gross - sum(bound)

    def _open(self, fact: CdrDisputed) -> None:
        amount = self._cdr.gross if fact.amount is None else fact.amount
        if not 0 < amount <= self._left():
            self._found.idle.append(Idle(fact, "it is of more than is left of the CDR beside other disputes"))
            return
        self._amounts[fact.dispute_id] = amount
        self._say(self._opened_at[fact.dispute_id], Act.OPENED, fact.dispute_id)

    def _close(self, fact: CdrDisputeClosed) -> None:
        dispute_id, before = fact.dispute_id, self._acts.get(fact.dispute_id)
        if before is None:
            self._found.idle.append(Idle(fact, "its dispute has no effect"))
            return
        at = self._when(fact)[0]
        self._places[dispute_id] = self._places.get(dispute_id, 0) + 1
        if fact.outcome is CdrDisputeOutcome.WON:
            if before is not Act.WON:
                self._say(at, Act.LIFTED if before is Act.LOST else Act.WON, dispute_id)
                self._acts[dispute_id] = Act.WON
            return
        if before is Act.WON:
            if self._amounts[dispute_id] > self._left():
                self._found.idle.append(Idle(fact, "other disputes have taken what it was about"))
                return
            # It acts at its own time: opened and lost anew.
            self._say(at, Act.OPENED, dispute_id)
        if before is not Act.LOST:
            self._say(at, Act.LOST, dispute_id)

    def _say(self, at: datetime, act: Act, dispute_id: str) -> None:
        self._acts[dispute_id] = act
        place = self._places.get(dispute_id, 0)
        self._found.rulings.append(Ruling(at, act, dispute_id, self._amounts[dispute_id], place))
