"""Declared costs: versions of what a kWh or the peak of a month costs an operator, and which are in effect when.

A version is in effect from its `effective_from` up to, and without, its `effective_to`. Of the versions of one cost
that concern a site (those that name it, and those that name none), the latest one in effect counts: the one that
begins last; of those that begin together the one told last, by (time, source, id). Costs with different ids add up.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from heapq import heappop, heappush
from itertools import groupby
from typing import Any

from domain.calendar import END, instant
from domain.exact import Exact, exact


class CostKind(StrEnum):
    """What a cost is for: ENERGY has a price a kWh, DEMAND one a kW and month, others an amount that falls due."""

    ENERGY = "ENERGY"
    DEMAND = "DEMAND"
    LEASE = "LEASE"
    SERVICE = "SERVICE"
    SOFTWARE = "SOFTWARE"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Price:
    """`amount` in major units of `currency`, a kWh or a kW and month.

    Of a price for demand: each month's peak counts as `minimum_kw` at least, and the mean of the peaks of
    `average_months` months, up to this one, is what is paid for.
    """

    amount: Exact
    currency: str
    minimum_kw: Exact = 0
    average_months: int = 1


@dataclass(frozen=True, slots=True)
class CostVersion:
    """One `operator.cost_declared`: `time`, `source` and `id` of its envelope; no `price` where it has an amount.

    `location_id` is None where it concerns all sites of its operator; `effective_to` is END where it has none.
    """

    time: datetime
    source: str
    id: str
    operator_id: str
    cost_id: str
    location_id: str | None
    kind: CostKind
    effective_from: datetime
    effective_to: datetime
    price: Price | None


def cost_version(data: Mapping[str, Any], time: datetime, source: str, id_: str) -> CostVersion:
    """The version that an accepted `operator.cost_declared` declares."""
    until, price = data.get("effective_to"), data.get("price")
    return CostVersion(
        time=time,
        source=source,
        id=id_,
        operator_id=data["operator_id"],
        cost_id=data["cost_id"],
        location_id=data.get("location_id"),
        kind=CostKind(data["kind"]),
        effective_from=instant(data["effective_from"]),
        effective_to=END if until is None else instant(until),
        price=_price(data, price) if price is not None else None,
    )


def _price(data: Mapping[str, Any], price: Mapping[str, Any]) -> Price:
    return Price(
        amount=exact(price["amount"]),
        currency=price["currency"],
        minimum_kw=exact(data.get("minimum_kw") or 0),
        average_months=data.get("average_months") or 1,
    )


@dataclass(frozen=True, slots=True)
class Prices:
    """Which prices are in effect when: from each of `starts` on the `prices` beside it, none before the first."""

    starts: Sequence[datetime]
    prices: Sequence[tuple[Price, ...]]

    def at(self, moment: datetime) -> tuple[Price, ...]:
        """The prices in effect at a moment; empty where nothing is declared."""
        place = bisect_right(self.starts, moment)
        return self.prices[place - 1] if place else ()

    def during(self, first: datetime, last: datetime) -> tuple[Price, ...] | None:
        """The prices in effect at all moments from `first` to `last`; None where they change in between."""
        place = bisect_right(self.starts, first)
        return self.at(first) if bisect_right(self.starts, last) == place else None

    def are_within(self, since: datetime, before: datetime) -> bool:
        """Whether a price is in effect at some moment of a span."""
        place = bisect_right(self.starts, since)
        return any(self.prices[max(place - 1, 0) : bisect_left(self.starts, before)])


def prices_of(versions: Iterable[CostVersion], kind: CostKind, location_id: str, currency: str) -> Prices:
    """The prices of a kind that concern a site, in a currency, by what one operator declared.

    Ids of locations compare without case, as OCPI has it.
    """
    by_cost: dict[str, list[CostVersion]] = defaultdict(list)
    for told in versions:
        if told.location_id is None or told.location_id.casefold() == location_id.casefold():
            by_cost[told.cost_id].append(told)
    changes = [
        (moment, cost_id, version) for cost_id, of_cost in by_cost.items() for moment, version in _in_effect(of_cost)
    ]
    changes.sort(key=lambda change: change[:2])
    standing: dict[str, Price] = {}
    starts: list[datetime] = []
    prices: list[tuple[Price, ...]] = []
    for moment, together in groupby(changes, key=lambda change: change[0]):
        for _, cost_id, version in together:
            price = None if version is None or version.kind is not kind else version.price
            standing.pop(cost_id, None)
            if price is not None and price.currency == currency:
                standing[cost_id] = price
        now = tuple(standing[cost_id] for cost_id in sorted(standing))
        if now != (prices[-1] if prices else ()):
            starts.append(moment)
            prices.append(now)
    return Prices(starts, prices)


def _in_effect(versions: Sequence[CostVersion]) -> Iterator[tuple[datetime, CostVersion | None]]:
    """Of the versions of one cost, from which moment on which one is in effect; None: none is."""
    ordered = sorted(versions, key=lambda version: (version.effective_from, version.time, version.source, version.id))
    moments = {version.effective_from for version in ordered} | {version.effective_to for version in ordered}
    # Those that have begun, the latest on top; one that is over is thrown away when it comes to the top.
    begun: list[tuple[int, datetime]] = []
    following = 0
    for moment in sorted(moments - {END}):
        while following < len(ordered) and ordered[following].effective_from <= moment:
            heappush(begun, (-following, ordered[following].effective_to))
            following += 1
        while begun and begun[0][1] <= moment:
            heappop(begun)
        yield moment, ordered[-begun[0][0]] if begun else None
