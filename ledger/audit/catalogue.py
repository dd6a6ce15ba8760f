"""Operators, tariffs, partners and orders as they were published, and which version rules a session."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from typing import Any, Generic, TypeAlias, TypeVar

import orjson

from ledger.audit.amounts import Money, exact, half_up, instant, minor
from ledger.audit.commissions import Charge, scheduled
from ledger.audit.dealing import PLAIN, Dealing, Identity, read_dealing, read_identity, two_letters
from ledger.audit.flat_prices import FlatPrices, flat_prices
from ledger.audit.pins import pin_of
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.tariff_keys import misleading_key

_PUBLISHED = """
SELECT topic, state FROM event_store.stored_events
WHERE topic = ANY (%s)
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
    orphan_hours: int | None = None
    holds_overlaps: bool = False
    fund_release: str = ""
    dealing: Dealing = PLAIN
    # As it was published, like the splits.
    schedule: tuple[Mapping[str, Any], ...] = ()
    splits: tuple[Mapping[str, Any], ...] = ()
    splits_losses: bool = True

    def commission(self, charge: Charge) -> tuple[int, int]:
        """Commission and its VAT on a session: a rounded percentage and a fixed part, at most the net."""
        net = charge.net
        if self.schedule:
            commission = scheduled(self.schedule, self.currency, charge)
        else:
            commission = min(net, half_up(self.percent * net / 100) + self.per_session)
        return commission, half_up(self.vat_percent * commission / 100) if self.dealing.taxes_commission else 0


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

    def between(self, since: datetime, until: datetime) -> list[T]:
        """The versions in effect at any moment after `since` and up to `until`, in that order."""
        starts = [reign[0] for reign in self._reigns]
        ends = [*starts[1:], datetime.max.replace(tzinfo=UTC)]
        return [reign[2] for reign, end in zip(self._reigns, ends, strict=True) if reign[0] <= until and end > since]

    def first(self) -> T:
        """The version that holds first; IndexError where there is none."""
        return self._reigns[0][2]


@dataclass(frozen=True, slots=True)
class Published:
    """A tariff as it was published: when, in which currency, its prices where they are flat, and its own dates.

    `misleading` is a key of it over which no session may be rated, "" in a sound one.
    """

    time: datetime
    currency: str
    prices: FlatPrices | None
    misleading: str = ""
    begins: datetime | None = None
    ends: datetime | None = None

    @classmethod
    def of(cls, time: datetime, tariff: Mapping[str, Any]) -> "Published":
        """From a tariff's document; raises ValueError where a date of it is none."""
        begins, ends = (_ocpi_instant(tariff.get(name)) for name in ("start_date_time", "end_date_time"))
        return cls(time, tariff["currency"], flat_prices(tariff), misleading_key(tariff), begins, ends)

    def is_valid(self, moment: datetime) -> bool:
        """Whether its own dates include a moment."""
        return not (self.begins and moment < self.begins) and not (self.ends and moment >= self.ends)


@dataclass(frozen=True, slots=True)
class Order:
    """An order to rate sessions by another tariff; `tariff_id` in lower case, None for all sessions in its range."""

    key: tuple[datetime, str, str]
    order_id: str
    started_from: datetime
    started_before: datetime
    tariff_id: str | None
    published: Published


@dataclass(frozen=True, slots=True)
class HubTerms:
    """The hub of a partner, and what it asks of each CDR; `per_session` in minor units."""

    hub_id: str
    percent: Fraction
    per_session: int
    vat_percent: Fraction
    jurisdiction: str

    @classmethod
    def read(cls, data: Mapping[str, Any], currency: str) -> "HubTerms":
        """From the term `hub` of a partner that pays in a currency."""
        numbers = exact(data["percent"]), minor(data["per_session"], currency), exact(data["vat_percent"])
        return cls(data["hub_id"], *numbers, data["jurisdiction"])


@dataclass(frozen=True, slots=True)
class Ruled:
    """A session as far as its tariff depends on it; `partner` is the registered one that pays, None for a driver."""

    operator_id: str
    tariff_id: str
    started_at: datetime
    partner: str | None


