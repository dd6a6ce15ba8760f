"""One process of several sends partners what changed: it holds a lock while its session lives, and listens."""

import time
from types import TracebackType

from ledger.database import Role, database_faults, open_connection
from ledger.locks import Lock, try_to_hold
from projections.roaming.marks import CHANNEL

# How often sessions are asked whether they are still there.
_ASK_S = 1.0
_LISTEN = f"LISTEN {CHANNEL}"
_ASK = "SELECT 1"


class Leader:
    """The sessions of whoever may lead, for one thread: one listens, and one holds the lead in an open transaction.

    That one reads nothing, and so keeps nothing from being vacuumed. Its end gives the lead to another process, as a
    freeze does.
    """

    def __init__(self, dsn: str) -> None:
        """The login may act as the door's role. Raises MachineryFault when the database is away."""
        self._connection = open_connection(dsn, Role.DOOR, autocommit=True)
        try:
            self._holder = open_connection(dsn, Role.DOOR)
        except BaseException:
            self._connection.close()
            raise
        self._leads, self._answered_at = False, 0.0

    def __enter__(self) -> "Leader":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._holder.close()

    def leads(self) -> bool:
        """Whether the lead is ours; from then on we hear of changes."""
        with database_faults():
            if not self._leads and not try_to_hold(self._holder, Lock.PUSHING):
                self._holder.rollback()
                return False
            self._leads = True
            self._connection.execute(_LISTEN)
            return True

    def heard(self, wait_s: float) -> set[str]:
        """The connections that something changed for, "" for any, once there are some or the time is over.

        Raises MachineryFault once a session is lost, and with it the lead.
        """
        with database_faults():
            found = {each.payload for each in self._connection.notifies(timeout=wait_s, stop_after=1)}
            if time.monotonic() > self._answered_at + _ASK_S:
                self._connection.execute(_ASK)
                self._holder.execute(_ASK)
                self._answered_at = time.monotonic()
            return found
