"""What the demo's operators publish: their terms and how those change, their locations and their tariffs."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from wattledger.demo.cast import (
    AC,
    KAVERI,
    MESA,
    NECKAR,
    PENNINE,
    PLAYERS,
    ROAMERS,
    SAGAMI,
    SKARGARD,
    WADDEN,
    Player,
    Roamer,
    Site,
)
from wattledger.demo.messages import BACK_OFFICE, FIRST_DAY, ONE_DAY, ROAMING_HUB, Event, event, stamp

SIGNED_ON = FIRST_DAY - 14 * ONE_DAY
# A summer tariff that its operator publishes a day and a half after its first sessions: they wait for it.
LATE_TARIFF = "BOAT-SPRING"
LATE_TARIFF_FROM = FIRST_DAY + 5 * ONE_DAY
LATE_TARIFF_TIME = LATE_TARIFF_FROM + timedelta(hours=37)
# A dearer price that was published in time, and rules what starts after it.
NEW_PRICE_FROM = FIRST_DAY + 8 * ONE_DAY


def _component(kind: str, price: float, vat: int, step_size: int = 1) -> dict[str, Any]:
    component = {"type": kind, "price": price, "step_size": step_size}
    return component | {"vat": vat} if vat else component


def _element(vat: int, *components: tuple[Any, ...], **restrictions: Any) -> dict[str, Any]:
    element: dict[str, Any] = {
        "price_components": [_component(kind, price, vat, *step) for kind, price, *step in components]
    }
    return element | {"restrictions": restrictions} if restrictions else element


# Prices are without VAT: per kWh, per hour (TIME, PARKING_TIME) and per session (FLAT).
TARIFFS: dict[tuple[str, str], dict[str, Any]] = {
    (WADDEN.operator_id, "DAY"): {"elements": [_element(21, ("ENERGY", 0.36), ("PARKING_TIME", 1.2, 60))]},
    (WADDEN.operator_id, "FAST"): {"elements": [_element(21, ("ENERGY", 0.57))]},
    (NECKAR.operator_id, "CITY"): {
        "elements": [_element(19, ("ENERGY", 0.41), ("TIME", 0.3, 60), ("PARKING_TIME", 2.4, 300))],
        "max_price": {"excl_vat": 60, "incl_vat": 71.4},
    },
    (NECKAR.operator_id, "FAST"): {
        "elements": [
            _element(19, ("ENERGY", 0.58), ("PARKING_TIME", 6, 60)),
            _element(19, ("FLAT", 4), reservation="RESERVATION_EXPIRES"),
            _element(19, ("TIME", 3, 60), reservation="RESERVATION"),
        ]
    },
    (SKARGARD.operator_id, "BOAT"): {
        "elements": [_element(25, ("FLAT", 5), ("ENERGY", 3.2))],
        "min_price": {"excl_vat": 20, "incl_vat": 25},
    },
    (SKARGARD.operator_id, "FAST"): {
        "elements": [_element(25, ("FLAT", 5), ("ENERGY", 4.88))],
        "min_price": {"excl_vat": 20, "incl_vat": 25},
    },
    (PENNINE.operator_id, "HUB"): {"elements": [_element(20, ("ENERGY", 0.625))]},
    (MESA.operator_id, "FLEX"): {
        "elements": [
            _element(0, ("ENERGY", 0.27), start_time="22:00", end_time="06:00"),
            _element(0, ("ENERGY", 0.36), ("PARKING_TIME", 1.5, 60)),
        ]
    },
    (MESA.operator_id, "FAST"): {"elements": [_element(0, ("ENERGY", 0.48), ("PARKING_TIME", 12, 60))]},
    (KAVERI.operator_id, "CITY"): {"elements": [_element(18, ("ENERGY", 17.5))]},
    (SAGAMI.operator_id, "FAST"): {"elements": [_element(10, ("TIME", 2400, 60), ("PARKING_TIME", 2400, 60))]},
}
_LATE = {"elements": [_element(25, ("FLAT", 5), ("ENERGY", 2.8))], "min_price": {"excl_vat": 20, "incl_vat": 25}}
_DEARER = {"elements": [_element(21, ("ENERGY", 0.61))]}


def catalogue(evses_per_site: int) -> Iterator[Event]:
    """Everything published in the network's time, the operators first."""
    for number, player in enumerate(PLAYERS):
        signed_on = SIGNED_ON + timedelta(hours=number)
        yield _registered(player, signed_on)
        for site in player.sites:
            yield _location(player, site, evses_per_site, signed_on + timedelta(minutes=10))
        for (operator_id, tariff_id), terms in TARIFFS.items():
            if operator_id == player.operator_id:
                yield _tariff(player, tariff_id, terms, signed_on, signed_on + timedelta(minutes=20))
    for number, roamer in enumerate(ROAMERS):
        yield _partner(roamer, SIGNED_ON + timedelta(days=1, hours=number))
    yield _tariff(WADDEN, "FAST", _DEARER, NEW_PRICE_FROM, NEW_PRICE_FROM - 2 * ONE_DAY, "new-price")
    yield _tariff(SKARGARD, LATE_TARIFF, _LATE, LATE_TARIFF_FROM, LATE_TARIFF_TIME)
    yield changed_terms(
        PENNINE, FIRST_DAY + 7 * ONE_DAY, "cheaper", commission=dict(PENNINE.commission, percent="7.5")
    )
    yield changed_terms(
        SAGAMI, FIRST_DAY + 8 * ONE_DAY, "approval", payout=dict(SAGAMI.payout, requires_approval=True)
    )


