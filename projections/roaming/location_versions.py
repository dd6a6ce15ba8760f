"""A location in OCPI 2.2.1, of one that was published in 2.3.0 (mod_locations of both).

2.3.0 adds fields and takes none away, so that one of 2.2.1 is one of 2.3.0 as it is. Values that only 2.3.0 lists are
passed on where they cannot be left out, as the connector MCS: its lists are open.
"""

from collections.abc import Mapping
from typing import Any

# Fields that only 2.3.0 has: of a location, of an EVSE, and of a connector.
_NEW = (
    frozenset({"parking_places", "help_phone"}),
    frozenset({"parking", "accepted_service_providers"}),
    frozenset({"capabilities"}),
)
_WITHIN = ("evses", "connectors")
_RESTRICTIONS = "parking_restrictions"
# Who may park there; 2.2.1 cannot say it, and an EVSE without a restriction is one that it can say less of.
_NEW_RESTRICTIONS = frozenset({"EMPLOYEES", "TAXIS", "TENANTS"})


def location_2_2_1(location: Mapping[str, Any]) -> dict[str, Any]:
    """The location without what only 2.3.0 knows; one that has nothing of it is the same."""
    return _older(location, 0)


def _older(part: Mapping[str, Any], level: int) -> dict[str, Any]:
    found = {name: value for name, value in part.items() if name not in _NEW[level]}
    if isinstance(restrictions := found.get(_RESTRICTIONS), list):
        known = [each for each in restrictions if each not in _NEW_RESTRICTIONS]
        found.pop(_RESTRICTIONS)
        found |= {_RESTRICTIONS: known} if known else {}
    if level < len(_WITHIN) and part.get(_WITHIN[level]):
        found[_WITHIN[level]] = [_older(each, level + 1) for each in part[_WITHIN[level]]]
    return found
