"""The payout aggregate: handed off to the bank once, then answered; a failed one is paid again as a new attempt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias
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
from domain.book.standing import Booked, Retracted
from domain.calendar import instant
from domain.fact import Fact, in_order
from domain.values import named_value, value

AWAITING_APPROVAL, IN_TRANSIT, PAID = "AWAITING_APPROVAL", "IN_TRANSIT", "PAID"
FAILED, RETURNED = "FAILED", "RETURNED"
RESERVE_KEY, RESERVE_RELEASE_KEY = "reserve", "reserve-release"


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


def payout_stream(payout_id: str) -> UUID:
    """The id of a payout's event stream."""
    return uuid5(NAMESPACE_URL, f"wattledger:stream:payout:{payout_id}")


@named_value
class PayoutAnswered(Fact):
    """`payout.accepted`, `payout.paid`, `payout.failed` or `payout.returned`; `answer` is the last word of it."""

    answer: str
    reason: str | None


def parse_answer(type_: str, data: Mapping[str, Any], source: str, id_: str) -> PayoutAnswered:
    """The answer a payout processor's message states."""
    answer = type_.rpartition(".")[2]
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
    status: str
    fired_at: datetime
    bank_account: Mapping[str, str]
    holder_name: str
    country_code: str
    entry_ids: tuple[str, ...]
    reissue_of: str | None = None


@value
class PayoutStatusChanged:
    """The bank's answers changed a payout's status; `reason` is an ISO 20022 code where one was given."""

    payout_id: str
    operator_id: str
    status: str
    at: datetime
    reason: str | None


@value
class PayoutSuperseded:
    """A failed or returned payout was paid again by another attempt; at most one attempt is alive (P18)."""

    payout_id: str
    operator_id: str
    by: str


PayoutDecision: TypeAlias = PayoutCreated | PayoutStatusChanged | PayoutSuperseded | Booked | Retracted


@dataclass(slots=True)
class Payout:
    """The state of a payout: how it was created, what was answered, what stands on the book."""

    payout_id: str
    version: int = 0
    created: PayoutCreated | None = None
    answers: list[PayoutAnswered] = field(default_factory=list)
    status: str = ""
    status_at: datetime | None = None
    superseded: bool = False
    standing: dict[str, tuple[Booking, int]] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)

    def learn(self, fact: PayoutAnswered) -> None:
        """Take in an answer."""
        self.answers.append(fact)

    def evolve(self, decision: PayoutDecision) -> None:
        """Fold a decision into the state."""
        _EVOLVE[type(decision)](self, decision)

    @property
    def failed(self) -> bool:
        """Whether the money is back and waits for another account (2060)."""
        return self.status in (FAILED, RETURNED) and not self.superseded

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


def _on_booked(payout: Payout, event: Booked) -> None:
    payout.standing[event.booking.key] = (event.booking, event.revision)
    payout.revisions[event.booking.key] = event.revision


def _on_retracted(payout: Payout, event: Retracted) -> None:
    del payout.standing[event.booking.key]


_EVOLVE: dict[type, Callable[[Payout, Any], None]] = {
    PayoutCreated: _on_created,
    PayoutStatusChanged: _on_status_changed,
    PayoutSuperseded: _on_superseded,
    Booked: _on_booked,
    Retracted: _on_retracted,
}


def _head(created: PayoutCreated) -> dict[str, Any]:
    return {
        "currency": created.currency,
        "operator_id": created.operator_id,
        "payout_id": created.payout_id,
        "amount": created.amount,
    }


def create(payout: Payout, created: PayoutCreated) -> list[PayoutDecision]:
    """Make the payout and book it (J31 and J35, or J40), then take in what was answered about it already."""
    decisions: list[PayoutDecision] = [created]
    if created.status == IN_TRANSIT:
        head, at = _head(created), created.fired_at
        if created.reissue_of:
            decisions.append(Booked(PayoutReissued(key="initiated", effective_at=at, **head), 1))
        else:
            if created.reserve:
                reserve = head | {"amount": created.reserve}
                decisions.append(
                    Booked(
                        ReserveHeld(key=RESERVE_KEY, effective_at=at, share=RESERVE_KEY, matured=True, **reserve), 1
                    )
                )
            decisions.append(Booked(PayoutInitiated(key="initiated", effective_at=at, **head), 1))
    for decision in decisions:
        payout.evolve(decision)
    return decisions + take_answers(payout)


def take_answers(payout: Payout) -> list[PayoutDecision]:
    """Bring status and book in step with the answers, taken in the order of their own times.

    A return implies that the payout was paid before it; a failure after it was paid is a return. Once failed or
    returned, nothing more is taken from that attempt. Answers to a payout that does not exist yet wait for it.
    """
    created = payout.created
    if created is None or created.status == AWAITING_APPROVAL:
        return []
    status, at, reason, wanted = _outcome(created, payout.answers)
    decisions: list[PayoutDecision] = []
    bank_keys = ("settled", "failed", "returned")
    for key in bank_keys:
        booking, revision = payout.standing.get(key, (None, 0))
        if booking is not None and booking != wanted.get(key):
            decisions.append(Retracted(booking, revision))
    for key, booking in wanted.items():
        if payout.standing.get(key, (None, 0))[0] != booking:
            decisions.append(Booked(booking, payout.revisions.get(key, 0) + 1))
    if (status, at) != (payout.status, payout.status_at):
        decisions.append(PayoutStatusChanged(payout.payout_id, created.operator_id, status, at, reason))
    for decision in decisions:
        payout.evolve(decision)
    return decisions


def _outcome(
    created: PayoutCreated, answers: list[PayoutAnswered]
) -> tuple[str, datetime, str | None, dict[str, Booking]]:
    status, at, reason = IN_TRANSIT, created.fired_at, None
    wanted: dict[str, Booking] = {}
    head = _head(created)
    for answer in sorted(answers, key=in_order):
        if status in (FAILED, RETURNED) or answer.answer == "accepted" or (answer.answer, status) == ("paid", PAID):
            continue
        came_back = answer.answer == "returned" or (answer.answer == "failed" and status == PAID)
        if status != PAID and answer.answer in ("paid", "returned"):
            wanted["settled"] = PayoutSettled(key="settled", effective_at=answer.at, **head)
        if came_back:
            wanted["returned"] = PayoutReturned(key="returned", effective_at=answer.at, **head)
        elif answer.answer == "failed":
            wanted["failed"] = PayoutFailed(key="failed", effective_at=answer.at, **head)
        status = RETURNED if came_back else FAILED if answer.answer == "failed" else PAID
        at, reason = answer.at, answer.reason
    return status, at, reason, wanted


def supersede(payout: Payout, by: str) -> list[PayoutDecision]:
    """Note that another attempt pays this payout's lines."""
    created = payout.created
    decision = PayoutSuperseded(payout.payout_id, created.operator_id if created else "", by)
    payout.evolve(decision)
    return [decision]


def release_reserve(payout: Payout, at: datetime) -> list[PayoutDecision]:
    """Give the reserve of a payout back to the operator (J32)."""
    created = payout.created
    if created is None:
        return []
    head = _head(created) | {"amount": created.reserve}
    share = RESERVE_RELEASE_KEY
    booking = ReserveReleased(key=share, effective_at=at, share=share, matured=True, **head)
    decision = Booked(booking, 1)
    payout.evolve(decision)
    return [decision]
