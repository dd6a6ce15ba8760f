"""What a payout decides, as it is stored, with its key and its status."""

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from domain.book.findings import FindingChange
from domain.book.refusals import RefusalChange
from domain.book.standing import BookChange
from domain.values import value


class PayoutStatus(StrEnum):
    """Where a payout is; AWAITING_APPROVAL: people have to let it go first; REJECTED: they do not."""

    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    REJECTED = "REJECTED"
    IN_TRANSIT = "IN_TRANSIT"
    PAID = "PAID"
    FAILED = "FAILED"
    RETURNED = "RETURNED"


@value
class PayoutKey:
    """What a payout is about: one operator, currency and business date, and the attempt, counted from 1 (P7, P13).

    Those that somebody asked for have thousands of their own (`domain.payout.instant`).
    """

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


def tries(attempt: int) -> int:
    """Which attempt of the same lines an attempt is: 1 of 1, 1001, 2001 and so on."""
    return (attempt - 1) % 1000 + 1


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
    # By how many people it has to be approved; 0 where it is not, and in payouts that were made before that was kept.
    approvals: int = 0
    # What of `reserve` is given back at once, as a line of the next run; taxes withheld by regime, of what, and how
    # many percent; what it costs to be paid at once, and the VAT on it; why somebody has to approve it. Minor units.
    retained: int = 0
    withheld: Mapping[str, int] = field(default_factory=dict)
    tax_bases: Mapping[str, int] = field(default_factory=dict)
    tax_percents: Mapping[str, str] = field(default_factory=dict)
    fee: int = 0
    fee_vat: int = 0
    doubts: tuple[str, ...] = ()
    # Of one that somebody asked for (`domain.payout.instant`): the source and id of that message.
    requested: tuple[str, ...] = ()
    # The profile of its bank file (`domain.payout.bank_profiles`); "" for the one of every bank.
    bank_profile: str = ""
    # Who asked for it, and so does not approve it.
    asked_by: str = ""

    @property
    def tries(self) -> int:
        """Which attempt it is of what it pays; those of one that somebody asked for are counted within a thousand."""
        return tries(self.attempt)

    @property
    def held_back(self) -> int:
        """What of the reserve is kept until its day, beside what is given back at once."""
        return self.reserve - self.retained

    @property
    def is_handed_off(self) -> bool:
        """Whether it is as it was handed off, and does not wait for approval."""
        return self.status is not PayoutStatus.AWAITING_APPROVAL


@value
class PayoutHandedOff:
    """A payout that waited for approval went to the bank, as these people let it.

    It has the lines, the account and the amount it was made with. What it keeps of them is booked `at` that moment,
    as `own_entries`, which are among those it pays, and the bank is asked to pay on `execution_date`.
    """

    payout_id: str
    operator_id: str
    at: datetime
    execution_date: date
    by: tuple[str, ...]
    own_entries: tuple[str, ...] = ()


@value
class ApprovalCounted:
    """An approval, by the source and id of its message, is the `number`th of those that a payout `needed` by then."""

    payout_id: str
    operator_id: str
    source: str
    id: str
    at: datetime
    by: str
    number: int
    needed: int


@value
class ApprovalLapsed:
    """An approval that too few people joined in time counts no longer; `at` is when that was so."""

    payout_id: str
    operator_id: str
    source: str
    id: str
    at: datetime
    by: str


@value
class PayoutStatusChanged:
    """The bank's answers, or people, changed a payout's status.

    `reason` is an ISO 20022 code where a bank gave one; of a rejection, what the person said.
    """

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


PayoutDecision: TypeAlias = (
    PayoutCreated
    | PayoutHandedOff
    | ApprovalCounted
    | ApprovalLapsed
    | PayoutStatusChanged
    | PayoutSuperseded
    | BookChange
    | FindingChange
    | RefusalChange
)
