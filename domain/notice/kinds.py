"""Types of notices, how urgent each is, and by which name what is told on `settlement.notifications` goes."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from domain.notice.subscription import Severity


class NoticeType(StrEnum):
    """What subscriptions may name beside `finding.*`, which are the findings by their kinds in small letters."""

    PAYOUT_CREATED = "payout.created"
    PAYOUT_AWAITING_APPROVAL = "payout.awaiting_approval"
    PAYOUT_APPROVED = "payout.approved"
    PAYOUT_APPROVAL_LAPSED = "payout.approval_lapsed"
    PAYOUT_REJECTED = "payout.rejected"
    PAYOUT_IN_TRANSIT = "payout.in_transit"
    PAYOUT_PAID = "payout.paid"
    PAYOUT_FAILED = "payout.failed"
    PAYOUT_RETURNED = "payout.returned"
    PAYOUTS_HELD = "payouts.held"
    PAYOUTS_RELEASED = "payouts.released"
    PAYOUTS_STOPPED = "payouts.stopped"
    PAYOUTS_RESUMED = "payouts.resumed"
    PAYOUTS_DAYS_CLOSED = "payouts.days_closed"
    PAYOUTS_DAYS_REOPENED = "payouts.days_reopened"
    PERIOD_CLOSED = "period.closed"
    PERIOD_REOPENED = "period.reopened"
    BANK_ACCOUNT_PROPOSED = "bank_account.proposed"
    BANK_ACCOUNT_CONFIRMED = "bank_account.confirmed"
    DECISION_REFUSED = "decision.refused"
    TARIFF_WARNING = "tariff.warning"
    SOURCE_AHEAD = "source.ahead"
    SESSION_SUSPENSE = "session.suspense"
    SESSION_INVALID = "session.invalid"
    SESSION_ESTIMATED = "session.estimated"
    CHARGER_DOWN = "charger.down"
    CHARGER_SILENT = "charger.silent"
    CHARGER_UPTIME_BELOW = "charger.uptime_below"
    CASH_RUNWAY_SHORT = "cash.runway_short"
    CASH_NOT_COLLECTED_OLD = "cash.not_collected_old"
    LOAD_LIMIT_MISSED = "load.limit_missed"
    LOAD_PEAK_NEAR = "load.peak_near"
    DELIVERY_DISABLED = "delivery.disabled"
    DIGEST = "digest"
    TEST = "notify.test"


FINDING = "finding."

# Kinds of `settlement.notification.raised` by the type of the notice; all others are findings.
TYPE_OF_KIND: Mapping[str, NoticeType] = MappingProxyType(
    {
        "PAYOUT_AWAITING_APPROVAL": NoticeType.PAYOUT_AWAITING_APPROVAL,
        "PAYOUT_APPROVED": NoticeType.PAYOUT_APPROVED,
        "PAYOUT_APPROVAL_LAPSED": NoticeType.PAYOUT_APPROVAL_LAPSED,
        "PAYOUT_REJECTED": NoticeType.PAYOUT_REJECTED,
        "PAYOUT_IN_TRANSIT": NoticeType.PAYOUT_IN_TRANSIT,
        "PAYOUT_PAID": NoticeType.PAYOUT_PAID,
        "PAYOUT_FAILED": NoticeType.PAYOUT_FAILED,
        "PAYOUT_RETURNED": NoticeType.PAYOUT_RETURNED,
        "PAYOUTS_HELD": NoticeType.PAYOUTS_HELD,
        "PAYOUTS_RELEASED": NoticeType.PAYOUTS_RELEASED,
        "PAYOUTS_STOPPED": NoticeType.PAYOUTS_STOPPED,
        "PAYOUTS_RESUMED": NoticeType.PAYOUTS_RESUMED,
        "PAYOUT_DAYS_CLOSED": NoticeType.PAYOUTS_DAYS_CLOSED,
        "PAYOUT_DAYS_REOPENED": NoticeType.PAYOUTS_DAYS_REOPENED,
        "PERIOD_CLOSED": NoticeType.PERIOD_CLOSED,
        "PERIOD_REOPENED": NoticeType.PERIOD_REOPENED,
        "BANK_ACCOUNT_PROPOSED": NoticeType.BANK_ACCOUNT_PROPOSED,
        "BANK_ACCOUNT_CONFIRMED": NoticeType.BANK_ACCOUNT_CONFIRMED,
        "DECISION_REFUSED": NoticeType.DECISION_REFUSED,
        "TARIFF_WARNING": NoticeType.TARIFF_WARNING,
        "SOURCE_AHEAD": NoticeType.SOURCE_AHEAD,
        "SESSION_SUSPENDED": NoticeType.SESSION_SUSPENSE,
        "SESSION_INVALID": NoticeType.SESSION_INVALID,
        "SESSION_ESTIMATED": NoticeType.SESSION_ESTIMATED,
    }
)

_CRITICAL = frozenset({NoticeType.LOAD_LIMIT_MISSED})
_INFO = frozenset(
    {
        NoticeType.PAYOUT_CREATED,
        NoticeType.PAYOUT_APPROVED,
        NoticeType.PAYOUT_IN_TRANSIT,
        NoticeType.PAYOUT_PAID,
        NoticeType.PAYOUTS_RELEASED,
        NoticeType.PAYOUTS_RESUMED,
        NoticeType.PAYOUTS_DAYS_REOPENED,
        NoticeType.PERIOD_CLOSED,
        NoticeType.SESSION_ESTIMATED,
        NoticeType.DIGEST,
    }
)


def type_of_kind(kind: str) -> str:
    """The type of the notice of what is told by this kind."""
    found = TYPE_OF_KIND.get(kind)
    return f"{FINDING}{kind.casefold()}" if found is None else found.value


def severity_of(type_: str) -> Severity:
    """How urgent a notice of this type is; what is over is for information, whatever it was."""
    if type_ in _CRITICAL:
        return Severity.CRITICAL
    return Severity.INFO if type_ in _INFO else Severity.WARNING
