"""What goes back to drivers, told again from the facts: first their own money, then whoever bears it.

Read from the rules of accounting 7.5 to 7.8. What is booked for prices is taken as it stands; captures, refunds and
disputes are taken from the facts, in the order of their times. Where a price changed at the very moment of a fact,
any order of them is right: what comes back covers a raised price at that very moment, too.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple

from ledger.audit.amounts import Money, instant, microseconds, minor_of
from ledger.audit.meter import verdict_of
from ledger.audit.sale_returns import Given, refund_of_sale_row
from ledger.audit.sessions import Session
from ledger.audit.streams import Body, Fact, first_of_each
from ledger.audit.wallets import REFUND, standing_moves

Row = tuple[object, ...]


class _Move(NamedTuple):
    """Something that happened; moves go by time, then by what has to come first, then by source and id."""

    at: datetime
    rank: int
    source: str
    id: str
    act: Callable[[], None]


class _Own(NamedTuple):
    """Of an amount what is the driver's own: captured above the bill, and due back."""

    overpaid: int
    due: int

    @property
    def total(self) -> int:
        return self.overpaid + self.due


@dataclass(slots=True)
class _Dispute:
    """A dispute, what of it is the driver's own by J27, and what it took when it was lost last."""

    fact: Fact
    aside: _Own
    lost: _Own | None = None
    is_decided: bool = False


@dataclass(slots=True)
class Told:
    """The bookings that facts ask for, as rows, and what is the driver's own in the end, in minor units.

    `early` are the rises of a price that no capture had covered.
    """

    to_bill: int | None
    refunds: list[Row] = field(default_factory=list)
    disputes: list[Row] = field(default_factory=list)
    wallet_refunds: list[Row] = field(default_factory=list)
    early: list[tuple[int, int]] = field(default_factory=list)
    owed: int = 0
    due: int = 0
    captured: int = 0
    # What is given back of a sale of the platform's, None where the operator sells itself.
    given: Given | None = None
    _aside: int = 0
    _refunded: dict[str, tuple[Fact, _Own]] = field(default_factory=dict)
    _disputed: dict[str, _Dispute] = field(default_factory=dict)
    _given_back: dict[str, tuple[Counter[str], int, int]] = field(default_factory=dict)

    @property
    def overpaid(self) -> int:
        """The credit on 1105 that no dispute has set aside; before the first bill, what is above it."""
        return max(0, -self.owed - self.to_bill - self._aside) if self.to_bill is not None else 0

    def bill(self, kind: str, booking: Body) -> None:
        """A price was put on the book, or changed."""
        if self.given is not None and "net" in booking:
            self.given.bill(booking)
        if kind == "PaymentWrittenOff":
            self.owed -= booking["gross"]
            return
        rise = booking["gross"] - booking.get("old_gross", 0)
        if kind == "CapturedSessionReRated":
            self.due -= rise
            return
        self.to_bill = 0
        if kind == "SessionReRated" and 0 < booking["old_gross"] <= self.captured and rise > self.overpaid:
            self.early.append((booking["old_gross"], booking["gross"]))
        self.owed += rise

    def capture(self, fact: Fact) -> None:
        """A payment was captured."""
        amount = minor_of(fact.data["amount"])
        self.owed -= amount
        self.captured += amount

    def refund(self, fact: Fact) -> None:
        """A refund left the provider."""
        own = self._own(minor_of(fact.data["amount"]))
        self._take(own, 1)
        self._refunded[fact.data["refund_id"]] = fact, own
        self.refunds.append(self._refund_row("PaymentRefunded", fact, fact.at))

    def wallet_refund(self, fact: Fact, *, is_drivers_own: bool, counts: bool) -> None:
        """Money went back to a wallet; what pays for nothing takes back the driver's own."""
        amount = minor_of(fact.data["amount"])
        own = _Own(amount, 0) if is_drivers_own else self._own(amount)
        if counts:
            self._take(own, 1)
        data, shares = fact.data, (own.overpaid, own.due, amount - own.total)
        row = wallet_refund_row(data["refund_id"], data["wallet_id"], fact.at, data["amount"]["currency"], shares)
        self.wallet_refunds.append(row)

    def refund_failed(self, failure: Fact) -> None:
        """A refund came back."""
        fact, own = self._refunded[failure.data["refund_id"]]
        self._take(own, -1)
        self.refunds.append(self._refund_row("PaymentRefundFailed", fact, max(failure.at, fact.at)))

    def _refund_row(self, kind: str, fact: Fact, at: datetime) -> Row:
        data, own = fact.data, self._refunded[fact.data["refund_id"]][1]
        rest = minor_of(data["amount"]) - own.total
        by_platform = data["borne_by"] == "PLATFORM"
        if self.given is not None:
            return self._sale_row(kind, fact, at, rest, self.given)
        shares = (own.overpaid, own.due, 0 if by_platform else rest, rest if by_platform else 0)
        return refund_row(kind, data["refund_id"], data["payment_id"], at, data["amount"]["currency"], shares)

    def _sale_row(self, kind: str, fact: Fact, at: datetime, rest: int, given: Given) -> Row:
        """The same of what the platform sold: net and VAT go back, and for the operator what it was bought for."""
        refund_id, own = fact.data["refund_id"], self._refunded[fact.data["refund_id"]][1]
        borne = 0 if fact.data["borne_by"] == "PLATFORM" else rest
        if kind == "PaymentRefunded":
            self._given_back[refund_id] = given.more(rest, borne)
        else:
            given.less(rest, borne, self._given_back[refund_id])
        name = kind.replace("Payment", "Sale")
        return refund_of_sale_row(name, refund_id, at, (own.overpaid, own.due), self._given_back[refund_id])

    def opened(self, fact: Fact) -> None:
        """A dispute was opened."""
        self._disputed[fact.data["dispute_id"]] = _Dispute(fact, self._set_aside(fact))
        self._dispute_row("DisputeOpened", fact.data["dispute_id"], fact.at, minor_of(fact.data["fee"]))

    def decided(self, close: Fact) -> None:
        """A dispute was won or lost, for the first time or after all."""
        dispute_id = close.data["dispute_id"]
        dispute = self._disputed[dispute_id]
        at = max(close.at, dispute.fact.at)
        if close.data["outcome"] == "WON":
            if dispute.lost is not None:
                self._take(dispute.lost, -1)
                self._dispute_row("DisputeLost", dispute_id, at, -1)
                dispute.lost = None
            else:
                self._free(dispute.aside)
            self._dispute_row("DisputeWon", dispute_id, at)
        else:
            if dispute.is_decided:
                dispute.aside = self._set_aside(dispute.fact)
                self._dispute_row("DisputeOpened", dispute_id, at, 0)
            self._free(dispute.aside)
            dispute.lost = self._own(minor_of(dispute.fact.data["amount"]))
            self._take(dispute.lost, 1)
            self._dispute_row("DisputeLost", dispute_id, at, 1)
        dispute.is_decided = True

    def _dispute_row(self, kind: str, dispute_id: str, at: datetime, more: int = 0) -> None:
        dispute = self._disputed[dispute_id]
        money, own = dispute.fact.data["amount"], dispute.aside.total
        amount = minor_of(money)
        # Of a sale of the platform's nothing is the operator's, whoever owns it.
        own = own if self.given is None else amount
        parts: tuple[int, ...] = (own,)
        if kind == "DisputeOpened":
            parts = (own, more)
        elif kind == "DisputeLost" and dispute.lost is not None:
            amount, parts = more * amount, (more * own, more * dispute.lost.overpaid, more * dispute.lost.due)
            kind, parts = (kind, parts) if self.given is None else ("SaleDisputeLost", parts[1:])
        self.disputes.append(dispute_row(kind, dispute_id, at, money["currency"], amount, parts))

    def _own(self, amount: int) -> _Own:
        overpaid = min(amount, self.overpaid)
        return _Own(overpaid, min(amount - overpaid, max(0, self.due)))

    def _take(self, own: _Own, sign: int) -> None:
        self.owed += sign * own.overpaid
        self.captured -= sign * own.overpaid
        self.due -= sign * own.due

    def _set_aside(self, fact: Fact) -> _Own:
        own = self._own(minor_of(fact.data["amount"]))
        self._aside += own.overpaid
        self.due -= own.due
        return own

    def _free(self, own: _Own) -> None:
        self._aside -= own.overpaid
        self.due += own.due


