"""Why payouts wait for somebody's approval, in words."""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.payout.amounts import Doubt

DOUBTS: Final[Mapping[str, str]] = {
    Doubt.TERMS: "the operator’s terms ask for it",
    Doubt.PAYOUT_LIMIT: "it is above the limit of one payout",
    Doubt.DAY_LIMIT: "it is above what is left of the limit of its day",
    Doubt.ANOMALY: "it is many times what the operator is mostly paid",
    Doubt.PAYEE_NO_MATCH: "the bank knows the account under another name",
}


def doubt_words(doubts: Sequence[str]) -> str | None:
    """Why somebody has to approve a payout, as a sentence; None where nothing is told."""
    words = "; ".join(DOUBTS.get(each, each.replace("_", " ").lower()) for each in doubts)
    return f"{words[0].upper()}{words[1:]}" if words else None


def missing_words(needed: int, given: int) -> str:
    """How many people have still to approve a payout, of as many as it needs."""
    missing = max(0, needed - given)
    return f"{missing} more {'person has' if missing == 1 else 'people have'} to approve it, of {needed}"
