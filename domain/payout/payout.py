"""The payout aggregate: handed off to the bank once, then answered; a failed one is paid again as a new attempt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from domain.book.findings import FindingChange, FindingEnded, FindingOpened, OpenFindings
from domain.book.refusals import DecisionCounts, DecisionRefused, OpenRefusals, RefusalChange
from domain.book.standing import BookChange, Booked, Retracted, Standing
from domain.fact import in_order
from domain.payout.answers import (
    PayoutAnswered,
    PayoutFact,
    PayoutRetried,
    PayoutVote,
    is_of_the_account,
)
from domain.payout.booked import BANK_KEYS, INITIATED_KEY, RESERVE_KEY, RESERVE_RELEASE_KEY
from domain.payout.events import (
    ApprovalCounted,
    ApprovalLapsed,
    PayoutCreated,
    PayoutDecision,
    PayoutHandedOff,
    PayoutStatus,
    PayoutStatusChanged,
    PayoutSuperseded,
)

# So many attempts are made by themselves where the account is not to blame; then somebody has to look.
AUTOMATIC_ATTEMPTS = 3


@dataclass(slots=True)
class Payout:
    """The state of a payout: how it was created, what was said of it, what stands on the book, what was found.

    `created` is as it was handed off, and `proposed` as it was made, where people had to let it go. `counted` has the
    approvals that stand. `superseded_by` is the next attempt, once there is one.
    """

    payout_id: str
    version: int = 0
    created: PayoutCreated | None = None
    proposed: PayoutCreated | None = None
    handed_off: PayoutHandedOff | None = None
    answers: list[PayoutAnswered] = field(default_factory=list)
    retries: list[PayoutRetried] = field(default_factory=list)
    votes: list[PayoutVote] = field(default_factory=list)
    counted: dict[tuple[str, str], datetime] = field(default_factory=dict)
    lapsed: set[tuple[str, str]] = field(default_factory=set)
    refusals: OpenRefusals = field(default_factory=OpenRefusals)
    status: PayoutStatus | None = None
    status_at: datetime | None = None
    reason: str | None = None
    superseded_by: str = ""
    superseded_at: datetime | None = None
    standing: Standing = field(default_factory=Standing)
    findings: OpenFindings = field(default_factory=OpenFindings)

    def learn(self, fact: PayoutFact) -> None:
        """Take in an answer, or a person's decision."""
        if isinstance(fact, PayoutAnswered):
            self.answers.append(fact)
        elif isinstance(fact, PayoutRetried):
            self.retries.append(fact)
        else:
            self.votes.append(fact)

    def evolve(self, decision: PayoutDecision) -> None:
        """Fold a decision into the state."""
        _EVOLVE[type(decision)](self, decision)

    @property
    def failed(self) -> bool:
        """Whether the money is back and waits to be paid again (2060): this attempt failed, or people rejected it."""
        is_back = self.status in (PayoutStatus.FAILED, PayoutStatus.RETURNED)
        if self.status is PayoutStatus.REJECTED and self.created is not None:
            is_back = self.created.reissue_of is not None
        return is_back and not self.superseded_by

    @property
    def is_out(self) -> bool:
        """Whether the money left, or is on its way."""
        return self.status in (PayoutStatus.IN_TRANSIT, PayoutStatus.PAID)

    def on_its_way(self) -> tuple[datetime | None, datetime | None]:
        """When it was handed off, and when the bank booked it or said no; None for what did not happen (yet)."""
        at = {booking.key: booking.effective_at for booking in self.standing.bookings()}
        answers = [moment for key, moment in at.items() if key in BANK_KEYS]
        return at.get(INITIATED_KEY), min(answers, default=None)

    @property
    def holds_reserve(self) -> bool:
        """Whether the reserve it took is still to be given back."""
        return RESERVE_KEY in self.standing and RESERVE_RELEASE_KEY not in self.standing

    def retried_by(self, at: datetime) -> str:
        """Who first had it go out again since it came to nothing, by the run of a moment; "" where nobody did."""
        since = self.status_at
        counting = (each for each in self.retries if since is not None and since <= each.at < at)
        first = min(counting, key=in_order, default=None)
        return first.by if first else ""

    def goes_again(self, at: datetime, account: Mapping[str, str]) -> bool:
        """Whether a run that fires at a moment pays it again, to the account that its operator has by then.

        One that came back, or failed for its account, waits for another account; one that failed for another reason
        is tried again, three attempts at most. A person may have either tried again. An attempt that people rejected
        is made again.
        """
        if not self.failed or self.created is None or self.status_at is None or self.status_at >= at:
            return False
        if self.status is PayoutStatus.REJECTED:
            return True
        if self.retried_by(at):
            return True
        if self.status is PayoutStatus.RETURNED or is_of_the_account(self.reason):
            return account != self.created.bank_account
        return self.created.tries < AUTOMATIC_ATTEMPTS


def _on_created(payout: Payout, event: PayoutCreated) -> None:
    payout.created, payout.status, payout.status_at = event, event.status, event.fired_at
    if event.status is PayoutStatus.AWAITING_APPROVAL:
        payout.proposed = event


def _on_handed_off(payout: Payout, event: PayoutHandedOff) -> None:
    payout.handed_off = event
    if payout.proposed is not None:
        payout.created = as_handed_off(payout.proposed, event)


def _on_counted(payout: Payout, event: ApprovalCounted) -> None:
    payout.counted[event.source, event.id] = event.at


def _on_lapsed(payout: Payout, event: ApprovalLapsed) -> None:
    payout.counted.pop((event.source, event.id), None)
    payout.lapsed.add((event.source, event.id))


def _on_refusal(payout: Payout, change: RefusalChange) -> None:
    payout.refusals.evolve(change)
    if isinstance(change, DecisionRefused):
        payout.counted.pop((change.source, change.id), None)


def _on_status_changed(payout: Payout, event: PayoutStatusChanged) -> None:
    payout.status, payout.status_at, payout.reason = event.status, event.at, event.reason


def _on_superseded(payout: Payout, event: PayoutSuperseded) -> None:
    payout.superseded_by, payout.superseded_at = event.by, event.at


def _on_book_change(payout: Payout, change: BookChange) -> None:
    payout.standing.evolve(change)


def _on_finding(payout: Payout, change: FindingChange) -> None:
    payout.findings.evolve(change)


_EVOLVE: dict[type, Callable[[Payout, Any], None]] = {
    PayoutCreated: _on_created,
    PayoutHandedOff: _on_handed_off,
    ApprovalCounted: _on_counted,
    ApprovalLapsed: _on_lapsed,
    DecisionRefused: _on_refusal,
    DecisionCounts: _on_refusal,
    PayoutStatusChanged: _on_status_changed,
    PayoutSuperseded: _on_superseded,
    Booked: _on_book_change,
    Retracted: _on_book_change,
    FindingOpened: _on_finding,
    FindingEnded: _on_finding,
}


def as_handed_off(proposed: PayoutCreated, event: PayoutHandedOff) -> PayoutCreated:
    """A payout that waited for approval as if its run had handed it off at that moment, with what it keeps."""
    return replace(
        proposed,
        status=PayoutStatus.IN_TRANSIT,
        fired_at=event.at,
        execution_date=event.execution_date,
        entry_ids=tuple(sorted({*proposed.entry_ids, *event.own_entries})),
    )
