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
WHERE live AND name <> ALL(%s)
"""
# What is asked of these is rare, and they cost as much as all others: they are brought up to date when somebody asks,
# and followed beside the others by a system that runs; who reads anything else or settles does not wait for them.
ON_DEMAND = ("mentions",)


@contextmanager
def up_to_date(dsn: str, *, on_demand: bool = False) -> Iterator[Connection[TupleRow]]:
    """A connection that may read everything, the projections having reached where the store ended when this began.

    Those that are brought up to date ON_DEMAND alone have, too, if it is demanded.
    """
    left_out = () if on_demand else ON_DEMAND
    with connect(dsn, Role.AUDITOR) as connection:
        with connection.transaction():
            row = connection.execute(_ARE_FRESH, (list(left_out),)).fetchone()
        if row != (True,):
            # Here: they take longer to load than most readers need in all.
            from projections.registry import KEPT_UP
            from projections.runner import catch_up

            catch_up(dsn, (*KEPT_UP, *ON_DEMAND) if on_demand else KEPT_UP)
        yield connection
