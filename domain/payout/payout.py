"""The payout aggregate: handed off to the bank once, then answered; a failed one is paid again as a new attempt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeAlias, TypedDict
from uuid import NAMESPACE_URL, UUID, uuid5

from domain.book.bookings import (
    Booking,
    PaidTwice,
    PayoutFailed,
    PayoutInitiated,
    PayoutReissued,
    PayoutReturned,
    PayoutSettled,
    ReserveHeld,
    ReserveReleased,
    ReturnCharged,
)
from domain.book.findings import FindingChange, FindingEnded, FindingOpened, OpenFindings
from domain.book.standing import BookChange, Booked, Retracted, Standing
from domain.payout.answers import (
    BankWord,
    PayoutAnswered,
    PayoutFact,
    PayoutRetried,
    is_of_the_account,
    word_of,
)
from domain.values import value

RESERVE_KEY, RESERVE_RELEASE_KEY = "reserve", "reserve-release"
INITIATED_KEY, PAID_TWICE_KEY = "initiated", "paid-twice"
# The bookings that the bank's answers decide; what the run booked stands whatever the bank says.
BANK_KEYS = ("settled", "failed", "returned", "return-charge")
# So many attempts are made by themselves where the account is not to blame; then somebody has to look.
AUTOMATIC_ATTEMPTS = 3


class PayoutStatus(StrEnum):
    """Where a payout is; AWAITING_APPROVAL: it was made, and somebody has to let it go."""

    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    IN_TRANSIT = "IN_TRANSIT"
    PAID = "PAID"
    FAILED = "FAILED"
    RETURNED = "RETURNED"


@value
class PayoutKey:
    """What a payout is about: one operator, currency and business date, and the attempt, counted from 1 (P7, P13)."""

    operator_id: str
    currency: str
    business_date: date
    attempt: int

    @property
    def payout_id(self) -> str:
        """UUIDv5 in the URL name space; without hyphens it is the EndToEndId and InstrId at the bank."""
        return self._id("payout")

    @property
    def batch_id(self) -> str:
        """The batch, and bank file, this payout goes out in."""
        return self._id("batch")

    def _id(self, kind: str) -> str:
        name = f"wattledger:{kind}:{self.operator_id}:{self.currency}:{self.business_date}:{self.attempt}"
        return str(uuid5(NAMESPACE_URL, name))


def stream_name(payout_id: str) -> str:
    """The business name of a payout's event stream."""
    return f"payout:{payout_id}"


def payout_stream(payout_id: str) -> UUID:
    """The id of a payout's event stream."""
    return uuid5(NAMESPACE_URL, f"wattledger:stream:{stream_name(payout_id)}")


@value
class PayoutCreated:
    """A run made a payout; `entry_ids` are the entries it pays, `reissue_of` the failed payout it repeats."""

    payout_id: str
    batch_id: str
    operator_id: str
    currency: str
    business_date: date
    attempt: int
    amount: int
    reserve: int
    status: PayoutStatus
    fired_at: datetime
    bank_account: Mapping[str, str]
    holder_name: str
    country_code: str
    entry_ids: tuple[str, ...]
    reissue_of: str | None = None
    # The day on which the bank is asked to pay, with the calendars and the zone it was told by and their versions
    # (rules P1, P4); None and nothing in payouts that were made before there were calendars.
    execution_date: date | None = None
    time_zone: str = ""
    calendars: tuple[str, ...] = ()
    calendar_versions: tuple[str, ...] = ()


@value
class PayoutStatusChanged:
    """The bank's answers changed a payout's status; `reason` is an ISO 20022 code where one was given."""

    payout_id: str
    operator_id: str
    status: PayoutStatus
    at: datetime
    reason: str | None


@value
class PayoutSuperseded:
    """A failed or returned payout was paid again by another attempt; at most one attempt is alive (P18).

    `at` is when the run fired that made it; None in what was stored before that was kept.
    """

    payout_id: str
    operator_id: str
    by: str
    at: datetime | None = None


PayoutDecision: TypeAlias = PayoutCreated | PayoutStatusChanged | PayoutSuperseded | BookChange | FindingChange


