"""Sessions that a payout may pay, or has paid, ahead of their drivers, as their heads note it."""

from collections.abc import Mapping
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.arrays import columns

_AHEAD = "SELECT session_id FROM intake.session_head WHERE ahead_until >= %s ORDER BY session_id"
_AHEAD_OF_OPERATORS = """
SELECT session_id FROM unnest(%s::text[], %s::timestamptz[]) AS asked (operator_id, moment)
JOIN intake.session_head AS head ON head.operator_id = asked.operator_id AND head.ahead_until >= asked.moment
ORDER BY session_id
"""


def sessions_ahead(cursor: Cursor[TupleRow], moment: datetime) -> list[str]:
    """Sessions of which some was released and not paid by their drivers before a moment.

    The end of all time as the moment gives those that are not paid yet.
    """
    return [session_id for (session_id,) in cursor.execute(_AHEAD, (moment,))]


def sessions_ahead_of(cursor: Cursor[TupleRow], since: Mapping[str, datetime]) -> list[str]:
    """The same of some operators, each from a moment of its own."""
    if not since:
        return []
    return [session_id for (session_id,) in cursor.execute(_AHEAD_OF_OPERATORS, columns(since.items()))]
