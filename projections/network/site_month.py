"""A site's month: who charged when, what else was drawn, its demand charge, and who bears it; now and as it closed.

Nothing of it is stored: it is computed of the sessions that have energy in the month, when somebody asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import LiteralString
from zoneinfo import ZoneInfo

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import BEGINNING, END, zone
from domain.exact import Exact, half_up, sum_of, whole
from domain.network.costs import CostKind, CostVersion, Prices, prices_of
from domain.network.demand import Month
from domain.network.ladder import OTHER_LOAD, Loads, Player
from domain.network.moments import microsecond_of, quarter_number
from domain.network.session_use import UseFacts, session_use
from domain.network.shared_charge import SharedCharge, share_charge
from domain.session.orphans import SILENCE_MAX
from projections.network.asked import Asked, Site, sites_asked
from projections.network.declared import versions_of
from projections.network.kept_facts import load_facts
from projections.network.session_uses import exactly
from projections.network.sites import powers_of

_PLACES = 20
_LEAST = Fraction(1, 10**_PLACES)

# Sessions with energy in a span; nothing lasts longer than is heard of it.
_CHARGED: LiteralString = """
SELECT session_id, quarters, quarter_wh
FROM projection.network
WHERE operator_id = %(operator_id)s AND location_key = %(location_key)s
  AND started_at > %(earliest)s AND started_at < %(before)s AND until >= %(since)s AND left_out IS NULL
"""
# What was told of them, in so far as it could act after a moment, or be a correction.
_FACTS: LiteralString = """
SELECT session_id, until, facts
FROM projection.network_facts
WHERE operator_id = %(operator_id)s AND location_key = %(location_key)s
  AND started_at > %(earliest)s AND started_at < %(before)s AND until >= %(since)s
"""
_GENERATION = "SELECT generation FROM projection.generation WHERE live AND name = 'network'"
# What the site's meter says of a span.
_IMPORTED: LiteralString = """
SELECT quarter, import_wh FROM projection.site_import
WHERE operator_id = %s AND location_key = %s AND quarter >= %s AND quarter < %s
"""
# The highest load of each span. A quarter's load is what was measured, or what sessions had where that is more.
_PEAKS: LiteralString = """
SELECT greatest(
    (SELECT max(energy_wh) FROM projection.site_load AS load
     WHERE load.operator_id = %(operator_id)s AND load.location_key = %(location_key)s
       AND load.quarter >= span.first AND load.quarter < span.before),
    (SELECT max(import_wh) FROM projection.site_import AS import
     WHERE import.operator_id = %(operator_id)s AND import.location_key = %(location_key)s
       AND import.quarter >= span.first AND import.quarter < span.before)
)
FROM unnest(%(firsts)s::integer[], %(befores)s::integer[]) WITH ORDINALITY AS span (first, before, place)
ORDER BY place
"""
_ENDS: LiteralString = """
SELECT least(load.first, import.first), greatest(load.last, import.last)
FROM (SELECT min(quarter) AS first, max(quarter) AS last FROM projection.site_load
      WHERE operator_id = %(operator_id)s AND location_key = %(location_key)s) AS load,
     (SELECT min(quarter) AS first, max(quarter) AS last FROM projection.site_import
      WHERE operator_id = %(operator_id)s AND location_key = %(location_key)s) AS import
