"""Everything that may come in: one union on `type`, and the topic and key of each type."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Protocol, get_args

from pydantic import Field

from contracts.catalogue import (
    LocationPublished,
    OperatorPublished,
    PartnerRegistered,
    ReratingOrdered,
    TariffPublished,
)
from contracts.envelope import Event
from contracts.payments import (
    CdrAnswered,
    InvoicePaid,
    PaymentCaptured,
    PaymentDisputeClosed,
    PaymentDisputed,
    PaymentFailed,
    PaymentRefunded,
    PaymentSettled,
    PayoutProgressed,
    PayoutRefused,
)
from contracts.sessions import (
    ChargerStatusChanged,
    ReservationExpired,
    SessionEnded,
    SessionMeterCorrected,
    SessionMetered,
    SessionStarted,
    SessionStateChanged,
)

InboundEvent = Annotated[
    SessionStarted
    | SessionMetered
    | SessionStateChanged
    | SessionEnded
    | SessionMeterCorrected
    | ReservationExpired
    | ChargerStatusChanged
    | OperatorPublished
    | LocationPublished
    | TariffPublished
    | PartnerRegistered
    | ReratingOrdered
    | PaymentCaptured
    | PaymentFailed
    | PaymentRefunded
    | PaymentDisputed
    | PaymentDisputeClosed
    | PaymentSettled
    | CdrAnswered
    | InvoicePaid
    | PayoutProgressed
    | PayoutRefused,
    Field(discriminator="type"),
]


def types_of(model: type[Event]) -> tuple[str, ...]:
    """The event types a model stands for, in the order it names them."""
    return get_args(model.model_fields["type"].annotation)


def models_by_type(union: Any) -> Mapping[str, type[Event]]:
    """Each event type of a discriminated union with its model."""
    members: tuple[type[Event], ...] = get_args(get_args(union)[0])
    return MappingProxyType({type_: member for member in members for type_ in types_of(member)})


INBOUND_MODEL_OF = models_by_type(InboundEvent)

_TOPIC_OF_PREFIX = {
    "charging.session": "charging.sessions",
    "charging.reservation": "charging.sessions",
    "charging.charger": "charging.chargers",
    "operator": "catalogue",
    "location": "catalogue",
    "tariff": "catalogue",
    "partner": "catalogue",
    "payment": "payments",
    "roaming": "roaming",
    "payout": "payout.results",
}

TOPIC_OF: Mapping[str, str] = MappingProxyType(
    {type_: _TOPIC_OF_PREFIX[type_.rpartition(".")[0]] for type_ in INBOUND_MODEL_OF}
)

INBOUND_TOPICS: tuple[str, ...] = tuple(dict.fromkeys(TOPIC_OF.values()))

_Data = Mapping[str, Any]


def _field(name: str) -> Callable[[_Data], str]:
    return lambda data: str(data[name])


def _partner(data: _Data) -> str:
    return f"{data['country_code']}-{data['party_id']}"


_KEY_OF_TOPIC: Mapping[str, Callable[[_Data], str]] = {
    "charging.sessions": _field("session_id"),
    "charging.chargers": _field("evse_uid"),
    "catalogue": _field("operator_id"),
    "payments": _field("session_id"),
    "roaming": _field("partner"),
    "payout.results": _field("payout_id"),
}
_KEY_OF_TYPE: Mapping[str, Callable[[_Data], str]] = {
    "partner.registered": _partner,
    "payment.settled": _field("provider"),
}


class TypedData(Protocol):
    """Anything with an event type and its data, an accepted message for example."""

    @property
    def type(self) -> str: ...

    @property
    def data(self) -> Mapping[str, Any]: ...


def partition_key(event: TypedData) -> str:
    """The Kafka key of an accepted event, which keeps what belongs together in order.

    Raises KeyError for an event that was not accepted: an unknown type or data without its key.
    """
    key_of = _KEY_OF_TYPE.get(event.type) or _KEY_OF_TOPIC[TOPIC_OF[event.type]]
    return key_of(event.data)