@dataclass(slots=True)
class Payout:
    """The state of a payout: how it was created, what was said of it, what stands on the book, what was found.

    `superseded_by` is the next attempt, once there is one.
    """

    payout_id: str
    version: int = 0
    created: PayoutCreated | None = None
    answers: list[PayoutAnswered] = field(default_factory=list)
    retries: list[PayoutRetried] = field(default_factory=list)
    status: PayoutStatus | None = None
    status_at: datetime | None = None
    reason: str | None = None
    superseded_by: str = ""
    superseded_at: datetime | None = None
    standing: Standing = field(default_factory=Standing)
    findings: OpenFindings = field(default_factory=OpenFindings)

    def learn(self, fact: PayoutFact) -> None:
        """Take in an answer, or a person's decision."""
        if isinstance(fact, PayoutRetried):
            self.retries.append(fact)
        else:
            self.answers.append(fact)

    def evolve(self, decision: PayoutDecision) -> None:
        """Fold a decision into the state."""
        _EVOLVE[type(decision)](self, decision)

    @property
    def failed(self) -> bool:
        """Whether the money is back and waits to be paid again (2060)."""
        return self.status in (PayoutStatus.FAILED, PayoutStatus.RETURNED) and not self.superseded_by

    @property
    def is_out(self) -> bool:
        """Whether the money left, or is on its way."""
        return self.status in (PayoutStatus.IN_TRANSIT, PayoutStatus.PAID)

    def on_its_way(self) -> tuple[datetime | None, datetime | None]:
        """When it was handed off, and when the bank booked it or said no; None for what did not happen (yet)."""
        at = {booking.key: booking.effective_at for booking in self.standing.bookings()}
        answers = [moment for key, moment in at.items() if key in BANK_KEYS]
        return at.get(INITIATED_KEY), min(answers, default=None)

    @property
    def holds_reserve(self) -> bool:
        """Whether the reserve it took is still to be given back."""
        return RESERVE_KEY in self.standing and RESERVE_RELEASE_KEY not in self.standing

    def goes_again(self, at: datetime, account: Mapping[str, str]) -> bool:
        """Whether a run that fires at a moment pays it again, to the account that its operator has by then.

        One that came back, or failed for its account, waits for another account; one that failed for another reason
        is tried again, three attempts at most. A person may have either tried again.
        """
        if not self.failed or self.created is None or self.status_at is None or self.status_at >= at:
            return False
        if any(self.status_at <= retried.at < at for retried in self.retries):
            return True
        if self.status is PayoutStatus.RETURNED or is_of_the_account(self.reason):
            return account != self.created.bank_account
        return self.created.attempt < AUTOMATIC_ATTEMPTS


def _on_created(payout: Payout, event: PayoutCreated) -> None:
    payout.created, payout.status, payout.status_at = event, event.status, event.fired_at


def _on_status_changed(payout: Payout, event: PayoutStatusChanged) -> None:
    payout.status, payout.status_at, payout.reason = event.status, event.at, event.reason


def _on_superseded(payout: Payout, event: PayoutSuperseded) -> None:
    payout.superseded_by, payout.superseded_at = event.by, event.at


def _on_book_change(payout: Payout, change: BookChange) -> None:
    payout.standing.evolve(change)


def _on_finding(payout: Payout, change: FindingChange) -> None:
    payout.findings.evolve(change)


_EVOLVE: dict[type, Callable[[Payout, Any], None]] = {
    PayoutCreated: _on_created,
    PayoutStatusChanged: _on_status_changed,
    PayoutSuperseded: _on_superseded,
    Booked: _on_book_change,
    Retracted: _on_book_change,
    FindingOpened: _on_finding,
    FindingEnded: _on_finding,
}


class _Head(TypedDict):
    """What every booking of a payout begins with, as its arguments."""

    key: str
    effective_at: datetime
    currency: str
    operator_id: str
    payout_id: str


def _head(created: PayoutCreated, key: str, at: datetime) -> _Head:
    return {
        "key": key,
        "effective_at": at,
        "currency": created.currency,
        "operator_id": created.operator_id,
        "payout_id": created.payout_id,
    }


def create(payout: Payout, created: PayoutCreated) -> list[PayoutDecision]:
    """Make the payout and book it (J31 and J35, or J40), then take in what was answered about it already."""
    decisions: list[PayoutDecision] = [created, *payout.standing.towards(_booked_by_run(created))]
    return _folded(payout, decisions) + take_answers(payout)


