"""Read models that are up to date for whoever reads them; what folds events is loaded only where some are behind."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.database import Role, connect

# Every projection has one live generation at any time.
_ARE_FRESH = """
SELECT min(position) >= (SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events)
FROM projection.generation
WHERE live AND name <> ALL(%s)
"""
# What is asked of these is rare, and they cost as much as all others: they are brought up to date when somebody asks,
# and followed beside the others by a system that runs; who reads anything else or settles does not wait for them.
ON_DEMAND = ("mentions", "network")


@contextmanager
def up_to_date(
    dsn: str, *, on_demand: Collection[str] = (), known_at: datetime | None = None
) -> Iterator[Connection[TupleRow]]:
    """A connection that may read everything, the projections having reached where the store ended when this began.

    Of those that are brought up to date ON_DEMAND alone those have, too, that are named. With `known_at` all that was
    known by then can be read; raises MomentAhead for a moment that has not come.
    """
    left_out = [name for name in ON_DEMAND if name not in on_demand]
    with connect(dsn, Role.AUDITOR) as connection:
        if known_at is not None:
            from projections.as_of import settle

            settle(connection, known_at)
        with connection.transaction():
            row = connection.execute(_ARE_FRESH, (left_out,)).fetchone()
        if row != (True,):
            # Here: they take longer to load than most readers need in all.
            from projections.registry import KEPT_UP
            from projections.runner import catch_up

            catch_up(dsn, (*KEPT_UP, *on_demand))
        yield connection
