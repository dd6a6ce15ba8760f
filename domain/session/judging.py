"""Decides about a session: compares what should stand, a function of its facts and the catalogue, with what does.

The decisions close the gap. What the clock drives (issuing CDRs, maturing) is decided only when a clock is given.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from operator import is_
from typing import Any

from domain.book.bookings import Booking, ShareMatured
from domain.book.findings import Finding
from domain.book.release import Release
from domain.calendar import BEGINNING, utc_text
from domain.catalogue.catalogue import Catalogue
from domain.money import plain
from domain.session.assessment import (
    Assessment,
    Bill,
    BillChange,
    SessionState,
    session_currency,
    single_operator,
)
from domain.session.cdr_chain import ISSUE, cdr_decision, next_steps, wanted_chain
from domain.session.decisions import (
    Decision,
    FactReadmitted,
    FactRejected,
    OrphanClosed,
    SessionAssessed,
    ShareReleased,
)
from domain.session.driver.book import driver_book
from domain.session.orphans import orphan_deadline
from domain.session.partner_findings import partner_findings
from domain.session.payment_facts import PaymentFacts
from domain.session.plug import Overlap, overlap_finding
from domain.session.ratings import ratings
from domain.session.roaming_book import RoamingCdrs, roaming_book
from domain.session.scope import BookScope
from domain.session.session import Judgement, Session, stream_name
from domain.session.splitting import OF_PAYEE, Billed, share_out
from domain.session.supplies import supplies_of

CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
NOT_CHARGEABLE = "NOT_CHARGEABLE_ANY_MORE"


def decide(session: Session, catalogue: Catalogue, clock: datetime | None) -> Judgement:
    """Close the gap between what should stand and what does, and fold the decisions into the session.

    Without a clock nothing that the clock drives is begun; what it began before is kept in step with the facts.
    """
    known = session.charging
    if known is not None and known[0] is catalogue and known[1] == catalogue.revision:
        due_at = known[2].due_at
        if clock is None or due_at is None or due_at > clock:
            return replace(known[2], decisions=())
    judgement = _Verdict(session, catalogue, clock).judge()
    if not session.has_consequences:
        session.charging = (catalogue, catalogue.revision, judgement)
    return judgement


class _Verdict:
    """One decision about one session; every decision is folded in as it is made."""

    def __init__(self, session: Session, catalogue: Catalogue, clock: datetime | None) -> None:
        self.session, self.catalogue, self.clock = session, catalogue, clock
        self.decisions: list[Decision] = []
        self.moments: list[datetime] = []
        # What should be open; whatever is judged here may add to it.
        self.findings: list[Finding] = []
        self.ahead_until: datetime | None = None
        operator_id, currency = single_operator(session.meter), session_currency(session.meter, catalogue)
        start = session.meter.first_start()
        wallet_id = start.wallet_id if start is not None else None
        self.scope = BookScope(session.session_id, operator_id, currency, catalogue, clock, wallet_id)

    def judge(self) -> Judgement:
        self._reject_other_currencies()
        self._close_orphan()
        assessment = self.session.assess(self.catalogue)
        billed, shortfall, bookings, releases = self._wanted(assessment)
        owners: dict[str, str] = {}
        self._move_chain(assessment, billed)
        contract = assessment.contract
        if contract is not None and contract.partner is not None:
            session = self.session
            cdrs = RoamingCdrs(
                contract.partner,
                session.issued,
                session.answers,
                session.paid,
                session.told_of_cdrs,
                supplies_of(contract),
                billed,
            )
            roaming, of_cdrs = roaming_book(self.scope, cdrs)
            bookings, releases = [*bookings, *roaming], releases | of_cdrs
            self.findings += partner_findings(self.scope, cdrs)
        if contract is not None and contract.operator.splits is not None:
            shared = share_out(self.scope, contract, Billed(billed, self.session.issued), bookings, releases)
            bookings, releases, owners, found = shared
            self.findings += found
        self._report(assessment, billed, shortfall)
        self._release(releases, owners)
        self._book(bookings)
        if self.session.overlap is not None:
            self._find_overlap(self.session.overlap)
        self._find()
        return self._judgement(assessment)

    def _judgement(self, assessment: Assessment) -> Judgement:
        session = self.session
        due_at = min(self.moments, default=None)
        times = [fact.at for fact in (*session.meter.starts, *session.meter.ends)]
        for fact in session.meter.corrections:
            times += [moment for moment in (fact.started_at, fact.ended_at) if moment is not None]
        times += [booking.effective_at for booking in session.standing.bookings()]
        times += [release.matures_at for release in session.releases.values() if release.matures_at]
        start = session.meter.start_as_corrected()
        partner = start.partner if start else None
        known = assessment.contract is not None and assessment.contract.location is not None
        return Judgement(
            tuple(self.decisions),
            due_at,
            max(times, default=BEGINNING),
            self.scope.operator_id,
            partner,
            is_rated=assessment.state == SessionState.RATED,
            awaits_location=start.location_id.casefold() if start is not None and not known else None,
            presumed_at=self._presumed_at(),
            started_at=start.at if start is not None else None,
            ahead_until=self.ahead_until,
        )

    def _presumed_at(self) -> datetime | None:
        """The first maturing that is not on the book yet and that something on the book comes after."""
        if self.clock is not None:
            return None
        ahead = [release.matures_at for release in self.session.releases.values() if release.matures_at]
        if not ahead:
            return None
        standing = self.session.standing.bookings()
        matured = {booking.effective_at for booking in standing if isinstance(booking, ShareMatured)}
        last = max((booking.effective_at for booking in standing), default=BEGINNING)
        return min((moment for moment in ahead if moment < last and moment not in matured), default=None)

    def _decide(self, decision: Decision) -> None:
        self.session.evolve(decision)
        self.decisions.append(decision)

    def _reject_other_currencies(self) -> None:
        """A payment in another currency than its session's is refused, also when that shows only later."""
        payments = self.session.payments
        for facts in (payments.captures, payments.refunds, payments.disputes):
            for fact in facts:
                is_rejected = (fact.source, fact.id) in self.session.rejected
                # While no currency is known, payments are posted as they are.
                fits = self.scope.currency is None or fact.currency == self.scope.currency
                if fits and is_rejected:
                    self._decide(FactReadmitted(fact.source, fact.id))
                elif not fits and not is_rejected:
                    sentence = (
                        f"the payment is in {fact.currency}, its session in {self.scope.currency}; send it in that"
                    )
                    self._decide(FactRejected(fact.source, fact.id, CURRENCY_MISMATCH, sentence))

    def _close_orphan(self) -> None:
        """Close a session of which nothing is heard any more, once the clock has reached its contract's deadline."""
        session = self.session
        deadline = orphan_deadline(session.meter, self.catalogue)
        if deadline is None or (session.closed_at is not None and deadline <= session.closed_at):
            return
        if self.clock is not None and deadline <= self.clock:
            self._decide(OrphanClosed(session.session_id, self.scope.operator_id, deadline))
        else:
            self.moments.append(deadline)

    def _accepted_payments(self) -> PaymentFacts:
        payments, rejected = self.session.payments, self.session.rejected
        if not rejected:
            return payments
        return replace(
            payments,
            captures=[fact for fact in payments.captures if (fact.source, fact.id) not in rejected],
            refunds=[fact for fact in payments.refunds if (fact.source, fact.id) not in rejected],
            refund_failures=payments.refund_failures,
            disputes=[fact for fact in payments.disputes if (fact.source, fact.id) not in rejected],
        )

    def _wanted(
        self, assessment: Assessment
    ) -> tuple[tuple[BillChange, ...], int, list[Booking], dict[str, Release | None]]:
        """Driver sessions: the whole book. Roaming sessions: only what payments say, bills are all that was rated."""
        roaming = assessment.contract is not None and assessment.contract.partner is not None
        seen = Assessment(assessment.state, assessment.reason) if roaming else assessment
        book = driver_book(self.scope, seen, self._accepted_payments())
        self.findings += book.findings
        self.ahead_until = book.ahead_until
        billed = assessment.changes if roaming else book.billed
        return billed, book.shortfall, list(book.bookings), book.releases

    # CDRs ------------------------------------------------------------------------------------------------------

    def _move_chain(self, assessment: Assessment, billed: tuple[BillChange, ...]) -> None:
        session = self.session
        partner = assessment.contract.partner if assessment.contract else None
        answers = [a for a in session.answers if partner is not None and a.partner == partner.partner]
        wanted = wanted_chain(session.session_id, assessment, billed, answers, session.told_of_cdrs)
        if not wanted and not session.issued:
            return
        issued_to_partner = False
        for step in next_steps(session.issued, wanted):
            # Answers may be waiting for a CDR that was just issued, and may change what comes next: it takes another
            # look at the session once they are here.
            if self.clock is None or step.at > self.clock or issued_to_partner:
                self.moments.append(step.at)
                return
            self._decide(cdr_decision(session, self.scope.operator_id, step, assessment))
            issued_to_partner = partner is not None and step.act == ISSUE

    # The outcome, releases and bookings ------------------------------------------------------------------------

    def _report(self, assessment: Assessment, billed: tuple[BillChange, ...], shortfall: int) -> None:
        if not self.session.meter or self._is_reported(assessment, billed, shortfall):
            return
        self.session.reported = (assessment, billed, shortfall)
        state, reason = assessment.state, assessment.reason
        bill = billed[-1].bill if billed and state == SessionState.RATED else None
        if state == SessionState.RATED and bill is None:
            # Its bill was withdrawn and paid back; now it could be billed again, and nothing can be captured for it.
            state, reason = SessionState.SUSPENSE, NOT_CHARGEABLE
        told: dict[str, Any] = self._metered(assessment)
        if assessment.contract is not None:
            currency, partner = assessment.contract.operator.currency, assessment.contract.partner
            # Also where nothing is charged any more: CDRs may have gone out, or go out yet and be credited.
            known = self.session.outcome.ratings if self.session.outcome else ()
            told |= {"ratings": ratings(billed, currency, known), "partner": partner.partner if partner else None}
            if bill is not None:
                told |= _amounts(bill, currency) | {"shortfall": shortfall}
        outcome = SessionAssessed(self.session.session_id, self.scope.operator_id, state, reason, **told)
        if outcome != self.session.outcome:
            self._decide(outcome)

    def _metered(self, assessment: Assessment) -> dict[str, Any]:
        start = self.session.meter.first_start()
        if start is None or not assessment.metered:
            return {}
        told = [[utc_text(at), plain(energy_wh)] for at, energy_wh in assessment.metered]
        return {"evse_uid": start.evse_uid, "metered": tuple(told)}

    def _is_reported(self, assessment: Assessment, billed: tuple[BillChange, ...], shortfall: int) -> bool:
        """Whether the outcome was written from the very same, as when a payment comes after the rating."""
        known = self.session.reported
        if known is None or known[0] is not assessment or known[2] != shortfall or len(known[1]) != len(billed):
            return False
        return all(map(is_, known[1], billed))

    def _release(self, wanted: Mapping[str, Release | None], owners: Mapping[str, str]) -> None:
        """Have just what is wanted released; `owners` are those of shares that are not the operator's."""
        for share in sorted({*wanted, *self.session.releases}):
            found = wanted.get(share)
            times = (found.released_at, found.available_on, found.matures_at) if found else (None, None, None)
            known = self.session.releases.get(share)
            owner = owners.get(share, self.scope.operator_id)
            if found is None and known is not None and share.startswith(OF_PAYEE):
                owner = known.operator_id
            released = ShareReleased(share, owner, *times)
            if (known is None and found is not None) or (known is not None and known != released):
                self._decide(released)

    def _book(self, wanted: list[Booking]) -> None:
        """Have just what is wanted stand; maturing waits for the clock."""
        for change in self.session.standing.towards([booking for booking in wanted if self._may_stand(booking)]):
            self._decide(change)

    def _find_overlap(self, overlap: Overlap) -> None:
        found = overlap_finding(self.session.session_id, self.session.meter, overlap)
        self.findings += [found] if found is not None else []

    def _find(self) -> None:
        """Have just those findings open that were made; nothing to compare for a session without any."""
        if self.findings or self.session.findings:
            for change in self.session.findings.towards(self.findings, stream_name(self.session.session_id)):
                self._decide(change)

    def _may_stand(self, booking: Booking) -> bool:
        if not isinstance(booking, ShareMatured) or booking.key in self.session.standing:
            return True
        if self.clock is not None and booking.effective_at <= self.clock:
            return True
        self.moments.append(booking.effective_at)
        return False


def _amounts(bill: Bill, currency: str) -> dict[str, Any]:
    return {
        "energy_wh": plain(bill.energy_wh),
        "currency": currency,
        "net": bill.net,
        "vat": bill.vat,
        "gross": bill.gross,
        "commission": bill.commission,
        "commission_vat": bill.commission_vat,
        "operator_share": bill.share,
    }
