"""Payouts at once, on request: what is available is paid before its run comes round, less a fee (rule P24, J41).

They stand beside the run of their business date: their attempts are counted from 1001, 2001 and so on, each thousand
being a request of that date, so that no two payouts have one key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from domain.calendar import instant
from domain.catalogue.parties import Operator
from domain.fact import Fact
from domain.money import format_minor, parse_minor
from domain.payout.amounts import Past, PayoutSum, doubts_about, due_of, kept_of
from domain.payout.lines import Line
from domain.values import named_value, value

# The attempts of a request are numbered within a thousand of their own.
ATTEMPTS = 1000


@named_value
class InstantRequested(Fact):
    """`payout.instant_requested`: somebody asks that an operator be paid at once; all there is without an `amount`.

    Minor units of `currency`.
    """

    operator_id: str
    currency: str
    amount: int | None
    reason: str
    by: str


@value
class PaidAtOnce:
    """What became of a request: the payout that was made, by its id, date and amount, or why none was.

    `number` counts the requests that were paid of a business date and a currency.
    """

    request: InstantRequested
    payout_id: str = ""
    business_date: date | None = None
    number: int = 0
    amount: int = 0
    refusal: str = ""


@value
class OfDay:
    """What was paid at once of a business date: how many times, and how much in minor units."""

    number: int = 0
    amount: int = 0


def instant_requested(data: Mapping[str, Any], source: str, id_: str) -> InstantRequested:
    """A request from the data of its message."""
    amount = data.get("amount")
    return InstantRequested(
        at=instant(data["at"]),
        source=source,
        id=id_,
        operator_id=data["operator_id"],
        currency=data["currency"],
        amount=None if amount is None else parse_minor(str(amount), data["currency"]),
        reason=data.get("reason") or "",
        by=data["by"],
    )


def at_once(
    lines: Sequence[Line], day: date, at: datetime, operator: Operator, past: Past, asked: int | None
) -> PayoutSum | str:
    """What is paid at once of lines that are due, in the operator's currency; or a sentence that says why nothing is.

    With an amount `asked` just that is paid; the rest of the lines stays, as what is retained does.
    """
    fee_terms, currency = operator.runs.instant_fee, operator.currency
    if fee_terms is None:
        return f"the terms of {operator.operator_id} have no instant payouts"
    kept = kept_of(due_of(lines, currency), day, at, operator, past)
    most = fee_terms.most(kept.left - operator.runs.retain)
    amount = most if asked is None else asked
    if amount <= 0 or amount > most:
        there = f"{format_minor(max(0, most), currency)} {currency}"
        return f"{there} can be paid at once to {operator.operator_id}, once the fee for it is paid"
    minimum = operator.payout.minimum_minor
    if amount < minimum:
        told = f"{format_minor(amount, currency)} {currency}"
        return f"{told} is below the minimum of {operator.operator_id}, {format_minor(minimum, currency)} {currency}"
    fee, vat = fee_terms.of(amount)
    retained = kept.left - amount - fee - vat
    doubts = tuple(doubts_about(amount, currency, day, at, operator, past))
    return replace(
        kept.sum_, lines=lines, amount=amount, retained=retained, fee=fee, fee_vat=vat, doubts=doubts
    ).held()


def above_limit(amount: int, of_day: OfDay, operator: Operator, day: date) -> str:
    """Why an amount may not be paid at once beside what was of its date; "" where it may."""
    for terms in (operator, *operator.guards):
        limit = terms.runs.limits.instant
        if limit is not None and terms.currency == operator.currency and of_day.amount + amount > limit:
            most = f"{format_minor(limit, terms.currency)} {terms.currency}"
            return f"no more than {most} are paid at once to {operator.operator_id} of {day}, in all"
    return ""
