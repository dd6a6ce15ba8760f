"""What is left of the price of sessions: each with its costs, and sums by charger, site, channel and month."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any, LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.money import currency_exponent
from domain.network.costs import CostKind
from domain.network.demand import DEFAULT_METHOD, Method, Month
from domain.network.ladder import Loads
from domain.network.margin import Margin, Missing, energy_cost
from domain.network.moments import quarter_number, quarter_start
from projections.network.asked import Asked, Site, sites_asked
from projections.network.session_uses import exactly
from projections.network.site_month import SiteMonths

# Rated sessions behind an id, with what was recharged of provider fees, and their energy in time where it is known.
_RATED: LiteralString = """
SELECT session.session_id, session.operator_id, use.location_id, use.evse_uid, session.partner, use.started_at,
       session.currency, session.net, session.commission, coalesce(fee.fee, 0), use.quarters, use.quarter_wh,
       use.left_out
FROM {sessions}
LEFT JOIN projection.session_fees AS fee ON fee.session_id = session.session_id
     AND fee.currency = session.currency AND fee.operator_id = session.operator_id
WHERE session.state = 'RATED'
  AND (%(operator_id)s::text IS NULL OR session.operator_id = %(operator_id)s)
  AND (%(evse_uid)s::text IS NULL OR use.evse_uid = %(evse_uid)s)
  AND (%(session_ids)s::text[] IS NULL OR session.session_id = ANY (%(session_ids)s))
  AND (%(after)s::text IS NULL OR session.session_id > %(after)s)
ORDER BY session.session_id
LIMIT %(limit)s
"""
_OF_ALL: LiteralString = "projection.sessions AS session LEFT JOIN projection.network AS use USING (session_id)"
# Those that began at some sites, each in its own span.
_OF_SITES: LiteralString = """
unnest(%(operators)s::text[], %(sites)s::text[], %(sinces)s::timestamptz[], %(befores)s::timestamptz[])
    AS asked (operator_id, location_key, since, before)
JOIN projection.network AS use ON use.operator_id = asked.operator_id AND use.location_key = asked.location_key
     AND use.started_at >= asked.since AND use.started_at < asked.before
JOIN projection.sessions AS session USING (session_id)
"""
_AT_ONCE = 2_000


class MarginFilter(NamedTuple):
    """Whose margins: of what is `asked`, by when sessions began; of a charger; of these sessions alone."""

    asked: Asked = Asked()
    evse_uid: str | None = None
    session_ids: Sequence[str] | None = None

    def question(self, cursor: Cursor[TupleRow]) -> tuple[LiteralString, dict[str, Any]]:
        """The sessions it is about, as SQL, and the parameters of the query."""
        ids = None if self.session_ids is None else list(self.session_ids)
        names: dict[str, Any] = {"operator_id": self.asked.operator_id, "evse_uid": self.evse_uid, "session_ids": ids}
        if (self.asked.location_id, self.asked.since, self.asked.until) == (None, None, None):
            return _OF_ALL, names
        sites = sites_asked(cursor, self.asked)
        names["operators"] = [site.operator_id for site in sites]
        names["sites"] = [site.location_key for site in sites]
        names["sinces"] = [self.asked.begin(site.time_zone) or "-infinity" for site in sites]
        names["befores"] = [self.asked.before(site.time_zone) or "infinity" for site in sites]
        return _OF_SITES, names


class SessionMargin(NamedTuple):
    """A rated session, where and when it was, and its margin; no charger and time where it is a reservation's."""

    session_id: str
    operator_id: str
    location_id: str | None
    evse_uid: str | None
    partner: str | None
    started_at: datetime | None
    margin: Margin


def session_margins(
    cursor: Cursor[TupleRow],
    months: SiteMonths,
    wanted: MarginFilter,
    *,
    method: Method = DEFAULT_METHOD,
    limit: int | None = None,
    after: str | None = None,
) -> Iterator[SessionMargin]:
    """The margins of a filter by session id, with the demand share by a method; so many of them, or all."""
    sessions, names = wanted.question(cursor)
    query = _RATED.replace("{sessions}", sessions)
    while True:
        rows = cursor.execute(query, names | {"limit": limit or _AT_ONCE, "after": after}, binary=True).fetchall()
        for row in rows:
            yield _of_session(months, row, method)
        if limit is not None or len(rows) < _AT_ONCE:
            return
        after = rows[-1][0]


def margin_of(cursor: Cursor[TupleRow], session_id: str) -> SessionMargin | None:
    """The margin of one session; None where it is not rated."""
    return next(session_margins(cursor, SiteMonths(cursor, None), MarginFilter(session_ids=[session_id])), None)


