"""What charging cars are told to draw at most, and what stations are to keep by themselves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from contracts.amounts import UnsignedNumber
from contracts.envelope import Event
from contracts.sites import Phases
from contracts.values import AtLeastOne, Identifier, Time, Wire, format_time

PROFILES_TOPIC = "settlement.profiles"
REQUESTED = "charging.profile.requested"
FALLBACK_REQUESTED = "charging.profile.fallback_requested"

Seconds = Annotated[int, Field(ge=0)]


class ProfilePeriod(Wire):
    """From `start_period` seconds after the start on, at most `limit` (OCPI 2.2.1, ChargingProfilePeriod)."""

    start_period: Seconds
    limit: UnsignedNumber


class ChargingProfile(Wire):
    """The same limit as OCPI 2.2.1 has it: amperes per phase."""

    start_date_time: Time
    duration: Seconds
    charging_rate_unit: Literal["A"]
    min_charging_rate: UnsignedNumber
    charging_profile_period: AtLeastOne[ProfilePeriod]


class ProfileRequestedData(Wire):
    """A session may draw at most `limit_a` amperes in each of `phases` phases from `valid_from` on; 0 pauses it.

    `min_a` is the least that a car can be told beside a pause (IEC 61851). Behind `valid_to` the station falls back
    to what it keeps by itself. `command_id` is UUIDv5(NAMESPACE_URL, `wattledger:profile:SESSION:VALID_FROM`).
    `why`: `MAXIMUM`, `SATISFIED`, `PAUSED`, or `LIMITED:` and the circuit that has no room for more.
    """

    command_id: Identifier
    session_id: Identifier
    evse_uid: Identifier
    limit_a: UnsignedNumber
    phases: Phases
    min_a: UnsignedNumber
    valid_from: Time
    valid_to: Time
    why: Annotated[str, Field(min_length=1, max_length=80)]
    charging_profile: ChargingProfile


class FallbackRequestedData(Wire):
    """What a station is to keep by itself for whoever charges there and was told nothing (OCPP: TxDefaultProfile)."""

    command_id: Identifier
    evse_uid: Identifier
    limit_a: UnsignedNumber
    phases: Phases
    valid_from: Time


class ProfileRequested(Event):
    """`charging.profile.requested`."""

    type: Literal["charging.profile.requested"]
    data: ProfileRequestedData


class FallbackRequested(Event):
    """`charging.profile.fallback_requested`."""

    type: Literal["charging.profile.fallback_requested"]
    data: FallbackRequestedData


def amperes(tenths: int) -> int | float:
    """Tenths of an ampere as a JSON number of amperes, which is its shortest decimal text."""
    whole, rest = divmod(tenths, 10)
    return whole if not rest else float(f"{whole}.{rest}")


def requested_data(
    *,
    command_id: str,
    session_id: str,
    evse_uid: str,
    limit: int,
    phases: int,
    floor: int,
    since: datetime,
    until: datetime,
    why: str,
) -> Mapping[str, Any]:
    """The data of `charging.profile.requested`; currents are given in tenths of an ampere."""
    return {
        "command_id": command_id,
        "session_id": session_id,
        "evse_uid": evse_uid,
        "limit_a": amperes(limit),
        "phases": phases,
        "min_a": amperes(floor),
        "valid_from": format_time(since),
        "valid_to": format_time(until),
        "why": why,
        "charging_profile": {
            "start_date_time": format_time(since),
            "duration": int((until - since).total_seconds()),
            "charging_rate_unit": "A",
            "min_charging_rate": amperes(floor),
            "charging_profile_period": [{"start_period": 0, "limit": amperes(limit)}],
        },
    }


def fallback_data(*, command_id: str, evse_uid: str, limit: int, phases: int, since: datetime) -> Mapping[str, Any]:
    """The data of `charging.profile.fallback_requested`; the limit is given in tenths of an ampere."""
    return {
        "command_id": command_id,
        "evse_uid": evse_uid,
        "limit_a": amperes(limit),
        "phases": phases,
        "valid_from": format_time(since),
    }
