"""The chain of a session's CDRs: the first is issued when the clock says so, a sent one is only ever credited.

A correction up to the moment of issue changes the first CDR; each later one that changes energy or amounts credits
the standing CDR as a whole and issues a new one (OCPI mod_cdrs, Credit CDRs).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import NAMESPACE_URL

from domain.fact import in_order
from domain.named_ids import named_id
from domain.session.assessment import Assessment, Bill, BillChange, BillKey
from domain.session.facts import CdrAnswered
from domain.values import value

ISSUE, CREDIT = "issue", "credit"


@value
class Step:
    """One step of the chain: CDR `number` (from 1) is issued for a bill, or credited, at a moment."""

    act: str
    number: int
    at: datetime
    bill: Bill | None = None

    @property
    def content(self) -> tuple[str, int, BillKey | None]:
        """What a step says apart from its moment."""
        return (self.act, self.number, self.bill.key if self.bill else None)


@value
class IssuedCdr:
    """A CDR that went out, and the moment at which it was credited, if it was."""

    number: int
    cdr_id: str
    issued_at: datetime
    key: BillKey
    credited_at: datetime | None = None


@lru_cache(maxsize=1024)
def cdr_id(session_id: str, number: int) -> str:
    """The id of a session's CDR: UUIDv5 in the URL name space, counted from 1."""
    return str(named_id(NAMESPACE_URL, f"wattledger:cdr:{session_id}:{number}"))


def wanted_chain(
    session_id: str, assessment: Assessment, billed: Sequence[BillChange], answers: Iterable[CdrAnswered]
) -> list[Step]:
    """The chain as it would be, had all facts been known in time; `billed` are the bills really charged."""
    contract, rateable_from = assessment.contract, assessment.rateable_from
    if contract is None or rateable_from is None:
        return []
    delay = timedelta(minutes=contract.operator.cdr_delay_minutes)
    issue_at = max(contract.end.at + delay, rateable_from)
    chain = _Chain(session_id, rejections_after_acceptance(answers))
    for at, bill in _bills_from(billed, issue_at):
        chain.credit_if_rejected(before=at)
        chain.turn_to(bill, at)
    chain.credit_if_rejected(before=None)
    return chain.steps


def _bills_from(billed: Sequence[BillChange], issue_at: datetime) -> list[tuple[datetime, Bill | None]]:
    """The bill at the moment of issue, then every later one."""
    early = [change.bill for change in billed if change.at <= issue_at]
    later = [(change.at, change.bill) for change in billed if change.at > issue_at]
    return [(issue_at, early[-1] if early else None), *later]


def rejections_after_acceptance(answers: Iterable[CdrAnswered]) -> dict[str, datetime]:
    """Of each CDR that was accepted and then rejected, the moment of that rejection."""
    found: dict[str, datetime] = {}
    accepted: set[str] = set()
    for answer in sorted(answers, key=in_order):
        if answer.accepted:
            accepted.add(answer.cdr_id)
        elif answer.cdr_id in accepted:
            found.setdefault(answer.cdr_id, answer.at)
    return found


class _Chain:
    """The chain while it is built: its steps, and the CDR that stands."""

    def __init__(self, session_id: str, rejections: dict[str, datetime]) -> None:
        self.session_id, self.rejections = session_id, rejections
        self.steps: list[Step] = []
        self.standing: int | None = None
        self.number = 0
        self.last: BillKey | None = None

    def credit_if_rejected(self, before: datetime | None) -> None:
        """Credit the standing CDR when its partner took its acceptance back."""
        if self.standing is None or not self.rejections:
            return
        rejected = self.rejections.get(cdr_id(self.session_id, self.standing))
        if rejected is not None and (before is None or rejected < before):
            self._credit(rejected)

    def turn_to(self, bill: Bill | None, at: datetime) -> None:
        """Credit what stands and issue the next CDR, when energy or an amount changed."""
        key = bill.key if bill else None
        if key == self.last:
            return
        self.last = key
        if self.standing is not None:
            self._credit(at)
        if bill is not None:
            self.number += 1
            self.standing = self.number
            self.steps.append(Step(ISSUE, self.number, at, bill))

    def _credit(self, at: datetime) -> None:
        if self.standing is not None:
            self.steps.append(Step(CREDIT, self.standing, at))
            self.standing = None


def next_steps(issued: Sequence[IssuedCdr], wanted: Sequence[Step]) -> list[Step]:
    """The steps still to be made: the rest of the wanted chain or, where what was sent differs, the shortest mend.

    What was sent cannot be changed, so facts that arrive after their moment credit the last CDR and issue a new one
    at the moment of the last wanted step.
    """
    made = _steps_made(issued)
    if [step.content for step in wanted[: len(made)]] == made:
        return list(wanted[len(made) :])
    last_wanted = _last_standing(wanted)
    last = issued[-1]
    standing = last.key if last.credited_at is None else None
    if (last_wanted.bill.key if last_wanted and last_wanted.bill else None) == standing:
        return []
    at = max([last.issued_at, *(step.at for step in wanted)])
    mend = [Step(CREDIT, last.number, at)] if standing is not None else []
    if last_wanted is not None:
        mend.append(Step(ISSUE, last.number + 1, at, last_wanted.bill))
    return mend


def _steps_made(issued: Sequence[IssuedCdr]) -> list[tuple[str, int, BillKey | None]]:
    made: list[tuple[str, int, BillKey | None]] = []
    for cdr in issued:
        made.append((ISSUE, cdr.number, cdr.key))
        if cdr.credited_at is not None:
            made.append((CREDIT, cdr.number, None))
    return made


def _last_standing(steps: Sequence[Step]) -> Step | None:
    """The CDR that stands at the end of a chain, None when the last one was credited."""
    if not steps or steps[-1].act == CREDIT:
        return None
    return steps[-1]
