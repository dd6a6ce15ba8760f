"""The chain of a session's CDRs: the first is issued when the clock says so, a sent one is only ever credited.

A correction up to the moment of issue changes the first CDR; each later one that changes energy or amounts credits
the standing CDR as a whole and issues a new one (OCPI mod_cdrs, Credit CDRs).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL

from domain.cdr.document import CdrSource, cdr_document, credit_document
from domain.cdr.taxes import taxes_to_store
from domain.fact import in_order
from domain.named_ids import named_id
from domain.session.assessment import Assessment, Bill, BillChange, BillKey
from domain.session.cdr_losses import Losses
from domain.session.contracting import Contract
from domain.session.decisions import CdrCredited, CdrIssued, IssuedCdr
from domain.session.facts import CdrAnswered
from domain.session.meter_facts import MeterFacts
from domain.session.orphans import ESTIMATED
from domain.session.roaming_facts import PartnersWord
from domain.session.session import Session
from domain.values import value

ISSUE, CREDIT = "issue", "credit"
# A CDR has to fit into one Kafka record with room to spare.
SIGNED_CHARS_MAX = 65_536


@value
class Step:
    """One step of the chain: CDR `number` (from 1) is issued for a bill, or credited, at a moment."""

    number: int
    at: datetime
    bill: Bill | None = None

    @property
    def act(self) -> str:
        """What is done at this step: with a bill a CDR is issued, without one it is credited."""
        return CREDIT if self.bill is None else ISSUE

    @property
    def content(self) -> tuple[str, int, BillKey | None]:
        """What a step says apart from its moment."""
        return (self.act, self.number, self.bill.key if self.bill else None)


@lru_cache(maxsize=1024)
def cdr_id(session_id: str, number: int) -> str:
    """The id of a session's CDR: UUIDv5 in the URL name space, counted from 1."""
    return str(named_id(NAMESPACE_URL, f"wattledger:cdr:{session_id}:{number}"))


def wanted_chain(
    session_id: str,
    assessment: Assessment,
    billed: Sequence[BillChange],
    answers: Iterable[CdrAnswered],
    told: PartnersWord | None = None,
) -> list[Step]:
    """The chain as it would be, had all facts been known in time; `billed` are the bills really charged.

    What a partner's disputes take of a CDR for good (`told`) credits it, and the next one is of the rest.
    """
    contract, rateable_from = assessment.contract, assessment.rateable_from
    if contract is None or rateable_from is None:
        return []
    delay = timedelta(minutes=contract.operator.cdr_delay_minutes)
    issue_at = max(assessment.changes[0].at + delay, rateable_from)
    losses = Losses(contract, answers, told) if told is not None and told.closes else None
    chain = _Chain(session_id, rejections_after_acceptance(answers), losses)
    for at, bill in _bills_from(billed, issue_at):
        chain.hear_partner(before=at)
        chain.turn_to(bill, at)
    chain.hear_partner(before=None)
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
    """The chain while it is built: its steps, and the CDR that stands.

    `losses` are what disputes take of CDRs of one bill, None where there are none.
    """

    def __init__(self, session_id: str, rejections: dict[str, datetime], losses: Losses | None) -> None:
        self.session_id, self.rejections, self.losses = session_id, rejections, losses
        self.steps: list[Step] = []
        self.standing: int | None = None
        self.number = 0
        self.last: BillKey | None = None

    def hear_partner(self, before: datetime | None) -> None:
        """Act on what the partner says of CDRs of the bill that stands, in the order in which that acts."""
        rejected = self._rejected(before)
        while self.losses is not None:
            loss = self.losses.next(before)
            if loss is None or (rejected is not None and rejected < loss.at):
                break
            self._credit(max(loss.at, self.steps[-1].at))
            if loss.rest is not None:
                self._issue(loss.rest, self.steps[-1].at)
            rejected = self._rejected(before)
        if rejected is not None:
            self._credit(rejected)
            if self.losses is not None:
                self.losses.turn_to(None)

    def turn_to(self, bill: Bill | None, at: datetime) -> None:
        """Credit what stands and issue the next CDR, when energy or an amount changed."""
        key = bill.key if bill else None
        if key == self.last:
            return
        self.last = key
        if self.standing is not None:
            self._credit(at)
        if self.losses is not None:
            self.losses.turn_to(bill)
        if bill is not None:
            self._issue(bill, at)

    def _rejected(self, before: datetime | None) -> datetime | None:
        """When the partner took its acceptance of the standing CDR back, if it did in time."""
        if self.standing is None or not self.rejections:
            return None
        rejected = self.rejections.get(cdr_id(self.session_id, self.standing))
        return rejected if rejected is not None and (before is None or rejected < before) else None

    def _issue(self, bill: Bill, at: datetime) -> None:
        self.number += 1
        self.standing = self.number
        self.steps.append(Step(self.number, at, bill))
        if self.losses is not None:
            self.losses.add(cdr_id(self.session_id, self.number), bill)

    def _credit(self, at: datetime) -> None:
        if self.standing is not None:
            self.steps.append(Step(self.standing, at))
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
    mend = [Step(last.number, at)] if standing is not None else []
    if last_wanted is not None:
        mend.append(Step(last.number + 1, at, last_wanted.bill))
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


