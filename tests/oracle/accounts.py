"""What the model keeps of a session, a CDR, a payment and a payout while it settles them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.oracle.exact import number
from tests.oracle.facts import BEGINNING
from tests.oracle.judging import Judged, Rating

NOTHING = Rating(number(0), 0, 0, 0, 0)


@dataclass(slots=True)
class Share:
    """What an operator earned with one session or CDR, until it matures."""

    operator_id: str
    currency: str
    pending: int = 0
    released: bool = False
    matured: bool = False
    available_on: date | None = None


@dataclass(slots=True)
class Account:
    """A session as the money sees it: what is billed, captured, settled, refunded and owed back."""

    judged: Judged
    share: Share
    billed: Rating = NOTHING
    rated: bool = False
    was_rated: bool = False
    cdr_is_due: bool = False
    captures: int = 0
    captured: int = 0
    settled: int = 0
    failure_waits: bool = False
    failed_once: bool = False
    failed_amount: int = 0
    owed_back: int = 0
    shared_refunds: int = 0
    given_back: tuple[int, int] = (0, 0)
    given_by_disputes: tuple[int, int] = (0, 0)
    withdrawn: Rating | None = None
    raised: Rating | None = None
    receivable: int = 0
    paid_back: int = 0
    set_aside: int = 0
    cdrs: list["IssuedCdr"] = field(default_factory=list)

    @property
    def overpaid(self) -> int:
        """What was captured above the bill, before the rating above the first one; nothing while none is known."""
        if not self.judged.steps or (self.judged.partner is not None and self.judged.steps[-1].rating is None):
            return 0
        first = self.judged.steps[0].rating
        to_bill = 0 if self.was_rated or self.judged.partner is not None or first is None else first.gross
        return max(0, -self.receivable - to_bill - self.set_aside)

    @property
    def is_paid(self) -> bool:
        """Whether what was captured and not paid back reaches what is billed."""
        return self.captures > 0 and self.captured - self.paid_back >= self.billed.gross

    @property
    def split(self) -> Rating:
        """What a refund is split by: what is billed, and before the session is rated what it will first be."""
        first = self.judged.steps[0].rating if self.judged.steps else None
        return self.billed if self.was_rated else first or NOTHING


@dataclass(slots=True)
class IssuedCdr:
    cdr_id: str
    account: Account
    rating: Rating
    share: Share
    issued_at: datetime
    credited: bool = False
    credited_at: datetime | None = None
    accepted: bool = False
    invoiced: bool = False


@dataclass(slots=True)
class Payment:
    account: Account
    provider: str
    currency: str
    amount: int
    fee: int


@dataclass(slots=True)
class Dispute:
    """A dispute: what of it is the driver's own, first captured above the bill, then due; and what a loss took."""

    payment: Payment
    amount: int
    own: tuple[int, int] = (0, 0)
    outcome: str = ""
    taken: tuple[int, int] = (0, 0)
    given: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Payout:
    payout_id: str
    operator_id: str
    currency: str
    business_date: date
    amount: int
    attempt: int
    status: str
    bank_account: Any
    fired_at: datetime
    reissued: bool = False
    reason: str = ""
    since: datetime = BEGINNING


def payout_id(operator_id: str, currency: str, day: date, attempt: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"wattledger:payout:{operator_id}:{currency}:{day.isoformat()}:{attempt}"))


def cdr_id(session_id: str, count: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"wattledger:cdr:{session_id}:{count}"))
