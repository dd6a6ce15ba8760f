"""Read models that are up to date for whoever reads them; what folds events is loaded only where some are behind."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.database import Role, connect

# Every projection has one live generation at any time.
_ARE_FRESH = """
SELECT min(position) >= (SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events)
FROM projection.generation
WHERE live
"""


@contextmanager
def up_to_date(dsn: str) -> Iterator[Connection[TupleRow]]:
    """A connection that may read everything, all projections having reached where the store ended when this began."""
    with connect(dsn, Role.AUDITOR) as connection:
        with connection.transaction():
            row = connection.execute(_ARE_FRESH).fetchone()
        if row != (True,):
            from projections.runner import catch_up  # Here: it takes longer to load than most readers need in all.

            catch_up(dsn)
        yield connection