# What a step says ------------------------------------------------------------------------------------------------


def cdr_decision(session: Session, operator_id: str, step: Step, assessment: Assessment) -> CdrIssued | CdrCredited:
    """The decision that takes a step, with its document; raises ValueError for a bill without a contract."""
    if step.bill is None:
        return _credited(session, operator_id, step)
    return _issued(session, operator_id, step, step.bill, assessment)


def _credited(session: Session, operator_id: str, step: Step) -> CdrCredited:
    sent = session.sent[step.number]
    document = credit_document(sent.document, step.at)
    return CdrCredited(
        session_id=session.session_id,
        operator_id=operator_id,
        number=step.number,
        cdr_id=str(document["id"]),
        credited_at=step.at,
        document=document,
        tariff_hash=sent.tariff_hash,
        replaces=sent.replaces,
        taxes=sent.taxes,
    )


def _issued(session: Session, operator_id: str, step: Step, bill: Bill, assessment: Assessment) -> CdrIssued:
    # It takes the place of the CDR that was credited to make room for it.
    replaces = session.issued[step.number - 2].cdr_id if step.number > 1 else None
    document = _document(session, step, bill, assessment, replaces)
    return CdrIssued(
        session_id=session.session_id,
        operator_id=operator_id,
        number=step.number,
        cdr_id=cdr_id(session.session_id, step.number),
        issued_at=step.at,
        key=bill.key,
        document=document,
        tariff_hash=bill.published.hash,
        replaces=replaces,
        taxes=taxes_to_store(bill.rating, document),
    )


def _document(
    session: Session, step: Step, bill: Bill, assessment: Assessment, replaces: str | None
) -> dict[str, Any]:
    contract = assessment.contract
    if contract is None:
        raise ValueError(f"session {session.session_id} has a bill and no contract")
    start, operator = contract.start, contract.operator
    return cdr_document(
        CdrSource(
            cdr_id=cdr_id(session.session_id, step.number),
            session_id=session.session_id,
            country_code=operator.country_code,
            party_id=operator.party_id,
            currency=operator.currency,
            token=start.token,
            auth_method=start.auth_method,
            location_id=start.location_id,
            evse_uid=start.evse_uid,
            connector_id=start.connector_id,
            location=contract.location.document if contract.location else None,
            tariff=bill.published.document,
            rating=bill.rating,
            net_minor=bill.net,
            gross_minor=bill.gross,
            issued_at=step.at,
            signed_values=_signed_values(session.meter, contract),
            registers=bill.registers,
            tariff_hash=bill.published.hash,
            taxes=bill.published.taxes,
            replaces=replaces,
            estimated=assessment.reason == ESTIMATED,
            no_show=start.no_show,
            authorization_reference=session.meter.authorization_reference(),
        )
    )


def _signed_values(meter: MeterFacts, contract: Contract) -> tuple[str, ...]:
    """The meter's signed records in time order; the first and the last where all of them would swell the CDR.

    What was signed before or after the session belongs to none of its moments (OCPI mod_cdrs, SignedValue).
    """
    if contract.start.no_show:
        return ()
    readings = sorted(meter.readings, key=in_order)
    started_at, ended_at = contract.start.at, contract.end.at
    signed = [fact.signed_value for fact in readings if fact.signed_value and started_at <= fact.at <= ended_at]
    if sum(map(len, signed)) > SIGNED_CHARS_MAX:
        signed = [signed[0], signed[-1]]
    return tuple(signed)
