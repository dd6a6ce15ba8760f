"""The session aggregate: it collects facts in any order, and folds in what was decided because of them.

    facts      what sources reported (see `domain.session.facts`)
    decisions  SessionAssessed, OrphanClosed, OverlapNoted, FactRejected, FactReadmitted, ShareReleased, Booked,
               Retracted, CdrIssued, CdrCredited, FindingOpened, FindingEnded

What should stand, and the decisions that lead there, are `domain.session.judging`'s.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from domain.book.findings import FindingChange, FindingEnded, FindingOpened, OpenFindings
from domain.book.standing import BookChange, Booked, Retracted, Standing
from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.assessment import Assessment, BillChange, assess
from domain.session.decisions import (
    CdrCredited,
    CdrIssued,
    Decision,
    FactReadmitted,
    FactRejected,
    IssuedCdr,
    OrphanClosed,
    OverlapNoted,
    SessionAssessed,
    ShareReleased,
)
from domain.session.facts import (
    Captured,
    CapturedElsewhere,
    CdrAnswered,
    CdrPaid,
    DisputeClosed,
    Disputed,
    Ended,
    Failed,
    IntentDeclared,
    LineStanding,
    MeterCorrected,
    Metered,
    Refunded,
    RefundFailed,
    ReservationExpired,
    Reviewed,
    Settled,
    Started,
    StateChanged,
    WalletMoved,
)
from domain.session.meter_facts import MeterFacts
from domain.session.payment_facts import PaymentFacts
from domain.session.plug import Overlap, Stay, stay_of
from domain.session.roaming_facts import CdrDisputeClosed, CdrDisputed, CdrInvoiced, PartnersWord
from domain.values import value


def stream_name(session_id: str) -> str:
    """The business name of a session's event stream."""
    return f"session:{session_id}"


@lru_cache(maxsize=16_384)
def session_stream(session_id: str) -> UUID:
    """The id of a session's event stream."""
    return uuid5(NAMESPACE_URL, f"wattledger:stream:{stream_name(session_id)}")


@value
class Judgement:
    """The decisions to store, the next moment at which the clock matters, and what the session depends on.

    It depends on versions in effect up to `latest_at`; one that is not rated waits for something, and one that
    `awaits_location` was judged without knowing its location. `presumed_at` is a maturing that some booking takes for
    granted though no clock has reached it: a clock that stops before it has to look again. Until `ahead_until` a
    payout could pay its share ahead of the driver; None where none could.
    """

    decisions: tuple[Decision, ...]
    due_at: datetime | None
    latest_at: datetime
    operator_id: str
    partner: str | None
    is_rated: bool
    awaits_location: str | None
    presumed_at: datetime | None
    started_at: datetime | None
    ahead_until: datetime | None = None


class Moved(Enum):
    """A session whose place at its plug is to be written: for the first time, or where it may have had one."""

    FIRST = "first"
    AGAIN = "again"


@dataclass(slots=True)
class Session:
    """The state of a session: its facts, what stands on the book, what was released or found, which CDRs went out."""

    session_id: str
    version: int = 0
    meter: MeterFacts = field(default_factory=MeterFacts)
    payments: PaymentFacts = field(default_factory=PaymentFacts)
    answers: list[CdrAnswered] = field(default_factory=list)
    paid: list[CdrPaid] = field(default_factory=list)
    told_of_cdrs: PartnersWord = field(default_factory=PartnersWord)
    outcome: SessionAssessed | None = None
    standing: Standing = field(default_factory=Standing)
    releases: dict[str, ShareReleased] = field(default_factory=dict)
    issued: list[IssuedCdr] = field(default_factory=list)
    sent: dict[int, CdrIssued] = field(default_factory=dict)
    rejected: set[tuple[str, str]] = field(default_factory=set)
    closed_at: datetime | None = None
    findings: OpenFindings = field(default_factory=OpenFindings)
    overlap: Overlap | None = None
    # Whether its place is to be written with this transaction; not state.
    moved: Moved | None = field(default=None, compare=False, repr=False)
    # The last assessment with the catalogue it rests on; not state, only saved work.
    assessed: tuple[Catalogue, int, Assessment] | None = field(default=None, compare=False, repr=False)
    # The same of the last judgement, while the session charges and nothing but readings came after it.
    charging: tuple[Catalogue, int, Judgement] | None = field(default=None, compare=False, repr=False)
    # What the outcome was written from: assessment, the bills that were charged, and the shortfall.
    reported: tuple[Assessment, tuple[BillChange, ...], int] | None = field(default=None, compare=False, repr=False)

    def learn(self, fact: Fact) -> None:
        """Take in a fact."""
        learned = LEARN[type(fact)]
        learned.keep(self, fact)
        if learned.rates:
            self.assessed = None
        if not learned.charges:
            self.charging = None

    def assess(self, catalogue: Catalogue) -> Assessment:
        """What the session is worth; rated anew only when metering or catalogue changed, since that is dear."""
        known = self.assessed
        if known is None or known[0] is not catalogue or known[1] != catalogue.revision:
            known = self.assessed = (catalogue, catalogue.revision, self._assessed_by(catalogue))
        return known[2]

    def _assessed_by(self, catalogue: Catalogue) -> Assessment:
        return assess(self.meter, catalogue, self.closed_at, self.overlap.kind if self.overlap else None)

    def stay(self, catalogue: Catalogue) -> Stay | None:
        """When it was at its plug, None while it has no place there."""
        return stay_of(self.meter, catalogue, self.closed_at)

    def evolve(self, decision: Decision) -> None:
        """Fold a decision into the state."""
        _EVOLVE[type(decision)](self, decision)

    @property
    def is_over(self) -> bool:
        """Whether an end of it was told, or estimated once."""
        return bool(self.meter.ends) or self.closed_at is not None

    @property
    def has_consequences(self) -> bool:
        """Whether it may be worth something by now: an end, a payment, or anything that was decided before."""
        decided = self.standing or self.releases or self.issued or self.rejected or self.closed_at or self.findings
        return bool(self.meter.ends or self.payments or decided)


