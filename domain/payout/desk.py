"""What the runs of one operator work on, and what they make."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID

from domain.calendar import ONE_DAY
from domain.payout.advances import Advances
from domain.payout.amounts import Past
from domain.payout.events import PayoutCreated, PayoutDecision
from domain.payout.instant import InstantRequested, OfDay, PaidAtOnce
from domain.payout.left_out import RunTold
from domain.payout.lines import Line
from domain.payout.payout import Payout
from domain.values import value


@dataclass(slots=True)
class OperatorDesk:
    """What the runs of one operator work on: unpaid lines, reserves still held, failed payouts not yet repeated.

    `advances` are the sessions that may be paid before their drivers pay, where the operator's terms limit that;
    `past` is what earlier payouts have to do with the next. With `explains` it is told of each run what it left out.
    """

    operator_id: str
    closed_through: date | None = None
    lines: list[Line] = field(default_factory=list)
    held: list[Payout] = field(default_factory=list)
    failed: list[Payout] = field(default_factory=list)
    advances: Advances = field(default_factory=Advances)
    past: Past = field(default_factory=Past)
    # What somebody asked for and was not paid yet, and by currency and business date what was paid at once before.
    requests: list[InstantRequested] = field(default_factory=list)
    of_days: dict[tuple[str, date], OfDay] = field(default_factory=dict)
    explains: bool = False


@value
class Withheld:
    """What the last run did not pay, by currency, since the account in effect at `at` cannot be one."""

    at: datetime
    account: Mapping[str, str]
    amounts: Mapping[str, int]


@value
class Waiting:
    """A run that waits for cover: of a business date, due at `at`; by currency what it wants, and what is missing.

    Minor units; `missing` has only the currencies in which something is.
    """

    business_date: date
    at: datetime
    wanted: Mapping[str, int]
    missing: Mapping[str, int]


@value
class BelowZero:
    """What the run of a business date, at `at`, found an operator to owe: minor units below zero by currency."""

    business_date: date
    at: datetime
    amounts: Mapping[str, int]


# What is left of client money in a currency, as of a moment: minor units, what is on its way taken off.
Cover: TypeAlias = Callable[[str, datetime], int]


@dataclass(slots=True)
class RunsMade:
    """What firing the runs decided, by payout, the lines each payout pays, and the last business date closed.

    `withheld` and `waiting` are of the last run that was tried; `handed_off` is the sum of what leaves, by currency.
    `below_zero` has the first run, and each after it that found other currencies below zero than the one before.
    `fired_at` is the moment of the last business date closed. `told` has what each run left out, where it is asked.
    """

    closed_through: date | None
    withheld: Withheld | None = None
    waiting: Waiting | None = None
    decisions: list[tuple[Payout, list[PayoutDecision]]] = field(default_factory=list)
    paid_lines: dict[str, list[UUID]] = field(default_factory=dict)
    handed_off: Mapping[str, int] = field(default_factory=dict)
    below_zero: Sequence[BelowZero] = ()
    fired_at: datetime | None = None
    told: Sequence[RunTold] = ()
    at_once: Sequence[PaidAtOnce] = ()


def first_day(desk: OperatorDesk) -> date | None:
    """The first run that may have something to do: no line is paid before its date, and no run is made again."""
    days = [line.available_on for line in desk.lines]
    days += [created_of(payout).business_date for payout in (*desk.held, *desk.failed)]
    first = min(days, default=None)
    if first is None or desk.closed_through is None:
        return first
    return max(first, desk.closed_through + ONE_DAY)


def created_of(payout: Payout) -> PayoutCreated:
    if payout.created is None:
        raise ValueError(f"payout {payout.payout_id} was never created")
    return payout.created