"""


@dataclass(frozen=True, slots=True)
class SiteMonth:
    """A month of a site in a currency: `loads` are the Wh by player and quarter, `shared` is who bears its charge.

    `closed` is the same as of `closes_at`, None while the facts have not come so far, or where no charge was known
    then.
    """

    site: Site
    month: Month
    currency: str
    loads: Mapping[Player, Loads]
    shared: SharedCharge | None
    closes_at: datetime
    is_closed: bool
    closed: SharedCharge | None = None


class SiteMonths:
    """Months of sites in one snapshot, each computed once."""

    def __init__(self, cursor: Cursor[TupleRow], horizon: datetime | None) -> None:
        """`horizon` is how far the facts have come: what closed before it is closed."""
        self._cursor, self._horizon = cursor, horizon
        self._sites: dict[tuple[str, str], Site] = {}
        self._versions: dict[str, list[CostVersion]] = {}
        self._prices: dict[tuple[Site, CostKind, str], Prices] = {}
        self._loads: dict[tuple[Site, Month], Mapping[Player, Loads]] = {}
        self._shared: dict[tuple[Site, Month, str], SharedCharge | None] = {}

    def site(self, operator_id: str, location_id: str) -> Site:
        """A site by its id."""
        key = operator_id, location_id.casefold()
        if key not in self._sites:
            found = sites_asked(self._cursor, Asked(*key))
            self._sites[key] = found[0] if found else Site(*key, location_id, zone("UTC"))
        return self._sites[key]

    def versions(self, operator_id: str) -> Sequence[CostVersion]:
        """All that an operator declared."""
        if operator_id not in self._versions:
            self._versions[operator_id] = versions_of(self._cursor, operator_id, BEGINNING, END)
        return self._versions[operator_id]

    def prices(self, site: Site, kind: CostKind, currency: str) -> Prices:
        """The prices of a site."""
        key = site, kind, currency
        if key not in self._prices:
            self._prices[key] = prices_of(self.versions(site.operator_id), kind, site.location_id, currency)
        return self._prices[key]

    def loads(self, site: Site, month: Month) -> Mapping[Player, Loads]:
        """Who charged when in a month: Wh by player and quarter, none of nothing."""
        if (site, month) not in self._loads:
            # One at a time: who goes through many months needs what was shared of each, and not who charged when.
            of_sessions: Mapping[Player, Loads] = {key: of for key, of in self._charged(site, month) if of}
            self._loads = {(site, month): self._with_other(site, month, of_sessions)}
        return self._loads[site, month]

    def ends(self, site: Site) -> tuple[int, int] | None:
        """The first and the last quarter hour in which a site had load, or its meter was read; None without any."""
        names = {"operator_id": site.operator_id, "location_key": site.location_key}
        row = self._cursor.execute(_ENDS, names).fetchone()
        return None if row is None or row[0] is None else (row[0], row[1])

    def shared(self, site: Site, month: Month, currency: str) -> SharedCharge | None:
        """Who bears a month's charge in a currency; None where none is declared, or there was no load."""
        key = site, month, currency
        if key not in self._shared:
            prices = self.prices(site, CostKind.DEMAND, currency)
            self._shared[key] = self._share(site, month, prices, self.loads(site, month)) if prices.starts else None
        return self._shared[key]

    def whole(self, site: Site, month: Month, currency: str) -> SiteMonth:
        """All of a month, with what it was when it closed."""
        closes_at = month.closes_at(site.time_zone)
        is_closed = self._horizon is not None and self._horizon >= closes_at
        shared, loads = self.shared(site, month, currency), self.loads(site, month)
        closed = self._as_closed(site, month, currency, closes_at) if is_closed else None
        return SiteMonth(site, month, currency, loads, shared, closes_at, is_closed, closed)

    def _charged(self, site: Site, month: Month) -> Iterable[tuple[Player, Loads]]:
        first, before = quarters_of(month, site.time_zone)
        for session_id, quarters, energies in self._cursor.execute(_CHARGED, self._span(site, month), binary=True):
            yield session_id, _within(zip(quarters, map(exactly, energies), strict=True), first, before)

    def _with_other(self, site: Site, month: Month, of_sessions: Mapping[Player, Loads]) -> Mapping[Player, Loads]:
        """The loads of sessions and, beside them, what was measured above their sum."""
        span = quarters_of(month, site.time_zone)
        rows = self._cursor.execute(_IMPORTED, (site.operator_id, site.location_key, *span), binary=True).fetchall()
        if not rows:
            return of_sessions
        measured = {quarter for quarter, _ in rows}
        parts: dict[int, list[Exact]] = {}
        for of_session in of_sessions.values():
            for quarter, energy in of_session:
                if quarter in measured:
                    parts.setdefault(quarter, []).append(energy)
        other: list[tuple[int, Exact]] = []
        for quarter, import_wh in rows:
            imported = int(import_wh) if import_wh == int(import_wh) else Fraction(import_wh)
            rest = imported - sum_of(parts[quarter]) if quarter in parts else imported
            # What is less is left of the rounding of what was measured.
            if rest >= _LEAST:
                other.append((quarter, whole(rest)))
        return {**of_sessions, OTHER_LOAD: other} if other else of_sessions

    def _span(self, site: Site, month: Month) -> dict[str, object]:
        since = month.start(site.time_zone)
        return {
            "operator_id": site.operator_id,
            "location_key": site.location_key,
            "since": since,
            "before": month.end(site.time_zone),
            "earliest": since - SILENCE_MAX,
        }

    def _share(self, site: Site, month: Month, prices: Prices, loads: Mapping[Player, Loads]) -> SharedCharge | None:
        months = max((price.average_months for each in prices.prices for price in each), default=1)
        return share_charge(loads, prices, self._earlier_peaks(site, month, months - 1) if months > 1 else ())

    def _earlier_peaks(self, site: Site, month: Month, count: int) -> list[Exact]:
        """The peaks in kW of so many months before one, or of those since the site had its first load."""
        names: dict[str, object] = {"operator_id": site.operator_id, "location_key": site.location_key}
        ends = self.ends(site)
        first = ends[0] if ends else None
        spans = [quarters_of(month.later(-back), site.time_zone) for back in range(count, 0, -1)]
        spans = [span for span in spans if first is not None and span[1] > first]
        if not spans:
            return []
        names |= {"firsts": [first for first, _ in spans], "befores": [before for _, before in spans]}
        rows = self._cursor.execute(_PEAKS, names).fetchall()
        return [_rounded(Fraction(energy_wh or 0)) * 4 / 1000 for (energy_wh,) in rows]

    def _as_closed(self, site: Site, month: Month, currency: str, closes_at: datetime) -> SharedCharge | None:
        told = [version for version in self.versions(site.operator_id) if version.time <= closes_at]
        prices = prices_of(told, CostKind.DEMAND, site.location_id, currency)
        if not prices.starts:
            return None
        changed = self._changed_since(site, month, closes_at)
        if not changed and prices == self.prices(site, CostKind.DEMAND, currency):
            return self.shared(site, month, currency)
        loads = {player: of for player, of in self.loads(site, month).items() if player not in changed}
        loads |= {session_id: of for session_id, of in changed.items() if of}
        loads.pop(OTHER_LOAD, None)
        return self._share(site, month, prices, self._with_other(site, month, loads))

    def _changed_since(self, site: Site, month: Month, closes_at: datetime) -> dict[Player, Loads]:
        """What was known at the closing of sessions of which something acts after it."""
        first, before = quarters_of(month, site.time_zone)
        late: list[UseFacts] = []
        for session_id, until, facts in self._cursor.execute(_FACTS, self._span(site, month), binary=True):
            if until > closes_at or b'"corrections":' in facts or b'"reviews":' in facts:
                late.append(load_facts(session_id, facts))
        if not late:
            return {}
        row = self._cursor.execute(_GENERATION).fetchone()
        powers = powers_of(self._cursor, row[0] if row else 0, late)
        found: dict[Player, Loads] = {}
        for facts in late:
            then = facts_until(facts, closes_at)
            if then is not None:
                use = session_use(then, powers.of(facts))
                found[facts.session_id] = _within(use.quarters, first, before)
        return found


