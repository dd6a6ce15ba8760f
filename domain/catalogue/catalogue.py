"""The catalogue: versions of operators, tariffs, locations and partners, and orders to rate by another tariff."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from enum import Enum
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from domain.calendar import zone
from domain.catalogue.orders import OperatorOrders, RatingOrder
from domain.catalogue.versions import Version, Versions
from domain.exact import Exact, exact
from domain.money import parse_minor
from domain.tariff.published import PublishedTariff, taxes_of

__all__ = [
    "BEGINNING",
    "CATALOGUE_TYPES",
    "Catalogue",
    "Location",
    "Operator",
    "Partner",
    "PartnerTariffs",
    "PayoutTerms",
    "Publication",
    "PublishedTariff",
    "Scope",
    "Version",
    "Versions",
    "instant",
    "partner_key",
]

PartnerTariffs: TypeAlias = dict[str, Versions[PublishedTariff]]

BEGINNING = datetime.min.replace(tzinfo=UTC)


def instant(text: str) -> datetime:
    """A UTC instant from RFC 3339 text."""
    moment = datetime.fromisoformat(text.upper())
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


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


@dataclass(slots=True)
class Catalogue:
    """Everything published, by business key; ids of tariffs and locations compare without case, as OCPI CiStrings.

    `tariffs` are those for everybody, by operator and id; `partner_tariffs` those that a roaming partner was given,
    by operator and partner, then by id: timelines of their own. `revision` counts the publications: what was derived
    from one revision holds until the next.
    """

    operators: dict[str, Versions[Operator]] = field(default_factory=dict)
    tariffs: dict[tuple[str, str], Versions[PublishedTariff]] = field(default_factory=dict)
    partner_tariffs: dict[tuple[str, str], PartnerTariffs] = field(default_factory=dict)
    locations: dict[tuple[str, str], Versions[Location]] = field(default_factory=dict)
    partners: dict[str, Versions[Partner]] = field(default_factory=dict)
    orders: dict[str, OperatorOrders] = field(default_factory=dict)
    revision: int = 0

    def operator_at(self, operator_id: str, moment: datetime) -> Operator | None:
        """The operator's contract in effect at a moment."""
        versions = self.operators.get(operator_id)
        return versions.at(moment) if versions else None

    def tariff_at(self, operator_id: str, tariff_id: str, moment: datetime) -> PublishedTariff | None:
        """The version in effect at a moment of a tariff for everybody."""
        versions = self.tariffs.get((operator_id, tariff_id.casefold()))
        return versions.at(moment) if versions else None

    def tariffs_given_to(self, operator_id: str, partner: str) -> PartnerTariffs:
        """The tariffs that an operator gave to a roaming partner, by id in lower case."""
        return self.partner_tariffs.get((operator_id, partner), {})

    def location_at(self, operator_id: str, location_id: str, moment: datetime) -> Location | None:
        """The version of a location in effect at a moment."""
        versions = self.locations.get((operator_id, location_id.casefold()))
        return versions.at(moment) if versions else None

    def partner_at(self, key: str, moment: datetime) -> Partner | None:
        """The roaming partner as registered at a moment."""
        versions = self.partners.get(key)
        return versions.at(moment) if versions else None

    def orders_for(self, operator_id: str, tariff_id: str, started_at: datetime) -> list[RatingOrder]:
        """The orders to rate a session by another tariff, in the order in which they take effect."""
        orders = self.orders.get(operator_id)
        return orders.of_session(tariff_id, started_at) if orders else []

    def publish(self, type_: str, source: str, id_: str, time_: datetime, data: Mapping[str, Any]) -> "Publication":
        """Take in a catalogue event; says whose sessions it may concern and from when."""
        self.revision += 1
        return _PUBLISHERS[type_](self, source, id_, time_, data)


