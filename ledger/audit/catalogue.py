"""Operators, tariffs and partners as they were published, and which version rules a session."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import Any, Generic, TypeVar

import orjson

from ledger.audit.amounts import exact, half_up, instant, minor, minor_units
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

_PUBLISHED = """
SELECT topic, state FROM event_store.stored_events
WHERE topic IN ('operator.registered', 'operator.changed', 'tariff.published', 'partner.registered')
ORDER BY originator_id, originator_version
"""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Terms:
    """What an operator pays the platform per session; percentages exact, `per_session` in minor units."""

    currency: str
    percent: Fraction
    per_session: int
    vat_percent: Fraction
    bears_psp_fees: bool

    def commission(self, net: int) -> tuple[int, int]:
        """Commission and its VAT on a session's net: a rounded percentage and a fixed part, at most the net."""
        commission = min(net, half_up(self.percent * net / 100) + self.per_session)
        return commission, half_up(self.vat_percent * commission / 100)


@dataclass(frozen=True, slots=True)
class FlatPrices:
    """A tariff that prices energy and a fixed fee, whenever and however long: (price, VAT percent) of each.

    Prices are exact, per kWh and per session; a bound is (net, gross or None).
    """

    currency: str
    energy: tuple[Fraction, Fraction]
    step_wh: int
    fixed: tuple[Fraction, Fraction]
    at_least: tuple[Fraction, Fraction | None] | None
    at_most: tuple[Fraction, Fraction | None] | None

    def price(self, energy_wh: Fraction) -> tuple[int, int]:
        """Net and gross in minor units, each rounded once, half-up (OCPI mod_tariffs, Tariff object)."""
        steps = -(-energy_wh // self.step_wh)
        kwh = Fraction(steps * self.step_wh, 1000)
        parts = ((kwh * self.energy[0], self.energy[1]), self.fixed)
        net = sum((cost for cost, _ in parts), Fraction(0))
        gross = sum((cost * (100 + vat) / 100 for cost, vat in parts), Fraction(0))
        if self.at_least is not None:
            net = max(net, self.at_least[0])
            gross = gross if self.at_least[1] is None else max(gross, self.at_least[1])
        if self.at_most is not None:
            net = min(net, self.at_most[0])
            gross = gross if self.at_most[1] is None else min(gross, self.at_most[1])
        unit = minor_units(self.currency)
        return half_up(net * unit), half_up(gross * unit)


@dataclass
class Timeline(Generic[T]):
    """All versions of one thing: (time of its event, source, id, effective from, value)."""

    versions: list[tuple[datetime, str, str, datetime, T]] = field(default_factory=list)

    @cached_property
    def _reigns(self) -> list[tuple[datetime, int, T]]:
        """When each version begins to hold, in that order; those that begin together in the order of publication."""
        published = sorted(self.versions, key=lambda each: each[:3])
        reigns = [
            (effective_from if rank == 0 else max(effective_from, time), rank, value)
            for rank, (time, _, _, effective_from, value) in enumerate(published)
        ]
        return sorted(reigns, key=lambda reign: reign[:2])

    def at(self, moment: datetime) -> T | None:
        """The version in effect at a moment, None before the first.

        The first published holds from its `effective_from`, each later one from the later of that and its event's
        time; of several that hold, the one that began last does.
        """
        index = bisect_right(self._reigns, moment, key=lambda reign: reign[0])
        return self._reigns[index - 1][2] if index else None


@dataclass(slots=True)
class Catalogue:
    """Everything published that the audit computes with; a tariff is None where its price needs the full rules."""

    operators: defaultdict[str, Timeline[Terms]] = field(default_factory=lambda: defaultdict(Timeline))
    tariffs: defaultdict[tuple[str, str], Timeline[FlatPrices | None]] = field(
        default_factory=lambda: defaultdict(Timeline)
    )
    partners: defaultdict[str, Timeline[str]] = field(default_factory=lambda: defaultdict(Timeline))

    def terms_at(self, operator_id: str, moment: datetime) -> Terms | None:
        """The operator's terms in effect."""
        return self.operators[operator_id].at(moment) if operator_id in self.operators else None

    def knows_tariff(self, operator_id: str, tariff_id: str) -> bool:
        """Whether any version of a tariff was published; ids compare without case (OCPI CiString)."""
        return (operator_id, tariff_id.casefold()) in self.tariffs

    def prices_at(self, operator_id: str, tariff_id: str, moment: datetime) -> FlatPrices | None:
        """The prices in effect, None when there are none or they are not flat."""
        known = self.knows_tariff(operator_id, tariff_id)
        return self.tariffs[operator_id, tariff_id.casefold()].at(moment) if known else None

    def partner_of(self, token: Mapping[str, Any] | None, moment: datetime) -> str | None:
        """The registered partner that a token belongs to, as it is written: `DE-ABC`."""
        key = f"{token['country_code']}-{token['party_id']}".upper() if token else ""
        return self.partners[key].at(moment) if key in self.partners else None


def read_catalogue(snapshot: Snapshot, tally: Tally) -> Catalogue:
    """All versions that are stored; what cannot be read is noted."""
    catalogue = Catalogue()
    for topic, state in snapshot.rows(_PUBLISHED):
        try:
            body = orjson.loads(state)
            _READERS[topic](catalogue, (instant(body["time"]), body["source"], body["id"]), body["data"])
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as fault:
            tally.note(topic, "a readable event", fault, f"a stored {topic} cannot be read: {fault}")
    return catalogue


def _read_operator(catalogue: Catalogue, head: tuple[datetime, str, str], data: Mapping[str, Any]) -> None:
    commission = data["commission"]
    terms = Terms(
        currency=data["currency"],
        percent=exact(commission["percent"]),
        per_session=minor(commission["per_session"], data["currency"]),
        vat_percent=exact(commission["vat_percent"]),
        bears_psp_fees=data["psp_fee_bearer"] == "OPERATOR",
    )
    catalogue.operators[data["operator_id"]].versions.append((*head, instant(data["effective_from"]), terms))


def _read_tariff(catalogue: Catalogue, head: tuple[datetime, str, str], data: Mapping[str, Any]) -> None:
    tariff = data["tariff"]
    key = (data["operator_id"], str(tariff["id"]).casefold())
    catalogue.tariffs[key].versions.append((*head, instant(data["effective_from"]), _flat_prices(tariff)))


def _read_partner(catalogue: Catalogue, head: tuple[datetime, str, str], data: Mapping[str, Any]) -> None:
    partner = f"{data['country_code']}-{data['party_id']}".upper()
    catalogue.partners[partner].versions.append((*head, head[0], partner))


_READERS = {
    "operator.registered": _read_operator,
    "operator.changed": _read_operator,
    "tariff.published": _read_tariff,
    "partner.registered": _read_partner,
}


def _flat_prices(tariff: Mapping[str, Any]) -> FlatPrices | None:
    """The prices of a tariff whose every element always holds; None for any other, which needs charging periods.

    None too for one of OCPI 2.3.0, whose prices may include taxes.
    """
    bounds = [tariff.get(name) or {} for name in ("min_price", "max_price")]
    if tariff.get("tax_included") is not None or any("before_taxes" in bound for bound in bounds):
        return None
    found: dict[str, Mapping[str, Any]] = {}
    for element in tariff["elements"]:
        if element.get("restrictions"):
            return None
        for component in element["price_components"]:
            found.setdefault(component["type"], component)
    if not found.keys() <= {"ENERGY", "FLAT"}:
        return None
    return FlatPrices(
        currency=tariff["currency"],
        energy=_price(found.get("ENERGY")),
        step_wh=int(found["ENERGY"].get("step_size") or 1) if "ENERGY" in found else 1,
        fixed=_price(found.get("FLAT")),
        at_least=_bound(tariff.get("min_price")),
        at_most=_bound(tariff.get("max_price")),
    )


def _price(component: Mapping[str, Any] | None) -> tuple[Fraction, Fraction]:
    if component is None:
        return Fraction(0), Fraction(0)
    return exact(component["price"]), exact(component.get("vat") or 0)


def _bound(price: Mapping[str, Any] | None) -> tuple[Fraction, Fraction | None] | None:
    if price is None:
        return None
    incl_vat = price.get("incl_vat")
    return exact(price["excl_vat"]), None if incl_vat is None else exact(incl_vat)
