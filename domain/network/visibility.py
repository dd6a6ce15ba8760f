"""Whether partners can see an EVSE, and which visible ones are like it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from domain.exact import Exact


class Unseen(StrEnum):
    """Why no partner can see an EVSE as one to charge at."""

    UNPUBLISHED = "UNPUBLISHED"
    WITHHELD = "WITHHELD"
    STATUS_UNKNOWN = "STATUS_UNKNOWN"


SENTENCES: Mapping[Unseen, str] = {
    Unseen.UNPUBLISHED: "no published location has it",
    Unseen.WITHHELD: "its location is not sent to partners",
    Unseen.STATUS_UNKNOWN: "partners are told that its status is not known",
}
NO_CAUSE = (
    "What comparable EVSEs earned says nothing of what these would have earned: they may stand in other places, "
    "at other prices, and for other drivers. No cause is claimed."
)
_KNOWN_NOT = frozenset({"", "UNKNOWN"})

# Classes of power in W (Regulation (EU) 2023/1804, annex III): up to which they go.
_AC_SLOW_BELOW, _AC_MEDIUM_TO = 7_400, 22_000
_DC = (
    (50_000, "DC slow, below 50 kW"),
    (150_000, "DC fast, 50 to 150 kW"),
    (350_000, "DC ultra-fast, 150 to 350 kW"),
)
UNKNOWN_CLASS = "power not published"


def power_class(rated_w: Exact | None, is_dc: bool) -> str:
    """The class of an EVSE by the power of its strongest connector, in words."""
    if rated_w is None:
        return UNKNOWN_CLASS
    if is_dc:
        return next((name for below, name in _DC if rated_w < below), "DC ultra-fast, from 350 kW")
    if rated_w < _AC_SLOW_BELOW:
        return "AC slow, below 7.4 kW"
    return "AC medium, 7.4 to 22 kW" if rated_w <= _AC_MEDIUM_TO else "AC fast, above 22 kW"


def why_unseen(is_published: bool, withheld: str | None, status: str | None) -> Unseen | None:
    """Why no partner can see an EVSE, the first hurdle that it does not take; None where it is seen.

    `status` is the newest that was told, or that its location was published with.
    """
    if not is_published:
        return Unseen.UNPUBLISHED
    if withheld is not None:
        return Unseen.WITHHELD
    return Unseen.STATUS_UNKNOWN if (status or "") in _KNOWN_NOT else None


class Published(NamedTuple):
    """What is published of an EVSE: its strongest connector's W (None: not said), whether that is DC, its status."""

    rated_w: Exact | None
    is_dc: bool
    status: str | None


def published_evses(location: Mapping[str, Any], power_w: Mapping[tuple[str, str], Exact]) -> dict[str, Published]:
    """The EVSEs of a published location by uid in lower case; `power_w` by uid and connector id, both so."""
    found: dict[str, Published] = {}
    for evse in location.get("evses") or ():
        uid = str(evse.get("uid", "")).casefold()
        connectors: Sequence[Mapping[str, Any]] = evse.get("connectors") or ()
        powers = [
            (power, str(connector.get("power_type")) == "DC")
            for connector in connectors
            if (power := power_w.get((uid, str(connector.get("id", "")).casefold()))) is not None
        ]
        rated_w, is_dc = max(powers, default=(None, False), key=lambda each: each[0])
        found.setdefault(uid, Published(rated_w, is_dc, evse.get("status")))
    return found