def refund_row(kind: str, refund_id: str, payment_id: str, at: datetime, currency: str, shares: Iterable[int]) -> Row:
    """A refund, or its failure, by what it is paid of: overpaid, due, the operator's, the platform's."""
    return (kind, refund_id, payment_id, microseconds(at), *(Money(share, currency) for share in shares))


def wallet_refund_row(refund_id: str, wallet_id: str, at: datetime, currency: str, shares: Iterable[int]) -> Row:
    """A refund to a wallet, by what it is paid of: overpaid, due, the operator's."""
    return (refund_id, wallet_id, microseconds(at), *(Money(share, currency) for share in shares))


def dispute_row(kind: str, dispute_id: str, at: datetime, currency: str, amount: int, parts: Iterable[int]) -> Row:
    """A step of a dispute: what is disputed, then what of it is the driver's own, then what its kind adds."""
    return (kind, dispute_id, microseconds(at), *(Money(part, currency) for part in (amount, *parts)))


# What puts a price on the book, by what it is where the operator sells.
_PRICES = {
    "SessionRated": "SessionRated",
    "SessionReRated": "SessionReRated",
    "CapturedSessionReRated": "CapturedSessionReRated",
    "PaymentWrittenOff": "PaymentWrittenOff",
    "ChargeSold": "SessionRated",
    "ChargeReSold": "SessionReRated",
    "CapturedChargeReSold": "CapturedSessionReRated",
    "PaymentLost": "PaymentWrittenOff",
}


