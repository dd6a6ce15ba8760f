"""Statements that were issued, as they were issued, and what the same months would say now.

A statement knows the book up to the position it was issued at
([decision 63](docs/decisions/0063-statements-as-issued.md)). So what the same month would say now differs from it by
the lines that have a later position, and by nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from projections.statements import StatementLine, TooManyLines, with_balances

_COLUMNS: LiteralString = """
number, operator_id, sequence, currency, month, since, until, position, follows, restates, restated_by, opening,
closing, issued_at, issued_by, encode(content_sha256, 'hex') AS content_sha256, content
"""
# Of an operator, newest first, behind a sequence.
_OF_OPERATOR: LiteralString = f"""
SELECT {_COLUMNS} FROM surface.statements
WHERE operator_id = %(operator_id)s AND (%(currency)s::text IS NULL OR currency = %(currency)s)
  AND (%(month)s::date IS NULL OR month = %(month)s)
  AND (%(before)s::integer IS NULL OR sequence < %(before)s)
ORDER BY sequence DESC LIMIT %(limit)s
"""  # noqa: S608 (constants)
_OF_ALL: LiteralString = f"""
SELECT {_COLUMNS} FROM surface.statements
WHERE (%(month)s::date IS NULL OR month = %(month)s)
  AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
ORDER BY operator_id, sequence
"""  # noqa: S608 (constants)
_ONE: LiteralString = f"SELECT {_COLUMNS} FROM surface.statements WHERE number = %s"  # noqa: S608 (constants)
# What came to be known after a position of what is effective before a moment. Only days that were added to since then
# are looked at.
_CAME_LATER = """
SELECT line.effective_at, line.entry_id, min(line.kind), bool_or(line.mirror), -sum(line.amount)::bigint
FROM projection.account_days AS day
JOIN projection.account_lines AS line
  ON line.account = day.account AND line.currency = day.currency
     AND line.effective_at >= day.since AND line.effective_at < day.until
WHERE day.account = ANY(%(accounts)s) AND day.currency = %(currency)s AND day.since < %(until)s
  AND day.last_position > %(after)s
  AND line.effective_at < %(until)s AND line.position > %(after)s AND line.position <= %(position)s
GROUP BY line.effective_at, line.entry_id
HAVING sum(line.amount) <> 0
ORDER BY line.effective_at, line.entry_id
LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class IssuedStatement:
    """A statement of what an operator was owed in a currency over a month, [since, until), as it was issued.

    Minor units, positive in the operator's favour. `month` is its first day, `position` that of the last event it
    knows. `follows` is the number of the statement before, `restates` of the one that it says anew, and `restated_by`
    of the one that says it anew. `content` is the document, `content_sha256` its hash in hex.
    """

    number: str
    operator_id: str
    sequence: int
    currency: str
    month: date
    since: datetime
    until: datetime
    position: int
    follows: str | None
    restates: str | None
    restated_by: str | None
    opening: int
    closing: int
    issued_at: datetime
    issued_by: str
    content_sha256: str
    content: bytes

    def document(self) -> dict[str, Any]:
        """What it says."""
        found: dict[str, Any] = orjson.loads(self.content)
        return found


@dataclass(frozen=True, slots=True)
class Restatement:
    """What the month of a statement would say now: the entries that came to be known since, with running balances.

    `issued.closing` and the amounts of `lines` add up to `closing`; those effective before `issued.since` are of
    earlier months.
    """

    issued: IssuedStatement
    position: int
    lines: Sequence[StatementLine]
    closing: int


def issued_of_operator(
    cursor: Cursor[TupleRow],
    operator_id: str,
    *,
    limit: int | None = None,
    before: int | None = None,
    currency: str | None = None,
    month: date | None = None,
) -> list[IssuedStatement]:
    """The statements of an operator, newest first: so many (or all), before a sequence where one is named."""
    asked = {"operator_id": operator_id, "limit": limit, "before": before, "currency": currency, "month": month}
    return _read(cursor, _OF_OPERATOR, asked)


def all_issued(
    cursor: Cursor[TupleRow], month: date | None = None, operator_id: str | None = None
) -> list[IssuedStatement]:
    """All statements, by operator and in the order of their numbers; of one month or operator where it is named."""
    return _read(cursor, _OF_ALL, {"month": month, "operator_id": operator_id})


def issued_statement(cursor: Cursor[TupleRow], number: str) -> IssuedStatement | None:
    """One statement; None where there is none, or none to be seen by who asks."""
    return next(iter(_read(cursor, _ONE, (number,))), None)


def _read(cursor: Cursor[TupleRow], query: LiteralString, asked: Any) -> list[IssuedStatement]:
    with cursor.connection.cursor(row_factory=class_row(IssuedStatement)) as rows:
        return rows.execute(query, asked).fetchall()


def restatement(cursor: Cursor[TupleRow], issued: IssuedStatement, position: int, *, lines_max: int) -> Restatement:
    """What the month of a statement says as known at a position, against the statement, line by line.

    Raises TooManyLines where more than `lines_max` entries came to be known since.
    """
    asked = {
        "accounts": [f"2010/{issued.operator_id}", f"2011/{issued.operator_id}"],
        "currency": issued.currency,
        "until": issued.until,
        "after": issued.position,
        "position": position,
        "limit": lines_max + 1,
    }
    moved = cursor.execute(_CAME_LATER, asked).fetchall()
    if len(moved) > lines_max:
        raise TooManyLines(f"more than {lines_max} entries")
    lines = with_balances(cursor, issued.closing, moved)
    return Restatement(issued, position, lines, lines[-1].balance if lines else issued.closing)
