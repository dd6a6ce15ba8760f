"""The CloudEvents 1.0 envelope that every event has, in and out."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Literal, get_args

from pydantic import StringConstraints

from contracts.values import Attribute, Time, Wire

SPEC_VERSION = "1.0"
SCHEMA_NAMESPACE = "urn:wattledger:schema"


class Event(Wire):
    """The attributes of an event; each type adds its literal `type` and its `data`.

    `id` and `source` together are unique for ever. `time` is when it happened by the producer's clock.
    """

    specversion: Literal["1.0"]
    id: Attribute
    source: Attribute
    subject: Attribute
    time: Time
    dataschema: Annotated[str, StringConstraints(max_length=1024)] | None = None
    datacontenttype: Annotated[str, StringConstraints(max_length=255)] | None = None


def models_by_type(models: Iterable[type[Event]]) -> Mapping[str, type[Event]]:
    """Each event type with the model that stands for it; a model may stand for several."""
    return MappingProxyType(
        {type_: model for model in models for type_ in get_args(model.model_fields["type"].annotation)}
    )


def schema_uri(type_: str, version: int) -> str:
    """The stable identity of a type's JSON Schema; its last segment is the version."""
    return f"{SCHEMA_NAMESPACE}:{type_}:{version}"
