"""Days to cash and what is not collected as documents: amounts as texts, times in seconds."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor, plain
from domain.network.cash_causes import Cause
from domain.network.moments import US_PER_SECOND
from projections.documents.decimals import decimal
from projections.network.cause_parts import CausePart, Suspended
from projections.network.not_collected import NotCollected
from projections.network.sales_outstanding import SalesOutstanding
from projections.network.to_cash import By, Came, ToCash

# What a group is named by in a document, beside its operator and currency.
GROUPS = {By.SITE: "location_id", By.EVSE: "evse_uid", By.CHANNEL: "channel", By.DAY: "date"}
CAUSES = tuple(cause.value for cause in Cause)


def seconds(microseconds: Fraction | int) -> str:
    """Seconds as decimal text of at most six places, halves up."""
    return decimal(Fraction(microseconds) / US_PER_SECOND)


def came_document(found: Came, currency: str) -> dict[str, Any]:
    """How many sessions and payouts, when half of the amount had come, the weighted mean, and the amount."""
    return {
        "sessions": found.sessions,
        "median_s": seconds(found.median_us),
        "mean_s": seconds(found.mean_us),
        "amount": format_minor(found.amount, currency),
    }


def to_cash_document(found: ToCash, by: By = By.OPERATOR) -> dict[str, Any]:
    """One group; `paid` is null where nothing was paid, `not_paid` what was handed over and never paid so far."""
    sessions, amount = found.not_paid
    group = {GROUPS[by]: found.group or None} if by in GROUPS else {}
    return {
        "operator_id": found.operator_id,
        "currency": found.currency,
        **group,
        "handed": came_document(found.handed, found.currency),
        "paid": came_document(found.paid, found.currency) if found.paid else None,
        "not_paid": {"sessions": sessions, "amount": format_minor(amount, found.currency)},
    }


def days_to_cash_document(found: Iterable[ToCash], currencies: dict[str, str]) -> dict[str, Any]:
    """By operator what was handed over and what was paid, in the operator's own currency."""
    document: dict[str, Any] = {}
    for each in found:
        if each.currency == currencies.get(each.operator_id, each.currency):
            steps = {"handed": each.handed, "paid": each.paid}
            document[each.operator_id] = {
                step: came_document(came, each.currency) for step, came in steps.items() if came
            }
    return document


def not_collected_document(found: NotCollected, waiting: Suspended | None = None) -> dict[str, Any]:
    """By operator and currency: the amount of each cause, their sum, and what is in suspense now, in Wh."""
    return {
        "operator_id": found.operator_id,
        "currency": found.currency,
        "causes": causes_document(found),
        "total": format_minor(found.total, found.currency),
        "suspended": {
            "sessions": waiting.sessions if waiting else 0,
            "energy_wh": plain(waiting.energy_wh) if waiting else "0",
        },
    }


def part_document(found: CausePart, currency: str) -> dict[str, Any]:
    """A session or a payout with what of a cause is its."""
    return {
        "subject": found.subject,
        "amount": format_minor(found.amount, currency),
        "currency": currency,
        "since": utc_text(found.since),
    }


def causes_document(found: NotCollected) -> dict[str, str]:
    """Each cause with its amount."""
    return {cause.value: format_minor(amount, found.currency) for cause, amount in found.amounts.items()}


def outstanding_document(found: SalesOutstanding) -> dict[str, Any]:
    """What is owed, what was sold in 30 days, and the days between; `dso_days` is null where nothing was sold."""
    return {
        "currency": found.currency,
        "until": utc_text(found.until),
        "receivable": format_minor(found.receivable, found.currency),
        "gross_30_days": format_minor(found.gross, found.currency),
        "dso_days": None if found.days is None else decimal(found.days, 2),
    }