def _of_session(months: SiteMonths, row: TupleRow, method: Method) -> SessionMargin:
    session_id, operator_id, location_id, evse_uid, partner, started_at, currency, net, commission, fee = row[:10]
    quarters, energies, left_out = row[10:]
    missing: list[Missing] = []
    cost = share = None
    if location_id is None or started_at is None or left_out is not None:
        missing.append(Missing.LOAD)
    else:
        site = months.site(operator_id, location_id)
        loads = list(zip(quarters, map(exactly, energies), strict=True))
        cost = energy_cost(loads, months.prices(site, CostKind.ENERGY, currency), quarter_number(started_at))
        share = _share(months, site, session_id, loads, started_at, currency, method)
        missing += [Missing.ENERGY] * (cost is None) + [Missing.DEMAND] * (share is None)
    margin = Margin(currency, currency_exponent(currency), net, commission, fee, cost, share, tuple(missing))
    return SessionMargin(session_id, operator_id, location_id, evse_uid, partner, started_at, margin)


def _share(
    months: SiteMonths, site: Site, session_id: str, loads: Loads, started_at: datetime, currency: str, method: Method
) -> int | None:
    """What a session bears of the charges of the months in which it has energy, in minor units."""
    prices = months.prices(site, CostKind.DEMAND, currency)
    if not prices.starts:
        return None
    if not loads:
        return 0 if prices.at(started_at) else None
    total = 0
    for month in _months_of(loads, site):
        shared = months.shared(site, month, currency)
        if shared is None:
            return None
        total += shared.shares[method].get(session_id, 0)
    return total


def _months_of(loads: Loads, site: Site) -> set[Month]:
    first, last = (Month.of(quarter_start(loads[place][0]), site.time_zone) for place in (0, -1))
    return {first} if first == last else {Month.of(quarter_start(quarter), site.time_zone) for quarter, _ in loads}


class By(StrEnum):
    """What margins are summed by."""

    EVSE = "evse"
    SITE = "site"
    CHANNEL = "channel"
    MONTH = "month"
    OPERATOR = "operator"


@dataclass(slots=True)
class MarginSum:
    """Sums of sessions of one currency; those without a margin are counted apart, with their net.

    `energy_cost` and `margin` are exact, in major units, the others in minor units: they are of the sessions that
    have a margin, so that they add up.
    """

    key: Mapping[str, str | None]
    currency: str
    sessions: int = 0
    net: int = 0
    commission: int = 0
    provider_fee: int = 0
    energy_cost: Fraction = field(default_factory=Fraction)
    demand_share: int = 0
    margin: Fraction = field(default_factory=Fraction)
    without: int = 0
    net_without: int = 0
    missing: set[Missing] = field(default_factory=set)

    def add(self, margin: Margin) -> None:
        """Take in a session."""
        left = margin.margin
        if left is None:
            self.without, self.net_without = self.without + 1, self.net_without + margin.net
            self.missing.update(margin.missing)
            return
        self.sessions += 1
        self.net, self.commission = self.net + margin.net, self.commission + margin.commission
        self.provider_fee += margin.provider_fee
        self.demand_share += margin.demand_share or 0
        self.energy_cost += margin.energy_cost or 0
        self.margin += left

    def take(self, other: "MarginSum") -> None:
        """Take in other sums of the same currency."""
        self.sessions, self.net = self.sessions + other.sessions, self.net + other.net
        self.commission, self.provider_fee = (
            self.commission + other.commission,
            self.provider_fee + other.provider_fee,
        )
        self.energy_cost, self.demand_share = (
            self.energy_cost + other.energy_cost,
            self.demand_share + other.demand_share,
        )
        self.margin += other.margin
        self.without, self.net_without = self.without + other.without, self.net_without + other.net_without
        self.missing |= other.missing


def summed(margins: Iterable[SessionMargin], by: By, months: SiteMonths) -> list[MarginSum]:
    """Margins summed by operator and what is asked, and by currency; in order."""
    keys: Mapping[By, Callable[[SessionMargin], tuple[tuple[str, str | None], ...]]] = {
        By.EVSE: lambda each: (("location_id", each.location_id), ("evse_uid", each.evse_uid)),
        By.SITE: lambda each: (("location_id", each.location_id),),
        By.CHANNEL: lambda each: (("channel", each.partner or "direct"),),
        By.MONTH: lambda each: (("month", _month(each, months)),),
        By.OPERATOR: lambda each: (),
    }
    found: dict[tuple[str, ...], MarginSum] = {}
    for each in margins:
        key = (("operator_id", each.operator_id), *keys[by](each))
        sums = found.setdefault(
            (*(value or "" for _, value in key), each.margin.currency), MarginSum(dict(key), each.margin.currency)
        )
        sums.add(each.margin)
    return [found[key] for key in sorted(found)]


def _month(each: SessionMargin, months: SiteMonths) -> str | None:
    """The month in which a session began, on its site's clock."""
    if each.started_at is None or each.location_id is None:
        return None
    return str(Month.of(each.started_at, months.site(each.operator_id, each.location_id).time_zone))
