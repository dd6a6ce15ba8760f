"""Months of sites that have a demand charge: which there are, and each with who bears it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.network.costs import CostKind
from domain.network.demand import Month
from domain.network.moments import quarter_start
from projections.network.asked import Asked, Site, sites_asked
from projections.network.site_month import SiteMonth, SiteMonths


class DemandFilter(NamedTuple):
    """Which months: of an operator, of a site, from a month to another, both included."""

    operator_id: str | None = None
    location_id: str | None = None
    first: Month | None = None
    last: Month | None = None


class DemandKey(NamedTuple):
    """What names a charge, and orders a list of them."""

    operator_id: str
    location_key: str
    month: Month
    currency: str


def demand_keys(cursor: Cursor[TupleRow], months: SiteMonths, wanted: DemandFilter) -> list[DemandKey]:
    """The months of a filter for which some price of demand is declared, in order; some may have had no load."""
    found = []
    for site in sites_asked(cursor, Asked(wanted.operator_id, wanted.location_id)):
        if not any(version.kind is CostKind.DEMAND for version in months.versions(site.operator_id)):
            continue
        ends = months.ends(site)
        if ends is None:
            continue
        first, last = (Month.of(quarter_start(quarter), site.time_zone) for quarter in ends)
        month = max(first, wanted.first or first)
        while month <= min(last, wanted.last or last):
            key = site.operator_id, site.location_key, month
            found += [DemandKey(*key, currency) for currency in _currencies(months, site, month)]
            month = month.later(1)
    return found


def demand_months(months: SiteMonths, keys: Sequence[DemandKey]) -> Iterator[SiteMonth]:
    """The months of some keys that have a charge, or had one when they closed."""
    for key in keys:
        found = months.whole(months.site(key.operator_id, key.location_key), key.month, key.currency)
        if found.shared is not None or found.closed is not None:
            yield found


def _currencies(months: SiteMonths, site: Site, month: Month) -> list[str]:
    """The currencies in which a price of demand may be in effect at a site in a month, in order."""
    priced = {
        version.price.currency
        for version in months.versions(site.operator_id)
        if version.kind is CostKind.DEMAND and version.price is not None
    }
    span = month.start(site.time_zone), month.end(site.time_zone)
    return [each for each in sorted(priced) if months.prices(site, CostKind.DEMAND, each).are_within(*span)]
