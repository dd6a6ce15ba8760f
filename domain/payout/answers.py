"""What is said of a payout that was made: the bank's answers, what they come to, and what people decide about it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from domain.calendar import instant
from domain.fact import Fact
from domain.money import parse_minor
from domain.values import named_value, value


class PayoutAnswer(StrEnum):
    """What a payout processor says of a payout: the last word of the type of its message."""

    ACCEPTED = "accepted"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"


# At one moment answers are taken in this order.
_TURN = {answer: turn for turn, answer in enumerate(PayoutAnswer)}

# ISO 20022 external status and return reasons that lie in the account or in whose it is: incorrect, closed, blocked
# or invalid account, transaction forbidden on it, wrong bank, wrong name or address, deceased. It takes another one.
ACCOUNT_REASONS = frozenset(("AC01", "AC03", "AC04", "AC06", "AC13", "AC14", "AG01", "RC01", "BE04", "BE05", "MD07"))


@named_value
class PayoutAnswered(Fact):
    """`payout.accepted`, `payout.paid`, `payout.failed` or `payout.returned`.

    `amount` is what came back, in minor units of `currency`, where the bank says so.
    """

    answer: PayoutAnswer
    reason: str | None
    amount: int | None = None
    currency: str | None = None


@named_value
class PayoutRetried(Fact):
    """`payout.retried`: a person has a payout that came to nothing go out again."""

    reason: str
    by: str


@named_value
class PayoutApproved(Fact):
    """`payout.approved`: a person lets a payout of just this content go (`domain.payout.content.decided_content`)."""

    content_hash: str
    by: str


@named_value
class PayoutRejected(Fact):
    """`payout.rejected`: a person has a payout of just this content not go."""

    content_hash: str
    reason: str
    by: str


# The form of an ISO 20022 external reason code.
_CODE = re.compile(r"[A-Z0-9]{4}")

PayoutVote: TypeAlias = PayoutApproved | PayoutRejected
PayoutFact: TypeAlias = PayoutAnswered | PayoutRetried | PayoutVote


def _answered(type_: str, data: Mapping[str, Any], source: str, id_: str) -> PayoutAnswered:
    answer, back = PayoutAnswer(type_.rpartition(".")[2]), data.get("amount")
    currency = back["currency"] if back else None
    amount = parse_minor(str(back["amount"]), back["currency"]) if back else None
    at, reason = instant(data["at"]), data.get("reason")
    return PayoutAnswered(
        at=at, source=source, id=id_, answer=answer, reason=reason, amount=amount, currency=currency
    )


def _retried(_: str, data: Mapping[str, Any], source: str, id_: str) -> PayoutRetried:
    return PayoutRetried(at=instant(data["at"]), source=source, id=id_, reason=data["reason"], by=data["by"])


def _approved(_: str, data: Mapping[str, Any], source: str, id_: str) -> PayoutApproved:
    at, digest = instant(data["approved_at"]), data["content_hash"]
    return PayoutApproved(at=at, source=source, id=id_, content_hash=digest, by=data["by"])


def _rejected(_: str, data: Mapping[str, Any], source: str, id_: str) -> PayoutRejected:
    at, digest, reason = instant(data["rejected_at"]), data["content_hash"], data["reason"]
    return PayoutRejected(at=at, source=source, id=id_, content_hash=digest, reason=reason, by=data["by"])


PAYOUT_PARSERS: Mapping[str, Callable[[str, Mapping[str, Any], str, str], PayoutFact]] = {
    **{f"payout.{answer}": _answered for answer in PayoutAnswer},
    "payout.retried": _retried,
    "payout.approved": _approved,
    "payout.rejected": _rejected,
}


def parse_payout_fact(type_: str, data: Mapping[str, Any], source: str, id_: str) -> PayoutFact:
    """The fact that a message about a payout states. Raises KeyError for a type that is none."""
    return PAYOUT_PARSERS[type_](type_, data, source, id_)


def is_of_the_account(reason: str | None) -> bool:
    """Whether a reason says that the account, or whose it is, was wrong."""
    return reason is not None and reason.strip().upper() in ACCOUNT_REASONS


def is_code(reason: str | None) -> bool:
    """Whether a reason has the form of an ISO 20022 code."""
    return reason is not None and _CODE.fullmatch(reason.strip().upper()) is not None


@value
class BankWord:
    """What the bank's answers come to; each moment is None where that did not happen.

    `reason` is that of the failure or the return; where it was told several times, the first that is a code.
    `came_back` is what came back by the bank's word: minor units and currency, None where it says nothing of it.
    """

    settled_at: datetime | None = None
    failed_at: datetime | None = None
    returned_at: datetime | None = None
    reason: str | None = None
    came_back: tuple[int, str] | None = None


def answers_in_turn(answers: Iterable[PayoutAnswered]) -> list[PayoutAnswered]:
    """Answers by their own times; at one moment accepted, paid, failed, returned."""
    return sorted(answers, key=lambda answer: (answer.at, _TURN[answer.answer], answer.source, answer.id))


def word_of(answers: Iterable[PayoutAnswered], handed_off_at: datetime) -> BankWord:
    """What the answers come to, whichever way they arrived: the bank's booking is the truth.

    `paid` withdraws a failure before it; `failed` after `paid` is a return; `returned` implies `paid` before it. Of
    what came back nothing more is taken. Nothing acts before the hand-off, whatever the processor's clock says.
    """
    told = answers_in_turn(answers)
    last_paid = max((at for at, each in enumerate(told) if each.answer is PayoutAnswer.PAID), default=-1)
    settled_at = failed_at = returned_at = came_back = None
    reasons: list[str | None] = []
    for number, each in enumerate(told):
        at = max(each.at, handed_off_at)
        is_withdrawn = each.answer is PayoutAnswer.FAILED and number < last_paid
        if each.answer is PayoutAnswer.ACCEPTED or is_withdrawn:
            continue
        if each.answer is PayoutAnswer.PAID:
            settled_at = settled_at or at
        elif each.answer is PayoutAnswer.FAILED and settled_at is None:
            failed_at = failed_at or at
            reasons.append(each.reason)
        else:
            if returned_at is None:
                settled_at, failed_at, returned_at, reasons = settled_at or at, None, at, []
            reasons.append(each.reason)
            if came_back is None and each.amount is not None and each.currency is not None:
                came_back = (each.amount, each.currency)
    return BankWord(settled_at, failed_at, returned_at, _reason_of(reasons), came_back)


def _reason_of(told: Sequence[str | None]) -> str | None:
    """The first reason that is a code, or else the first."""
    return next(filter(is_code, told), next(iter(told), None))
