"""Which locations can be sent: those that are public and have what OCPI asks of them (2.2.1, mod_locations)."""

from collections.abc import Mapping
from typing import Any

REMOVED = "REMOVED"
# Fields without which OCPI has no location, EVSE or connector.
_REQUIRED = ("address", "city", "country", "coordinates")
_REQUIRED_OF_CONNECTORS = ("standard", "format", "power_type", "max_voltage", "max_amperage")


def is_private(location: Mapping[str, Any]) -> bool:
    """Whether a location is shown to nobody."""
    return location.get("publish") is False


def what_it_lacks(location: Mapping[str, Any]) -> str | None:
    """What a location lacks to be sent, in words; None where it is whole."""
    missing = [name for name in _REQUIRED if not location.get(name)]
    missing += ["publish"] if not isinstance(location.get("publish"), bool) else []
    for evse in location.get("evses") or ():
        if not evse.get("connectors"):
            missing.append(f"connectors of EVSE {evse['uid']}")
        for connector in evse.get("connectors") or ():
            missing += [
                f"{name} of connector {connector['id']} of EVSE {evse['uid']}"
                for name in _REQUIRED_OF_CONNECTORS
                if connector.get(name) is None
            ]
    return f"it lacks {', '.join(missing)}"[:1_000] if missing else None


def tariffs_of(location: Mapping[str, Any]) -> set[str]:
    """The tariffs that the connectors of a location name, folded."""
    return {
        str(each).casefold()
        for evse in location.get("evses") or ()
        for connector in evse.get("connectors") or ()
        for each in connector.get("tariff_ids") or ()
    }


def made_private(location: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of a location that was public: nothing new, and that all its EVSEs are removed."""
    found = {**location, "publish": False}
    if location.get("evses"):
        found["evses"] = [removed(evse) for evse in location["evses"]]
    return found


def removed(evse: Mapping[str, Any]) -> dict[str, Any]:
    """An EVSE that is no more: OCPI deletes none, and its connectors cost nothing any more."""
    connectors = [
        {name: value for name, value in connector.items() if name != "tariff_ids"} for connector in evse["connectors"]
    ]
    return {**evse, "status": REMOVED, "connectors": connectors}
