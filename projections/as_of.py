"""Both time axes of a question: what is effective up to a moment, as it was known at another.

What was known by a moment is all up to a position of the event store
([decision 49](docs/decisions/0049-known-at.md)). Every figure of one answer is read at one position.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, sleep

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from domain.calendar import utc_text
from projections.errors import MomentAhead, NotReadYet
from projections.freshness import ON_DEMAND

# Later than anything is effective: the bound of who asks for everything.
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)

# How long a question about what has just become known waits for read models, and how often it looks.
PATIENCE_S = 2.0
_LOOK_EVERY_S = 0.02

# In a transaction of its own: by then all that was known by the moment can be seen. False where it has not come.
_SETTLE = "SELECT projection.settle_known(%s)"

# How far read models have come, how far the store had come by a moment, and how far it had come when markers began:
# before that a marker may be missing until read models are there.
_POSITIONS = """
SELECT (SELECT min(position) FROM projection.generation WHERE live AND name <> ALL(%(on_demand)s)),
       coalesce((
           SELECT position FROM projection.known WHERE known_at <= %(known_at)s::timestamptz
           ORDER BY known_at DESC LIMIT 1
       ), 0),
       coalesce((SELECT position FROM projection.known WHERE origin), 0)
"""

# How far the book of this snapshot has come.
_END = "SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events"


@dataclass(frozen=True, slots=True)
class AsOf:
    """What is effective up to `effective_at` as known at `known_at`, both inclusive, None for everything.

    `position` is that of the last stored event which the answer knows.
    """

    effective_at: datetime | None
    known_at: datetime | None
    position: int


def settle(connection: Connection[TupleRow], known_at: datetime) -> None:
    """Make sure that the next snapshot has all that was known by a moment, and that nothing will be added to that.

    The connection has no transaction open. Waits for an append that is under way. Raises MomentAhead.
    """
    with connection.transaction():
        if connection.execute(_SETTLE, (known_at,)).fetchone() != (True,):
            raise MomentAhead(
                f"what is known at {utc_text(known_at)} cannot be told before then: ask for a time before"
            )


def pass_fence(connection: Connection[TupleRow], known_at: datetime, patience_s: float = PATIENCE_S) -> None:
    """The same, and that read models show it.

    Waits up to `patience_s` for them, and for a moment that is about to come; raises MomentAhead and NotReadYet where
    they are not so far by then.
    """
    until = monotonic() + patience_s
    while not _passed(connection, known_at, last_try=monotonic() > until):
        sleep(_LOOK_EVERY_S)


def _passed(connection: Connection[TupleRow], known_at: datetime, *, last_try: bool) -> bool:
    try:
        settle(connection, known_at)
        with connection.transaction(), connection.cursor() as cursor:
            position_at(cursor, known_at)
    except (MomentAhead, NotReadYet):
        if last_try:
            raise
        return False
    return True


def position_at(cursor: Cursor[TupleRow], known_at: datetime | None = None) -> int:
    """The position up to which the store was known at a moment, 0 before its first event.

    None: how far read models have come. Raises NotReadYet where read models have not come so far; `pass_fence` is to
    be called before, outside of this transaction.
    """
    row = cursor.execute(_POSITIONS, {"known_at": known_at, "on_demand": list(ON_DEMAND)}).fetchone()
    read, known, origin = row or (0, 0, 0)
    if known_at is None:
        return int(read)
    if read < max(known, origin):
        raise NotReadYet(
            f"read models are at position {read}, and at {utc_text(known_at)} the store was at {known}: ask again"
        )
    return int(known)


def of_read_models(
    cursor: Cursor[TupleRow], effective_at: datetime | None = None, known_at: datetime | None = None
) -> AsOf:
    """Both axes with the position that read models answer at; raises as `position_at` does."""
    return AsOf(effective_at, known_at, position_at(cursor, known_at))


def of_book(cursor: Cursor[TupleRow], effective_at: datetime | None = None, known_at: datetime | None = None) -> AsOf:
    """The same for what the book alone answers: without `known_at` at its end, be read models behind or not."""
    return AsOf(effective_at, known_at, end_of_book(cursor) if known_at is None else position_at(cursor, known_at))


def end_of_book(cursor: Cursor[TupleRow]) -> int:
    """The position of the last event, whose entries are the last in the book of this snapshot."""
    row = cursor.execute(_END).fetchone()
    return int(row[0]) if row else 0
