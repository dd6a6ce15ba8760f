"""The projection `network`: one position and one generation for all that is made of sessions, chargers and sites."""

from collections.abc import Sequence

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.movements import EventSet
from projections.network.batch import Batch, Part
from projections.network.parts import PARTS


class Network:
    """Hands each set of events to its parts, in one transaction."""

    # Sets are larger than those of others: the more of a session comes at once, the less often its row is written.
    events_max = 20_000

    def __init__(self, parts: Sequence[Part] = PARTS) -> None:
        self._parts = tuple(parts)
        self.topics: frozenset[str] = frozenset().union(*(part.topics for part in self._parts))
        tables = dict.fromkeys(table for part in self._parts for table in part.tables)
        self.more_tables = tuple(table for table in tables if table != self.table)

    @property
    def table(self) -> str:
        """That of sessions in time; the others are `more_tables`."""
        return "session_use_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Fold a set into the rows of a generation; raises TypeError for events without their places."""
        if not isinstance(events, EventSet) or len(events.places) != len(events):
            raise TypeError("what a network does is kept by streams: an EventSet with places is needed")
        batch = Batch(events, events.places)
        for part in self._parts:
            part.apply(cursor, generation, batch)