class Scope(Enum):
    """Which sessions a publication may concern; of its operator unless it names a partner only."""

    ON_BOOK = "those with anything at or after `changed_from`"
    STARTED = "those that started at or after `changed_from`"
    STARTED_BETWEEN = "those that started at or after `changed_from` and before `changed_before`"
    WAITING = "those that wait for something"
    AT_LOCATION = "those that were judged without knowing the location"
    OF_PARTNER = "those of the partner, at any operator, with anything at or after `changed_from`"
    GIVEN_TO_PARTNER = "those of the partner that wait, or started at or after `changed_from`"
    WAITING_OR_ROAMING = "those that wait, and those of any partner that started at or after `changed_from`"


@dataclass(frozen=True, slots=True)
class Publication:
    """What a catalogue event may have changed: the outcomes of the sessions in its scope."""

    scope: Scope
    changed_from: datetime
    operator_id: str | None = None
    partner: str | None = None
    location_id: str | None = None
    changed_before: datetime | None = None


def _publish_operator(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    value = Operator.from_data(data)
    versions = catalogue.operators.setdefault(value.operator_id, Versions())
    changed = versions.add(Version(time_, source, id_, instant(data["effective_from"]), value))
    return Publication(Scope.WAITING if len(versions) == 1 else Scope.ON_BOOK, changed, value.operator_id)


def _publish_tariff(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    operator_id, tariff_id = data["operator_id"], str(data["tariff"]["id"]).casefold()
    partner = data["partner"].upper() if data.get("partner") else None
    value = PublishedTariff(operator_id, data["tariff"], time_, partner, taxes_of(data.get("taxes")))
    version = Version(time_, source, id_, instant(data["effective_from"]), value)
    if partner is not None:
        given = catalogue.partner_tariffs.setdefault((operator_id, partner), {})
        changed = given.setdefault(tariff_id, Versions()).add(version)
        return Publication(Scope.GIVEN_TO_PARTNER, changed, operator_id, partner)
    versions = catalogue.tariffs.setdefault((operator_id, tariff_id), Versions())
    changed = versions.add(version)
    if len(versions) > 1:
        return Publication(Scope.STARTED, changed, operator_id)
    # Where it is the first of its name, sessions may have been priced with a partner's tariff for want of it.
    gave = any(operator == operator_id for operator, _ in catalogue.partner_tariffs)
    return Publication(Scope.WAITING_OR_ROAMING if gave else Scope.WAITING, changed, operator_id)


def _publish_location(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    operator_id, location_id = data["operator_id"], str(data["location"]["id"]).casefold()
    versions = catalogue.locations.setdefault((operator_id, location_id), Versions())
    # A location has no effective_from: its first version describes the place as it always was.
    changed = versions.add(Version(time_, source, id_, BEGINNING, Location(data["location"])))
    scope = Scope.AT_LOCATION if len(versions) == 1 else Scope.STARTED
    return Publication(scope, changed, operator_id, location_id=location_id)


def _publish_partner(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    value = Partner.from_data(data)
    versions = catalogue.partners.setdefault(value.partner, Versions())
    changed = versions.add(Version(time_, source, id_, time_, value))
    return Publication(Scope.OF_PARTNER, changed, partner=value.partner)


def _publish_order(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    operator_id = data["operator_id"]
    order = RatingOrder(
        at=instant(data["ordered_at"]),
        source=source,
        id=id_,
        order_id=data["order_id"],
        started_from=instant(data["started_from"]),
        started_before=instant(data["started_before"]),
        sessions_of_tariff=data["sessions_of_tariff"].casefold() if data.get("sessions_of_tariff") else None,
        published=PublishedTariff(operator_id, data["tariff"], time_, taxes=taxes_of(data.get("taxes"))),
        reason=data["reason"],
    )
    changed_from, changed_before = catalogue.orders.setdefault(operator_id, OperatorOrders()).add(order)
    return Publication(Scope.STARTED_BETWEEN, changed_from, operator_id, changed_before=changed_before)


_PUBLISHERS = {
    "operator.registered": _publish_operator,
    "operator.changed": _publish_operator,
    "tariff.published": _publish_tariff,
    "tariff.rerating_ordered": _publish_order,
    "location.published": _publish_location,
    "partner.registered": _publish_partner,
}
CATALOGUE_TYPES: Iterable[str] = tuple(_PUBLISHERS)
