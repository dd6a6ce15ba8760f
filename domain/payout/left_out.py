"""What a run leaves out, and why: each line that is not paid has just one reason."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum

from domain.payout.events import PayoutStatus
from domain.payout.lines import Line
from domain.payout.payout import Payout
from domain.values import value


class LeftOutFor(StrEnum):
    """Why a run does not pay something that the operator is owed."""

    NOT_RELEASED = "NOT_RELEASED"
    AVAILABLE_LATER = "AVAILABLE_LATER"
    SET_ASIDE = "SET_ASIDE"
    HELD = "HELD"
    BAD_ACCOUNT = "BAD_ACCOUNT"
    ADVANCE_LIMIT = "ADVANCE_LIMIT"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    RETAINED = "RETAINED"
    WITHHELD = "WITHHELD"
    NO_COVER = "NO_COVER"
    # It is to be converted, and no rate of at most 24 hours was published.
    FX_RATE_MISSING = "FX_RATE_MISSING"
    # It has paid of this date already, which people opened again: the next one pays it.
    PAID_BEFORE = "PAID_BEFORE"


@value
class LeftOut:
    """Entries that a run does not pay for one reason, and what they come to in minor units.

    `available_on` is the business date whose run may pay them, `set_aside_for` the payout that they wait for.
    """

    currency: str
    reason: LeftOutFor
    entries: int
    amount: int
    available_on: date | None = None
    set_aside_for: str | None = None


@value
class RunTold:
    """A run as it was made: of a business date, at a moment, and by currency what it left out of what it knew."""

    business_date: date
    at: datetime
    left_out: tuple[LeftOut, ...]


class _Sums:
    """Sums by what they are told under."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, LeftOutFor, date | None, str | None], list[int]] = {}

    def add(
        self,
        line: Line,
        reason: LeftOutFor,
        available_on: date | None = None,
        set_aside_for: str | None = None,
    ) -> None:
        """Add a line."""
        counted = self._sums.setdefault((line.currency, reason, available_on, set_aside_for), [0, 0])
        counted[0] += 1
        counted[1] += line.amount

    def told(self) -> Iterable[LeftOut]:
        """All of them."""
        for (currency, reason, available_on, set_aside_for), (entries, amount) in self._sums.items():
            yield LeftOut(currency, reason, entries, amount, available_on, set_aside_for)


def left_out(
    lines: Iterable[Line],
    day: date,
    at: datetime,
    reasons: Mapping[str, LeftOutFor],
    waiting: Iterable[tuple[Payout, Iterable[Line]]],
) -> tuple[LeftOut, ...]:
    """What the run of a business date, at a moment, leaves of the lines that are not paid.

    `reasons` are those of lines that were due, by their entries; `waiting` are payouts with what is set aside for
    them. What acts after the moment of the run is nothing that it knows.
    """
    sums = _Sums()
    for line in lines:
        if line.effective_at is not None and line.effective_at > at:
            continue
        reason = reasons.get(str(line.entry_id))
        if line.retained and line.released_at >= at:
            sums.add(line, LeftOutFor.RETAINED)
        elif reason is not None:
            sums.add(line, reason)
        elif line.released_at >= at:
            sums.add(line, LeftOutFor.NOT_RELEASED)
        elif line.available_on > day:
            sums.add(line, LeftOutFor.AVAILABLE_LATER, line.available_on)
        else:
            sums.add(line, LeftOutFor.SET_ASIDE)
    for payout, kept in waiting:
        if payout.status is PayoutStatus.AWAITING_APPROVAL or _leaves_after(payout, at):
            for line in kept:
                sums.add(line, LeftOutFor.SET_ASIDE, set_aside_for=payout.payout_id)
    return tuple(sums.told())


def _leaves_after(payout: Payout, at: datetime) -> bool:
    return payout.handed_off is not None and payout.handed_off.at > at
