"""Events of charging sessions, of reservations that nobody used and of chargers, from the gateways."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from contracts.amounts import Number, UnsignedNumber, WattHours
from contracts.envelope import Event
from contracts.ocpi.values import OcpiId
from contracts.values import Identifier, OcpiCountry, PartyId, Text, Time, Wire, bad_value

AuthMethod = Literal["AUTH_REQUEST", "COMMAND", "WHITELIST"]
TokenType = Literal["AD_HOC_USER", "APP_USER", "OTHER", "RFID"]
EvseStatus = Literal[
    "AVAILABLE",
    "BLOCKED",
    "CHARGING",
    "INOPERATIVE",
    "OUTOFORDER",
    "PLANNED",
    "REMOVED",
    "RESERVED",
    "UNKNOWN",
]
SignedRecord = Annotated[str, StringConstraints(min_length=1, max_length=65_536)]


class Token(Wire):
    """Who charges, as the roaming party wrote it (OCPI CdrToken); its party pays when it is a registered partner."""

    country_code: OcpiCountry
    party_id: PartyId
    uid: Identifier
    type: TokenType
    contract_id: Identifier


class SessionStartedData(Wire):
    """A session began: where, by which tariff and authorisation, at which register.

    `authorization_reference` is what the partner named its authorization by (OCPI mod_tokens, AuthorizationInfo), as
    `roaming.authorization_answered` gave it. `wallet_id` is the prepaid wallet that pays for it.
    """

    session_id: Identifier
    operator_id: Identifier
    location_id: Identifier
    evse_uid: Identifier
    connector_id: Identifier
    started_at: Time
    meter_start_wh: WattHours
    tariff_id: Identifier
    auth_method: AuthMethod
    token: Token | None = None
    reservation_id: Identifier | None = None
    reserved_from: Time | None = None
    authorization_reference: OcpiId | None = None
    wallet_id: Identifier | None = None


class SessionMeteredData(Wire):
    """A reading of the session's cumulative register, with what else the meter told."""

    session_id: Identifier
    read_at: Time
    register_wh: WattHours
    power_w: Number | None = None
    current_a: Number | None = None
    soc_percent: Number | None = None
    signed_value: SignedRecord | None = None


class SessionStateChangedData(Wire):
    """The vehicle began or ceased to ask for energy."""

    session_id: Identifier
    at: Time
    state: Literal["CHARGING", "IDLE"]


class SessionEndedData(Wire):
    """The session ended at this register."""

    session_id: Identifier
    ended_at: Time
    meter_stop_wh: WattHours
    reason: Text


_CORRECTABLE = ("meter_start_wh", "meter_stop_wh", "started_at", "ended_at")


class SessionMeterCorrectedData(Wire):
    """The later truth about registers, times or both; it takes the place of all that was reported of them."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [name]} for name in _CORRECTABLE]})

    session_id: Identifier
    corrected_at: Time
    meter_start_wh: WattHours | None = None
    meter_stop_wh: WattHours | None = None
    started_at: Time | None = None
    ended_at: Time | None = None
    reason: Text

    @model_validator(mode="after")
    def _corrects_something(self) -> "SessionMeterCorrectedData":
        if all(getattr(self, name) is None for name in _CORRECTABLE):
            raise PydanticCustomError(
                "MISSING_FIELD",
                "{sentence}",
                {
                    "sentence": f"corrects nothing; send one or more of {', '.join(_CORRECTABLE)}",
                    "at": "meter_stop_wh",
                },
            )
        return self


class SessionReviewedData(Wire):
    """A person looked at a session: bill what its registers say, or it was none."""

    session_id: Identifier
    at: Time
    verdict: Literal["BILL", "VOID"]
    reason: Text
    by: Text


class SessionIntentDeclaredData(Wire):
    """What a driver asks for: energy, by when, at which current and on how many phases; a higher priority goes first.

    It changes nothing of what the session is worth.
    """

    session_id: Identifier
    at: Time
    departs_at: Time | None = None
    need_wh: WattHours | None = None
    max_a: UnsignedNumber | None = None
    phases: Annotated[int, Field(ge=1, le=3)] | None = None
    priority: Annotated[int, Field(ge=0, le=9)] | None = None


class ReservationExpiredData(Wire):
    """A reservation ran out unused: it is billed under `session_id`, the name that payments for it have."""

    session_id: Identifier
    reservation_id: Identifier | None = None
    operator_id: Identifier
    location_id: Identifier
    evse_uid: Identifier
    connector_id: Identifier
    tariff_id: Identifier
    reserved_from: Time
    expired_at: Time
    auth_method: AuthMethod | None = None
    token: Token | None = None

    @model_validator(mode="after")
    def _expires_after_it_began(self) -> "ReservationExpiredData":
        if self.expired_at < self.reserved_from:
            raise bad_value("is before reserved_from; a reservation cannot expire before it begins", "expired_at")
        return self


class ChargerStatusChangedData(Wire):
    """An EVSE took another OCPI status."""

    operator_id: Identifier
    location_id: Identifier
    evse_uid: Identifier
    status: EvseStatus
    at: Time
    error_code: Text | None = None


class SessionStarted(Event):
    """`charging.session.started`."""

    type: Literal["charging.session.started"]
    data: SessionStartedData


class SessionMetered(Event):
    """`charging.session.metered`."""

    type: Literal["charging.session.metered"]
    data: SessionMeteredData


class SessionStateChanged(Event):
    """`charging.session.state_changed`."""

    type: Literal["charging.session.state_changed"]
    data: SessionStateChangedData


class SessionEnded(Event):
    """`charging.session.ended`."""

    type: Literal["charging.session.ended"]
    data: SessionEndedData


class SessionMeterCorrected(Event):
    """`charging.session.meter_corrected`."""

    type: Literal["charging.session.meter_corrected"]
    data: SessionMeterCorrectedData


class SessionReviewed(Event):
    """`charging.session.reviewed`."""

    type: Literal["charging.session.reviewed"]
    data: SessionReviewedData


class SessionIntentDeclared(Event):
    """`charging.session.intent_declared`."""

    type: Literal["charging.session.intent_declared"]
    data: SessionIntentDeclaredData


class ReservationExpired(Event):
    """`charging.reservation.expired`."""

    type: Literal["charging.reservation.expired"]
    data: ReservationExpiredData


class ChargerStatusChanged(Event):
    """`charging.charger.status_changed`."""

    type: Literal["charging.charger.status_changed"]
    data: ChargerStatusChangedData