class Learned(NamedTuple):
    """What a session does with a class of facts: where it keeps them, and what it has to work out anew.

    With `rates` they may change what the session is worth. With `charges` they come while it charges, and nothing
    follows from them until there is an end.
    """

    keep: Callable[[Session, Any], None]
    rates: bool
    charges: bool = False


LEARN: dict[type[Fact], Learned] = {
    Started: Learned(lambda session, fact: session.meter.starts.append(fact), rates=True),
    Ended: Learned(lambda session, fact: session.meter.ends.append(fact), rates=True),
    Metered: Learned(lambda session, fact: session.meter.readings.append(fact), rates=True, charges=True),
    StateChanged: Learned(lambda session, fact: session.meter.states.append(fact), rates=True, charges=True),
    MeterCorrected: Learned(lambda session, fact: session.meter.corrections.append(fact), rates=True),
    Reviewed: Learned(lambda session, fact: session.meter.reviews.append(fact), rates=True),
    ReservationExpired: Learned(lambda session, fact: session.meter.take_in_no_show(fact), rates=True),
    # Kept in the stream alone: no rule of a session reads it.
    IntentDeclared: Learned(lambda session, fact: None, rates=False, charges=True),
    Captured: Learned(lambda session, fact: session.payments.captures.append(fact), rates=False),
    Failed: Learned(lambda session, fact: session.payments.failures.append(fact), rates=False),
    Settled: Learned(lambda session, fact: session.payments.settled.append(fact), rates=False),
    CapturedElsewhere: Learned(lambda session, fact: session.payments.elsewhere.append(fact), rates=False),
    LineStanding: Learned(lambda session, fact: session.payments.standings.append(fact), rates=False),
    Refunded: Learned(lambda session, fact: session.payments.refunds.append(fact), rates=False),
    RefundFailed: Learned(lambda session, fact: session.payments.refund_failures.append(fact), rates=False),
    Disputed: Learned(lambda session, fact: session.payments.disputes.append(fact), rates=False),
    DisputeClosed: Learned(lambda session, fact: session.payments.closes.append(fact), rates=False),
    WalletMoved: Learned(lambda session, fact: session.payments.wallets.append(fact), rates=False),
    CdrAnswered: Learned(lambda session, fact: session.answers.append(fact), rates=False),
    CdrPaid: Learned(lambda session, fact: session.paid.append(fact), rates=False),
    CdrInvoiced: Learned(lambda session, fact: session.told_of_cdrs.invoiced.append(fact), rates=False),
    CdrDisputed: Learned(lambda session, fact: session.told_of_cdrs.disputes.append(fact), rates=False),
    CdrDisputeClosed: Learned(lambda session, fact: session.told_of_cdrs.closes.append(fact), rates=False),
}


def _on_assessed(session: Session, event: SessionAssessed) -> None:
    session.outcome = event


def _on_orphan_closed(session: Session, event: OrphanClosed) -> None:
    session.closed_at = event.closed_at
    session.assessed = None


def _on_overlap_noted(session: Session, event: OverlapNoted) -> None:
    session.overlap = Overlap(event.kind, event.other_id) if event.kind and event.other_id is not None else None
    contract = session.assessed[2].contract if session.assessed is not None else None
    if contract is not None and contract.operator.hold_overlaps:
        session.assessed = None


def _on_fact_rejected(session: Session, event: FactRejected) -> None:
    session.rejected.add((event.source, event.id))


def _on_fact_readmitted(session: Session, event: FactReadmitted) -> None:
    session.rejected.discard((event.source, event.id))


def _on_share_released(session: Session, event: ShareReleased) -> None:
    session.releases[event.share] = event


def _on_book_change(session: Session, change: BookChange) -> None:
    session.standing.evolve(change)


def _on_cdr_issued(session: Session, event: CdrIssued) -> None:
    session.issued.append(IssuedCdr(event.number, event.cdr_id, event.issued_at, event.key))
    session.sent = {event.number: event}


def _on_cdr_credited(session: Session, event: CdrCredited) -> None:
    session.issued[event.number - 1] = replace(session.issued[event.number - 1], credited_at=event.credited_at)


def _on_finding(session: Session, change: FindingChange) -> None:
    session.findings.evolve(change)


_EVOLVE: dict[type, Callable[[Session, Any], None]] = {
    SessionAssessed: _on_assessed,
    OrphanClosed: _on_orphan_closed,
    OverlapNoted: _on_overlap_noted,
    FactRejected: _on_fact_rejected,
    FactReadmitted: _on_fact_readmitted,
    ShareReleased: _on_share_released,
    Booked: _on_book_change,
    Retracted: _on_book_change,
    CdrIssued: _on_cdr_issued,
    CdrCredited: _on_cdr_credited,
    FindingOpened: _on_finding,
    FindingEnded: _on_finding,
}
