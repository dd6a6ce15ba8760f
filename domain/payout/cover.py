"""Cover: whether client money at the bank pays for what is handed off, and what is found where it does not."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from domain.book.findings import Finding, FindingKind
from domain.money import format_minor
from domain.payout.desk import Waiting
from domain.values import value

PAYOUT_KEY, WAITING_KEY = "cover-short:", "cover-wait:"


class CoverRule(StrEnum):
    """What becomes of a run that takes client money below zero: it is made and told, or it waits."""

    WARN = "WARN"
    STOP = "STOP"


@value
class HandedOff:
    """A payout as it left: `amount` in minor units of `currency`.

    `behind` is what was handed off at the same moment and comes behind it, by operator and id: it has the money last.
    """

    payout_id: str
    operator_id: str
    currency: str
    amount: int
    sent_at: datetime
    behind: int = 0


def short_payouts(payouts: Iterable[HandedOff], left: Mapping[tuple[str, datetime], int]) -> list[Finding]:
    """The payouts that client money did not pay for when they were handed off.

    `left` is what is left in a currency as of a moment, once all that was handed off by then is taken off. Of those
    handed off at one moment the operators first by id have the money first.
    """
    last_first = sorted(payouts, key=lambda each: (each.operator_id, each.payout_id), reverse=True)
    missing = ((each, -(left[each.currency, each.sent_at] + each.behind)) for each in last_first)
    return [_short(each, lack) for each, lack in missing if lack > 0]


def is_of_payout(finding: Finding) -> bool:
    """Whether a finding is of a payout that was handed off, and not of a run that waits."""
    return finding.key.startswith(PAYOUT_KEY)


def _short(payout: HandedOff, missing: int) -> Finding:
    amount = f"{format_minor(payout.amount, payout.currency)} {payout.currency}"
    lack = f"{format_minor(missing, payout.currency)} {payout.currency}"
    return Finding(
        FindingKind.COVER_SHORT,
        key=f"{PAYOUT_KEY}{payout.payout_id}",
        subject=payout.payout_id,
        operator_id=payout.operator_id,
        since=payout.sent_at,
        sentence=f"payout {payout.payout_id} of {amount} was handed off while client money was {lack} short",
        currency=payout.currency,
        amount=missing,
    )


def waiting_runs(operator_id: str, waiting: Waiting) -> list[Finding]:
    """The run of an operator that waits for cover, by currency."""
    return [
        Finding(
            FindingKind.COVER_SHORT,
            key=f"{WAITING_KEY}{waiting.business_date}:{currency}",
            subject=operator_id,
            operator_id=operator_id,
            since=waiting.at,
            sentence=(
                f"the run of {waiting.business_date} waits: client money is "
                f"{format_minor(missing, currency)} {currency} short for it"
            ),
            currency=currency,
            amount=missing,
        )
        for currency, missing in waiting.missing.items()
    ]