def changed_terms(player: Player, at: datetime, key: str, **changed: Any) -> Event:
    """New terms of an operator, in effect from when they are published."""
    data = player.registration(at, **changed)
    return event("operator.changed", BACK_OFFICE, player.operator_id, at, data, key)


def _registered(player: Player, at: datetime) -> Event:
    return event("operator.registered", BACK_OFFICE, player.operator_id, at, player.registration(at))


def _tariff(
    player: Player, tariff_id: str, terms: dict[str, Any], effective_from: datetime, at: datetime, key: str = ""
) -> Event:
    tariff = {
        "country_code": player.country,
        "party_id": player.party,
        "id": tariff_id,
        "currency": player.currency,
        **terms,
        "last_updated": stamp(at),
    }
    data = {"operator_id": player.operator_id, "effective_from": stamp(effective_from), "tariff": tariff}
    return event("tariff.published", BACK_OFFICE, f"{player.operator_id}:{tariff_id}", at, data, key)


def _partner(roamer: Roamer, at: datetime) -> Event:
    data = {
        "country_code": roamer.country,
        "party_id": roamer.party,
        "name": roamer.name,
        "currency": roamer.currency,
        "fee": dict(roamer.fee),
        "payment_terms_days": 14,
        "funding": roamer.funding,
    }
    return event("partner.registered", ROAMING_HUB, roamer.partner, at, data)


def evse_uid(site: Site, number: int) -> str:
    """The uid of a site's EVSE, counted from 1."""
    return f"{site.location_id}-{number}"


def _location(player: Player, site: Site, evses: int, at: datetime) -> Event:
    location = {
        "country_code": player.country,
        "party_id": player.party,
        "id": site.location_id,
        "publish": True,
        "name": site.name,
        "address": site.address,
        "city": site.city,
        "postal_code": site.postal_code,
        "country": player.country3,
        "coordinates": {"latitude": site.latitude, "longitude": site.longitude},
        "evses": [_evse(player, site, number, at) for number in range(1, evses + 1)],
        "time_zone": player.time_zone,
        "last_updated": stamp(at),
    }
    data = {"operator_id": player.operator_id, "location": location}
    return event("location.published", BACK_OFFICE, site.location_id, at, data)


def _evse(player: Player, site: Site, number: int, at: datetime) -> dict[str, Any]:
    ac = site.kind == AC
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2" if ac else "IEC_62196_T2_COMBO",
        "format": "SOCKET" if ac else "CABLE",
        "power_type": "AC_3_PHASE" if ac else "DC",
        "max_voltage": 230 if ac else 920,
        "max_amperage": site.power_w // 690 if ac else 200,
        "max_electric_power": site.power_w,
        "tariff_ids": [site.tariff_id],
        "last_updated": stamp(at),
    }
    return {
        "uid": evse_uid(site, number),
        "evse_id": f"{player.country}*{player.party}*E{site.location_id.replace('-', '')}{number:02d}",
        "status": "AVAILABLE",
        "connectors": [connector],
        "last_updated": stamp(at),
    }
