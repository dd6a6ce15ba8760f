"""The payout aggregate: handed off to the bank once, then answered; a failed one is paid again as a new attempt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeAlias, TypedDict
from uuid import NAMESPACE_URL, UUID, uuid5

from domain.book.bookings import (
    Booking,
    PayoutFailed,
    PayoutInitiated,
    PayoutReissued,
    PayoutReturned,
    PayoutSettled,
    ReserveHeld,
    ReserveReleased,
)
from domain.book.findings import FindingChange, FindingEnded, FindingOpened, OpenFindings
from domain.book.standing import BookChange, Booked, Retracted, Standing
from domain.calendar import instant
from domain.fact import Fact, in_order
from domain.values import named_value, value

RESERVE_KEY, RESERVE_RELEASE_KEY, INITIATED_KEY = "reserve", "reserve-release", "initiated"
# The bookings that the bank's answers decide; what the run booked stands whatever the bank says.
BANK_KEYS = ("settled", "failed", "returned")


class PayoutStatus(StrEnum):
    """Where a payout is; AWAITING_APPROVAL: it was made, and somebody has to let it go."""

    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    IN_TRANSIT = "IN_TRANSIT"
    PAID = "PAID"
    FAILED = "FAILED"
    RETURNED = "RETURNED"


class PayoutAnswer(StrEnum):
    """What a payout processor says of a payout: the last word of the type of its message."""

    ACCEPTED = "accepted"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"


# The status after an answer; where there is none, the answer is no news. A return implies that the payout was paid
# before it, a failure after it was paid is a return, and of what came back nothing more is taken.
_NEXT_STATUS = {
    (PayoutStatus.IN_TRANSIT, PayoutAnswer.PAID): PayoutStatus.PAID,
    (PayoutStatus.IN_TRANSIT, PayoutAnswer.FAILED): PayoutStatus.FAILED,
    (PayoutStatus.IN_TRANSIT, PayoutAnswer.RETURNED): PayoutStatus.RETURNED,
    (PayoutStatus.PAID, PayoutAnswer.FAILED): PayoutStatus.RETURNED,
    (PayoutStatus.PAID, PayoutAnswer.RETURNED): PayoutStatus.RETURNED,
}


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


@named_value
class PayoutAnswered(Fact):
    """`payout.accepted`, `payout.paid`, `payout.failed` or `payout.returned`."""

    answer: PayoutAnswer
    reason: str | None


def parse_answer(type_: str, data: Mapping[str, Any], source: str, id_: str) -> PayoutAnswered:
    """The answer a payout processor's message states."""
    answer = PayoutAnswer(type_.rpartition(".")[2])
    return PayoutAnswered(at=instant(data["at"]), source=source, id=id_, answer=answer, reason=data.get("reason"))


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
    """A failed or returned payout was paid again by another attempt; at most one attempt is alive (P18)."""

    payout_id: str
    operator_id: str
    by: str


PayoutDecision: TypeAlias = PayoutCreated | PayoutStatusChanged | PayoutSuperseded | BookChange | FindingChange


@dataclass(slots=True)
class Payout:
    """The state of a payout: how it was created, what was answered, what stands on the book, what was found."""

    payout_id: str
    version: int = 0
    created: PayoutCreated | None = None
    answers: list[PayoutAnswered] = field(default_factory=list)
    status: PayoutStatus | None = None
    status_at: datetime | None = None
    superseded: bool = False
    standing: Standing = field(default_factory=Standing)
    findings: OpenFindings = field(default_factory=OpenFindings)

    def learn(self, fact: PayoutAnswered) -> None:
        """Take in an answer."""
        self.answers.append(fact)

    def evolve(self, decision: PayoutDecision) -> None:
        """Fold a decision into the state."""
        _EVOLVE[type(decision)](self, decision)

    @property
    def failed(self) -> bool:
        """Whether the money is back and waits for another account (2060)."""
        return self.status in (PayoutStatus.FAILED, PayoutStatus.RETURNED) and not self.superseded

    def on_its_way(self) -> tuple[datetime | None, datetime | None]:
        """When it was handed off, and when the bank booked it or said no; None for what did not happen (yet)."""
        at = {booking.key: booking.effective_at for booking in self.standing.bookings()}
        answers = [moment for key, moment in at.items() if key in BANK_KEYS]
        return at.get(INITIATED_KEY), min(answers, default=None)

    @property
    def holds_reserve(self) -> bool:
        """Whether the reserve it took is still to be given back."""
        return RESERVE_KEY in self.standing and RESERVE_RELEASE_KEY not in self.standing


def _on_created(payout: Payout, event: PayoutCreated) -> None:
    payout.created, payout.status, payout.status_at = event, event.status, event.fired_at


def _on_status_changed(payout: Payout, event: PayoutStatusChanged) -> None:
    payout.status, payout.status_at = event.status, event.at


def _on_superseded(payout: Payout, _: PayoutSuperseded) -> None:
    payout.superseded = True


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
    status, at, reason, wanted = _outcome(created, payout.answers)
    decisions: list[PayoutDecision] = [*payout.standing.towards(wanted, among=BANK_KEYS)]
    if (status, at) != (payout.status, payout.status_at):
        decisions.append(PayoutStatusChanged(payout.payout_id, created.operator_id, status, at, reason))
    return _folded(payout, decisions)


def _outcome(
    created: PayoutCreated, answers: list[PayoutAnswered]
) -> tuple[PayoutStatus, datetime, str | None, list[Booking]]:
    """Status, since when and why, and what the bank's answers should have on the book."""
    status, at = PayoutStatus.IN_TRANSIT, created.fired_at
    reason: str | None = None
    wanted: list[Booking] = []
    for answer in sorted(answers, key=in_order):
        following = _NEXT_STATUS.get((status, answer.answer))
        if following is None:
            continue
        if status == PayoutStatus.IN_TRANSIT and following != PayoutStatus.FAILED:
            wanted.append(PayoutSettled(**_head(created, "settled", answer.at), amount=created.amount))
        if following == PayoutStatus.RETURNED:
            wanted.append(PayoutReturned(**_head(created, "returned", answer.at), amount=created.amount))
        elif following == PayoutStatus.FAILED:
            wanted.append(PayoutFailed(**_head(created, "failed", answer.at), amount=created.amount))
        status, at, reason = following, answer.at, answer.reason
    return status, at, reason, wanted


def supersede(payout: Payout, by: str) -> list[PayoutDecision]:
    """Note that another attempt pays this payout's lines."""
    created = payout.created
    return _folded(payout, [PayoutSuperseded(payout.payout_id, created.operator_id if created else "", by)])


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
