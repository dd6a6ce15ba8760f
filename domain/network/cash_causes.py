"""Why money that an operator is owed has not come: each cent of it in one cause, from the bookings of one stream.

What is on the accounts of an operator says where its money is: 2011 pending, 2010 available, 2020 reserved, 2030
disputed, 2050 on its way. Of what is pending the captures and the release of its share say what it waits for. So the
causes add up to the balances by how they are made, at every moment; nothing is looked at but bookings and releases.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from domain.book.bookings import (
    Booking,
    CapturedSessionReRated,
    CdrAccepted,
    InstantFeeCharged,
    PaymentCaptured,
    PaymentWrittenOff,
    PayoutInitiated,
    PayoutReissued,
    ReserveHeld,
    SessionRated,
    SessionReRated,
    ShareMatured,
    ShareSplit,
    TaxWithheld,
)
from domain.book.discount_bookings import DiscountFunded, DiscountGranted
from domain.book.drafts import Draft
from domain.book.sale_bookings import CapturedChargeReSold, CdrSold, ChargeReSold, ChargeSold
from domain.book.wallet_bookings import WalletCharged
from domain.session.driver.share import OF_FUNDER, SESSION_SHARE


class Cause(StrEnum):
    """Why an operator's money has not come: the hurdle at which it is."""

    # Pending: the driver's payment does not reach the price yet; or it failed, and the operator bears that.
    NOT_CAPTURED = "NOT_CAPTURED"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    # Pending: captured, and what releases it, as the provider's settlement, has not come.
    NOT_SETTLED = "NOT_SETTLED"
    # Pending, of a roaming session: its partner has not accepted it, or has not paid yet.
    ROAMING_NOT_ACCEPTED = "ROAMING_NOT_ACCEPTED"
    ROAMING_UNPAID = "ROAMING_UNPAID"
    # Pending: released, and the days of delay are not over.
    IN_DELAY = "IN_DELAY"
    # Available: the next run pays it; a run came and it was below the minimum; or it is set aside for a payout that
    # people have to approve.
    AWAITING_RUN = "AWAITING_RUN"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    RESERVED = "RESERVED"
    DISPUTED = "DISPUTED"
    # At the bank; or there again, after it failed or came back.
    IN_TRANSIT = "IN_TRANSIT"
    RETURNED = "RETURNED"


class Place(StrEnum):
    """Where money stands as bookings alone tell it: a cause, or one side of what is available.

    What came to 2010 (DUE), less what payouts took of it (TAKEN), is AWAITING_RUN, BELOW_MINIMUM and
    AWAITING_APPROVAL: which of them say the runs.
    """

    NOT_CAPTURED = "NOT_CAPTURED"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    NOT_SETTLED = "NOT_SETTLED"
    ROAMING_UNPAID = "ROAMING_UNPAID"
    IN_DELAY = "IN_DELAY"
    DUE = "DUE"
    TAKEN = "TAKEN"
    RESERVED = "RESERVED"
    DISPUTED = "DISPUTED"
    IN_TRANSIT = "IN_TRANSIT"
    RETURNED = "RETURNED"


# The places that are pending (2011).
PENDING = (Place.NOT_CAPTURED, Place.PAYMENT_FAILED, Place.NOT_SETTLED, Place.ROAMING_UNPAID, Place.IN_DELAY)
# What payouts keep or take of what is available.
_ROAMING = frozenset({CdrAccepted, CdrSold})
_TAKEN = frozenset({PayoutInitiated, ReserveHeld, TaxWithheld, InstantFeeCharged})
_PLACE_OF_CODE = {"2020": Place.RESERVED, "2030": Place.DISPUTED}


class Where(NamedTuple):
    """When something moved, whose it is, and where it stands from then on."""

    at: datetime
    operator_id: str
    currency: str
    place: Place


class _Price(NamedTuple):
    """By how much a booking moves a session's price, what is captured of it, and what is written off of it."""

    gross: int = 0
    captured: int = 0
    failed: int = 0


_PRICES: Mapping[type, Callable[[Any], _Price]] = {
    SessionRated: lambda b: _Price(b.gross),
    SessionReRated: lambda b: _Price(b.gross - b.old_gross),
    CapturedSessionReRated: lambda b: _Price(b.gross - b.old_gross),
    PaymentCaptured: lambda b: _Price(0, b.amount),
    WalletCharged: lambda b: _Price(0, b.amount),
    DiscountGranted: lambda b: _Price(0, b.amount),
    DiscountFunded: lambda b: _Price(0, b.amount),
    PaymentWrittenOff: lambda b: _Price(0, 0, b.gross),
    ChargeSold: lambda b: _Price(b.gross),
    ChargeReSold: lambda b: _Price(b.more_gross),
    CapturedChargeReSold: lambda b: _Price(b.more_gross),
}


@dataclass(slots=True)
class _Share:
    """What is pending of a share, by when it moved; `roams`: a partner pays for it."""

    amounts: dict[datetime, int] = field(default_factory=lambda: defaultdict(int))
    roams: bool = False


