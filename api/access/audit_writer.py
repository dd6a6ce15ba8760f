"""How records get into the audit log: in batches, by one thread, again and again while the database is away."""

import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from datetime import UTC, datetime

from api.access.limits import Buckets, Rate
from ledger.access import audit_log
from ledger.access.audit_log import Record
from ledger.access.door import Door
from ledger.errors import MachineryFault

_log = logging.getLogger(__name__)

_BATCH_MAX = 1_000
# What is kept while the database is away; whoever asks that long for what they may not see is counted beyond.
_KEPT_MAX = 20_000
_PAUSE_S = 1.0
_LAST_TRIES = 3
# Refusals of one principal, or of all without one, that are listed one by one; more are told as a number.
_LISTED = Rate(20, 500)
_COUNTED_EVERY_S = 10.0


class AuditWriter:
    """Stores records from `start` to `close`; any thread may give them."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._arrived = threading.Condition()
        self._waiting: deque[tuple[Record, Future[None] | None]] = deque()
        self._listed = Buckets(_LISTED)
        self._uncounted, self._counted_at = 0, time.monotonic()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="audit log", daemon=True)

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def close(self) -> None:
        """Store what waits, and end; what cannot be stored by then is told in the log of the process."""
        with self._arrived:
            self._ending = True
            self._arrived.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def write(self, record: Record) -> Future[None]:
        """Store a record; done when it is committed, or with MachineryFault when it is not stored and will not be."""
        done: Future[None] = Future()
        with self._arrived:
            if self._ending:
                done.set_exception(MachineryFault("the audit log is closed"))
                return done
            self._waiting.append((record, done))
            self._arrived.notify()
        return done

    def note(self, record: Record, who: str) -> None:
        """Store a record soon. Of who is refused all the time the rest is counted, in a record of its own."""
        with self._arrived:
            if self._listed.take(who) > 0 or len(self._waiting) >= _KEPT_MAX:
                self._uncounted += 1
            else:
                self._waiting.append((record, None))
            self._arrived.notify()

    def _run(self) -> None:
        tries_left = _LAST_TRIES
        while True:
            batch = self._take()
            if not batch:
                return
            fault = self._store([record for record, _ in batch])
            for _, done in batch:
                if done is not None and done.set_running_or_notify_cancel():
                    if fault is None:
                        done.set_result(None)
                    else:
                        done.set_exception(MachineryFault(f"the audit log cannot be written: {fault}"))
            if fault is None:
                continue
            with self._arrived:
                self._waiting.extendleft(reversed([each for each in batch if each[1] is None]))
                if self._ending:
                    tries_left -= 1
                    if tries_left == 0:
                        _log.error("%d records of the audit log were not stored: %s", len(self._waiting), fault)
                        return
                else:
                    _log.warning("the audit log cannot be written, %d records wait: %s", len(self._waiting), fault)
                self._arrived.wait(_PAUSE_S)

    def _take(self) -> list[tuple[Record, Future[None] | None]]:
        """The next records, once there are some; none at the end."""
        with self._arrived:
            while True:
                is_due = self._ending or time.monotonic() - self._counted_at >= _COUNTED_EVERY_S
                if self._uncounted and is_due:
                    self._waiting.append((_sum_of(self._uncounted), None))
                    self._uncounted, self._counted_at = 0, time.monotonic()
                if self._waiting or self._ending:
                    return [self._waiting.popleft() for _ in range(min(_BATCH_MAX, len(self._waiting)))]
                self._arrived.wait(_COUNTED_EVERY_S if self._uncounted else None)

    def _store(self, records: list[Record]) -> str | None:
        """Why they could not be stored."""
        try:
            with self._door.transaction() as cursor:
                audit_log.add(cursor, records)
        except Exception as error:  # A thread that ended by an error would lose all that comes after.
            return " ".join(str(error).split()) or type(error).__name__
        return None


def _sum_of(number: int) -> Record:
    return Record(datetime.now(UTC), "", None, None, "-", "-", 0, f"{number} more answers of 401, 403 and 404")
