"""The OCPI Location that operators publish: what rating, plausibility and CDRs need of it (mod_locations).

Parts that no price and no CDR depends on (`Any` below) are known and not judged, so that a partner with newer or
sloppier values there keeps its location. What a location leaves out is `#NA` on its CDRs, and its operator's time
zone rules where it names none: refusing it would leave its sessions without either. Lengths are those of OCPI 2.2.1.
"""

from typing import Annotated, Any

from pydantic import StringConstraints

from contracts.ocpi.values import DateTime, GeoLocation, OcpiId, OcpiText, OcpiWord, Whole
from contracts.values import Many, OcpiCountry, PartyId, TimeZone, Wire


class Connector(Wire):
    """A plug; its voltage, current and power bound what a session can plausibly have drawn."""

    id: OcpiId
    standard: OcpiWord | None = None
    format: OcpiWord | None = None
    power_type: OcpiWord | None = None
    max_voltage: Whole | None = None
    max_amperage: Whole | None = None
    max_electric_power: Whole | None = None
    tariff_ids: Many[OcpiId] | None = None
    terms_and_conditions: Any = None
    last_updated: DateTime | None = None


class Evse(Wire):
    """A charging point that serves one vehicle at a time, known by its `uid`."""

    uid: OcpiId
    evse_id: Annotated[str, StringConstraints(max_length=48)] | None = None
    status: OcpiText | None = None
    status_schedule: Any = None
    capabilities: Any = None
    connectors: Many[Connector] | None = None
    floor_level: Any = None
    coordinates: Any = None
    physical_reference: Any = None
    directions: Any = None
    parking_restrictions: Any = None
    images: Any = None
    last_updated: DateTime | None = None


class Location(Wire):
    """A site with an address and a time zone; `time_zone` rules the local times of its tariffs."""

    country_code: OcpiCountry | None = None
    party_id: PartyId | None = None
    id: OcpiId
    publish: Any = None
    publish_allowed_to: Any = None
    name: OcpiText | None = None
    address: OcpiText | None = None
    city: OcpiText | None = None
    postal_code: OcpiText | None = None
    state: OcpiText | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$")] | None = None
    coordinates: GeoLocation | None = None
    related_locations: Any = None
    parking_type: Any = None
    evses: Many[Evse] | None = None
    directions: Any = None
    operator: Any = None
    suboperator: Any = None
    owner: Any = None
    facilities: Any = None
    time_zone: TimeZone | None = None
    opening_times: Any = None
    charging_when_closed: Any = None
    images: Any = None
    energy_mix: Any = None
    last_updated: DateTime | None = None