@dataclass(slots=True)
class CashCauses:
    """Folds what is booked and released in one stream: of a session, a payout, or anything else.

    Moves are minor units, positive in the operator's favour. Taking bookings in and back in any order that a stream
    has gives the same sums by place and moment for the same bookings that stand.
    """

    # The session or payout that the stream is of, as far as a booking named one.
    subject: str = ""
    _shares: dict[tuple[str, str, str], _Share] = field(default_factory=dict)
    _released: dict[str, datetime] = field(default_factory=dict)
    # By currency and moment what changed of price, captures and failures.
    _prices: dict[str, dict[datetime, list[int]]] = field(default_factory=dict)
    _is_reissue: bool = False
    _pending: dict[Where, int] = field(default_factory=dict)

    def book(self, booking: Booking, drafts: list[Draft], sign: int) -> dict[Where, int]:
        """Take a booking in (`sign` 1) or back (-1), as the posting rules draft it; what that moves where."""
        return self._split(booking, sign) if type(booking) is ShareSplit else self._book(booking, drafts, sign)

    def _book(self, booking: Booking, drafts: list[Draft], sign: int) -> dict[Where, int]:
        moves: dict[Where, int] = defaultdict(int)
        operator_id, currency, at = booking.operator_id, booking.currency, booking.effective_at
        kind, pending = type(booking), 0
        if kind is PayoutReissued:
            self._is_reissue = sign > 0
        for _, legs in drafts:
            for account, amount in legs:
                code = account[:4]
                if code == "2011":
                    pending -= sign * amount
                elif code == "2010":
                    place = Place.TAKEN if kind in _TAKEN else Place.DUE
                    moves[Where(at, operator_id, currency, place)] -= sign * amount
                elif code == "2050":
                    place = Place.RETURNED if self._is_reissue or kind is PayoutReissued else Place.IN_TRANSIT
                    moves[Where(at, operator_id, currency, place)] -= sign * amount
                elif code in _PLACE_OF_CODE:
                    moves[Where(at, operator_id, currency, _PLACE_OF_CODE[code])] -= sign * amount
        is_priced = self._price(booking, sign)
        if pending:
            share = self._shares.setdefault((operator_id, currency, _share_of(booking)), _Share())
            share.amounts[at] += pending
            share.roams = share.roams or kind in _ROAMING
        if pending or (is_priced and self._shares):
            self._move(moves)
        return {where: amount for where, amount in moves.items() if amount}

    def _split(self, booking: ShareSplit, sign: int) -> dict[Where, int]:
        """Take in what payees and the operator have of a share, or back; what that moves where."""
        moves: dict[Where, int] = defaultdict(int)
        at, currency = booking.effective_at, booking.currency
        parts = [(booking.operator_id, -booking.amount, booking.matured, booking.share), *booking.parts]
        for operator_id, amount, matured, name in parts:
            if matured:
                moves[Where(at, operator_id, currency, Place.DUE)] += sign * amount
            else:
                share = self._shares.setdefault((operator_id, currency, name), _Share())
                share.amounts[at] += sign * amount
                share.roams = share.roams or booking.share.startswith("cdr:")
        self._move(moves)
        return {where: amount for where, amount in moves.items() if amount}

    def release(self, share: str, released_at: datetime | None) -> dict[Where, int]:
        """Take in when a share was released, None when nothing releases it any more; what that moves where."""
        if released_at is None:
            self._released.pop(share, None)
        else:
            self._released[share] = released_at
        moves: dict[Where, int] = defaultdict(int)
        self._move(moves)
        return {where: amount for where, amount in moves.items() if amount}

    def _price(self, booking: Booking, sign: int) -> bool:
        price = _PRICES.get(type(booking))
        if price is None:
            return False
        changed = self._prices.setdefault(booking.currency, {}).setdefault(booking.effective_at, [0, 0, 0])
        for index, amount in enumerate(price(booking)):
            changed[index] += sign * amount
        return True

    def _move(self, moves: dict[Where, int]) -> None:
        """Add what pending shares now move otherwise than before."""
        now: dict[Where, int] = defaultdict(int)
        for (operator_id, currency, name), share in self._shares.items():
            for at, place, amount in self._steps(currency, name, share):
                now[Where(at, operator_id, currency, place)] += amount
        for where, amount in self._pending.items():
            moves[where] -= amount
        for where, amount in now.items():
            moves[where] += amount
        self._pending = now

    def _steps(self, currency: str, name: str, share: _Share) -> list[tuple[datetime, Place, int]]:
        """What a share moves, and where, from each moment at which its amount or its place changes."""
        released = self._released.get(name)
        prices = self._prices.get(currency, {}) if not share.roams else {}
        moments = {*share.amounts, *prices}
        if released is not None:
            moments.add(released)
        gross = captured = failed = amount = 0
        place: Place | None = None
        steps = []
        for at in sorted(moments):
            more = prices.get(at)
            if more is not None:
                gross, captured, failed = gross + more[0], captured + more[1], failed + more[2]
            before, amount = amount, amount + share.amounts.get(at, 0)
            if released is not None and released <= at:
                now = Place.IN_DELAY
            elif share.roams:
                now = Place.ROAMING_UNPAID
            elif failed > 0:
                now = Place.PAYMENT_FAILED
            else:
                now = Place.NOT_SETTLED if captured >= gross > 0 else Place.NOT_CAPTURED
            if place is not None and before:
                steps.append((at, place, -before))
            if amount:
                steps.append((at, now, amount))
            place = now
        return steps


def _share_of(booking: Booking) -> str:
    """The share that a pending amount belongs to; of what matures (J08) the key names it."""
    if type(booking) is not ShareMatured:
        return booking.share
    _, _, number = booking.key.partition(":")
    if number.startswith((OF_FUNDER, "split:")):
        return number
    return f"cdr:{number}" if number else SESSION_SHARE
