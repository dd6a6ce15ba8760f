"""Which runs are due, and when they fire."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import ONE_DAY
from domain.catalogue.catalogue import Catalogue
from domain.payout.cut_offs import fires_at, last_closed
from engine.instant_payouts import (
    moments_asked_for,
    operators_asked_for,
)

_CLOSED_RUNS = "SELECT operator_id, closed_through FROM intake.run"
# A date that people opened again has no run that fired.
_CLOSED_AND_FIRED = "SELECT operator_id, closed_through, fired_at IS NOT NULL FROM intake.run"
_FIRST_DAYS = """
SELECT operator_id, min(available_on) FROM intake.line
WHERE operator_id = ANY(%s) AND payout_id IS NULL AND released_at IS NOT NULL GROUP BY operator_id
"""
NEVER = date(1, 1, 1)


@dataclass(frozen=True, slots=True)
class DueRuns:
    """Operators with runs that are due and were not fired: the last business date due, and the last that was closed.

    `closed` leaves out who never had one, and those whose dates people opened again and no run has closed since.
    """

    last: Mapping[str, date]
    closed: Mapping[str, date]

    @property
    def operator_ids(self) -> list[str]:
        """The operators, by id."""
        return sorted(self.last)


def due_runs(cursor: Cursor[TupleRow], catalogue: Catalogue, until: datetime) -> DueRuns:
    """The runs that are due by `until` and were not fired yet."""
    closed: dict[str, date] = {}
    fired = set()
    for operator_id, day, is_fired in cursor.execute(_CLOSED_AND_FIRED):
        closed[operator_id] = day
        if is_fired:
            fired.add(operator_id)
    due = {}
    asked = operators_asked_for(cursor, until)
    for operator_id, versions in catalogue.operators.items():
        last = last_closed(versions, until)
        if last is not None and (operator_id not in closed or closed[operator_id] < last):
            due[operator_id] = last
        elif operator_id in asked:
            due[operator_id] = last or date.min
    return DueRuns(due, {key: closed[key] for key in due.keys() & fired})


def run_moments(
    cursor: Cursor[TupleRow], catalogue: Catalogue, operator_ids: Sequence[str], until: datetime
) -> list[tuple[datetime, list[str]]]:
    """When runs fire that were not yet, in the order of their moments, each with its operators by id."""
    closed: dict[str, date] = dict(cursor.execute(_CLOSED_RUNS).fetchall())
    first: dict[str, date] = dict(cursor.execute(_FIRST_DAYS, (list(operator_ids),)).fetchall())
    moments: dict[datetime, list[str]] = defaultdict(list)
    for operator_id in operator_ids:
        versions = catalogue.operators[operator_id]
        last, day = last_closed(versions, until), first.get(operator_id)
        if operator_id in closed and closed[operator_id] != NEVER:
            day = closed[operator_id] + ONE_DAY
        while day is not None and last is not None and day <= last:
            fired = fires_at(versions, day)
            if fired is not None:
                moments[fired[0]].append(operator_id)
            day += ONE_DAY
    for operator_id, at in moments_asked_for(cursor, operator_ids, until):
        moments[at].append(operator_id)
    return [(moment, sorted(set(found))) for moment, found in sorted(moments.items())]
