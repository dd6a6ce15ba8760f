"""What stands behind an amount that is not collected: sessions and payouts; and what waits without a price."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.network.cash_causes import Cause, Place
from projections.as_of import AsOf

# Causes whose parts are told: of what is available the runs say which is which, and its lines are those of 2010.
TOLD = tuple(cause for cause in Cause if cause.value in Place.__members__)

# By session or payout what stands at a place, since when it is as it is; from the index, in its order.
_PARTS: LiteralString = """
SELECT subject, sum(amount)::bigint AS amount, max(at) AS since
FROM projection.cash_causes
WHERE operator_id = %(operator_id)s AND currency = %(currency)s AND place = %(place)s
  AND at <= %(moment)s AND position <= %(position)s
  AND (%(after)s::text IS NULL OR subject > %(after)s)
GROUP BY subject
HAVING sum(amount) <> 0
ORDER BY subject
LIMIT %(limit)s
"""
# Sessions in suspense with what the meter counted of them, in Wh.
_SUSPENDED: LiteralString = """
SELECT operator_id, count(*), sum(coalesce((metered -> -1 ->> 1)::numeric, energy_wh, 0))
FROM projection.sessions
WHERE state = 'SUSPENSE' AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
GROUP BY operator_id
"""


@dataclass(frozen=True, slots=True)
class CausePart:
    """A session or a payout with what of a cause is its: minor units, and since when."""

    subject: str
    amount: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Suspended:
    """Sessions of an operator in suspense, which have no price, and their energy in Wh."""

    sessions: int
    energy_wh: Fraction


def cause_parts(
    cursor: Cursor[TupleRow],
    of: tuple[str, str, Cause],
    asked: AsOf,
    limit: int | None = None,
    after: str | None = None,
) -> list[CausePart]:
    """The parts of an operator's cause in a currency, by session or payout behind one; their sum is its amount."""
    operator_id, currency, cause = of
    question = {
        "operator_id": operator_id,
        "currency": currency,
        "place": Place(cause.value).value,
        "moment": asked.effective_at or "infinity",
        "position": asked.position,
        "after": after,
        "limit": limit,
    }
    with cursor.connection.cursor(row_factory=class_row(CausePart)) as rows:
        return rows.execute(_PARTS, question).fetchall()


def suspended(cursor: Cursor[TupleRow], operator_id: str | None = None) -> dict[str, Suspended]:
    """By operator the sessions that are in suspense now; those without any are left out."""
    rows = cursor.execute(_SUSPENDED, {"operator_id": operator_id}).fetchall()
    return {owner: Suspended(sessions, Fraction(energy_wh)) for owner, sessions, energy_wh in rows}
