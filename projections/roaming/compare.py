"""Compares what partners may see of CDRs with the stored events: what a partner is billed is what was issued."""

from datetime import UTC, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.audit.report import Tally
from projections.feed import read_piece
from projections.roaming.cdrs import MODULE, TOPICS, CdrObjects
from projections.roaming.objects import altered_objects

# As many at once as are followed at once.
_EVENTS_MAX = 1_000
_POSITION = "SELECT position FROM roaming.position WHERE module = %s"
_MEND = "`wattledger rebuild roaming` makes it anew"


def compare_cdr_objects(cursor: Cursor[TupleRow], end: int, tally: Tally) -> None:
    """Make the object of each CDR that was followed once more; of what differs note the columns.

    An object that lacks is what the check `cdr_delivery` says. `end` is the position of the last event.
    """
    row = cursor.execute(_POSITION, (MODULE,)).fetchone()
    followed, at = min(row[0], end) if row else 0, 0
    cdrs, now = CdrObjects(), datetime.now(UTC)
    while at < followed:
        piece = read_piece(cursor, sorted(TOPICS), at, followed, _EVENTS_MAX)
        seen = cdrs.take(cursor, piece, now).seen
        tally.examined += len(seen)
        for key, names in altered_objects(cursor, MODULE, seen):
            where = f"roaming.object module {MODULE}, partner {key[0]}, operator_id {key[1]}, object_id {key[2]}"
            columns = ", ".join(names)
            tally.note(where, columns, "otherwise", f"{where}: {columns} are not those of its CDR; {_MEND}")
        at = piece.position