Powers: TypeAlias = Mapping[tuple[str, str], Fraction]
_Tariffs: TypeAlias = defaultdict[str, Timeline[Published]]


def _tariffs() -> _Tariffs:
    return defaultdict(Timeline)


@dataclass(slots=True)
class Catalogue:
    """Everything published that the audit computes with.

    `tariffs` by (operator, the partner they were given to or "" for everybody), then by id in lower case; `pins` are
    the hashes of all versions, of ordered ones too; `powers` of each location are those of its connectors.
    """

    operators: defaultdict[str, Timeline[Terms]] = field(default_factory=lambda: defaultdict(Timeline))
    tariffs: defaultdict[tuple[str, str], _Tariffs] = field(default_factory=lambda: defaultdict(_tariffs))
    partners: defaultdict[str, Timeline[str]] = field(default_factory=lambda: defaultdict(Timeline))
    hubs: defaultdict[str, Timeline[HubTerms | None]] = field(default_factory=lambda: defaultdict(Timeline))
    orders: defaultdict[str, list[Order]] = field(default_factory=lambda: defaultdict(list))
    powers: defaultdict[tuple[str, str], Timeline[Powers]] = field(default_factory=lambda: defaultdict(Timeline))
    pins: set[str] = field(default_factory=set)
    # Where partners are established for VAT, and by operator and location in lower case the country of chargers.
    partner_taxes: defaultdict[str, Timeline[Identity | None]] = field(default_factory=lambda: defaultdict(Timeline))
    countries: defaultdict[tuple[str, str], Timeline[str]] = field(default_factory=lambda: defaultdict(Timeline))

    def terms_at(self, operator_id: str, moment: datetime) -> Terms | None:
        """The operator's terms in effect."""
        return self.operators[operator_id].at(moment) if operator_id in self.operators else None

    def country_of(self, operator_id: str, start: Mapping[str, Any], moment: datetime) -> str:
        """The country of the charger that a start names, in two letters; "" where it was not published by then."""
        key = (operator_id, str(start["location_id"]).casefold())
        return (self.countries[key].at(moment) if key in self.countries else None) or ""

    def power_of(self, operator_id: str, start: Mapping[str, Any], moment: datetime) -> Fraction | None:
        """The power in W of the connector that a start names, None where it was not published by then."""
        key = (operator_id, str(start["location_id"]).casefold())
        powers = self.powers[key].at(moment) if key in self.powers else None
        return powers.get(_plug(start["evse_uid"], start["connector_id"])) if powers else None

    def knows_tariff(self, ruled: Ruled) -> bool:
        """Whether any version of a tariff of that id was published for who pays; ids are without case (CiString)."""
        name = ruled.tariff_id.casefold()
        return any(name in self._tariffs_for(ruled.operator_id, payer) for payer in {"", ruled.partner or ""})

    def tariff_of(self, ruled: Ruled, currency: str) -> Published | None:
        """The tariff that a session was last to be rated with.

        That of the last order about it whose tariff is in the operator's `currency` and can be priced, else the
        published one.
        """
        orders = self._orders_in(ruled, currency)
        return orders[-1].published if orders else self._published_for(ruled)

    def can_rate(self, ruled: Ruled, currency: str) -> bool:
        """Whether a tariff was published that rules the session, or one was ordered for it in that currency."""
        return self.has_valid_tariff(ruled) or bool(self._orders_in(ruled, currency))

    def _orders_in(self, ruled: Ruled, currency: str) -> list[Order]:
        """The orders about it that can be followed: in the operator's currency, by a tariff that can be priced."""
        found = self._orders_about(ruled)
        return [each for each in found if each.published.currency == currency and not each.published.misleading]

    def _orders_about(self, ruled: Ruled) -> list[Order]:
        """In the order in which they take effect; of several with one id, the first."""
        first: dict[str, Order] = {}
        for order in sorted(self.orders.get(ruled.operator_id, ()), key=lambda each: each.key):
            first.setdefault(order.order_id, order)
        name = ruled.tariff_id.casefold()
        return [
            order
            for order in first.values()
            if order.started_from <= ruled.started_at < order.started_before and order.tariff_id in (None, name)
        ]

    def has_valid_tariff(self, ruled: Ruled) -> bool:
        """Whether a tariff that was published rules the session, by its versions and by its own dates."""
        return self._published_for(ruled) is not None

    def _published_for(self, ruled: Ruled) -> Published | None:
        """What the partner was given before the session began, else what is for everybody, else what came later.

        Only what its own dates do not exclude.
        """
        name, moment = ruled.tariff_id.casefold(), ruled.started_at
        everybody = self._tariffs_for(ruled.operator_id, "")
        general = everybody[name].at(moment) if name in everybody else None
        general = general if general and general.is_valid(moment) else None
        given = self._tariffs_for(ruled.operator_id, ruled.partner) if ruled.partner else {}
        held = {key: found for key, timeline in given.items() if (found := timeline.at(moment))}
        held = {key: found for key, found in held.items() if found.is_valid(moment)}
        in_time = {key: found for key, found in held.items() if found.time <= moment}
        return _named_or_single(in_time, name) or general or _named_or_single(held, name)

    def _tariffs_for(self, operator_id: str, payer: str) -> Mapping[str, Timeline[Published]]:
        return self.tariffs.get((operator_id, payer), {})

    def partner_of(self, token: Mapping[str, Any] | None, moment: datetime) -> str | None:
        """The registered partner that a token belongs to, as it is written: `DE-ABC`."""
        key = f"{token['country_code']}-{token['party_id']}".upper() if token else ""
        return self.partners[key].at(moment) if key in self.partners else None


