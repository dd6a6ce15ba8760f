"""What is judged of a matter: what should be on the book, which decisions count for nothing, and where it stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypedDict

from domain.book.bookings import Booking
from domain.book.findings import Finding
from domain.book.refusals import DecisionRefused
from domain.book.release import Release
from domain.book.roaming_bookings import HomeChargingEarned
from domain.calendar import add_days, business_date, opens_at
from domain.catalogue.exchange import Position
from domain.catalogue.parties import Operator
from domain.catalogue.run_terms import FundingSource
from domain.catalogue.versions import Versions
from domain.values import value


class MatterKind(StrEnum):
    """What a matter is."""

    ADJUSTMENT = "ADJUSTMENT"
    WRITE_OFF = "WRITE_OFF"
    HOLD = "HOLD"
    SAAS_INVOICE = "SAAS_INVOICE"
    BALANCE_FUNDED = "BALANCE_FUNDED"
    BALANCE_COLLECTED = "BALANCE_COLLECTED"


class MatterState(StrEnum):
    """Where a matter stands: what two people decide is PROPOSED first, a hold is HELD until nothing is left of it."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    HELD = "HELD"
    RELEASED = "RELEASED"
    BOOKED = "BOOKED"
    WAITING = "WAITING"


@value
class MatterJudged:
    """Where a matter stands now; `amount` in minor units as it was said, `details` what only its kind has, as texts.

    `entry_id` is the entry that carries it out, None while there is none.
    """

    kind: MatterKind
    matter_id: str
    operator_id: str
    state: MatterState
    currency: str
    amount: int
    proposed_at: datetime
    proposed_by: str
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason: str | None = None
    entry_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Head(TypedDict):
    """What every booking of a matter begins with, as its arguments."""

    key: str
    effective_at: datetime
    currency: str
    operator_id: str
    session_id: str | None


@value
class Accrued:
    """What was accrued of a hub's fees, by the input VAT in it; minor units."""

    vat_code: str
    fee: int
    fee_vat: int


@value
class OfTreasury:
    """What only the treasury asks for: the position before an exchange, the last rate, what a hub's days accrued."""

    position: Position = Position()
    last_rate: Fraction | None = None
    accrued: tuple[Accrued, ...] = ()


def delayed(at: datetime, terms: Operator) -> Release:
    """The release of what was earned at a moment and waits as the terms say for what partners pay (P1, P3)."""
    payout = terms.payout
    delay_days = terms.runs.funding_delays.get(FundingSource.ROAMING, payout.delay_days)
    day = business_date(at, terms.time_zone, payout.cutoff)
    day = add_days(day, delay_days, payout.business_days_only, payout.calendar)
    return Release(at, day, max(at, opens_at(day, terms.time_zone, payout.cutoff)))


@value
class Surroundings:
    """What a matter is judged in: the operator's terms by time, how far the clock came, and what it has done already.

    Without a clock what it does later is left to it. `has_stood` tells whether a booking of a key stands since a
    moment: the clock had come there.
    """

    versions: Versions[Operator] | None
    clock: datetime | None
    has_stood: Callable[[str, datetime], bool]
    is_open: Callable[[str], bool]
    hold_max_age: timedelta
    treasury: OfTreasury = OfTreasury()

    def terms(self, at: datetime) -> Operator | None:
        """The operator's terms at a moment, before its contract the first; None while nothing is known of it."""
        if not self.versions:
            return None
        return self.versions.at(at) or self.versions.timeline[0][1].value

    def release_of(self, booking: Booking) -> Release | None:
        """From when on the line of a booking may be paid: the next run that fires takes it."""
        at, terms = booking.effective_at, self.terms(booking.effective_at)
        if not booking.share or terms is None:
            return None
        if isinstance(booking, HomeChargingEarned):
            return delayed(booking.effective_at, terms)
        return Release(at, business_date(at, terms.time_zone, terms.payout.cutoff), at)

    def has_come(self, key: str, at: datetime) -> bool:
        """Whether the clock has come to a moment at which it books something."""
        return (self.clock is not None and self.clock >= at) or self.has_stood(key, at)


@dataclass(slots=True)
class Judgement:
    """What should be of a matter; `due_at` is when the clock has to judge it again."""

    bookings: list[Booking] = field(default_factory=list)
    refused: list[DecisionRefused] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    judged: MatterJudged | None = None
    due_at: datetime | None = None

    def look_again(self, at: datetime) -> None:
        """Have the clock judge it again at a moment."""
        self.due_at = at if self.due_at is None else min(self.due_at, at)


def not_known(operator_id: str) -> str:
    """Why nothing is booked for an operator of whom nothing was published."""
    return f"operator {operator_id} is not known: publish it with operator.registered, and it counts"
