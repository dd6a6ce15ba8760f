"""Sessions that a payout may pay, or has paid, ahead of their drivers, as their heads note it."""

from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

_AHEAD = """
SELECT session_id FROM intake.session_head
WHERE (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s) AND ahead_until >= %(moment)s
ORDER BY session_id
"""


def sessions_ahead(cursor: Cursor[TupleRow], moment: datetime, operator_id: str | None = None) -> list[str]:
    """Sessions, of one operator or of all, of which some was released and not paid by their drivers before a moment.

    The end of all time as the moment gives those that are not paid yet.
    """
    found = cursor.execute(_AHEAD, {"operator_id": operator_id, "moment": moment})
    return [session_id for (session_id,) in found]
