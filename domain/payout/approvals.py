"""What people's approvals and rejections of a payout come to: whether it goes, when, and which of them count (P12).

A walk through them by their own times, the same whichever way they arrive. Each approval names the content that it
lets go, and lapses after 72 hours; a payout goes once as many different people as it asks for let it go at one time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.book.refusals import DecisionRefused
from domain.calendar import utc_text
from domain.fact import in_order
from domain.payout.answers import PayoutApproved, PayoutRejected, PayoutVote
from domain.payout.circumstances import Circumstances
from domain.people import folded_name
from domain.values import value

# How long an approval stands that others have to join.
APPROVAL_LASTS = timedelta(hours=72)


@value
class Asked:
    """What is decided about: a payout with its content's hash, made at a moment, and how many have to let it go."""

    payout_id: str
    operator_id: str
    account: Mapping[str, str]
    content_hash: str
    made_at: datetime
    needed: int
    asked_by: str = ""
    # Where payouts leave only as far as client money reaches: when there was enough for it; None while there is not.
    covered_at: datetime | None = None


@dataclass(slots=True)
class Outcome:
    """What the votes come to.

    `approved_at` is the deciding approval's time; `ready_at` when the payout may go by it, later where payouts were
    stopped, and None while they are; `leaves_at` when it goes, later where it waits for client money. `approved` are
    the approvals that count, in their order, each with the number of those that stood then; `lapsed` are those that
    nobody joined in time before it went or was rejected, `standing` the others. `refused` count for nothing.
    """

    approved_at: datetime | None = None
    ready_at: datetime | None = None
    leaves_at: datetime | None = None
    rejected: PayoutRejected | None = None
    approved: list[tuple[PayoutApproved, int]] = field(default_factory=list)
    standing: list[PayoutApproved] = field(default_factory=list)
    lapsed: list[PayoutApproved] = field(default_factory=list)
    refused: list[DecisionRefused] = field(default_factory=list)

    @property
    def by(self) -> tuple[str, ...]:
        """Who lets it go, in the order of their approvals."""
        return tuple(each.by for each in self.standing)


def outcome_of(votes: Iterable[PayoutVote], asked: Asked, around: Circumstances) -> Outcome:
    """What votes come to, whichever way they arrived; those dated after now have no say yet."""
    walk = _Walk(asked, around)
    for vote in sorted((vote for vote in votes if around.has_come(vote.at)), key=in_order):
        sentence = walk.reject(vote) if isinstance(vote, PayoutRejected) else walk.approve(vote)
        if sentence:
            walk.outcome.refused.append(refused(vote, asked.payout_id, sentence))
    return walk.outcome


def refused(vote: PayoutVote, payout_id: str, sentence: str) -> DecisionRefused:
    """That a vote counts for nothing."""
    type_ = "payout.approved" if isinstance(vote, PayoutApproved) else "payout.rejected"
    return DecisionRefused(vote.source, vote.id, type_, payout_id, vote.at, sentence)


class _Walk:
    """The votes up to one of them."""

    def __init__(self, asked: Asked, around: Circumstances) -> None:
        self.asked, self.around, self.outcome = asked, around, Outcome()

    def reject(self, vote: PayoutRejected) -> str:
        """Take a rejection in; why it counts for nothing, "" where it does."""
        sentence = self._is_about_other(vote) or self._is_over(vote.at)
        if not sentence:
            self.outcome.rejected, self.outcome.approved_at = vote, None
            self.outcome.ready_at = self.outcome.leaves_at = None
        return sentence

    def approve(self, vote: PayoutApproved) -> str:
        """Take an approval in; why it counts for nothing, "" where it does."""
        asked, outcome = self.asked, self.outcome
        sentence = self._is_about_other(vote) or self._is_over(vote.at)
        if not sentence and outcome.approved_at is not None:
            sentence = f"payout {asked.payout_id} had all approvals it needs by then"
        if sentence:
            return sentence
        self._lapse(vote.at)
        sentence = self.around.why_not(asked.account, asked.operator_id, vote.at) or self._is_barred(vote)
        if sentence:
            return sentence
        outcome.standing.append(vote)
        barred = self.around.barred(vote.at)
        counting = [each for each in outcome.standing if folded_name(each.by) not in barred]
        outcome.approved.append((vote, len(counting)))
        if len(counting) < asked.needed:
            return ""
        leaves_at = self.around.leaves_at(vote.at)
        if leaves_at is not None and leaves_at > vote.at:
            sentence = self.around.why_not(asked.account, asked.operator_id, leaves_at)
            if sentence:
                outcome.standing.remove(vote)
                outcome.approved.pop()
                return f"when payouts were resumed at {utc_text(leaves_at)}, {sentence}"
        outcome.standing, outcome.approved_at, outcome.ready_at = counting, vote.at, leaves_at
        outcome.leaves_at = self._goes_at(leaves_at)
        return ""

    def _goes_at(self, ready_at: datetime | None) -> datetime | None:
        """When what may go at a moment does."""
        if ready_at is None or not self.around.has_come(ready_at):
            return None
        if not self.around.weighs_cover:
            return ready_at
        covered_at = self.asked.covered_at
        return max(ready_at, covered_at) if covered_at is not None else None

    def _is_about_other(self, vote: PayoutVote) -> str:
        if vote.content_hash != self.asked.content_hash:
            return f"payout {self.asked.payout_id} has another content than the one decided about: look at it again"
        if vote.at < self.asked.made_at:
            return f"payout {self.asked.payout_id} was not made by then, but at {utc_text(self.asked.made_at)}"
        return ""

    def _is_over(self, at: datetime) -> str:
        rejected, left = self.outcome.rejected, self.outcome.leaves_at
        if rejected is not None:
            return f"{rejected.by} had rejected payout {self.asked.payout_id} at {utc_text(rejected.at)}"
        if left is not None and at >= left:
            return f"payout {self.asked.payout_id} was handed off at {utc_text(left)}"
        return ""

    def _lapse(self, at: datetime) -> None:
        over = [each for each in self.outcome.standing if each.at + APPROVAL_LASTS <= at]
        self.outcome.lapsed += over
        self.outcome.standing = [each for each in self.outcome.standing if each not in over]

    def _is_barred(self, vote: PayoutApproved) -> str:
        """That who approves has approved already, or changed the operator's terms or account lately."""
        person = folded_name(vote.by)
        if person == folded_name(self.asked.asked_by):
            return f"{vote.by} asked for payout {self.asked.payout_id}: another person has to approve it"
        known = next((each for each in self.outcome.standing if folded_name(each.by) == person), None)
        if known is not None:
            return f"{vote.by} had approved it at {utc_text(known.at)}: another person has to"
        if person in self.around.barred(vote.at):
            return (
                f"{vote.by} changed the terms or the account of {self.asked.operator_id} in the seven days before: "
                "another person has to approve it"
            )
        return ""


def lapsed_by(outcome: Outcome, until: datetime) -> Sequence[PayoutApproved]:
    """The approvals that nobody joined in time, as of a moment."""
    waiting = outcome.standing if outcome.approved_at is None and outcome.rejected is None else []
    return [*outcome.lapsed, *(each for each in waiting if each.at + APPROVAL_LASTS <= until)]
