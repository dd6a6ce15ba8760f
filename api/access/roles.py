"""Who may do what: one table of rights by duty, for the code, the documentation and the tests."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from ledger.access.duties import Duty


class Right(StrEnum):
    """What a resource or a page asks for. An operator's rights reach as far as its own operators' rows."""

    SELF = "know who one is"
    MONEY = "read balances, payouts, sessions, CDRs, entries, tariffs and cash"
    PAYOUTS = "read payouts"
    BOOK = "read accounts, trial balance, findings, dead letters, partners and leakage"
    BANK_FILE = "read bank files"
    LINT = "check tariffs"
    SYSTEM = "read the state of the system"
    AUDIT_LOG = "read who read or did what"
    CREDENTIALS = "manage users, keys and webhooks"
    PROPOSE = "hold, release, retry and propose"
    DECIDE = "approve and reject"
    STOP = "stop all payouts"
    RESUME = "resume all payouts"
    REPLAY = "publish refused records again, and edit them"
    RERATE = "order sessions rated anew"
    RERATE_PREVIEW = "see what rating anew would come to"
    ASSIGN = "assign findings"
    RESULTS = "post results of payouts"
    NOTICES = "read what operators were told"
    RESEND = "send notices again"
    SUBSCRIPTIONS = "read of what operators are told, and where"
    SUBSCRIBE = "set of what operators are told, and where"


_EVERYBODY = frozenset({Right.SELF})
_MONEY = _EVERYBODY | {Right.MONEY, Right.PAYOUTS, Right.LINT, Right.NOTICES, Right.SUBSCRIPTIONS}
_FINANCE = _MONEY | {Right.BOOK, Right.BANK_FILE, Right.SYSTEM}

# What finance does; nobody who decides does any of it, but anybody of both may stop what goes wrong.
_OF_FINANCE = frozenset(
    {
        *(Right.PROPOSE, Right.STOP, Right.REPLAY, Right.RERATE, Right.RERATE_PREVIEW, Right.ASSIGN),
        *(Right.SUBSCRIBE, Right.RESEND),
    }
)

# The table of docs/security.md; the documentation and the tests read it from here.
RIGHTS: dict[Duty, frozenset[Right]] = {
    Duty.OPERATOR: _MONEY | {Right.RERATE_PREVIEW, Right.SUBSCRIBE, Right.RESEND},
    Duty.FINANCE: _FINANCE | _OF_FINANCE,
    Duty.APPROVER: _FINANCE | {Right.DECIDE, Right.STOP, Right.RESUME},
    Duty.AUDITOR: _FINANCE | {Right.AUDIT_LOG},
    Duty.PROCESSOR: _EVERYBODY | {Right.PAYOUTS, Right.BANK_FILE, Right.RESULTS},
    Duty.ADMIN: _EVERYBODY | {Right.SYSTEM, Right.AUDIT_LOG, Right.CREDENTIALS, Right.SUBSCRIPTIONS, Right.SUBSCRIBE},
}


# Which right a function of the application asks for, as it is declared.
_ASKED: dict[Any, Right] = {}
F = TypeVar("F", bound=Callable[..., Any])


def asks(right: Right, function: F) -> F:
    """Note which right a function asks for, so that the table of endpoints has it from where it is asked."""
    _ASKED[function] = right
    return function


def asked_by(function: object) -> Right | None:
    """The right that a function asks for."""
    return _ASKED.get(function)


def may(duty: Duty, right: Right) -> bool:
    """Whether a duty has a right."""
    return right in RIGHTS[duty]