def _prices(session: Session) -> Iterable[tuple[str, Body]]:
    """What stands of prices, each with its gross."""
    for kind, booking in session.stream.standing.values():
        if kind not in _PRICES:
            continue
        grosses = {
            f"{prefix}gross": booking[f"{prefix}net"] + sum(booking[f"{prefix}vat"])
            for prefix in ("", "old_")
            if f"{prefix}net" in booking
        }
        yield _PRICES[kind], booking | grosses if grosses else booking


def _given(session: Session, prices: Iterable[tuple[str, Body]]) -> Given | None:
    """What is given back of a sale, beginning by the first bill, by which what was prepaid goes back."""
    if not session.is_sale or session.partner is not None or not session.was_rated:
        return None
    given = Given()
    for kind, booking in prices:
        if kind == "SessionRated":
            given.bill(booking)
    return given


# Where prices may stand among the facts of their moment: before all, after what is captured, after all.
PRICES_FIRST, PRICES_AFTER_CAPTURES, PRICES_LAST = -1, 1, 1_000_000


def tell(session: Session, captures: Iterable[Fact], price_rank: int) -> Told:
    """What the facts of a session ask for; `price_rank` is where a price stands among the facts of its moment."""
    prices = list(_prices(session))
    told = Told(_to_bill(session, prices), given=_given(session, prices))
    moves = [
        _Move(instant(booking["effective_at"]), price_rank, "", "", partial(told.bill, kind, booking))
        for kind, booking in prices
    ]
    first: dict[str, datetime] = {}
    for capture in captures:
        payment_id = capture.data["payment_id"]
        first[payment_id] = min(capture.at, first.get(payment_id, capture.at))
        moves.append(_Move(capture.at, 0, capture.source, capture.id, partial(told.capture, capture)))
    moves += _going_back(session, told, first)
    for refund in standing_moves(session.stream, REFUND):
        is_apart = session.currency not in ("", refund.data["amount"]["currency"])
        is_own = is_apart or not session.operator_id
        act = partial(told.wallet_refund, refund, is_drivers_own=is_own, counts=not is_apart)
        moves.append(_Move(refund.at, 2, refund.source, refund.id, act))
    for move in sorted(moves, key=lambda move: move[:4]):
        move.act()
    return told


def _to_bill(session: Session, prices: Iterable[tuple[str, Body]]) -> int | None:
    """The gross of the first bill; nothing where a partner pays or it was none, None where it was never rated."""
    was_none = verdict_of(session.stream) == "VOID"
    if session.partner is not None:
        return 0 if session.is_rated or was_none else None
    for kind, booking in prices:
        if kind == "SessionRated":
            gross: int = booking["gross"]
            return gross
    return 0 if session.was_rated or was_none else None


def _going_back(session: Session, told: Told, captured: dict[str, datetime]) -> Iterable[_Move]:
    """Refunds and disputes of what was captured, none before its capture and none ended before it began."""
    failures = {
        fact.data["refund_id"]: fact
        for fact in first_of_each(session.stream.facts.get("payment.refund_failed", ()), "refund_id")
    }
    for refund in first_of_each(session.accepted("payment.refunded"), "refund_id"):
        if not _acts(refund, captured, bool(session.operator_id) or refund.data["borne_by"] == "PLATFORM"):
            continue
        move = _after_capture(refund, captured, told.refund)
        yield move
        failure = failures.get(refund.data["refund_id"])
        if failure is not None:
            yield _after(move, failure, 1, told.refund_failed)
    closes: dict[str, list[Fact]] = defaultdict(list)
    for close in sorted(session.stream.facts.get("payment.dispute_closed", ()), key=lambda fact: fact.sort_key):
        known = closes[close.data["dispute_id"]]
        if not known or known[-1].data["outcome"] != close.data["outcome"]:
            known.append(close)
    for dispute in first_of_each(session.accepted("payment.disputed"), "dispute_id"):
        if _acts(dispute, captured, bool(session.operator_id)):
            move = _after_capture(dispute, captured, told.opened)
            yield move
            for number, close in enumerate(closes[dispute.data["dispute_id"]], 1):
                yield _after(move, close, number, told.decided)


def _acts(fact: Fact, captured: dict[str, datetime], is_borne: bool) -> bool:
    return fact.data["payment_id"] in captured and is_borne


def _after_capture(fact: Fact, captured: dict[str, datetime], act: Callable[[Fact], None]) -> _Move:
    since = captured[fact.data["payment_id"]]
    if fact.at > since:
        return _Move(fact.at, 0, fact.source, fact.id, partial(act, fact))
    return _Move(since, 2, fact.source, fact.id, partial(act, fact))


def _after(move: _Move, fact: Fact, number: int, act: Callable[[Fact], None]) -> _Move:
    return _Move(max(move.at, fact.at), 2 + move.rank + number, fact.source, fact.id, partial(act, fact))
