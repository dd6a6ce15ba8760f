"""The catalogue: versions of operators, tariffs, locations and partners, and which of them rules at a moment."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from fractions import Fraction
from functools import cached_property
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from domain.calendar import zone
from domain.errors import UnsupportedTariff
from domain.exact import Exact, exact
from domain.money import parse_minor
from domain.tariff import Tariff

BEGINNING = datetime.min.replace(tzinfo=UTC)


def instant(text: str) -> datetime:
    """A UTC instant from RFC 3339 text."""
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class PayoutTerms:
    """When and how much an operator is paid (rules P1, P3, P6, P8); `minimum_minor` in the operator's currency."""

    cutoff: time
    business_days_only: bool
    delay_days: int
    minimum_minor: int
    reserve_percent: Fraction
    reserve_days: int
    requires_approval: bool


@dataclass(frozen=True)
class Operator:
    """One version of an operator's contract with the platform."""

    operator_id: str
    name: str
    country_code: str
    party_id: str
    time_zone: ZoneInfo
    currency: str
    commission_percent: Fraction
    commission_per_session_minor: int
    commission_vat_percent: Fraction
    psp_fee_bearer: str
    fund_release: str
    payout: PayoutTerms
    cdr_delay_minutes: int
    bank_account: Mapping[str, str]
    # After so many hours without an end a session is closed by estimate; None: never.
    orphan_hours: int | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Operator":
        """An operator version from the data of `operator.registered` or `operator.changed`."""
        currency, commission, payout = data["currency"], data["commission"], data["payout"]
        hours, minutes = payout["cutoff_time"].split(":")
        return cls(
            operator_id=data["operator_id"],
            name=data["name"],
            country_code=data["country_code"],
            party_id=data["party_id"],
            time_zone=zone(data["time_zone"]),
            currency=currency,
            commission_percent=Fraction(str(commission["percent"])),
            commission_per_session_minor=parse_minor(str(commission["per_session"]), currency),
            commission_vat_percent=Fraction(str(commission["vat_percent"])),
            psp_fee_bearer=data["psp_fee_bearer"],
            fund_release=data["fund_release"],
            payout=PayoutTerms(
                cutoff=time(int(hours), int(minutes)),
                business_days_only=payout["business_days_only"],
                delay_days=payout["delay_days"],
                minimum_minor=parse_minor(str(payout["minimum"]), currency),
                reserve_percent=Fraction(str(payout["reserve_percent"])),
                reserve_days=payout["reserve_days"],
                requires_approval=payout["requires_approval"],
            ),
            cdr_delay_minutes=15 if data.get("cdr_delay_minutes") is None else data["cdr_delay_minutes"],
            bank_account={key: value for key, value in data["bank_account"].items() if value is not None},
            orphan_hours=data.get("orphan_hours"),
        )


@dataclass(frozen=True)
class PublishedTariff:
    """One version of a tariff: the OCPI document as it was sent, parsed once when first used."""

    operator_id: str
    document: Mapping[str, Any]

    @cached_property
    def tariff(self) -> Tariff:
        """The tariff ready for rating; raises UnsupportedTariff when the engine cannot price it."""
        if isinstance(self._parsed, UnsupportedTariff):
            raise self._parsed
        return self._parsed

    @cached_property
    def _parsed(self) -> Tariff | UnsupportedTariff:
        try:
            return Tariff.from_ocpi(self.document)
        except UnsupportedTariff as refusal:
            return refusal

    @property
    def currency(self) -> str:
        """The ISO 4217 code the tariff is in."""
        return str(self.document["currency"])


@dataclass(frozen=True)
class Location:
    """One version of an OCPI Location."""

    document: Mapping[str, Any]

    @cached_property
    def time_zone(self) -> ZoneInfo | None:
        """The zone that rules local times of tariffs there; None when the location names none."""
        name = self.document.get("time_zone")
        return zone(name) if name else None

    @cached_property
    def connector_power_w(self) -> Mapping[tuple[str, str], Exact]:
        """The most a connector can give, by EVSE uid and connector id in lower case, where it was published."""
        found: dict[tuple[str, str], Exact] = {}
        for evse in self.document.get("evses") or ():
            for connector in evse.get("connectors") or ():
                key = (str(evse.get("uid", "")).casefold(), str(connector.get("id", "")).casefold())
                if connector.get("max_electric_power"):
                    found.setdefault(key, exact(connector["max_electric_power"]))
        return found


@dataclass(frozen=True)
class Partner:
    """One version of a roaming partner (an eMSP that pays for its drivers)."""

    partner: str
    name: str
    currency: str
    funding: str

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Partner":
        """A partner from the data of `partner.registered`."""
        return cls(
            partner_key(data["country_code"], data["party_id"]), data["name"], data["currency"], data["funding"]
        )


def partner_key(country_code: str, party_id: str) -> str:
    """A partner as it is written everywhere: `DE-ABC` (OCPI party ids compare without case)."""
    return f"{country_code}-{party_id}".upper()


V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Version(Generic[V]):
    """A published version: its event's time, source and id, and the moment from which it wants to be in effect."""

    time: datetime
    source: str
    id: str
    effective_from: datetime
    value: V

    @property
    def order(self) -> tuple[datetime, str, str]:
        """Versions at the same time are taken by (source, id)."""
        return (self.time, self.source, self.id)


