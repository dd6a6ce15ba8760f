"""When the next run fires, so that a clock that looks every second looks at each operator only when it has to."""

from datetime import datetime, timedelta

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import BEGINNING, ONE_DAY, business_date
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.payout.cut_offs import fires_at, last_closed
from engine.due_runs import DueRuns, due_runs
from engine.instant_payouts import operators_asked_for
from ledger.intake.catalogue import KnownCatalogue

# Nothing is late by more than this, whatever else may make a run due.
LOOK_AGAIN = timedelta(minutes=1)
_DAYS_AHEAD = 4

# Dates that people opened again may be due at once.
_IS_OPENED_AGAIN = "SELECT EXISTS (SELECT FROM intake.run WHERE fired_at IS NULL AND closed_through > '0001-01-01')"


class Agenda:
    """What was found when there was nothing due: by which catalogue, at which moment, and until when that holds."""

    def __init__(self) -> None:
        self._seq, self._from, self._before = -1, BEGINNING, BEGINNING

    def due(self, cursor: Cursor[TupleRow], known: KnownCatalogue, until: datetime) -> DueRuns:
        """The runs that are due by `until` and were not fired yet; the caller has the lock of the catalogue."""
        if self._holds(cursor, known.seq, until):
            return DueRuns({}, {})
        found = due_runs(cursor, known.catalogue, until)
        if not found.last:
            upcoming = (next_run(versions, until) for versions in known.catalogue.operators.values())
            before = min((moment for moment in upcoming if moment is not None), default=until + LOOK_AGAIN)
            self._seq, self._from, self._before = known.seq, until, min(before, until + LOOK_AGAIN)
        return found

    def _holds(self, cursor: Cursor[TupleRow], seq: int, until: datetime) -> bool:
        if seq != self._seq or not self._from <= until < self._before:
            return False
        row = cursor.execute(_IS_OPENED_AGAIN).fetchone()
        return not (row and row[0]) and not operators_asked_for(cursor, until)


def next_run(versions: Versions[Operator], moment: datetime) -> datetime | None:
    """When the first run of an operator after a moment fires, by the terms that are known; None without any soon."""
    operator = versions.at(moment)
    day = last_closed(versions, moment)
    if operator is None:
        return None
    if day is None:
        day = business_date(moment, operator.time_zone, operator.payout.cutoff) - 2 * ONE_DAY
    fired = (fires_at(versions, day + number * ONE_DAY) for number in range(1, _DAYS_AHEAD + 1))
    return min((each[0] for each in fired if each is not None and each[0] > moment), default=None)
