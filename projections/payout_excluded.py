"""What the run of a payout did not pay, and why: each cent that the operator was owed has one reason.

Amounts are minor units, positive in the operator's favour. What the run knew is what stands before the event that
made the payout: what acts by the run's moment and was stored later is `late`. With `payable_before` as 2010 and 2011
of the operator at the moment of the run, without the run's own J31 and J35 (its J32, J34 and J41 of that moment
count), always

    included - reserve = amount        and        included + sum of what is excluded = payable_before.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import LiteralString
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from projections.operators import limits_advances, operator
from projections.payout_explained import ExplainedPayout
from projections.payout_steps import sessions_paid
from projections.payout_story import PaidLine
from projections.unpaid_lines import EVERYTHING, LATE, PAYABLE, UNPAID, FiredRun, question

_EXCLUDED: LiteralString = f"""{UNPAID}
SELECT reason, comes_on AS available_on, set_aside_for, sum(entries)::bigint AS entries,
       count(*) FILTER (WHERE is_session) AS sessions, sum(amount)::bigint AS amount
FROM (
    SELECT reason, comes_on, set_aside_for, stream_id, bool_or(kind <> ALL (%(of_payouts)s)) AS is_session,
           count(*) AS entries, sum(amount) AS amount
    FROM excluded GROUP BY reason, comes_on, set_aside_for, stream_id
) AS each_session
GROUP BY reason, comes_on, set_aside_for
ORDER BY reason = 'SET_ASIDE', reason = 'NOT_RELEASED', comes_on, set_aside_for
"""  # noqa: S608 (constants)
# The lines behind those sums, or behind one of them, in the order in which they act, a part at a time.
_EXCLUDED_LINES: LiteralString = f"""{UNPAID}
SELECT line.entry_id, line.kind, entry.session_id, line.effective_at, line.released_at, line.available_on, line.amount
FROM (
    SELECT excluded.* FROM excluded
    WHERE (%(reason)s::text IS NULL OR reason = %(reason)s)
      AND (%(comes_on)s::date IS NULL OR comes_on = %(comes_on)s)
      AND (%(set_aside_for)s::text IS NULL OR set_aside_for = %(set_aside_for)s)
      AND (%(after)s::timestamptz IS NULL OR (effective_at, entry_id) > (%(after)s, %(after_id)s::uuid))
    ORDER BY effective_at, entry_id LIMIT %(limit)s
) AS line
JOIN surface.entries AS entry USING (entry_id)
ORDER BY line.effective_at, line.entry_id
"""  # noqa: S608 (constants)
# The attempt that a later one repeats, which took the lines.
_FIRST_ATTEMPT = """
SELECT position FROM surface.payouts
WHERE operator_id = %s AND currency = %s AND business_date = %s AND attempt < %s AND reissue_of IS NULL
ORDER BY attempt DESC LIMIT 1
"""


class Reason(StrEnum):
    """Why a run did not pay something that the operator was owed."""

    # Nothing has released it: it was not captured, or not settled, or its partner had not paid yet.
    NOT_RELEASED = "NOT_RELEASED"
    # It was released, and may be paid from a later business date on.
    AVAILABLE_LATER = "AVAILABLE_LATER"
    # Another payout that waits for approval pays it.
    SET_ASIDE = "SET_ASIDE"
    # It was due, and would have been paid ahead of its driver by more than the operator's terms allow.
    ADVANCE_LIMIT = "ADVANCE_LIMIT"
    # It stays by the operator's terms, or since less was asked for; it is a line of the next run.
    RETAINED = "RETAINED"
    # Taxes and the fee of a payout that waits for approval: they are on the book once it is approved.
    WITHHELD = "WITHHELD"
    # What a second attempt pays came back to 2060 and is no part of 2010 and 2011 (negative).
    PAID_AGAIN = "PAID_AGAIN"
    # Runs pay nothing for now: the account cannot be one, or somebody holds them.
    HELD = "HELD"
    # No bank could know the account that was in effect when the run fired.
    BAD_ACCOUNT = "BAD_ACCOUNT"
    # All that is due is less than the operator's minimum.
    BELOW_MINIMUM = "BELOW_MINIMUM"
    # It would be due by what is known today: the run did not know it yet, or not all of it.
    CAME_LATER = "CAME_LATER"
    # It was due, the run knew it, and nothing that is known kept it from being paid.
    UNEXPLAINED = "UNEXPLAINED"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Which lines that a run did not pay are meant: those of a sum; None stands for all."""

    reason: Reason | None = None
    available_on: date | None = None
    set_aside_for: str | None = None


