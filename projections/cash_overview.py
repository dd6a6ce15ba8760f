"""What the page of the cash position shows beside the positions: the book's own sums, and what waits for people.

Minor units, positive in the operators' favour.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.as_of import FOREVER, AsOf
from projections.queries import OperatorBalance

# What the book says that operators are owed, by currency: the balances of all their accounts.
_BOOK = """
SELECT currency, -sum(debits - credits)::bigint
FROM book.balance
WHERE account >= '2010' AND account < '2031' OR account >= '2050' AND account < '2061'
GROUP BY currency
"""
# The same from the lines of accounts, on both axes.
_BOOK_AS_OF = """
SELECT currency, -sum(amount)::bigint
FROM projection.account_lines
WHERE (account >= '2010' AND account < '2031' OR account >= '2050' AND account < '2061')
  AND effective_at <= %(effective_at)s AND position <= %(position)s
GROUP BY currency
"""
_AT_THE_END = "SELECT coalesce(max(notification_id), 0) <= %s FROM event_store.stored_events"
# Payouts that wait for approval, and those that came to nothing and were not paid again, by currency.
_TO_APPROVE = """
SELECT currency, count(*), sum(amount)::bigint FROM projection.payouts
WHERE status = 'AWAITING_APPROVAL' GROUP BY currency ORDER BY currency
"""
_TO_FIX = """
SELECT payout.currency, count(*), sum(payout.amount)::bigint
FROM projection.payouts AS payout
WHERE payout.status IN ('FAILED', 'RETURNED') AND NOT EXISTS (
    SELECT FROM projection.payouts AS again
    WHERE again.operator_id = payout.operator_id AND again.currency = payout.currency
      AND again.business_date = payout.business_date AND again.attempt = payout.attempt + 1
)
GROUP BY payout.currency ORDER BY payout.currency
"""
_SUSPENDED: LiteralString = """
SELECT split_part(reason, ':', 1), count(*) FROM projection.sessions
WHERE state = 'SUSPENSE' GROUP BY 1 ORDER BY 2 DESC, 1
"""


class Waiting(NamedTuple):
    """Payouts of a currency that wait for somebody: how many, and their sum."""

    currency: str
    payouts: int
    amount: int


@dataclass(frozen=True, slots=True)
class ToDo:
    """What waits for a person: payouts to approve, those to be fixed, and sessions in suspense by reason."""

    approvals: tuple[Waiting, ...]
    to_fix: tuple[Waiting, ...]
    suspended: Mapping[str, int]


def to_do(cursor: Cursor[TupleRow]) -> ToDo:
    """What waits now; for roles that see all operators."""
    return ToDo(
        tuple(Waiting(*row) for row in cursor.execute(_TO_APPROVE).fetchall()),
        tuple(Waiting(*row) for row in cursor.execute(_TO_FIX).fetchall()),
        dict(cursor.execute(_SUSPENDED).fetchall()),
    )


def owed_by_the_book(cursor: Cursor[TupleRow], asked: AsOf) -> dict[str, int]:
    """What operators are owed in all by currency, from the book itself; for roles that see all operators."""
    at_end = cursor.execute(_AT_THE_END, (asked.position,)).fetchone() == (True,)
    if asked.effective_at is None and at_end:
        return dict(cursor.execute(_BOOK).fetchall())
    question = {"effective_at": asked.effective_at or FOREVER, "position": asked.position}
    return dict(cursor.execute(_BOOK_AS_OF, question).fetchall())


def owed_sums(balances: Iterable[OperatorBalance]) -> dict[str, OperatorBalance]:
    """The sums of balances by currency; the operator is ''."""
    sums: dict[str, list[int]] = {}
    for each in balances:
        amounts = (each.pending, each.available, each.reserved, each.disputed, each.in_transit, each.to_fix)
        known = sums.setdefault(each.currency, [0] * (len(amounts) + 1))
        for place, amount in enumerate((*amounts, each.paid_out)):
            known[place] += amount
    return {currency: OperatorBalance("", currency, *amounts) for currency, amounts in sums.items()}