def _booked_by_run(created: PayoutCreated) -> list[Booking]:
    """What a run has on the book for a payout; nothing of one that waits for somebody's approval."""
    if created.status == PayoutStatus.AWAITING_APPROVAL:
        return []
    at = created.fired_at
    initiated = _head(created, INITIATED_KEY, at)
    if created.reissue_of:
        return [PayoutReissued(**initiated, amount=created.amount)]
    made: list[Booking] = [PayoutInitiated(**initiated, amount=created.amount)]
    if created.reserve:
        head = _head(created, RESERVE_KEY, at)
        made.insert(0, ReserveHeld(**head, share=RESERVE_KEY, matured=True, amount=created.reserve))
    return made


def take_answers(payout: Payout) -> list[PayoutDecision]:
    """Bring status and book in step with the answers, taken in the order of their own times.

    Answers to a payout that does not exist yet wait for it.
    """
    created = payout.created
    if created is None or created.status == PayoutStatus.AWAITING_APPROVAL:
        return []
    word = word_of(payout.answers, created.fired_at)
    status, at = _status(created, word)
    decisions: list[PayoutDecision] = [*payout.standing.towards(_booked_by_bank(created, word), among=BANK_KEYS)]
    reason = None if status is PayoutStatus.PAID else word.reason
    if (status, at, reason) != (payout.status, payout.status_at, payout.reason):
        decisions.append(PayoutStatusChanged(payout.payout_id, created.operator_id, status, at, reason))
    return _folded(payout, decisions)


def _status(created: PayoutCreated, word: BankWord) -> tuple[PayoutStatus, datetime]:
    """Where the bank's word leaves a payout, and since when."""
    if word.returned_at is not None:
        return PayoutStatus.RETURNED, word.returned_at
    if word.settled_at is not None:
        return PayoutStatus.PAID, word.settled_at
    if word.failed_at is not None:
        return PayoutStatus.FAILED, word.failed_at
    return PayoutStatus.IN_TRANSIT, created.fired_at


def _booked_by_bank(created: PayoutCreated, word: BankWord) -> list[Booking]:
    """What the bank's word should have on the book: J36, J38, J39, and J37b for what did not come back."""
    wanted: list[Booking] = []
    if word.settled_at is not None:
        wanted.append(PayoutSettled(**_head(created, "settled", word.settled_at), amount=created.amount))
    elif word.failed_at is not None:
        wanted.append(PayoutFailed(**_head(created, "failed", word.failed_at), amount=created.amount))
    if word.returned_at is not None:
        wanted.append(PayoutReturned(**_head(created, "returned", word.returned_at), amount=created.amount))
        charges = _kept_by_banks(created, word)
        if charges:
            wanted.append(ReturnCharged(**_head(created, "return-charge", word.returned_at), amount=charges))
    return wanted


def _kept_by_banks(created: PayoutCreated, word: BankWord) -> int:
    """What banks kept of a return, in minor units; nothing where more is said to be back than was sent."""
    amount, currency = word.came_back or (created.amount, created.currency)
    return max(0, created.amount - amount) if currency == created.currency else 0


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
            head = _head(attempt.created, PAID_TWICE_KEY, max(attempt.status_at, min(later)))
            amount = attempt.created.amount
            wanted.append(PaidTwice(**head, share=PAID_TWICE_KEY, matured=True, amount=amount))
        changes = [*attempt.standing.towards(wanted, among=(PAID_TWICE_KEY,))]
        if changes:
            decided.append((attempt, _folded(attempt, [*changes])))
    return decided


def supersede(payout: Payout, by: str, at: datetime) -> list[PayoutDecision]:
    """Note that another attempt pays this payout's lines."""
    created = payout.created
    return _folded(payout, [PayoutSuperseded(payout.payout_id, created.operator_id if created else "", by, at)])


def release_reserve(payout: Payout, at: datetime) -> list[PayoutDecision]:
    """Give the reserve of a payout back to the operator (J32)."""
    created = payout.created
    if created is None:
        return []
    head = _head(created, RESERVE_RELEASE_KEY, at)
    booking = ReserveReleased(**head, share=RESERVE_RELEASE_KEY, matured=True, amount=created.reserve)
    return _folded(payout, [*payout.standing.towards([booking], among=(RESERVE_RELEASE_KEY,))])


def _folded(payout: Payout, decisions: list[PayoutDecision]) -> list[PayoutDecision]:
    for decision in decisions:
        payout.evolve(decision)
    return decisions