@dataclass(frozen=True, slots=True)
class ExcludedSum:
    """What a run did not pay for one reason.

    `available_on` is the business date whose run may pay it, `set_aside_for` the payout that it waits for.
    """

    reason: Reason
    available_on: date | None
    set_aside_for: str | None
    entries: int
    sessions: int
    amount: int


@dataclass(frozen=True, slots=True)
class LateEntry:
    """An entry that acts by the moment of a run and was stored after it."""

    entry_id: UUID
    kind: str
    effective_at: datetime
    position: int
    amount: int


@dataclass(frozen=True, slots=True)
class Excluded:
    """What the operator was owed when the run fired, what the payout has of it, and what it has not."""

    payout: ExplainedPayout
    payable_before: int
    excluded: tuple[ExcludedSum, ...]
    late: tuple[LateEntry, ...]


def excluded(cursor: Cursor[TupleRow], payout: ExplainedPayout, known: int | None = None) -> Excluded:
    """What the operator was owed when the run fired and the payout does not pay, by reason.

    `late` has no entry of an event behind the position `known`.
    """
    payable_before, told, late = excluded_at(cursor, _run(cursor, payout), known)
    found = list(told)
    kept = payout.withheld + payout.fee
    later = payout.handed_off_at is not None and payout.handed_off_at > payout.fired_at
    if kept and (later or payout.not_posted):
        found.append(ExcludedSum(Reason.WITHHELD, None, None, 0, 0, kept))
    if payout.reissue_of is not None:
        sessions = sessions_paid(cursor, payout)
        found.append(ExcludedSum(Reason.PAID_AGAIN, None, None, payout.entries, sessions, -payout.included))
    return Excluded(payout, payable_before, tuple(found), late)


def excluded_at(
    cursor: Cursor[TupleRow], run: FiredRun, known: int | None = None
) -> tuple[int, tuple[ExcludedSum, ...], tuple[LateEntry, ...]]:
    """What the operator was owed when a run fired, the sums that it did not pay, by reason, and what came late."""
    asked = question(run, known)
    row = cursor.execute(PAYABLE, asked).fetchone()
    with cursor.connection.cursor(row_factory=class_row(LateEntry)) as rows:
        late = tuple(rows.execute(LATE, asked).fetchall())
    with cursor.connection.cursor(row_factory=class_row(ExcludedSum)) as sums:
        found = tuple(replace(each, reason=Reason(each.reason)) for each in sums.execute(_EXCLUDED, asked))
    return int(row[0]) if row else 0, found, late


def excluded_lines(
    cursor: Cursor[TupleRow],
    payout: ExplainedPayout,
    of: LeftOut,
    limit: int | None = None,
    after: tuple[datetime, UUID] | None = None,
) -> list[PaidLine]:
    """Lines that a payout does not pay, in the order in which they act, behind one of them."""
    return excluded_lines_at(cursor, _run(cursor, payout), of, limit, after)


def excluded_lines_at(
    cursor: Cursor[TupleRow],
    run: FiredRun,
    of: LeftOut,
    limit: int | None = None,
    after: tuple[datetime, UUID] | None = None,
) -> list[PaidLine]:
    """The same of a run."""
    at, id_ = after or (None, None)
    asked = question(run) | {"reason": of.reason, "comes_on": of.available_on}
    asked |= {"set_aside_for": of.set_aside_for, "limit": limit, "after": at, "after_id": id_}
    with cursor.connection.cursor(row_factory=class_row(PaidLine)) as rows:
        return rows.execute(_EXCLUDED_LINES, asked).fetchall()


def _run(cursor: Cursor[TupleRow], payout: ExplainedPayout) -> FiredRun:
    found, first = operator(cursor, payout.operator_id), EVERYTHING
    if payout.reissue_of is not None:
        asked = (payout.operator_id, payout.currency, payout.business_date, payout.attempt)
        first = (cursor.execute(_FIRST_ATTEMPT, asked).fetchone() or (EVERYTHING,))[0]
    limited = found is not None and limits_advances(found, payout.currency, payout.fired_at)
    return FiredRun(
        payout.operator_id,
        payout.currency,
        payout.business_date,
        payout.fired_at,
        payout.position,
        payout.payout_id,
        Reason.ADVANCE_LIMIT if limited else Reason.UNEXPLAINED,
        first,
    )
