"""Use of EVSEs in a span of local days, in sums by whatever is asked: it reads days and never sessions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any, LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from domain.exact import Exact
from domain.network.moments import microsecond_of
from domain.network.spans import day_in, length, local_days, within
from domain.network.use import Use
from projections.network.served import Served, served


class By(StrEnum):
    """What sums are by, beside the operator: several together are by each of them."""

    SITE = "site"
    EVSE = "evse"
    CHANNEL = "channel"
    DAY = "day"
    MONTH = "month"


def by_of(text: str) -> frozenset[By]:
    """What sums are by, from names with commas between; raises ValueError, with a sentence, for any other."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in list(By)]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(By)}; several have commas between, as evse,day")
    return frozenset(map(By, names))


@dataclass(frozen=True, slots=True)
class UseAsked:
    """Which use is asked for: of an operator, a site, an EVSE; of local days from `first` to `last`, both included.

    None is all; by what the sums are is `by`, and by operator always.
    """

    operator_id: str | None = None
    location_id: str | None = None
    evse_uid: str | None = None
    first: date | None = None
    last: date | None = None
    by: frozenset[By] = frozenset()


class UseKey(NamedTuple):
    """Whose use it is, in the order of what is found; what it is not by is ''. Ids are without case."""

    operator_id: str
    location_key: str = ""
    evse_key: str = ""
    channel: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True)
class UseFound:
    """The use of a key, of how many EVSEs, and how many of a site were occupied at once at most (None elsewhere).

    `location_id` and `evse_uid` are as they were told, '' where it is not by them.
    """

    key: UseKey
    location_id: str
    evse_uid: str
    evses: int
    use: Use
    at_once: int | None = None

    @property
    def order(self) -> tuple[str, str, str, str, str]:
        """Where it stands among others."""
        return self.key.operator_id, self.location_id, self.evse_uid, self.key.channel, self.key.time

    @property
    def peak_use(self) -> Fraction | None:
        """Most EVSEs occupied at once / EVSEs."""
        return Fraction(self.at_once, self.evses) if self.at_once is not None and self.evses else None


class _Sums(NamedTuple):
    occupied_us: int = 0
    charging_us: int = 0
    energy_wh: Exact = 0
    sessions: int = 0
    ended: int = 0


class _Service(NamedTuple):
    """What some EVSEs were in service: how many they are, and their rated W by microseconds (None: not published)."""

    evses: int
    in_service_us: int
    rated: Exact | None


_NO_SERVICE = _Service(0, 0, 0)
_OF: LiteralString = """
WHERE (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(location_key)s::text IS NULL OR location_key = %(location_key)s)
  AND date >= coalesce(%(first)s::date, '-infinity') AND date <= coalesce(%(last)s::date, 'infinity')
"""
_OF_EVSE: LiteralString = " AND (%(evse_key)s::text IS NULL OR evse_key = %(evse_key)s)"
_DAYS = SQL(
    "SELECT {key}, sum({occupied})::bigint, sum({charging})::bigint, sum(energy_wh), sum(sessions)::bigint,"
    " sum(ended)::bigint FROM projection.evse_days {of} GROUP BY 1, 2, 3, 4, 5"
)
_MONEY = SQL(
    "SELECT {key}, currency, sum(sessions)::bigint, sum(net)::bigint, sum(share)::bigint"
    " FROM projection.evse_day_money {of} GROUP BY 1, 2, 3, 4, 5, 6"
)
_AT_ONCE = SQL("SELECT {key}, max(at_once) FROM projection.site_days {of} GROUP BY 1, 2, 3, 4, 5")
_MONTH: LiteralString = "to_char(date, 'YYYY-MM')"


def use_of(cursor: Cursor[TupleRow], asked: UseAsked, until: datetime | None) -> list[UseFound]:
    """The use that is asked for, in the order of its keys; in service goes on up to `until` (None: nothing is known).

    There is a row for each key of which an EVSE is in service in the span, or has a session there. By channel all
    EVSEs are in service for each channel that has a session.
    """
    question = {
        "operator_id": asked.operator_id,
        "location_key": asked.location_id.casefold() if asked.location_id is not None else None,
        "evse_key": asked.evse_uid.casefold() if asked.evse_uid is not None else None,
        "first": asked.first,
        "last": asked.last,
    }
    if until is None:
        return []
    evses = served(cursor, asked.operator_id, asked.location_id, asked.evse_uid, microsecond_of(until))
    sums, money = _sums(cursor, asked, question), _money(cursor, asked, question)
    service, at_once = _service(evses, asked), _at_once(cursor, asked, question)
    told = _told(evses, asked.by)
    found = []
    for key in sums.keys() | (set() if By.CHANNEL in asked.by else service.keys()):
        of_all = service.get(key._replace(channel=""), _NO_SERVICE)
        use = _use(of_all, sums.get(key), money.get(key, {}))
        names = told.get(key[:3], (key.location_key, key.evse_key))
        found.append(UseFound(key, *names, of_all.evses, use, at_once.get(key)))
    return sorted(found, key=lambda each: each.order)


