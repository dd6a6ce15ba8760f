"""What an operator's figures are made of that stand on no account of its own: payouts, on their way and paid.

Reads what a tenant may read, too. Amounts in minor units, positive in the operator's favour.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.as_of import FOREVER, AsOf

_KNOWN: LiteralString = """
operator_id = %(operator_id)s AND currency = %(currency)s AND effective_at <= %(effective_at)s
AND position <= %(position)s
"""
# Payouts that are on their way, by their accounts; those that arrived or came back are at nothing.
_IN_TRANSIT: LiteralString = f"""
SELECT substr(account, 6) AS payout_id, min(effective_at), -sum(amount)::bigint
FROM projection.account_lines
WHERE {_KNOWN} AND account >= '2050/' AND account < '20500'
GROUP BY account
HAVING sum(amount) <> 0
ORDER BY min(effective_at), account
"""  # noqa: S608 (constants)
# What the bank paid left 2050 (J36); what came back came to 2060 (J39).
_PAID: LiteralString = f"""
{_KNOWN} AND ((account >= '2050/' AND account < '20500' AND kind = 'J36') OR (account = %(to_fix)s AND kind = 'J39'))
"""
_PAID_SUM: LiteralString = f"SELECT coalesce(sum(amount), 0)::bigint FROM projection.account_lines WHERE {_PAID}"  # noqa: S608
_PAID_LINES: LiteralString = f"""
SELECT effective_at, entry_id, kind, amount,
       (SELECT payout_id FROM surface.entries WHERE entries.entry_id = account_lines.entry_id)
FROM projection.account_lines
WHERE {_PAID} AND (effective_at, entry_id) < (%(after_at)s, %(after_id)s)
ORDER BY effective_at DESC, entry_id DESC LIMIT %(limit)s
"""  # noqa: S608 (constants)
# The latest payouts of an operator, as they stand now.
_LATEST: LiteralString = """
SELECT payout_id, currency, business_date, attempt, amount, status FROM surface.payouts
WHERE operator_id = %s ORDER BY business_date DESC, attempt DESC, currency LIMIT %s
"""
# What is not paid, by when it can be; of an operator alone, which has as many as it waits for.
_UNPAID: LiteralString = """
SELECT currency, state, min(available_on), count(*), count(DISTINCT stream_id), sum(amount)::bigint
FROM (
    SELECT currency, stream_id, amount,
           CASE WHEN released_at IS NULL THEN 'UNRELEASED'
                WHEN available_on > %(next)s THEN 'MATURING' ELSE 'PAYABLE' END AS state,
           CASE WHEN released_at IS NOT NULL AND available_on > %(next)s THEN available_on END AS available_on
    FROM surface.payable_lines
    WHERE operator_id = %(operator_id)s AND payout_id IS NULL
    UNION ALL
    SELECT line.currency, line.stream_id, line.amount, 'SET_ASIDE', NULL
    FROM surface.payouts AS waiting CROSS JOIN unnest(waiting.entry_ids) AS set_aside (entry_id)
    JOIN surface.payable_lines AS line USING (entry_id, operator_id)
    WHERE waiting.operator_id = %(operator_id)s AND waiting.status = 'AWAITING_APPROVAL'
) AS line
GROUP BY currency, state
ORDER BY currency, array_position(ARRAY['PAYABLE', 'MATURING', 'UNRELEASED', 'SET_ASIDE'], state)
"""
_LAST_ID = UUID(int=2**128 - 1)


class OnItsWay(NamedTuple):
    """A payout that was handed off and not answered: since when, and how much."""

    payout_id: str
    since: datetime
    amount: int


class Payout(NamedTuple):
    """A payout as it stands now."""

    payout_id: str
    currency: str
    business_date: date
    attempt: int
    amount: int
    status: str


class Unpaid(NamedTuple):
    """Lines of an operator that no payout has paid and that are in one state.

    States are those of `projections.operator_lines.LineState`. `available_on` is the first day on which one of those
    that mature can be paid.
    """

    currency: str
    state: str
    available_on: date | None
    lines: int
    sessions: int
    amount: int


class PaidLine(NamedTuple):
    """What a bank paid (J36), or gave back (J39, negative)."""

    effective_at: datetime
    entry_id: UUID
    kind: str
    amount: int
    payout_id: str | None


@dataclass(frozen=True, slots=True)
class PaidOut:
    """All that was paid out, and the latest lines of it."""

    total: int
    lines: list[PaidLine]


def latest_payouts(cursor: Cursor[TupleRow], operator_id: str, limit: int) -> list[Payout]:
    """The latest payouts of an operator by business date, whatever became of them."""
    return [Payout(*row) for row in cursor.execute(_LATEST, (operator_id, limit)).fetchall()]


def payouts_on_their_way(cursor: Cursor[TupleRow], operator_id: str, currency: str, asked: AsOf) -> list[OnItsWay]:
    """Payouts of an operator that are in transit; their amounts add up to `in_transit` of its balances."""
    return [OnItsWay(*row) for row in cursor.execute(_IN_TRANSIT, _asked(operator_id, currency, asked)).fetchall()]


def paid_out(
    cursor: Cursor[TupleRow],
    operator_id: str,
    currency: str,
    asked: AsOf,
    *,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
) -> PaidOut:
    """`paid_out` of an operator's balances, and up to `limit` of its lines, newest first, behind one of them."""
    after_at, after_id = after or (FOREVER, _LAST_ID)
    asked_for = {**_asked(operator_id, currency, asked), "limit": limit, "after_at": after_at, "after_id": after_id}
    (total,) = cursor.execute(_PAID_SUM, asked_for).fetchone() or (0,)
    return PaidOut(total, [PaidLine(*row) for row in cursor.execute(_PAID_LINES, asked_for).fetchall()])


def _asked(operator_id: str, currency: str, asked: AsOf) -> dict[str, object]:
    return {
        "operator_id": operator_id,
        "currency": currency,
        "effective_at": asked.effective_at or FOREVER,
        "position": asked.position,
        "to_fix": f"2060/{operator_id}",
    }


def unpaid(cursor: Cursor[TupleRow], operator_id: str, next_date: date) -> list[Unpaid]:
    """What no payout has paid, by what becomes of it at the run of a business date.

    The amounts of a currency add up to what is owed on 2010 and 2011.
    """
    asked_for = {"operator_id": operator_id, "next": next_date}
    return [Unpaid(*row) for row in cursor.execute(_UNPAID, asked_for).fetchall()]
