"""What 23 CFR 680.112(a) wants each quarter of each port, by month: its sessions, its uptime, its outages."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.exact import Exact
from domain.network.attempts import Attempt
from domain.network.moments import microsecond_of
from domain.network.spans import day_in
from domain.network.uptime import NEVI_DAYS, Uptime, uptime
from projections.network.asked import Asked
from projections.network.attempts import attempts_of
from projections.network.uptime import EvseUptime, uptimes

# A quarter of a year, which is asked for where nothing else is.
_MONTHS = 3
# More months than these are no report of a quarter.
MONTHS_MAX = 12


@dataclass(frozen=True, slots=True)
class PortMonth:
    """A port in a month of its site: `month` its figures, `year` those of the 365 days up to its end.

    `attempts` are the sessions that began in it; `peak_w` is the highest mean power of a quarter hour, None without.
    """

    evse: EvseUptime
    first: date
    month: Uptime
    year: Uptime
    attempts: Sequence[Attempt]

    @property
    def error_codes(self) -> list[str]:
        """The errors that were told with what put it into another state in the month, each once, in order."""
        begin, end = self.month.begin, self.month.end
        told = (said.error_code for at, said in self.evse.said if begin <= at < end)
        return list(dict.fromkeys(code for code in told if code))

    @property
    def energy_wh(self) -> Exact:
        """What its sessions took; those that are left out of figures of energy have none."""
        return sum((each.energy_wh for each in self.attempts), start=0)

    @property
    def peak_w(self) -> Exact | None:
        """The highest mean power of a quarter hour of a session."""
        return max((each.peak_w for each in self.attempts if each.peak_w is not None), default=None)


def months_of(asked: Asked, until: datetime) -> list[date]:
    """The first days of the months that are asked for: the last three that are over where none is named.

    Raises ValueError for more than a year of them.
    """
    if asked.since is None and asked.until is None:
        last = _before(until.date().replace(day=1))
        return [_before(_before(last)), _before(last), last]
    end = _day(asked.until) if asked.until is not None else until.date()
    last = end.replace(day=1)
    begin = _day(asked.since).replace(day=1) if asked.since is not None else _before(_before(last))
    found = [begin]
    while found[-1] < last and len(found) <= MONTHS_MAX:
        found.append(_after(found[-1]))
    if len(found) > MONTHS_MAX:
        raise ValueError(f"a report has at most {MONTHS_MAX} months; name a later --from or an earlier --to")
    return found


def port_months(cursor: Cursor[TupleRow], asked: Asked, until: datetime) -> Iterator[PortMonth]:
    """Each port in each month that is asked for, month by month, by operator, site and port.

    Raises ValueError for too many months.
    """
    for first in months_of(asked, until):
        last = _after(first) - timedelta(days=1)
        # A day more than the rule's year: days where clocks change are not of 24 hours.
        year = replace(asked, since=last - timedelta(days=NEVI_DAYS), until=last)
        attempts = _by_evse(attempts_of(cursor, replace(asked, since=first, until=last)))
        for evse in uptimes(cursor, year, until):
            begin, end = day_in(first, evse.time_zone)[0], day_in(last, evse.time_zone)[1]
            if evse.life.first < end and begin < microsecond_of(until):
                of_evse = attempts.get((evse.operator_id, evse.evse_uid.casefold()), ())
                month = uptime(evse.life, begin, end)
                yield PortMonth(evse, first, month, evse.uptime, of_evse)


def _by_evse(attempts: Sequence[Attempt]) -> Mapping[tuple[str, str], list[Attempt]]:
    found: defaultdict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for each in attempts:
        found[each.operator_id, each.evse_key].append(each)
    return found


def _day(edge: date | datetime) -> date:
    return edge.date() if isinstance(edge, datetime) else edge


def _before(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)


def _after(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def minutes(us: int) -> Fraction:
    """Microseconds as minutes."""
    return Fraction(us, 60_000_000)