def _told(evses: Iterable[Served], by: frozenset[By]) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Ids as they were told, by those without case."""
    found: dict[tuple[str, str, str], tuple[str, str]] = {}
    for each in evses:
        operator_id, location_key, _ = each.key
        if By.EVSE in by:
            found[each.key] = (each.location_id, each.evse_uid)
        elif By.SITE in by:
            known = found.get((operator_id, location_key, ""), (each.location_id, ""))
            found[operator_id, location_key, ""] = (min(known[0], each.location_id), "")
    return found


def _use(service: _Service, sums: _Sums | None, money: Mapping[str, tuple[int, int, int]]) -> Use:
    occupied_us, charging_us, energy_wh, sessions, ended = sums or _Sums()
    rated = service.rated if service.in_service_us else None
    return Use(service.in_service_us, occupied_us, charging_us, energy_wh, sessions, ended, rated, money)


def _key(by: frozenset[By], *, with_channel: bool = True) -> SQL:
    parts: list[LiteralString] = [
        "location_key" if By.SITE in by or By.EVSE in by else "''",
        "evse_key" if By.EVSE in by else "''",
        "channel" if By.CHANNEL in by and with_channel else "''",
        "date::text" if By.DAY in by else _MONTH if By.MONTH in by else "''",
    ]
    return SQL(", ".join(["operator_id", *parts]))


def _sums(cursor: Cursor[TupleRow], asked: UseAsked, question: Mapping[str, Any]) -> dict[UseKey, _Sums]:
    own = SQL("" if By.CHANNEL in asked.by else "own_")
    query = _DAYS.format(
        key=_key(asked.by),
        occupied=own + SQL("occupied_us"),
        charging=own + SQL("charging_us"),
        of=SQL(_OF) + SQL(_OF_EVSE),
    )
    return {
        UseKey(*row[:5]): _Sums(row[5], row[6], Fraction(row[7]), row[8], row[9])
        for row in cursor.execute(query, question)
    }


def _money(
    cursor: Cursor[TupleRow], asked: UseAsked, question: Mapping[str, Any]
) -> dict[UseKey, dict[str, tuple[int, int, int]]]:
    query = _MONEY.format(key=_key(asked.by), of=SQL(_OF) + SQL(_OF_EVSE))
    found: dict[UseKey, dict[str, tuple[int, int, int]]] = defaultdict(dict)
    for *key, currency, sessions, net, share in cursor.execute(query, question):
        found[UseKey(*key)][currency] = (sessions, net, share)
    return found


def _at_once(cursor: Cursor[TupleRow], asked: UseAsked, question: Mapping[str, Any]) -> dict[UseKey, int]:
    """Of sites alone: what is occupied at once is no sum, and an operator's sites have days of their own."""
    if By.SITE not in asked.by or asked.by & {By.EVSE, By.CHANNEL} or asked.evse_uid is not None:
        return {}
    query = _AT_ONCE.format(key=_key(asked.by, with_channel=False), of=SQL(_OF))
    return {UseKey(*row[:5]): row[5] for row in cursor.execute(query, question)}


def _service(evses: Iterable[Served], asked: UseAsked) -> dict[UseKey, _Service]:
    """What EVSEs were in service by key, of all channels."""
    by_site, by_evse = bool(asked.by & {By.SITE, By.EVSE}), By.EVSE in asked.by
    found: dict[UseKey, _Service] = {}
    for each in evses:
        operator_id, location_key, evse_key = each.key
        key = UseKey(operator_id, location_key if by_site else "", evse_key if by_evse else "")
        for time, in_service_us in _by_time(each, asked):
            of_time = key._replace(time=time)
            known = found.get(of_time, _NO_SERVICE)
            rated = None
            if known.rated is not None and each.rated_w is not None:
                rated = known.rated + each.rated_w * in_service_us
            found[of_time] = _Service(known.evses + 1, known.in_service_us + in_service_us, rated)
    return found


def _by_time(evse: Served, asked: UseAsked) -> Iterator[tuple[str, int]]:
    """How long an EVSE was in service in the span, by day or month where that is asked."""
    spans: Sequence[tuple[int, int]] = evse.in_service
    if asked.first is not None:
        spans = within(spans, day_in(asked.first, evse.time_zone)[0], max((end for _, end in spans), default=0))
    if asked.last is not None:
        spans = within(spans, min((begin for begin, _ in spans), default=0), day_in(asked.last, evse.time_zone)[1])
    if not asked.by & {By.DAY, By.MONTH}:
        if spans:
            yield "", length(spans)
        return
    digits = len("2026-03-01") if By.DAY in asked.by else len("2026-03")
    sums: dict[str, int] = defaultdict(int)
    for span in spans:
        for day, (begin, end) in local_days(*span, evse.time_zone):
            sums[day.isoformat()[:digits]] += end - begin
    yield from sums.items()
