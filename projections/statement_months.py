"""Months of operators that statements are issued of: which have none yet, and what moved in them as known now."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import ONE_DAY
from domain.payout.months import month_after, month_begins, month_of
from ledger.arrays import columns
from projections.as_of import position_at
from projections.errors import NotReadYet
from projections.operators import OperatorTerms
from projections.statement_content import Earlier, Movement

# The last moment that was marked of what read models show, and the clock.
_KNOWN = """
SELECT position, known_at, clock_timestamp() FROM projection.known WHERE position <= %s ORDER BY position DESC LIMIT 1
"""
# The newest statement of the latest month of each operator and currency.
_LATEST = """
SELECT DISTINCT ON (operator_id, currency) operator_id, currency, number, encode(content_sha256, 'hex'), month, until,
       position, closing
FROM intake.statement WHERE operator_id = ANY(%s)
ORDER BY operator_id, currency, month DESC, sequence DESC
"""
# The currencies of operators, with the first moment at which anything moved that was known by a position.
_FIRST = """
SELECT place.operator_id, place.currency, min(first.effective_at)
FROM (
    SELECT DISTINCT account, substr(account, 6) AS operator_id, currency
    FROM book.balance WHERE account = ANY(%(accounts)s)
) AS place
CROSS JOIN LATERAL (
    SELECT effective_at FROM projection.account_lines AS line
    WHERE line.account = place.account AND line.currency = place.currency AND position <= %(position)s
    ORDER BY effective_at LIMIT 1
) AS first
GROUP BY place.operator_id, place.currency
ORDER BY place.operator_id, place.currency
"""
_CLOSED = "SELECT operator_id, closed_through FROM surface.runs WHERE operator_id = ANY(%s)"
# What moved within each month, and what came to be known after a position of before it, by kind. Entries that move
# between the two accounts alone add nothing. Of the time before, only days that were added to since are looked at.
_MOVED = """
SELECT wanted.place, moved.late, moved.kind, moved.mirror, count(*), sum(moved.amount)::bigint
FROM unnest(%s::integer[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::bigint[])
    AS wanted (place, operator_id, currency, since, until, known_after)
CROSS JOIN LATERAL (
    SELECT false AS late, min(line.kind) AS kind, bool_or(line.mirror) AS mirror, -sum(line.amount) AS amount
    FROM projection.account_lines AS line
    WHERE line.account IN ('2010/' || wanted.operator_id, '2011/' || wanted.operator_id)
      AND line.currency = wanted.currency AND line.effective_at >= wanted.since AND line.effective_at < wanted.until
      AND line.position <= %s
    GROUP BY line.entry_id HAVING sum(line.amount) <> 0
    UNION ALL
    SELECT true, min(line.kind), bool_or(line.mirror), -sum(line.amount)
    FROM projection.account_days AS day
    JOIN projection.account_lines AS line
      ON line.account = day.account AND line.currency = day.currency
         AND line.effective_at >= day.since AND line.effective_at < day.until
    WHERE day.account IN ('2010/' || wanted.operator_id, '2011/' || wanted.operator_id)
      AND day.currency = wanted.currency AND day.since < wanted.since AND day.last_position > wanted.known_after
      AND line.effective_at < wanted.since AND line.position > wanted.known_after AND line.position <= %s
    GROUP BY line.entry_id HAVING sum(line.amount) <> 0
) AS moved
GROUP BY wanted.place, moved.late, moved.kind, moved.mirror
ORDER BY wanted.place, moved.late, moved.kind, moved.mirror
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when statements are issued: up to a position, by a moment, and when that is."""

    position: int
    known_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Head:
    """The last statement of an operator and currency: what the next one follows."""

    earlier: Earlier
    month: date
    until: datetime
    position: int
    closing: int


@dataclass(frozen=True, slots=True)
class Month:
    """A month of an operator and currency. What was known up to `known_after` of before it stands in an earlier
    statement; what came to be known since is told late in this one.
    """

    operator_id: str
    currency: str
    month: date
    since: datetime
    until: datetime
    known_after: int


@dataclass(frozen=True, slots=True)
class ToIssue:
    """The months that operators have no statement of, in the order in which an operator's are to be numbered.

    `heads` are the last statements by operator and currency. Of the operators in `not_over` the month that was asked
    for is not over yet.
    """

    months: Sequence[Month]
    heads: Mapping[tuple[str, str], Head]
    not_over: Sequence[str]


def known_now(cursor: Cursor[TupleRow]) -> Known:
    """What is known now, to the last moment that was marked. Raises NotReadYet where that is nothing."""
    row = cursor.execute(_KNOWN, (position_at(cursor),)).fetchone()
    if row is None:
        raise NotReadYet("nothing is known yet of which a statement could be issued")
    return Known(*row)


def to_issue(cursor: Cursor[TupleRow], found: Sequence[OperatorTerms], month: date, known: Known) -> ToIssue:
    """What operators lack through a month. Raises NotReadYet where a statement knows more than read models do."""
    ids = [each.operator_id for each in found]
    closed: dict[str, date] = dict(cursor.execute(_CLOSED, (ids,)).fetchall())
    heads = {
        (operator_id, currency): Head(Earlier(number, digest), *rest)
        for operator_id, currency, number, digest, *rest in cursor.execute(_LATEST, (ids,))
    }
    if any(each.position > known.position for each in heads.values()):
        raise NotReadYet(f"read models are at {known.position}, behind statements that were issued: ask again")
    accounts = [f"{code}/{id_}" for id_ in ids for code in ("2010", "2011")]
    first: dict[str, dict[str, datetime]] = defaultdict(dict)
    for id_, currency, moment in cursor.execute(_FIRST, {"accounts": accounts, "position": known.position}):
        first[id_][currency] = moment
    months: list[Month] = []
    for terms in found:
        if terms.operator_id in first:
            last = _last_month(closed.get(terms.operator_id), month)
            months += _months(terms, first[terms.operator_id], heads, last, known.position)
    last_day = month_after(month) - ONE_DAY
    return ToIssue(months, heads, [id_ for id_ in ids if id_ in first and closed.get(id_, date.min) < last_day])


def moved_in(cursor: Cursor[TupleRow], months: Sequence[Month], position: int) -> dict[int, list[Movement]]:
    """What moved in each of the months as known at a position, by its place among them."""
    found: dict[int, list[Movement]] = defaultdict(list)
    if months:
        told = [
            (place, each.operator_id, each.currency, each.since, each.until, each.known_after)
            for place, each in enumerate(months)
        ]
        for place, *movement in cursor.execute(_MOVED, (*columns(told), position, position)):
            found[place].append(Movement(*movement))
    return found


def _last_month(closed_through: date | None, month: date) -> date:
    """The last month, no later than the one asked for, whose business dates were all closed."""
    if closed_through is None or closed_through < date.min + 2 * 31 * ONE_DAY:
        return date.min
    return min(month, ((closed_through + ONE_DAY).replace(day=1) - ONE_DAY).replace(day=1))


def _months(
    terms: OperatorTerms,
    first: Mapping[str, datetime],
    heads: Mapping[tuple[str, str], Head],
    last: date,
    position: int,
) -> list[Month]:
    """The months of an operator that have no statement, in the order in which they are to be numbered."""
    versions = terms.contract()
    found = []
    for currency, moment in first.items():
        head = heads.get((terms.operator_id, currency))
        month = month_after(head.month) if head else month_of(versions, moment)
        since = head.until if head else month_begins(versions, month)
        known_after = head.position if head else 0
        while month <= last:
            until = month_begins(versions, month_after(month))
            found.append(Month(terms.operator_id, currency, month, since, until, known_after))
            # What is told late is in the first of them.
            month, since, known_after = month_after(month), until, position
    return sorted(found, key=lambda each: (each.month, each.currency))
