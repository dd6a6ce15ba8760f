"""The lines of `use.jsonl`: each EVSE on each local date on which it is in service or has a session."""

from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from itertools import groupby
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow, tuple_row

from domain.network.moments import microsecond_of
from domain.network.spans import local_days
from domain.network.use import Use
from projections.network.served import Served, served
from projections.network.use import UseFound, UseKey

_ROWS_PER_FETCH = 2_000

# Days with sessions, in the order of the file.
_DAYS = """
SELECT place.operator_id, place.location_id, place.evse_uid, place.location_key, place.evse_key, day.date::text,
       sum(day.own_occupied_us)::bigint, sum(day.own_charging_us)::bigint, sum(day.energy_wh),
       sum(day.sessions)::bigint, sum(day.ended)::bigint
FROM projection.evse_days AS day JOIN projection.evse_places AS place USING (operator_id, location_key, evse_key)
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5, 6
"""


def use_by_day(cursor: Cursor[TupleRow], until: datetime | None) -> Iterator[UseFound]:
    """The use of each EVSE by local date, in the order of operator, site, EVSE and date: read row by row.

    In service goes on up to `until`, None where nothing is known.
    """
    if until is None:
        return
    evses = {each.key: each for each in served(cursor, None, None, None, microsecond_of(until))}
    waiting = iter(evses.values())
    with cursor.connection.cursor("use", row_factory=tuple_row) as rows:
        rows.itersize = _ROWS_PER_FETCH
        for (*_, operator_id, location_key, evse_key), days in groupby(
            rows.execute(_DAYS, binary=True), key=lambda row: (*row[:3], row[0], *row[3:5])
        ):
            key = (operator_id, location_key, evse_key)
            own = evses.get(key)
            if own is not None:
                for other in waiting:
                    if other.key == key:
                        break
                    yield from _of_evse(other, {})
                yield from _of_evse(own, {row[5]: row[6:] for row in days})
    for other in waiting:
        yield from _of_evse(other, {})


def _of_evse(evse: Served, days: dict[str, Any]) -> Iterator[UseFound]:
    """One EVSE day by day; `days` are those with sessions."""
    in_service: dict[str, int] = {}
    for span in evse.in_service:
        for day, (begin, end) in local_days(*span, evse.time_zone):
            name = day.isoformat()
            in_service[name] = in_service.get(name, 0) + end - begin
    for day_name in sorted(in_service.keys() | days.keys()):
        occupied_us, charging_us, energy_wh, sessions, ended = days.get(day_name, (0, 0, 0, 0, 0))
        use = Use(in_service.get(day_name, 0), occupied_us, charging_us, Fraction(energy_wh), sessions, ended)
        yield UseFound(UseKey(*evse.key, time=day_name), evse.location_id, evse.evse_uid, 1, use)
