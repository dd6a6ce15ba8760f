"""Accounts line by line, each with the balance after it: statements of operators, the latest lines of any account."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import LiteralString, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.account_balances import sums_of_accounts
from projections.as_of import FOREVER, AsOf

# The entries of a period on both accounts, by time and id; amounts in the operator's favour.
_MOVED = """
SELECT effective_at, entry_id, min(kind), bool_or(mirror), -sum(amount)::bigint
FROM projection.account_lines
WHERE account = ANY(%(accounts)s) AND currency = %(currency)s AND effective_at >= %(since)s
      AND effective_at < %(until)s AND effective_at <= %(effective_at)s AND position <= %(position)s
GROUP BY effective_at, entry_id
ORDER BY effective_at, entry_id
LIMIT %(limit)s
"""
# What entries are about.
_SUBJECTS = """
SELECT entry_id, session_id, payout_id, reverses FROM surface.entries WHERE entry_id = ANY(%s)
"""

# The latest lines of an account, behind one of them.
_LATEST: LiteralString = """
SELECT effective_at, entry_id, line, kind, mirror, position, amount
FROM projection.account_lines
WHERE account = %(account)s AND currency = %(currency)s AND effective_at <= %(effective_at)s
      AND position <= %(position)s AND (effective_at, entry_id, line) < (%(after_at)s, %(after_id)s, %(after_line)s)
ORDER BY effective_at DESC, entry_id DESC, line DESC
LIMIT %(limit)s
"""
# What is behind one of them and effective at the same moment.
_BEHIND = """
SELECT coalesce(sum(amount), 0)::bigint
FROM projection.account_lines
WHERE account = %(account)s AND currency = %(currency)s AND position <= %(position)s AND effective_at = %(at)s
      AND (entry_id, line) > (%(id)s, %(line)s)
"""
_MICROSECOND = timedelta(microseconds=1)
# The second moment of the calendar, so that there is one before.
_SECOND = datetime.min.replace(tzinfo=UTC) + _MICROSECOND
_LAST_ID = UUID(int=2**128 - 1)
_LAST_LINE = 32_767


class StatementLine(NamedTuple):
    """An entry on what an operator is owed (2010, 2011): what it adds, and what is owed after it, in minor units."""

    effective_at: datetime
    entry_id: UUID
    kind: str
    mirror: bool
    session_id: str | None
    payout_id: str | None
    reverses: UUID | None
    amount: int
    balance: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What an operator was owed at the begin and at the end of [since, until), and all entries in between.

    Minor units, positive in the operator's favour; `opening` and the amounts of `lines` add up to `closing`.
    """

    operator_id: str
    currency: str
    since: datetime | None
    until: datetime | None
    opening: int
    lines: list[StatementLine]
    closing: int


class AccountLine(NamedTuple):
    """A line of an account, debit positive, with the account's balance after it and all before it in time."""

    effective_at: datetime
    entry_id: UUID
    line: int
    kind: str
    mirror: bool
    position: int
    amount: int
    balance: int


class TooManyLines(Exception):
    """A statement has more lines than were asked for: ask for a shorter period."""


def statement(
    cursor: Cursor[TupleRow],
    operator_id: str,
    currency: str,
    asked: AsOf,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    lines_max: int,
) -> Statement:
    """The statement of an operator over [since, until), from its first entry or to its last where there is no bound.

    Raises TooManyLines where the period has more entries than `lines_max`.
    """
    asked_for = {
        "accounts": [f"2010/{operator_id}", f"2011/{operator_id}"],
        "currency": currency,
        "since": since or datetime.min.replace(tzinfo=FOREVER.tzinfo),
        "until": until or FOREVER,
        "effective_at": asked.effective_at or FOREVER,
        "position": asked.position,
        "limit": lines_max + 1,
    }
    opening = _owed_before(cursor, operator_id, currency, asked, since) if since else 0
    moved = cursor.execute(_MOVED, asked_for).fetchall()
    if len(moved) > lines_max:
        raise TooManyLines(f"more than {lines_max} entries")
    lines = with_balances(cursor, opening, moved)
    closing = lines[-1].balance if lines else opening
    return Statement(operator_id, currency, since, until, opening, lines, closing)


def with_balances(
    cursor: Cursor[TupleRow], opening: int, moved: Sequence[tuple[datetime, UUID, str, bool, int]]
) -> list[StatementLine]:
    """Entries (time, id, kind, whether a mirror, amount) with what each is about and the balance after it."""
    subjects = {row[0]: row[1:] for row in cursor.execute(_SUBJECTS, ([row[1] for row in moved],)).fetchall()}
    lines: list[StatementLine] = []
    for effective_at, entry_id, kind, mirror, amount in moved:
        opening += amount
        about = subjects.get(entry_id, (None, None, None))
        lines.append(StatementLine._make((effective_at, entry_id, kind, mirror, *about, amount, opening)))
    return lines


def _owed_before(cursor: Cursor[TupleRow], operator_id: str, currency: str, asked: AsOf, moment: datetime) -> int:
    before = replace(asked, effective_at=min(max(moment, _SECOND) - _MICROSECOND, asked.effective_at or FOREVER))
    sums = [sums_of_accounts(cursor, [(f"{code}/{operator_id}", currency)], before) for code in ("2010", "2011")]
    return sum(each.credits - each.debits for found in sums for each in found)


def latest_lines(
    cursor: Cursor[TupleRow],
    account: str,
    currency: str,
    asked: AsOf,
    *,
    limit: int,
    after: tuple[datetime, UUID, int] | None = None,
) -> list[AccountLine]:
    """The latest lines of an account in a currency, or those behind one, each with the balance after it."""
    after_at, after_id, after_line = after or (FOREVER, _LAST_ID, _LAST_LINE)
    asked_for = {
        "account": account,
        "currency": currency,
        "effective_at": asked.effective_at or FOREVER,
        "position": asked.position,
        "limit": limit,
        "after_at": after_at,
        "after_id": after_id,
        "after_line": after_line,
    }
    rows = cursor.execute(_LATEST, asked_for).fetchall()
    if not rows:
        return []
    at, id_, line, *_ = rows[0]
    (up_to,) = sums_of_accounts(cursor, [(account, currency)], replace(asked, effective_at=at))
    (behind,) = cursor.execute(_BEHIND, {**asked_for, "at": at, "id": id_, "line": line}).fetchone() or (0,)
    balance = up_to.debits - up_to.credits - behind
    found = []
    for row in rows:
        found.append(AccountLine._make((*row, balance)))
        balance -= row[-1]
    return found
