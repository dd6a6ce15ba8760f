"""Signs of life: each long-running process says every few seconds that it lives, and how far the store is by then."""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from psycopg import Connection, Cursor, Error
from psycopg.rows import TupleRow

from ledger.database import Role, connect
from ledger.errors import MachineryFault, RoleRefused

_log = logging.getLogger(__name__)

BEAT_S = 2.0
# A process that has said nothing for so long is not known to live.
SILENT_S = 15.0
# How long an end waits for the last sign; a database that hangs must not hold it up.
_LAST_BEAT_S = 2.0

_BEAT = """
INSERT INTO wattledger.heartbeat (id, host, pid, piece, started_at, beat_at)
VALUES (%(id)s, %(host)s, %(pid)s, %(piece)s, clock_timestamp() - make_interval(secs => %(age_s)s), clock_timestamp())
ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at
"""
_FORGET = "DELETE FROM wattledger.heartbeat WHERE id = %(id)s"
# Whose place this process may take: others of its kind on this host. What was silent for a day tells nobody anything.
_OTHERS = "SELECT id, pid FROM wattledger.heartbeat WHERE host = %(host)s AND piece = %(piece)s"
_FORGET_ENDED = """
DELETE FROM wattledger.heartbeat WHERE id = ANY(%s) OR beat_at < clock_timestamp() - interval '1 day'
"""
# One sample for all processes every five seconds.
_SAMPLE = """
INSERT INTO wattledger.sample (at, position, taken, entries)
SELECT clock_timestamp(),
       (SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events),
       (SELECT coalesce(sum(accepted + duplicates + conflicts + dead_lettered), 0) FROM intake.tally),
       (SELECT coalesce(sum(entries), 0) FROM book.entry_count)
WHERE NOT EXISTS (SELECT FROM wattledger.sample WHERE at > clock_timestamp() - interval '5 seconds')
ON CONFLICT (at) DO NOTHING
"""
_PRUNE = """
DELETE FROM wattledger.sample
WHERE at < clock_timestamp() - interval '5 minutes'
  AND position <= (SELECT min(position) FROM projection.generation WHERE live)
"""
_PIECES = """
SELECT piece, host, pid, started_at, beat_at FROM wattledger.heartbeat ORDER BY piece, host, started_at, pid
"""
# Whether a kind of piece has given a sign of life lately.
_IS_ALIVE = """
SELECT EXISTS (
    SELECT FROM wattledger.heartbeat
    WHERE piece = %s AND beat_at > clock_timestamp() - make_interval(secs => %s)
)
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """A long-running process as it said last; `beat_at` is its last sign of life, by the database's clock."""

    piece: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime


def pieces(cursor: Cursor[TupleRow]) -> tuple[Piece, ...]:
    """The long-running processes that have not ended in order, by name.

    One that was killed stays until another one is started in its place, or for a day.
    """
    return tuple(Piece(*row) for row in cursor.execute(_PIECES).fetchall())


def is_alive(cursor: Cursor[TupleRow], piece: str) -> bool:
    """Whether any process that is this piece has given a sign of life within `SILENT_S`."""
    return cursor.execute(_IS_ALIVE, (piece, SILENT_S)).fetchone() == (True,)


@contextmanager
def heartbeat(dsn: str, piece: str) -> Iterator[None]:
    """Say that this process lives while the block runs, from a thread of its own; `piece` is what it is.

    It uses one connection. A login that may not write says nothing. A database that is away is tried again with the
    next beat and holds nobody up, at the end neither.
    """
    over = threading.Event()
    thread = threading.Thread(target=_beat_until, args=(dsn, piece, over), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_LAST_BEAT_S)


def _beat_until(dsn: str, piece: str, over: threading.Event) -> None:
    began = time.monotonic()
    me = {"id": uuid4(), "host": socket.gethostname(), "pid": os.getpid(), "piece": piece}
    while not over.is_set():
        try:
            # No gateway: it would take a slot of balances from somebody who posts.
            with connect(dsn, Role.WRITER, autocommit=True) as connection:
                _forget_ended(connection, me)
                while not over.is_set():
                    _beat(connection, me | {"age_s": time.monotonic() - began})
                    over.wait(BEAT_S)
                connection.execute(_FORGET, me)
        except RoleRefused as refusal:
            _log.info("no sign of life is given: %s", refusal)
            return
        except (Error, MachineryFault) as fault:
            _log.debug("no sign of life could be given: %s", fault)
            over.wait(BEAT_S)


def _beat(connection: Connection[TupleRow], me: dict[str, object]) -> None:
    connection.execute(_BEAT, me)
    if connection.execute(_SAMPLE).rowcount:
        connection.execute(_PRUNE)


def _forget_ended(connection: Connection[TupleRow], me: dict[str, object]) -> None:
    others = connection.execute(_OTHERS, me).fetchall()
    connection.execute(_FORGET_ENDED, ([id_ for id_, pid in others if not is_running(pid)],))


def is_running(pid: int) -> bool:
    """Whether a process of this host has that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
