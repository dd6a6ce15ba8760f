"""What partners answered about CDRs, as the book knows it: who answered by another way is not asked again."""

from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import instant
from projections.feed import Piece
from projections.roaming.deliveries import Said, learn
from projections.roaming.objects import Made
from projections.roaming.published import read_fact

ACCEPTED, REJECTED = "roaming.cdr_accepted", "roaming.cdr_rejected"


class CdrAnswers:
    """Follows answers behind the CDRs that they are about; makes nothing visible."""

    module = "answers"
    topics = frozenset({ACCEPTED, REJECTED})

    def take(self, cursor: Cursor[TupleRow], piece: Piece, now: datetime) -> Made:
        """Note some answers, in order."""
        said: list[Said] = []
        for topic, state in piece.events:
            data = read_fact(topic, state)["data"]
            partner, cdr_id = data["partner"].upper(), str(data["cdr_id"]).casefold()
            said.append(Said(partner, cdr_id, topic == ACCEPTED, data.get("reason"), instant(data["at"])))
        learn(cursor, said)
        return Made()
