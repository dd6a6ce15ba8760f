"""Bank files of a live system, made as payouts leave: what people let go at once, a run when all of it is there."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from threading import Event

from tenacity import wait_exponential

from ledger.database import Role, connect
from ledger.patience import Patience, Stopping
from projections.bank_file import Platform
from projections.errors import BankFileRefused
from projections.handoff import LEFT_AT, make_files, on_their_way

_log = logging.getLogger(__name__)

# A run is there when so long no further payout of it has come: its payouts share files, and their messages name them.
QUIET_S = 30.0
RETRY_S_MAX = 30.0
# How long after a look comes the next one where nobody wakes, and how long at least where somebody does.
LOOK_S = 1.0
PAUSE_S = 0.2


class LiveHandOff:
    """Makes what is to be made at each look; in one thread."""

    def __init__(self, dsn: str, platform: Platform, clock: Callable[[], float] = time.monotonic) -> None:
        self._dsn, self._platform, self._clock = dsn, platform, clock
        # The payouts of runs that wait, and since when there are just these.
        self._waiting: frozenset[object] = frozenset()
        self._since = clock()
        self._refused: set[str] = set()

    def look(self, made_at: datetime) -> int:
        """Make the files of payouts that are on their way and stand in none; how many payouts they are of.

        `made_at` is now, before whose local date no bank is asked to pay. A payout that no bank file can state is
        logged, once; what left with it waits until somebody has mended it.
        """
        with connect(self._dsn, Role.BANK) as connection, connection.cursor() as cursor:
            ready, of_runs = on_their_way(cursor)
        if self._is_quiet(of_runs):
            ready += of_runs
        ready.sort(key=itemgetter(LEFT_AT))
        return sum(self._make(list(together), made_at) for _, together in groupby(ready, key=itemgetter(LEFT_AT)))

    def _make(self, together: Sequence[tuple[object, ...]], made_at: datetime) -> int:
        """Make the files of what left at one moment."""
        try:
            make_files(self._dsn, together, self._platform, made_at)
        except BankFileRefused as refused:
            if str(refused) not in self._refused:
                self._refused.add(str(refused))
                _log.error("no bank file is made: %s", refused)
            return 0
        return len(together)

    def _is_quiet(self, of_runs: Sequence[tuple[object, ...]]) -> bool:
        """Whether just these have waited for long enough."""
        waiting = frozenset(row[0] for row in of_runs)
        if waiting != self._waiting:
            self._waiting, self._since = waiting, self._clock()
        return bool(waiting) and self._clock() - self._since >= QUIET_S


def hand_off_forever(dsn: str, platform: Platform, stop: Event, woken: Event) -> None:
    """Make bank files until `stop` is set; a lost database is tried again.

    `woken` is set by whoever has moved the read models, so that a look follows at once, and by who sets `stop`.
    """
    hand_off = LiveHandOff(dsn, platform)
    patience = Patience(wait_exponential(multiplier=0.1, max=RETRY_S_MAX))

    def follow() -> None:
        while not stop.is_set():
            woken.clear()
            hand_off.look(datetime.now(UTC))
            patience.worked()
            if not stop.wait(PAUSE_S):
                woken.wait(LOOK_S)

    with suppress(Stopping):
        patience.do(follow, stop)
