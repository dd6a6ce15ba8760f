"""People's decisions about one payout: it is handed off or rejected by them, and what counts for nothing is refused.

What was handed off stays: a vote that comes later and lies before it is refused. One that was rejected goes after all
by an approval that came first by its own time, as long as nothing else has paid its lines.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime

from domain.book.refusals import DecisionRefused
from domain.calendar import MONDAY_TO_FRIDAY, next_open, utc_text, zone
from domain.payout.answers import PayoutRejected, PayoutRetried, PayoutVote
from domain.payout.approvals import APPROVAL_LASTS, Asked, Outcome, lapsed_by, outcome_of, refused
from domain.payout.booked import own_entries
from domain.payout.circumstances import Circumstances
from domain.payout.content import decided_content, execution_day
from domain.payout.events import (
    ApprovalCounted,
    ApprovalLapsed,
    PayoutCreated,
    PayoutDecision,
    PayoutHandedOff,
    PayoutStatus,
    PayoutStatusChanged,
)
from domain.payout.findings import may_act
from domain.payout.payout import Payout
from domain.payout.steps import folded, hand_off


def take_votes(
    payout: Payout,
    around: Circumstances,
    until: datetime | None = None,
    are_lines_free: Callable[[], bool] = lambda: True,
    covered_at: datetime | None = None,
) -> list[PayoutDecision]:
    """Bring a payout in step with what people decided about it; nothing while it is not made.

    `until` is how far the clock has come, for approvals that lapse by then. `are_lines_free` says of one that was
    rejected whether nothing else has taken its lines. Where it waits for client money it goes `covered_at` that
    moment.
    """
    made = payout.proposed
    if payout.created is None:
        return []
    if made is None:
        wanted = [_not_asked(vote, payout) for vote in payout.votes]
        return folded(payout, [*payout.refusals.towards([*wanted, *_retried_in_vain(payout)])])
    around = _as_far_as_told(payout, around)
    outcome = outcome_of(payout.votes, _asked(payout, made, covered_at), around)
    decisions = _told(payout, made, outcome, until)
    if payout.handed_off is None:
        decisions += _decided(payout, made, outcome, around, are_lines_free)
    wanted = [*_refused(payout, outcome), *_retried_in_vain(payout)]
    return decisions + folded(payout, [*payout.refusals.towards(wanted)])


def ready_at(payout: Payout, around: Circumstances) -> datetime | None:
    """Since when a payout may leave, as far as people decide that; None while they do not let it, or it has left."""
    made = payout.proposed
    if made is None or payout.status is not PayoutStatus.AWAITING_APPROVAL:
        return None
    return outcome_of(payout.votes, _asked(payout, made, None), _as_far_as_told(payout, around)).ready_at


def _as_far_as_told(payout: Payout, around: Circumstances) -> Circumstances:
    """What was decided by some clock stays so by another that is behind it."""
    if around.now is None:
        return around
    told = payout.counted.keys() | payout.lapsed | {(each.source, each.id) for each in payout.refusals}
    moments = [vote.at for vote in payout.votes if (vote.source, vote.id) in told]
    moments += [payout.handed_off.at] if payout.handed_off else []
    moments += [payout.status_at] if payout.status is PayoutStatus.REJECTED and payout.status_at else []
    return replace(around, now=max([around.now, *moments]))


def next_look(payout: Payout, around: Circumstances) -> datetime | None:
    """When something of a payout that waits changes by itself: an approval lapses, or what was decided acts."""
    made = payout.proposed
    if made is None or payout.status is not PayoutStatus.AWAITING_APPROVAL:
        return None
    around = _as_far_as_told(payout, around)
    found = [vote.at for vote in payout.votes if not around.has_come(vote.at)]
    ready, lapses = ready_at(payout, around), lapses_at(payout)
    found += [ready] if ready is not None and not around.has_come(ready) else []
    found += [lapses] if lapses is not None and not around.has_come(lapses) else []
    return min(found, default=None)


def _asked(payout: Payout, made: PayoutCreated, covered_at: datetime | None) -> Asked:
    return replace(asked_of(made), covered_at=payout.handed_off.at if payout.handed_off else covered_at)


def lapses_at(payout: Payout) -> datetime | None:
    """When the first of the approvals lapses that wait for others; None where none does."""
    if payout.status is not PayoutStatus.AWAITING_APPROVAL or not payout.counted:
        return None
    return min(payout.counted.values()) + APPROVAL_LASTS


def asked_of(made: PayoutCreated) -> Asked:
    """What is decided about a payout that waits for approval."""
    return Asked(
        made.payout_id,
        made.operator_id,
        made.bank_account,
        decided_content(made),
        made.fired_at,
        max(made.approvals, 1),
        made.asked_by,
    )


def _decided(
    payout: Payout,
    made: PayoutCreated,
    outcome: Outcome,
    around: Circumstances,
    are_lines_free: Callable[[], bool],
) -> list[PayoutDecision]:
    """Hand a payout off, or note that it is rejected."""
    was_rejected = payout.status is PayoutStatus.REJECTED
    if outcome.leaves_at is not None:
        if was_rejected and (payout.superseded_by or not are_lines_free()):
            return []
        day = _execution_day(made, outcome.leaves_at, around)
        event = PayoutHandedOff(
            made.payout_id, made.operator_id, outcome.leaves_at, day, outcome.by, own_entries(made)
        )
        return folded(payout, [event]) + hand_off(payout)
    vote = outcome.rejected
    if vote is None or (was_rejected and (payout.status_at, payout.reason) == (vote.at, vote.reason)):
        return []
    if was_rejected and not are_lines_free():
        return []
    status = PayoutStatus.REJECTED
    return folded(payout, [PayoutStatusChanged(made.payout_id, made.operator_id, status, vote.at, vote.reason)])


def _execution_day(made: PayoutCreated, leaves_at: datetime, around: Circumstances) -> date:
    """The first day on which banks work from the local date of the hand-off on, and from the day that was planned."""
    operator = around.versions.at(leaves_at)
    calendars = operator.bank_calendars(made.currency) if operator else (MONDAY_TO_FRIDAY,)
    local = leaves_at.astimezone(zone(made.time_zone) if made.time_zone else UTC).date()
    return next_open(max(local, execution_day(made)), *calendars)


def _told(payout: Payout, made: PayoutCreated, outcome: Outcome, until: datetime | None) -> list[PayoutDecision]:
    """Each approval as it is counted, and that one lapsed, once each."""
    decisions: list[PayoutDecision] = []
    for vote, number in outcome.approved:
        key = (vote.source, vote.id)
        if key not in payout.counted and key not in payout.lapsed and payout.handed_off is None:
            counted = ApprovalCounted(
                made.payout_id,
                made.operator_id,
                vote.source,
                vote.id,
                vote.at,
                vote.by,
                number,
                max(made.approvals, 1),
            )
            decisions.append(counted)
    for vote in lapsed_by(outcome, until) if until is not None else outcome.lapsed:
        if (vote.source, vote.id) not in payout.lapsed:
            at = vote.at + APPROVAL_LASTS
            decisions.append(ApprovalLapsed(made.payout_id, made.operator_id, vote.source, vote.id, at, vote.by))
    return folded(payout, decisions)


def _refused(payout: Payout, outcome: Outcome) -> list[DecisionRefused]:
    """What counts for nothing, also because it came when the payout had gone, or its lines had."""
    sentence, counting = _what_stands(payout, outcome)
    if not sentence:
        return outcome.refused
    known = {(each.source, each.id): each for each in payout.refusals}
    return [
        known.get((vote.source, vote.id)) or refused(vote, payout.payout_id, sentence)
        for vote in payout.votes
        if (vote.source, vote.id) not in counting
    ]


def _what_stands(payout: Payout, outcome: Outcome) -> tuple[str, set[tuple[str, str]]]:
    """Where what was known first stands against what all votes come to: why, and the votes that count anyhow."""
    gone = payout.handed_off
    if gone is not None:
        if outcome.leaves_at == gone.at:
            return "", set()
        return f"payout {payout.payout_id} had been handed off, as of {utc_text(gone.at)}, when this came", set(
            payout.counted
        ) | payout.lapsed
    if payout.status is PayoutStatus.REJECTED and outcome.leaves_at is not None:
        counting = {
            (vote.source, vote.id)
            for vote in payout.votes
            if isinstance(vote, PayoutRejected) and (vote.at, vote.reason) == (payout.status_at, payout.reason)
        }
        return f"payout {payout.payout_id} had been rejected, and its lines are paid by another, when this came", (
            counting
        )
    return "", set()


def _not_asked(vote: PayoutVote, payout: Payout) -> DecisionRefused:
    return refused(vote, payout.payout_id, f"payout {payout.payout_id} did not wait for approval")


def _retried_in_vain(payout: Payout) -> Iterable[DecisionRefused]:
    """A payout goes again by somebody's decision only once it has come to nothing."""
    if any(may_act(payout, retried) for retried in payout.retries):
        return []
    return [_in_vain(retried, payout.payout_id) for retried in payout.retries]


def _in_vain(retried: PayoutRetried, payout_id: str) -> DecisionRefused:
    sentence = f"payout {payout_id} had not come to nothing by then"
    return DecisionRefused(retried.source, retried.id, "payout.retried", payout_id, retried.at, sentence)