@dataclass(slots=True)
class Versions(Generic[V]):
    """All versions of one thing, and the one in effect at a moment.

    The first version, by its event's time, is in effect from its `effective_from`; each later one from the later of
    `effective_from` and its event's time. So what is published after the fact rules only what starts after it.
    """

    timeline: list[tuple[datetime, Version[V]]] = field(default_factory=list)
    _keys: list[tuple[datetime, tuple[datetime, str, str]]] = field(default_factory=list)
    _first: Version[V] | None = None

    def __len__(self) -> int:
        return len(self.timeline)

    def add(self, version: Version[V]) -> datetime:
        """Take in a version; the first moment at which another version may rule than before."""
        former = self._first
        if former is None or version.order < former.order:
            self._first = version
            changed_from = self._insert(version.effective_from, version)
            if former is None:
                return changed_from
            # What was the first so far is a later version now, and counts from its event's time at the earliest.
            self._remove(former)
            self._insert(max(former.effective_from, former.time), former)
            return min(changed_from, former.effective_from)
        return self._insert(max(version.effective_from, version.time), version)

    def at(self, moment: datetime) -> V | None:
        """The version in effect at a moment, None before the first."""
        place = bisect_right(self.timeline, moment, key=_start_of)
        return self.timeline[place - 1][1].value if place else None

    def _insert(self, start: datetime, version: Version[V]) -> datetime:
        key = (start, version.order)
        place = bisect_right(self._keys, key)
        self._keys.insert(place, key)
        self.timeline.insert(place, (start, version))
        return start

    def _remove(self, version: Version[V]) -> None:
        place = next(index for index, (_, known) in enumerate(self.timeline) if known is version)
        del self._keys[place], self.timeline[place]


def _start_of(item: tuple[datetime, object]) -> datetime:
    return item[0]


@dataclass(slots=True)
class Catalogue:
    """Everything published, by business key; ids of tariffs and locations compare without case, as OCPI CiStrings.

    `revision` counts the publications: what was derived from one revision holds until the next.
    """

    operators: dict[str, Versions[Operator]] = field(default_factory=dict)
    tariffs: dict[tuple[str, str], Versions[PublishedTariff]] = field(default_factory=dict)
    locations: dict[tuple[str, str], Versions[Location]] = field(default_factory=dict)
    partners: dict[str, Versions[Partner]] = field(default_factory=dict)
    revision: int = 0

    def operator_at(self, operator_id: str, moment: datetime) -> Operator | None:
        """The operator's contract in effect at a moment."""
        versions = self.operators.get(operator_id)
        return versions.at(moment) if versions else None

    def tariff_at(self, operator_id: str, tariff_id: str, moment: datetime) -> PublishedTariff | None:
        """The version of a tariff in effect at a moment."""
        versions = self.tariffs.get((operator_id, tariff_id.casefold()))
        return versions.at(moment) if versions else None

    def location_at(self, operator_id: str, location_id: str, moment: datetime) -> Location | None:
        """The version of a location in effect at a moment."""
        versions = self.locations.get((operator_id, location_id.casefold()))
        return versions.at(moment) if versions else None

    def partner_at(self, key: str, moment: datetime) -> Partner | None:
        """The roaming partner as registered at a moment."""
        versions = self.partners.get(key)
        return versions.at(moment) if versions else None

    def publish(self, type_: str, source: str, id_: str, time_: datetime, data: Mapping[str, Any]) -> "Publication":
        """Take in a catalogue event; says whose sessions it may concern and from when."""
        self.revision += 1
        return _PUBLISHERS[type_](self, source, id_, time_, data)


@dataclass(frozen=True, slots=True)
class Publication:
    """What a catalogue event may have changed: sessions of an operator or a partner, from a moment on.

    `first` tells that nothing was known of the thing before, so that it concerns only sessions that waited for it;
    `location_id` that it concerns only sessions at that location; `by_start` that only their start matters to it.
    """

    operator_id: str | None
    partner: str | None
    changed_from: datetime | None
    first: bool = False
    location_id: str | None = None
    by_start: bool = False


def _publish_operator(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    value = Operator.from_data(data)
    version = Version(time_, source, id_, instant(data["effective_from"]), value)
    versions = catalogue.operators.setdefault(value.operator_id, Versions())
    return Publication(value.operator_id, None, versions.add(version), first=len(versions) == 1)


def _publish_tariff(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    value = PublishedTariff(data["operator_id"], data["tariff"])
    version = Version(time_, source, id_, instant(data["effective_from"]), value)
    key = (value.operator_id, str(data["tariff"]["id"]).casefold())
    versions = catalogue.tariffs.setdefault(key, Versions())
    return Publication(value.operator_id, None, versions.add(version), len(versions) == 1, by_start=True)


def _publish_location(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    key = (data["operator_id"], str(data["location"]["id"]).casefold())
    versions = catalogue.locations.setdefault(key, Versions())
    # A location has no effective_from: its first version describes the place as it always was.
    changed = versions.add(Version(time_, source, id_, BEGINNING, Location(data["location"])))
    return Publication(data["operator_id"], None, changed, len(versions) == 1, key[1], by_start=True)


def _publish_partner(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    value = Partner.from_data(data)
    versions = catalogue.partners.setdefault(value.partner, Versions())
    return Publication(None, value.partner, versions.add(Version(time_, source, id_, time_, value)))


_PUBLISHERS = {
    "operator.registered": _publish_operator,
    "operator.changed": _publish_operator,
    "tariff.published": _publish_tariff,
    "location.published": _publish_location,
    "partner.registered": _publish_partner,
}
CATALOGUE_TYPES: Iterable[str] = tuple(_PUBLISHERS)
