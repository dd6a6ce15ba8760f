"""Follows the event store for notices: what happened is queued, with the position in one transaction.

One process at a time does it; others find the position locked and leave it. What is seen is read in the role that
reads everything, and written in the door's, which sees no money: nothing else can this process change.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from threading import Event
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from domain.notice.subscription import Told
from ledger.access.notice_targets import NewVersion
from ledger.access.notices import prune
from ledger.database import Role, acting_as
from ledger.events.codec import read_body
from projections import following
from projections.feed import Piece, read_by, read_piece
from projections.notices.alerts import seen_alerts
from projections.notices.events import SUBSCRIPTION, TOPICS, operators_in, seen_in, version_at
from projections.notices.kept_causes import forget
from projections.notices.owners import bring_subscriptions, describe_operators
from projections.notices.telling import tell
from projections.notices.ticks import look_at

# The read models that notices are made of: what they have not read yet is not told.
MADE_OF = ("payouts", "network")
EVENTS_MAX = 500
_ALERTS = "alerts"

_LOCK = "SELECT position, looked_at FROM access.notice_position FOR UPDATE SKIP LOCKED"
_MOVE = "UPDATE access.notice_position SET position = %s, looked_at = %s"
# Whoever set a subscription, in effect or not yet.
_OPERATORS = "SELECT DISTINCT data->>'operator_id' FROM access.notice_version"


def follow_forever(dsn: str, stop: Event, moves: Callable[[], None] = lambda: None) -> None:
    """Queue what is to be told until `stop` is set; the login may act as the auditor and as the door's role.

    `moves` is called before each transaction and at each try to reach the database, which is waited for.
    """
    following.follow_forever(dsn, stop, follow, forget_old, moves)


def follow(connection: Connection[TupleRow], now: datetime) -> bool:
    """One transaction: queue what the next events say, and what time brings; whether there may be more.

    The connection is the auditor's, with no transaction open.
    """
    with connection.transaction(), connection.cursor() as cursor:
        with acting_as(cursor, Role.DOOR):
            locked = cursor.execute(_LOCK).fetchone()
            known = {row[0] for row in cursor.execute(_OPERATORS)} if locked else set()
        if locked is None:
            return False
        position, looked_at = locked
        end = read_by(cursor, MADE_OF)
        reached = _follow_events(cursor, known, position, end, now) if end > position else position
        looked = look_at(cursor, _tell_alerts(cursor, known, looked_at, now), now)
        if reached != position or looked != looked_at:
            with acting_as(cursor, Role.DOOR):
                cursor.execute(_MOVE, (reached, Jsonb(looked)))
        return bool(reached < end)


def forget_old(connection: Connection[TupleRow], now: datetime) -> None:
    """Forget what is over, in a transaction of its own."""
    with connection.transaction(), connection.cursor() as cursor, acting_as(cursor, Role.DOOR):
        prune(cursor, now)
        forget(cursor, now)


def _follow_events(cursor: Cursor[TupleRow], known: set[str], after: int, end: int, now: datetime) -> int:
    """Take the next events, of subscriptions alone as long as there are none; the position that is reached."""
    piece = read_piece(cursor, TOPICS if known else {SUBSCRIPTION}, after, end, EVENTS_MAX)
    versions = _versions(piece)
    if not known and versions:
        # What follows the first is read again, with all else.
        versions = versions[:1]
        piece = replace(piece, position=versions[0].position, events=(), places=())
    bring_subscriptions(cursor, now, versions)
    describe_operators(cursor, sorted(known & operators_in(piece)))
    operators = known | {each.data["operator_id"] for each in versions}
    seen = seen_in(cursor, piece, operators, now) if piece.events else []
    with acting_as(cursor, Role.DOOR):
        tell(cursor, seen, now)
    return piece.position


def _tell_alerts(
    cursor: Cursor[TupleRow], known: set[str], looked_at: dict[str, Any], now: datetime
) -> dict[str, Any]:
    """Queue what the load service found; with what the next look needs."""
    if not known:
        return looked_at
    seen, looked = seen_alerts(cursor, looked_at.get(_ALERTS), known)
    if looked is None:
        return looked_at
    with acting_as(cursor, Role.DOOR):
        tell(cursor, seen, now)
    return {**looked_at, _ALERTS: looked}


def _versions(piece: Piece) -> list[NewVersion]:
    found = []
    for (topic, state), place in zip(piece.events, piece.places, strict=True):
        if topic == SUBSCRIPTION:
            body = read_body(topic, state)
            told = Told(version_at(body), body["source"], body["id"])
            found.append(NewVersion(told, place.position, body["data"]))
    return found
