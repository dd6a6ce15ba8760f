"""Up to which moment figures go that go on until now: the one that `settle` takes for the clock."""

from datetime import UTC, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.far_ahead import AHEAD_MAX

_HORIZON = "SELECT max(event_time) FROM surface.event_times WHERE event_time <= %s"


def network_horizon(
    cursor: Cursor[TupleRow], until: datetime | None = None, now: datetime | None = None
) -> datetime | None:
    """The latest envelope time of accepted events, none far ahead of the wall clock; or `until` if that is earlier.

    None in a store that accepted nothing. `now` is the wall clock's by default.
    """
    row = cursor.execute(_HORIZON, ((now or datetime.now(UTC)) + AHEAD_MAX,)).fetchone()
    found: datetime | None = row[0] if row else None
    return until if found is not None and until is not None and until < found else found
