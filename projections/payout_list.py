"""Payouts as they are shown outside: the newest first, with masked accounts and the hash that a decision names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

# Of so many entries the ids stand in a list, too.
ENTRIES_LISTED_MAX = 1_000

_COLUMNS: LiteralString = """
    payout_id, batch_id, operator_id, business_date, currency, amount, status, attempt, reserve, fired_at, status_at,
    reason, reissue_of, content_hash, account, payee, execution_date, time_zone, approvals_needed,
    cardinality(entry_ids) AS entry_count,
    (SELECT doubts FROM surface.payout_parts AS parts WHERE parts.payout_id = payouts.payout_id) AS doubts,
    ARRAY(
        SELECT decided_by || E'\n' || acts_at FROM projection.decisions AS decision
        WHERE decision.subject = payouts.payout_id AND type = 'payout.approved' AND state = 'TAKEN' AND NOT lapsed
        ORDER BY acts_at, source, id
    ) AS approved
"""
_CHOSEN: LiteralString = """
(%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(currency)s::text IS NULL OR currency = %(currency)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(business_date)s::date IS NULL OR business_date = %(business_date)s)
  AND (%(attempt)s::int IS NULL OR attempt = %(attempt)s)
"""
# How many payouts a filter has, and their sum, by currency.
_SUMS: LiteralString = f"""
SELECT currency, count(*), sum(amount)::bigint FROM surface.payouts
WHERE {_CHOSEN} GROUP BY currency ORDER BY currency
"""  # noqa: S608 (constants)
# Payouts of a filter, the latest run first.
_LIST: LiteralString = f"""
SELECT {_COLUMNS}, CASE WHEN cardinality(entry_ids) <= %(listed_max)s THEN entry_ids END AS entry_ids
FROM surface.payouts
WHERE {_CHOSEN}
  AND (%(after)s::timestamptz IS NULL OR (fired_at, payout_id) < (%(after)s, %(after_id)s))
ORDER BY fired_at DESC, payout_id DESC
LIMIT %(limit)s
"""  # noqa: S608 (constants)
_ONE: LiteralString = f"SELECT {_COLUMNS}, entry_ids FROM surface.payouts WHERE payout_id = %s"  # noqa: S608
# Some payouts by their ids.
_SOME: LiteralString = f"""
SELECT {_COLUMNS}, CASE WHEN cardinality(entry_ids) <= %(listed_max)s THEN entry_ids END AS entry_ids
FROM surface.payouts WHERE payout_id = ANY (%(ids)s)
"""  # noqa: S608 (constants)
# The attempt that repeats this one.
_REPEATED_BY = """
SELECT again.payout_id FROM surface.payouts AS again JOIN surface.payouts AS first
    USING (operator_id, currency, business_date)
WHERE first.payout_id = %s AND again.attempt = first.attempt + 1
"""


class PayoutFilter(NamedTuple):
    """Which payouts are meant; None: all."""

    operator_id: str | None = None
    currency: str | None = None
    status: str | None = None
    business_date: date | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class ShownPayout:
    """A payout; amounts in minor units, `account` masked, `entry_ids` None in lists where they are very many."""

    payout_id: str
    batch_id: str
    operator_id: str
    business_date: date
    currency: str
    amount: int
    status: str
    attempt: int
    reserve: int
    fired_at: datetime
    status_at: datetime
    reason: str | None
    reissue_of: str | None
    content_hash: str
    account: str | None
    payee: str | None
    execution_date: date | None
    time_zone: str | None
    entry_count: int
    approvals_needed: int
    doubts: list[str]
    approved: list[str]
    entry_ids: list[UUID] | None

    @property
    def approvals(self) -> list[tuple[str, datetime]]:
        """Who let it go and when, in that order; whose approval lapsed, or counts for nothing, is not among them."""
        parted = (each.rpartition("\n") for each in self.approved)
        return [(by, datetime.fromisoformat(at)) for by, _, at in parted]

    @property
    def waits(self) -> bool:
        """Whether it waits for somebody's approval."""
        return self.status == "AWAITING_APPROVAL"


def list_payouts(
    cursor: Cursor[TupleRow],
    wanted: PayoutFilter,
    limit: int | None = None,
    after: tuple[datetime, str] | None = None,
) -> list[ShownPayout]:
    """Payouts of a filter by their run, the latest first, then by id; so many behind one of them."""
    at, id_ = after or (None, None)
    asked: dict[str, Any] = wanted._asdict() | {"limit": limit, "after": at, "after_id": id_}
    with cursor.connection.cursor(row_factory=class_row(ShownPayout)) as rows:
        return rows.execute(_LIST, asked | {"listed_max": ENTRIES_LISTED_MAX}).fetchall()


def sums_of_payouts(cursor: Cursor[TupleRow], wanted: PayoutFilter) -> dict[str, tuple[int, int]]:
    """How many payouts a filter has, and their sum in minor units, by currency."""
    rows = cursor.execute(_SUMS, wanted._asdict()).fetchall()
    return {currency: (count, amount) for currency, count, amount in rows}


def shown_payout(cursor: Cursor[TupleRow], payout_id: str) -> ShownPayout | None:
    """One payout by its id as it is written; None where there is none, or not for who asks."""
    with cursor.connection.cursor(row_factory=class_row(ShownPayout)) as rows:
        return rows.execute(_ONE, (payout_id,)).fetchone()


def shown_payouts(cursor: Cursor[TupleRow], payout_ids: Sequence[str]) -> dict[str, ShownPayout]:
    """Payouts by their ids, as in a list."""
    asked = {"ids": list(payout_ids), "listed_max": ENTRIES_LISTED_MAX}
    with cursor.connection.cursor(row_factory=class_row(ShownPayout)) as rows:
        return {each.payout_id: each for each in rows.execute(_SOME, asked)}


def repeated_by(cursor: Cursor[TupleRow], payout_id: str) -> str | None:
    """The attempt that repeats a payout."""
    row = cursor.execute(_REPEATED_BY, (payout_id,)).fetchone()
    return str(row[0]) if row else None
