"""Where a session took place, as a CDR tells it (OCPI mod_cdrs, CdrLocation)."""

from collections.abc import Mapping
from typing import Any

from domain.cdr.connectors import CONNECTOR_FORMATS, CONNECTOR_TYPES, POWER_TYPES
from domain.cdr.countries import alpha_3, is_alpha_3
from domain.cdr.text import NOT_AVAILABLE, short_id

_TEXT_MAX = {"name": 255, "address": 45, "city": 45, "postal_code": 10, "state": 20}
_OPTIONAL = ("name", "postal_code", "state")
_EVSE_ID_MAX = 48
_UNKNOWN_COORDINATE = "0.0000"


def cdr_location(
    location: Mapping[str, Any] | None, location_id: str, evse_uid: str, connector_id: str, operator_country: str
) -> dict[str, Any]:
    """The location with only the EVSE and connector used; what is not known of it, or not known to OCPI, is `#NA`.

    `location` is an OCPI Location or None; the country is ISO alpha-3, the operator's where no location tells it.
    """
    known = location or {}
    evse = _named(known.get("evses"), "uid", evse_uid)
    connector = _named(evse.get("connectors"), "id", connector_id)
    coordinates = known.get("coordinates") or {}
    found = {
        "id": short_id("location", location_id),
        "name": _text(known, "name"),
        "address": _text(known, "address"),
        "city": _text(known, "city"),
        "postal_code": _text(known, "postal_code"),
        "state": _text(known, "state"),
        "country": _country(known, operator_country),
        "coordinates": {
            side: str(coordinates.get(side) or _UNKNOWN_COORDINATE) for side in ("latitude", "longitude")
        },
        "evse_uid": short_id("evse", evse_uid),
        "evse_id": _evse_id(evse),
        "connector_id": short_id("connector", connector_id),
        "connector_standard": _one_of(CONNECTOR_TYPES, connector.get("standard")),
        "connector_format": _one_of(CONNECTOR_FORMATS, connector.get("format")),
        "connector_power_type": _one_of(POWER_TYPES, connector.get("power_type")),
    }
    return {name: value for name, value in found.items() if value != NOT_AVAILABLE or name not in _OPTIONAL}


def _named(listed: object, key: str, identifier: str) -> Mapping[str, Any]:
    """The object of a list that has this id; OCPI ids compare without case (types, CiString)."""
    for item in listed if isinstance(listed, list | tuple) else ():
        if str(item.get(key, "")).casefold() == identifier.casefold():
            return dict(item)
    return {}


def _text(location: Mapping[str, Any], name: str) -> str:
    return str(location.get(name) or NOT_AVAILABLE)[: _TEXT_MAX[name]]


def _country(location: Mapping[str, Any], operator_country: str) -> str:
    stated = str(location.get("country") or "").upper()
    return stated if is_alpha_3(stated) else alpha_3(operator_country) or NOT_AVAILABLE


def _evse_id(evse: Mapping[str, Any]) -> str:
    """The id as printed on the EVSE; one that OCPI's characters cannot tell is not available."""
    stated = str(evse.get("evse_id") or NOT_AVAILABLE)[:_EVSE_ID_MAX]
    return stated if stated.isascii() and stated.isprintable() else NOT_AVAILABLE


def _one_of(known: frozenset[str], stated: object) -> str:
    """A word of an OCPI enum. Where a partner has one of its own, a CDR with it would be refused as a whole."""
    return stated if isinstance(stated, str) and stated in known else NOT_AVAILABLE
