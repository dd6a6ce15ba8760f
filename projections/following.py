"""Who follows the event store to tell others of it goes on until it is stopped, whatever becomes of the database."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from math import inf
from threading import Event
from typing import TypeAlias

from psycopg import Connection
from psycopg.rows import TupleRow
from tenacity import wait_exponential

from ledger.database import Role, connect
from ledger.patience import Patience, Stopping

_RETRY_S_MAX = 5.0
_LOOK_S, _PRUNE_S = 0.5, 60.0

# Goes one step by a connection of the auditor's, as of a moment; whether there may be more.
Step: TypeAlias = Callable[[Connection[TupleRow], datetime], bool]
Forget: TypeAlias = Callable[[Connection[TupleRow], datetime], None]


def follow_forever(dsn: str, stop: Event, follow: Step, forget: Forget, moves: Callable[[], None]) -> None:
    """Take steps until `stop` is set, and forget what is over now and then.

    The login may act as the auditor and as the door's role. `moves` is called before each step and at each try to
    reach the database, which is waited for.
    """
    patience = Patience(wait_exponential(multiplier=0.1, max=_RETRY_S_MAX))

    def follow_on() -> None:
        moves()
        with connect(dsn, Role.AUDITOR, autocommit=True) as connection:
            pruned_at = -inf
            while not stop.is_set():
                moves()
                if time.monotonic() > pruned_at + _PRUNE_S:
                    forget(connection, datetime.now(UTC))
                    pruned_at = time.monotonic()
                if not follow(connection, datetime.now(UTC)):
                    stop.wait(_LOOK_S)
                patience.worked()

    with suppress(Stopping):
        patience.do(follow_on, stop)
