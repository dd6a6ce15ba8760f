"""What a payout has on the book: by the run that made it, and by what the bank said since."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TypedDict

from domain.book.bookings import (
    Booking,
    InstantFeeCharged,
    PayoutFailed,
    PayoutInitiated,
    PayoutReissued,
    PayoutReturned,
    PayoutSettled,
    ReserveHeld,
    ReserveReleased,
    ReturnCharged,
    TaxWithheld,
)
from domain.book.posting import entry_id
from domain.payout.answers import (
    BankWord,
)
from domain.payout.events import PayoutCreated, PayoutStatus, payout_stream

RESERVE_KEY, RESERVE_RELEASE_KEY = "reserve", "reserve-release"
RETAINED_KEY, RETAINED_RELEASE_KEY = "retained", "retained-release"
FEE_KEY = "instant-fee"
INITIATED_KEY, PAID_TWICE_KEY = "initiated", "paid-twice"
# The bookings that the bank's answers decide; what the run booked stands whatever the bank says.
BANK_KEYS = ("settled", "failed", "returned", "return-charge")


class _Head(TypedDict):
    """What every booking of a payout begins with, as its arguments."""

    key: str
    effective_at: datetime
    currency: str
    operator_id: str
    payout_id: str


def head_of(created: PayoutCreated, key: str, at: datetime) -> _Head:
    return {
        "key": key,
        "effective_at": at,
        "currency": created.currency,
        "operator_id": created.operator_id,
        "payout_id": created.payout_id,
    }


def own_entries(created: PayoutCreated) -> tuple[str, ...]:
    """The entries of a payout's own among those that it pays once it is handed off; a repetition has none."""
    if created.reissue_of is not None:
        return ()
    stream_id = payout_stream(created.payout_id)
    keys = own_keys(created.reserve, created.retained, created.withheld, created.fee)
    return tuple(sorted(str(entry_id(stream_id, key, 1, 0)) for key in keys))


def booked_by_run(created: PayoutCreated) -> list[Booking]:
    """What a run has on the book for a payout; nothing of one that waits for somebody's approval."""
    if created.status == PayoutStatus.AWAITING_APPROVAL:
        return []
    at = created.fired_at
    initiated = head_of(created, INITIATED_KEY, at)
    if created.reissue_of:
        return [PayoutReissued(**initiated, amount=created.amount)]
    return [*_kept_back(created, at), PayoutInitiated(**initiated, amount=created.amount)]


def own_keys(reserve: int, retained: int, withheld: Mapping[str, int], fee: int = 0) -> list[str]:
    """The keys of a payout's own bookings that are among what it pays, as what it keeps of the rest."""
    kept = [RESERVE_KEY] * (reserve > retained) + [RETAINED_KEY] * (retained > 0) + [FEE_KEY] * (fee > 0)
    return [*kept, *(_tax_key(regime) for regime, amount in sorted(withheld.items()) if amount)]


def _tax_key(regime: str) -> str:
    return f"withheld:{regime}"


def _kept_back(created: PayoutCreated, at: datetime) -> Iterator[Booking]:
    """What a payout keeps of what it pays (J31, J34, J41); what is retained is the operator's again at once (J32)."""
    if created.held_back:
        yield ReserveHeld(**_own(created, RESERVE_KEY, at), amount=created.held_back)
    if created.retained:
        yield ReserveHeld(**_own(created, RETAINED_KEY, at), amount=created.retained)
        yield ReserveReleased(**_own(created, RETAINED_RELEASE_KEY, at), amount=created.retained)
    for regime, amount in sorted(created.withheld.items()):
        if amount:
            yield TaxWithheld(**_own(created, _tax_key(regime), at), regime=regime, amount=amount)
    if created.fee:
        yield InstantFeeCharged(**_own(created, FEE_KEY, at), fee=created.fee, fee_vat=created.fee_vat)


class _Own(_Head):
    """As `_Head`, of a booking that moves what is available of an operator as a share of its own."""

    share: str
    matured: bool


def _own(created: PayoutCreated, key: str, at: datetime) -> _Own:
    return {**head_of(created, key, at), "share": key, "matured": True}


def booked_by_bank(created: PayoutCreated, word: BankWord) -> list[Booking]:
    """What the bank's word should have on the book: J36, J38, J39, and J37b for what did not come back."""
    wanted: list[Booking] = []
    if word.settled_at is not None:
        wanted.append(PayoutSettled(**head_of(created, "settled", word.settled_at), amount=created.amount))
    elif word.failed_at is not None:
        wanted.append(PayoutFailed(**head_of(created, "failed", word.failed_at), amount=created.amount))
    if word.returned_at is not None:
        wanted.append(PayoutReturned(**head_of(created, "returned", word.returned_at), amount=created.amount))
        charges = _kept_by_banks(created, word)
        if charges:
            wanted.append(ReturnCharged(**head_of(created, "return-charge", word.returned_at), amount=charges))
    return wanted


def _kept_by_banks(created: PayoutCreated, word: BankWord) -> int:
    """What banks kept of a return, in minor units; nothing where more is said to be back than was sent."""
    amount, currency = word.came_back or (created.amount, created.currency)
    return max(0, created.amount - amount) if currency == created.currency else 0
