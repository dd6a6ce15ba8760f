"""What gateways tell of chargers beside their status: signs of life, why one was down, what became of a limit."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from contracts.envelope import Event
from contracts.values import Identifier, Time, Uri, Wire, bad_value

# A month: whoever speaks less often than that is not watched.
IntervalSeconds = Annotated[int, Field(ge=1, le=2_678_400)]
SequenceNumber = Annotated[int, Field(ge=0, le=2**53 - 1)]

# What an operator cannot help (23 CFR 680.116(b)), and hours in which the site is closed.
OutageCause = Literal["UTILITY", "VEHICLE", "MAINTENANCE", "VANDALISM", "DISASTER", "OPENING_HOURS"]


class HeartbeatData(Wire):
    """An EVSE is in touch, and will be heard of again within `interval_s`; `seq` counts its messages one by one."""

    operator_id: Identifier
    location_id: Identifier
    evse_uid: Identifier
    at: Time
    interval_s: IntervalSeconds
    seq: SequenceNumber | None = None


class OutageExplainedData(Wire):
    """Why an EVSE was down in [`from`, `to`), in whole or in part; `evidence` says where that is shown."""

    model_config = ConfigDict(serialize_by_alias=True)

    operator_id: Identifier
    location_id: Identifier
    evse_uid: Identifier
    from_: Annotated[Time, Field(alias="from")]
    to: Time
    cause: OutageCause
    evidence: Uri | None = None

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> "OutageExplainedData":
        if self.to < self.from_:
            raise bad_value("is before from; an outage cannot end before it begins", "to")
        return self


class ProfileAnsweredData(Wire):
    """What a charger answered to the limit that the command `command_id` gave it."""

    command_id: Identifier
    evse_uid: Identifier
    at: Time
    status: Literal["ACCEPTED", "REJECTED", "NOT_SUPPORTED", "TIMEOUT"]


class Heartbeat(Event):
    """`charging.charger.heartbeat`."""

    type: Literal["charging.charger.heartbeat"]
    data: HeartbeatData


class OutageExplained(Event):
    """`charging.charger.outage_explained`."""

    type: Literal["charging.charger.outage_explained"]
    data: OutageExplainedData


class ProfileAnswered(Event):
    """`charging.charger.profile_answered`."""

    type: Literal["charging.charger.profile_answered"]
    data: ProfileAnsweredData