def _named_or_single(found: Mapping[str, Published], name: str) -> Published | None:
    """The one of that name, else the one that is the only one."""
    only = next(iter(found.values())) if len(found) == 1 else None
    return found.get(name, only)


def _ocpi_instant(text: str | None) -> datetime | None:
    """An OCPI DateTime, which is in UTC where it names no offset."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text.upper())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_limits(snapshot: Snapshot, tally: Tally) -> dict[str, Timeline[Money | None]]:
    """By operator, how far it may be paid ahead of drivers, None while nothing limits it; operators with a limit."""
    timelines: defaultdict[str, Timeline[Money | None]] = defaultdict(Timeline)
    for topic, state in snapshot.rows(_PUBLISHED, (["operator.registered", "operator.changed"],)):
        try:
            body = orjson.loads(state)
            data = body["data"]
            text, currency = data.get("advance_limit"), data["currency"]
            limit = None if text is None else Money(minor(text, currency), currency)
            head = (instant(body["time"]), body["source"], body["id"], instant(data["effective_from"]))
            timelines[data["operator_id"]].versions.append((*head, limit))
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as fault:
            tally.note(topic, "a readable event", fault, f"a stored {topic} cannot be read: {fault}")
    return {name: found for name, found in timelines.items() if any(each[4] is not None for each in found.versions)}


def read_catalogue(snapshot: Snapshot, tally: Tally) -> Catalogue:
    """All versions that are stored; what cannot be read is noted."""
    catalogue = Catalogue()
    for topic, state in snapshot.rows(_PUBLISHED, (list(READERS),)):
        try:
            body = orjson.loads(state)
            READERS[topic](catalogue, (instant(body["time"]), body["source"], body["id"]), body["data"])
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as fault:
            tally.note(topic, "a readable event", fault, f"a stored {topic} cannot be read: {fault}")
    return catalogue


def _read_operator(catalogue: Catalogue, head: tuple[datetime, str, str], data: Mapping[str, Any]) -> None:
    commission = data["commission"]
    terms = Terms(
        currency=data["currency"],
        percent=exact(commission.get("percent") or 0),
        per_session=minor(commission.get("per_session") or 0, data["currency"]),
        vat_percent=exact(commission["vat_percent"]),
        bears_psp_fees=data["psp_fee_bearer"] == "OPERATOR",
        orphan_hours=data.get("orphan_hours"),
        holds_overlaps=bool(data.get("hold_overlaps")),
        fund_release=data["fund_release"],
        dealing=read_dealing(data),
        schedule=tuple(commission.get("schedule") or ()),
        splits=tuple(data.get("splits") or ()),
        splits_losses=data.get("split_losses") is not False,
    )
    catalogue.operators[data["operator_id"]].versions.append((*head, instant(data["effective_from"]), terms))


def _read_tariff(catalogue: Catalogue, head: tuple[datetime, str, str], data: Mapping[str, Any]) -> None:
    catalogue.pins.add(pin_of(data))
    tariff, partner = data["tariff"], (data.get("partner") or "").upper()
    timeline = catalogue.tariffs[data["operator_id"], partner][str(tariff["id"]).casefold()]
    timeline.versions.append((*head, instant(data["effective_from"]), Published.of(head[0], tariff)))


def _read_order(catalogue: Catalogue, head: tuple[datetime, str, str], data: Mapping[str, Any]) -> None:
    catalogue.pins.add(pin_of(data))
    tariff, of_tariff = data["tariff"], data.get("sessions_of_tariff")
    order = Order(
        key=(instant(data["ordered_at"]), *head[1:]),
        order_id=data["order_id"],
        started_from=instant(data["started_from"]),
        started_before=instant(data["started_before"]),
        tariff_id=of_tariff.casefold() if of_tariff else None,
        published=Published.of(head[0], tariff),
    )
    catalogue.orders[data["operator_id"]].append(order)


def _read_partner(catalogue: Catalogue, head: tuple[datetime, str, str], data: Mapping[str, Any]) -> None:
    partner = f"{data['country_code']}-{data['party_id']}".upper()
    catalogue.partners[partner].versions.append((*head, head[0], partner))
    catalogue.partner_taxes[partner].versions.append((*head, head[0], read_identity(data.get("tax"))))
    hub = HubTerms.read(data["hub"], data["currency"]) if data.get("hub") else None
    catalogue.hubs[partner].versions.append((*head, head[0], hub))


def _read_location(catalogue: Catalogue, head: tuple[datetime, str, str], data: Mapping[str, Any]) -> None:
    location = data["location"]
    powers: dict[tuple[str, str], Fraction] = {}
    for evse in location.get("evses") or ():
        for connector in evse.get("connectors") or ():
            power_w = _power_of(connector)
            if power_w:
                powers.setdefault(_plug(evse.get("uid", ""), connector.get("id", "")), power_w)
    key = (data["operator_id"], str(location["id"]).casefold())
    # A place is as it was first described from the beginning.
    catalogue.powers[key].versions.append((*head, datetime.min.replace(tzinfo=UTC), powers))
    catalogue.countries[key].versions.append(
        (*head, datetime.min.replace(tzinfo=UTC), two_letters(location.get("country")))
    )


def _power_of(connector: Mapping[str, Any]) -> Fraction | None:
    """Its power in W, by voltage and amperage where that is all that was published."""
    if connector.get("max_electric_power"):
        return exact(connector["max_electric_power"])
    wires = {"AC_1_PHASE": 1, "DC": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3}
    wire = wires.get(str(connector.get("power_type")))
    if not (wire and connector.get("max_voltage") and connector.get("max_amperage")):
        return None
    return wire * exact(connector["max_voltage"]) * exact(connector["max_amperage"])


def _plug(evse_uid: object, connector_id: object) -> tuple[str, str]:
    return str(evse_uid).casefold(), str(connector_id).casefold()


# Every type of message that is published in the catalogue.
READERS = {
    "operator.registered": _read_operator,
    "operator.changed": _read_operator,
    "tariff.published": _read_tariff,
    "tariff.rerating_ordered": _read_order,
    "partner.registered": _read_partner,
    "location.published": _read_location,
}
