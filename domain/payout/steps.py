"""What becomes of a payout: it is made, handed off and answered, paid again, and its reserve is given back."""

from collections.abc import Sequence
from datetime import datetime

from domain.book.bookings import (
    Booking,
    PaidTwice,
    ReserveReleased,
)
from domain.payout.answers import (
    BankWord,
    word_of,
)
from domain.payout.booked import (
    BANK_KEYS,
    PAID_TWICE_KEY,
    RESERVE_RELEASE_KEY,
    booked_by_bank,
    booked_by_run,
    head_of,
)
from domain.payout.events import PayoutCreated, PayoutDecision, PayoutStatus, PayoutStatusChanged, PayoutSuperseded
from domain.payout.payout import Payout


def create(payout: Payout, created: PayoutCreated) -> list[PayoutDecision]:
    """Make the payout and book it (J31 and J35, or J40), then take in what was answered about it already."""
    return folded(payout, [created]) + hand_off(payout)


def hand_off(payout: Payout) -> list[PayoutDecision]:
    """Book that a payout goes to the bank, if it does, then take in what was answered about it already."""
    if payout.created is None:
        return []
    wanted = booked_by_run(payout.created)
    # Bookings under other keys than these are not a run's.
    among = [each.key for each in wanted]
    booked: list[PayoutDecision] = [*payout.standing.towards(wanted, among=among)]
    return folded(payout, booked) + take_answers(payout)


def take_answers(payout: Payout) -> list[PayoutDecision]:
    """Bring status and book in step with the answers, taken in the order of their own times.

    Answers to a payout that does not exist yet wait for it.
    """
    created = payout.created
    if created is None or created.status == PayoutStatus.AWAITING_APPROVAL:
        return []
    word = word_of(payout.answers, created.fired_at)
    status, at = _status(created, word)
    decisions: list[PayoutDecision] = [*payout.standing.towards(booked_by_bank(created, word), among=BANK_KEYS)]
    reason = None if status is PayoutStatus.PAID else word.reason
    if (status, at, reason) != (payout.status, payout.status_at, payout.reason):
        decisions.append(PayoutStatusChanged(payout.payout_id, created.operator_id, status, at, reason))
    return folded(payout, decisions)


def _status(created: PayoutCreated, word: BankWord) -> tuple[PayoutStatus, datetime]:
    """Where the bank's word leaves a payout, and since when."""
    if word.returned_at is not None:
        return PayoutStatus.RETURNED, word.returned_at
    if word.settled_at is not None:
        return PayoutStatus.PAID, word.settled_at
    if word.failed_at is not None:
        return PayoutStatus.FAILED, word.failed_at
    return PayoutStatus.IN_TRANSIT, created.fired_at


def count_twice(attempts: Sequence[Payout]) -> list[tuple[Payout, list[PayoutDecision]]]:
    """What the attempts of one payout, the first one first, decide about each other once answers changed any.

    An attempt that was paid, while the money of a later one is on its way or arrived as well, is owed by the operator
    (J40x), from the moment at which both were out.
    """
    decided = []
    for number, attempt in enumerate(attempts):
        later = [each.created.fired_at for each in attempts[number + 1 :] if each.is_out and each.created]
        wanted: list[Booking] = []
        if later and attempt.status is PayoutStatus.PAID and attempt.created and attempt.status_at:
            head = head_of(attempt.created, PAID_TWICE_KEY, max(attempt.status_at, min(later)))
            amount = attempt.created.amount
            wanted.append(PaidTwice(**head, share=PAID_TWICE_KEY, matured=True, amount=amount))
        changes = [*attempt.standing.towards(wanted, among=(PAID_TWICE_KEY,))]
        if changes:
            decided.append((attempt, folded(attempt, [*changes])))
    return decided


def supersede(payout: Payout, by: str, at: datetime) -> list[PayoutDecision]:
    """Note that another attempt pays this payout's lines."""
    created = payout.created
    return folded(payout, [PayoutSuperseded(payout.payout_id, created.operator_id if created else "", by, at)])


def release_reserve(payout: Payout, at: datetime) -> list[PayoutDecision]:
    """Give the reserve of a payout back to the operator (J32)."""
    created = payout.created
    if created is None:
        return []
    head = head_of(created, RESERVE_RELEASE_KEY, at)
    booking = ReserveReleased(**head, share=RESERVE_RELEASE_KEY, matured=True, amount=created.held_back)
    return folded(payout, [*payout.standing.towards([booking], among=(RESERVE_RELEASE_KEY,))])


def folded(payout: Payout, decisions: list[PayoutDecision]) -> list[PayoutDecision]:
    """The decisions, once the payout has taken them in."""
    for decision in decisions:
        payout.evolve(decision)
    return decisions
