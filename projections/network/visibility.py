"""Use by channel, EVSEs that no partner sees, and what comparable ones that are seen have earned."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import instant
from domain.catalogue.parties import Location
from domain.catalogue.versions import Version, Versions
from domain.network.contacts import silent
from domain.network.moments import microsecond_of
from domain.network.use import Use
from domain.network.visibility import Published, Unseen, power_class, published_evses, why_unseen
from projections.network.asked import Asked
from projections.network.margins import By as MarginsBy
from projections.network.margins import MarginFilter, MarginSum, session_margins, summed
from projections.network.site_month import SiteMonths
from projections.network.to_cash import By as CashBy
from projections.network.to_cash import ToCash, to_cash
from projections.network.use import By, UseAsked, UseFound, use_of
from projections.roaming.sendable import is_private, what_it_lacks

_PUBLISHED = """
SELECT type, source, id, event_time, operator_id, data FROM surface.catalogue
WHERE type IN ('location.published', 'operator.registered', 'operator.changed')
  AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
"""
_STATUSES = """
SELECT operator_id, evse_key, status, last_us, interval_s FROM projection.evses
WHERE %(operator_id)s::text IS NULL OR operator_id = %(operator_id)s
"""
# Sessions whose driver is known, and those of them that were the driver's first at the operator.
_DRIVERS = """
SELECT operator_id, channel, count(*), count(*) FILTER (WHERE is_first)
FROM projection.driver_sessions
WHERE (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND date >= coalesce(%(first)s::date, '-infinity') AND date <= coalesce(%(last)s::date, 'infinity')
GROUP BY operator_id, channel
"""
_UNKNOWN = "UNKNOWN"
# How margins and times to cash name the channel of drivers who pay the platform.
_DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class ChannelFound:
    """The use of a channel; of how many of its sessions the driver is known, and how many were a driver's first.

    `margins` are by currency, and of sessions that began in the span; `to_cash` is of those that ended in it.
    """

    use: UseFound
    known_drivers: int
    new_drivers: int
    margins: Mapping[str, MarginSum]
    to_cash: Sequence[ToCash]


@dataclass(frozen=True, slots=True)
class Comparable:
    """What visible EVSEs of the same operator and power class were used in the same days, and how many they are."""

    evses: int
    use: Use


@dataclass(frozen=True, slots=True)
class UnseenEvse:
    """An EVSE that no partner sees now, and why; its use in the span, and that of comparable ones (None: none)."""

    operator_id: str
    location_id: str
    evse_uid: str
    reason: Unseen
    withheld: str | None
    power_class: str
    use: Use | None
    comparable: Comparable | None

    @property
    def order(self) -> tuple[str, str, str]:
        """Where it stands among others."""
        return self.operator_id, self.location_id, self.evse_uid


class _Known(NamedTuple):
    """An EVSE that was published or heard."""

    location_id: str
    evse_uid: str
    published: Published | None
    withheld: str | None


def channels(cursor: Cursor[TupleRow], asked: UseAsked, until: datetime | None) -> list[ChannelFound]:
    """The use of each channel of each operator in a span of local days, its margin, and how soon its money came."""
    question = {"operator_id": asked.operator_id, "first": asked.first, "last": asked.last}
    drivers = {(row[0], row[1]): row[2:] for row in cursor.execute(_DRIVERS, question)}
    span = Asked(asked.operator_id, None, asked.first, asked.last)
    margins: dict[tuple[str, str], dict[str, MarginSum]] = defaultdict(dict)
    months = SiteMonths(cursor, until)
    for each in summed(session_margins(cursor, months, MarginFilter(span)), MarginsBy.CHANNEL, months):
        margins[str(each.key["operator_id"]), str(each.key["channel"])][each.currency] = each
    came: dict[tuple[str, str], list[ToCash]] = defaultdict(list)
    for found in to_cash(cursor, span, CashBy.CHANNEL):
        came[found.operator_id, found.group].append(found)
    result = []
    for use in use_of(cursor, replace(asked, by=frozenset({By.CHANNEL})), until):
        operator_id, channel = use.key.operator_id, use.key.channel
        named = (operator_id, channel or _DIRECT)
        known, new = drivers.get((operator_id, channel), (0, 0))
        result.append(ChannelFound(use, known, new, margins.get(named, {}), came.get(named, ())))
    return result


def unseen_evses(cursor: Cursor[TupleRow], asked: UseAsked, until: datetime | None) -> list[UnseenEvse]:
    """The EVSEs that no partner sees at `until`, in order: unpublished, withheld, or of a status that is unknown."""
    if until is None:
        return []
    question = {"operator_id": asked.operator_id}
    uses = {each.key[:3]: each for each in use_of(cursor, replace(asked, by=frozenset({By.EVSE})), until)}
    known = _known(cursor, question, until)
    for key, use in uses.items():
        known.setdefault(key, _Known(use.location_id, use.evse_uid, None, None))
    statuses = _statuses(cursor, question, until)
    seen: dict[tuple[str, str], list[Use]] = defaultdict(list)
    unseen: list[tuple[tuple[str, str, str], Unseen]] = []
    for key, evse in known.items():
        told = statuses.get((key[0], key[2])) or (evse.published.status if evse.published else None)
        reason = why_unseen(evse.published is not None, evse.withheld, told)
        if reason is not None:
            unseen.append((key, reason))
        elif key in uses:
            seen[key[0], _class(evse)].append(uses[key].use)
    found = [
        UnseenEvse(
            key[0],
            known[key].location_id,
            known[key].evse_uid,
            reason,
            known[key].withheld,
            _class(known[key]),
            uses[key].use if key in uses else None,
            _comparable(seen.get((key[0], _class(known[key])), ())),
        )
        for key, reason in unseen
    ]
    return sorted(found, key=lambda each: each.order)


def _class(evse: _Known) -> str:
    published = evse.published
    return power_class(published.rated_w if published else None, published.is_dc if published else False)


def _comparable(uses: Iterable[Use]) -> Comparable | None:
    """The sums of some uses; None without any."""
    several = list(uses)
    if not several:
        return None
    money: dict[str, tuple[int, int, int]] = {}
    for use in several:
        for currency, sums in use.money.items():
            known = money.get(currency, (0, 0, 0))
            money[currency] = (known[0] + sums[0], known[1] + sums[1], known[2] + sums[2])
    return Comparable(
        len(several),
        Use(
            sum(use.in_service_us for use in several),
            sum(use.occupied_us for use in several),
            sum(use.charging_us for use in several),
            sum((use.energy_wh for use in several), start=0),
            sum(use.sessions for use in several),
            sum(use.ended for use in several),
            None,
            money,
        ),
    )


def _statuses(
    cursor: Cursor[TupleRow], question: Mapping[str, Any], until: datetime
) -> dict[tuple[str, str], str | None]:
    """The newest status of EVSEs; of one that is silent nobody knows it."""
    at = microsecond_of(until)
    return {
        (operator_id, evse_key): _UNKNOWN if interval_s is not None and silent(last_us, interval_s, at) else status
        for operator_id, evse_key, status, last_us, interval_s in cursor.execute(_STATUSES, question)
    }


def _known(
    cursor: Cursor[TupleRow], question: Mapping[str, Any], until: datetime
) -> dict[tuple[str, str, str], _Known]:
    """The EVSEs of locations as they are published at a moment, and whether their locations are sent to partners."""
    locations: dict[tuple[str, str], Versions[Mapping[str, Any]]] = {}
    registered: set[str] = set()
    for type_, source, id_, time, operator_id, data in cursor.execute(_PUBLISHED, question):
        if type_ != "location.published":
            registered.add(operator_id)
            continue
        body = orjson.loads(bytes(data))
        key = (operator_id, str(body["location"]["id"]).casefold())
        starts = instant(body["effective_from"]) if body.get("effective_from") else time
        locations.setdefault(key, Versions()).add(Version(time, source, id_, starts, body["location"]))
    found: dict[tuple[str, str, str], _Known] = {}
    for (operator_id, location_key), versions in locations.items():
        location = versions.at(until)
        if location is None:
            continue
        withheld = _why_withheld(location, is_registered=operator_id in registered)
        powers = Location(location).connector_power_w
        names = {str(evse["uid"]).casefold(): str(evse["uid"]) for evse in location.get("evses") or ()}
        for evse_key, published in published_evses(location, powers).items():
            found[operator_id, location_key, evse_key] = _Known(
                str(location["id"]), names[evse_key], published, withheld
            )
    return found


def _why_withheld(location: Mapping[str, Any], *, is_registered: bool) -> str | None:
    if not is_registered:
        return "its operator is not registered yet"
    return "it is private: publish is false" if is_private(location) else what_it_lacks(location)