def quarters_of(month: Month, time_zone: ZoneInfo) -> tuple[int, int]:
    """The first quarter hour that begins in a month, and the first that begins after it."""
    return _first_from(month.start(time_zone)), _first_from(month.end(time_zone))


def _first_from(moment: datetime) -> int:
    number = quarter_number(moment)
    return number if quarter_number(moment) * 900 == int(moment.timestamp()) else number + 1


def _rounded(energy_wh: Fraction) -> Fraction:
    """A sum of what was rounded at the 30th place, as it is meant."""
    return Fraction(half_up(energy_wh.numerator * 10**_PLACES, energy_wh.denominator), 10**_PLACES)


def _within(quarters: Iterable[tuple[int, Exact]], first: int, before: int) -> Loads:
    return [(quarter, energy) for quarter, energy in quarters if first <= quarter < before]


def facts_until(facts: UseFacts, moment: datetime) -> UseFacts | None:
    """The facts that act by a moment; None where all of them do."""
    last = microsecond_of(moment)
    then = UseFacts(
        facts.session_id,
        [each for each in facts.starts if each.at <= last],
        [each for each in facts.ends if each.at <= last],
        [each for each in facts.readings if each[0] <= last],
        [each for each in facts.states if each.at <= last],
        [each for each in facts.corrections if each.at <= moment],
        [each for each in facts.reviews if each.at <= moment],
        facts.payer,
    )
    return None if then == facts else then
