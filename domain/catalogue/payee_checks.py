"""What banks answered when asked whether an account is that of who is to be paid (verification of payee)."""

from bisect import insort
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.calendar import instant
from domain.catalogue.accounts import account_name
from domain.fact import Fact, in_order
from domain.values import named_value

VERIFIED = "payee.verified"
# So many people have to let a payout go to an account that its bank knows under another name (P15).
PAYEE_APPROVALS = 2


class PayeeResult(StrEnum):
    """The answers that there are; by NOT_POSSIBLE nothing is known."""

    MATCH = "MATCH"
    CLOSE_MATCH = "CLOSE_MATCH"
    NO_MATCH = "NO_MATCH"
    NOT_POSSIBLE = "NOT_POSSIBLE"


@named_value
class PayeeVerified(Fact):
    """`payee.verified`; `account` is what tells the account apart, whoever holds it."""

    operator_id: str
    account: str
    result: PayeeResult


def payee_verified(source: str, id_: str, data: Mapping[str, Any]) -> PayeeVerified:
    """The fact that such a message states."""
    told = {name: text for name, text in data["bank_account"].items() if text is not None}
    return PayeeVerified(
        at=instant(data["at"]),
        source=source,
        id=id_,
        operator_id=data["operator_id"],
        account=account_name(told),
        result=PayeeResult(data["result"]),
    )


@dataclass(slots=True)
class PayeeChecks:
    """The answers about the accounts of one operator, by account, in the order of their own times."""

    of_account: defaultdict[str, list[PayeeVerified]] = field(default_factory=lambda: defaultdict(list))

    def add(self, fact: PayeeVerified) -> None:
        """Take an answer in."""
        insort(self.of_account[fact.account], fact, key=in_order)

    def last(self, account: Mapping[str, str], moment: datetime) -> PayeeResult | None:
        """The last answer about an account by a moment, None where nobody had asked."""
        answers = self.of_account.get(account_name(account), ()) if self.of_account else ()
        return next((each.result for each in reversed(answers) if each.at <= moment), None)
