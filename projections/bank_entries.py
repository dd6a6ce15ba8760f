"""Lines of bank accounts of which nobody knows yet whose money they are: what is open on 2410, the oldest first."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

# What is credited is money that came. A line is open since its account was last on the other side of zero.
_OPEN: LiteralString = """
WITH line AS (
    SELECT substr(account, 6) AS entry_reference, currency, -amount AS amount,
           book.on_one_side_since(account, currency) AS since
    FROM projection.open_items
    WHERE account >= '2410/' AND account < '24100'
)
SELECT entry_reference, currency, amount, since FROM line
"""
_ORDER: LiteralString = 'since, entry_reference COLLATE "C", currency COLLATE "C"'
_PAGE: LiteralString = f"{_OPEN} ORDER BY {_ORDER} LIMIT %s"
_BEHIND: LiteralString = (
    f"{_OPEN} WHERE ({_ORDER}) > (%s::timestamptz, %s::text, %s::text) ORDER BY {_ORDER} LIMIT %s"
)
_ONE: LiteralString = f"{_OPEN} WHERE entry_reference = %s ORDER BY {_ORDER}"


class UnallocatedRow(NamedTuple):
    """What of a line of a bank is nobody's: minor units, negative where it left, and since when."""

    entry_reference: str
    currency: str
    amount: int
    since: datetime


def unallocated_lines(
    cursor: Cursor[TupleRow], limit: int, after: Sequence[object] | None = None
) -> list[UnallocatedRow]:
    """So many at most, behind one of them by its time, reference and currency, or from the oldest on."""
    query, given = (_BEHIND, (*after, limit)) if after else (_PAGE, (limit,))
    return [UnallocatedRow(*row) for row in cursor.execute(query, given)]


def unallocated_of(cursor: Cursor[TupleRow], entry_reference: str) -> list[UnallocatedRow]:
    """What of a line is nobody's; nothing where all of it is known, or there is no such line."""
    return [UnallocatedRow(*row) for row in cursor.execute(_ONE, (entry_reference,))]
