"""Streams of payouts: locked, folded, and written with all that follows from what was decided."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import Booking, PaidTwice, ReserveReleased
from domain.book.findings import FindingEnded, FindingOpened
from domain.book.refusals import DecisionRefused
from domain.book.release import Release
from domain.book.standing import Booked, Retracted
from domain.calendar import END
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.fact import RecordedFact
from domain.payout.answers import parse_payout_fact
from domain.payout.booked import RETAINED_RELEASE_KEY
from domain.payout.deciding import lapses_at
from domain.payout.events import (
    ApprovalCounted,
    ApprovalLapsed,
    PayoutCreated,
    PayoutDecision,
    PayoutHandedOff,
    PayoutStatus,
    PayoutStatusChanged,
    payout_stream,
)
from domain.payout.findings import (
    find_in_facts,
    is_looked_for,
    unanswered_at,
)
from domain.payout.payout import Payout
from domain.payout.releases import owed_at_once, reserve_release, retained_release
from engine.folding import fold
from engine.office import Office
from engine.past_payouts import taxes_of
from engine.work import Stream, Work
from ledger.events.heads import lock_streams
from ledger.events.store import read_streams
from ledger.intake.kept_payouts import KeptPayout


def load_payouts(cursor: Cursor[TupleRow], payout_ids: Iterable[str], *, locked: bool = True) -> dict[str, Payout]:
    """Lock the streams of payouts, or just read them, and fold them; one only answered has no `created` yet."""
    ids = sorted(set(payout_ids))
    streams = {payout_stream(payout_id): payout_id for payout_id in ids}
    versions: Mapping[UUID, int] = lock_streams(cursor, streams) if locked else dict.fromkeys(streams, 1)
    stored = read_streams(cursor, [stream_id for stream_id, version in versions.items() if version])
    payouts = {payout_id: Payout(payout_id) for payout_id in ids}
    for stream_id, events in stored.items():
        payout = payouts[streams[stream_id]]
        fold(payout, events, partial(_learn, payout))
    return payouts


def _learn(payout: Payout, fact: RecordedFact) -> None:
    payout.learn(parse_payout_fact(fact.type, fact.data, fact.source, fact.id))


def write_all(
    cursor: Cursor[TupleRow],
    work: Work,
    decided: Iterable[tuple[Payout, Sequence[PayoutDecision]]],
    office: Office,
) -> None:
    for payout, decisions in decided:
        stream = work.stream(payout_stream(payout.payout_id), payout)
        write_decisions(stream, payout, decisions, office.versions(payout))
    work.keep_payouts(cursor)


def write_decisions(
    stream: Stream,
    payout: Payout,
    decisions: Sequence[PayoutDecision],
    versions: Versions[Operator] | None,
) -> None:
    created = payout.created
    for decision in (*decisions, *find_in_facts(payout)):
        stream.append(decision)
        if isinstance(decision, Booked | Retracted):
            release = _release(decision.booking, created, versions)
            stream.book(decision, release, payout_id=None if release else payout.payout_id)
        elif (
            isinstance(decision, PayoutCreated) and decision.status != PayoutStatus.AWAITING_APPROVAL
        ) or isinstance(decision, PayoutHandedOff):
            stream.send("settlement.batches", decision.operator_id)
        elif isinstance(decision, DecisionRefused):
            stream.send("settlement.notifications", created.operator_id if created else decision.subject)
        elif isinstance(decision, PayoutStatusChanged | ApprovalCounted | ApprovalLapsed):
            stream.send("settlement.notifications", decision.operator_id)
        elif isinstance(decision, FindingOpened | FindingEnded):
            stream.tell(decision)
    _move_lines(stream.work, payout, decisions)
    if created is not None and decisions:
        stream.work.payouts[payout.payout_id] = _kept(payout, created, versions)


def _move_lines(work: Work, payout: Payout, decisions: Sequence[PayoutDecision]) -> None:
    """The lines of a payout that is rejected are free from then on; one that goes after all has them again."""
    made = payout.proposed
    if made is None or made.reissue_of is not None:
        return
    entries = [UUID(each) for each in made.entry_ids]
    for decision in decisions:
        if isinstance(decision, PayoutHandedOff):
            work.paid += [(entry, made.operator_id, payout.payout_id) for entry in entries]
        elif isinstance(decision, PayoutStatusChanged) and decision.status is PayoutStatus.REJECTED:
            work.freed += [(entry, made.operator_id, payout.payout_id, decision.at) for entry in entries]


def _kept(payout: Payout, created: PayoutCreated, versions: Versions[Operator] | None) -> KeptPayout:
    """What later runs look at, since when and until when the payout is on its way, and when it is unanswered."""
    sent_at, left_at = payout.on_its_way()
    rejected_at = payout.status_at if payout.status is PayoutStatus.REJECTED else None
    return KeptPayout(
        payout_id=payout.payout_id,
        operator_id=created.operator_id,
        reserve_held=payout.holds_reserve,
        failed=payout.failed,
        awaits=payout.status is PayoutStatus.AWAITING_APPROVAL,
        currency=created.currency,
        amount=created.amount,
        sent_at=sent_at,
        left_at=(left_at or END) if sent_at else None,
        due_at=answer_due_at(created, versions) if is_looked_for(payout) else lapses_at(payout),
        business_date=created.business_date,
        counts=created.reissue_of is None,
        rejected_at=rejected_at,
        taxes=taxes_of(created),
    )


def answer_due_at(created: PayoutCreated, versions: Versions[Operator] | None) -> datetime:
    return unanswered_at(created, versions.at(created.fired_at) if versions else None)


def _release(booking: Booking, created: PayoutCreated | None, versions: Versions[Operator] | None) -> Release | None:
    """When a payable line of a payout's own is released, and the business date from which a run takes it.

    A reserve that is given back (J32) is payable on the day its run comes round, what was paid twice (J40x) is owed
    at once; what a run booked is paid with it.
    """
    if created is None or versions is None:
        return None
    if booking.key == RETAINED_RELEASE_KEY:
        return retained_release(created, booking.effective_at)
    if isinstance(booking, ReserveReleased):
        return reserve_release(created, versions, booking.effective_at)
    if isinstance(booking, PaidTwice):
        return owed_at_once(created, versions, booking.effective_at)
    return None
