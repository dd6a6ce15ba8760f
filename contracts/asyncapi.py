"""The AsyncAPI 3.0 document: topics in and out, their keys, and each event in both CloudEvents bindings of Kafka."""

from collections.abc import Mapping
from typing import Any

from contracts.authorizations import ANSWERS_TOPIC, KEYS, QUESTION_TOPIC_OF, QUESTIONS_TOPIC
from contracts.messages import INBOUND_KEYS, TOPIC_OF
from contracts.outgoing import ANCHORS_TOPIC, HEADS_TOPIC, OUTBOUND_TOPIC_OF
from contracts.profiles import PROFILES_TOPIC

SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
KAFKA_BINDING_VERSION = "0.5.0"

KEY_OF_TOPIC: Mapping[str, str] = {
    **INBOUND_KEYS,
    QUESTIONS_TOPIC: KEYS,
    "settlement.batches": "the operator id; the lines of a batch follow it in their order",
    "settlement.cdrs": "the session id",
    "settlement.notifications": "the subject of the notification",
    "settlement.deadletter": "the source of what was refused, or its session; none where neither is known",
    HEADS_TOPIC: "the hash that names the store; its heads follow each other",
    ANCHORS_TOPIC: "the id of the book; its anchors follow each other",
    ANSWERS_TOPIC: KEYS,
    PROFILES_TOPIC: "the EVSE uid",
}
# What is read, whether it is stored or only answered.
_READ_FROM: Mapping[str, str] = {**TOPIC_OF, **QUESTION_TOPIC_OF}

_BINARY_ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time")


def asyncapi_document(schema_files: Mapping[str, str]) -> dict[str, Any]:
    """The document; `schema_files` has the file of each event type's current JSON Schema, next to the document."""
    topics = {type_: topic for type_, topic in {**_READ_FROM, **OUTBOUND_TOPIC_OF}.items() if type_ in schema_files}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "WattLedger",
            "version": "1.0.0",
            "description": "Charging, catalogue, payment, roaming and payout events and decisions in; batches, CDRs,"
            " notifications, dead letters and limits of charging cars out. Every message is a CloudEvents 1.0 event.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {topic: _channel(topic, _types_on(topic, topics)) for topic in KEY_OF_TOPIC},
        "operations": {
            **{f"receive-{topic}": _operation("receive", topic) for topic in dict.fromkeys(_READ_FROM.values())},
            **{f"send-{topic}": _operation("send", topic) for topic in dict.fromkeys(OUTBOUND_TOPIC_OF.values())},
        },
        "components": {
            "messages": {
                name: message
                for type_, topic in topics.items()
                for name, message in _messages(type_, topic, schema_files[type_]).items()
            }
        },
    }


def _types_on(topic: str, topics: Mapping[str, str]) -> list[str]:
    return [type_ for type_, its_topic in topics.items() if its_topic == topic]


def _message_names(type_: str) -> list[str]:
    """Every event is read in both bindings; ours leave in the structured one."""
    return [type_] if type_ in OUTBOUND_TOPIC_OF else [type_, f"{type_}.binary"]


def _channel(topic: str, types: list[str]) -> dict[str, Any]:
    names = [name for type_ in types for name in _message_names(type_)]
    return {
        "address": topic,
        "description": f"Key: {KEY_OF_TOPIC[topic]}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": KAFKA_BINDING_VERSION}},
    }


def _operation(action: str, topic: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{topic}"}}


def _messages(type_: str, topic: str, schema_file: str) -> dict[str, Any]:
    key = {"type": "string", "description": KEY_OF_TOPIC[topic]}
    bindings = {"kafka": {"key": key, "bindingVersion": KAFKA_BINDING_VERSION}}
    structured = {
        "name": type_,
        "title": f"{type_} (structured: the whole event is the value)",
        "contentType": "application/cloudevents+json",
        "payload": _payload(f"./{schema_file}"),
        "bindings": bindings,
    }
    binary = {
        "name": f"{type_}.binary",
        "title": f"{type_} (binary: attributes are headers, the data is the value)",
        "contentType": "application/json",
        "headers": _binary_headers(type_),
        "payload": _payload(f"./{schema_file}#/properties/data"),
        "bindings": bindings,
    }
    return dict(zip(_message_names(type_), (structured, binary), strict=False))


def _payload(reference: str) -> dict[str, Any]:
    return {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": reference}}


def _binary_headers(type_: str) -> dict[str, Any]:
    properties: dict[str, Any] = {f"ce_{name}": {"type": "string"} for name in _BINARY_ATTRIBUTES}
    properties["ce_specversion"] = {"const": "1.0"}
    properties["ce_type"] = {"const": type_}
    properties["ce_dataschema"] = {"type": "string"}
    properties["content-type"] = {"type": "string", "examples": ["application/json"]}
    required = [f"ce_{name}" for name in _BINARY_ATTRIBUTES]
    return {"type": "object", "properties": properties, "required": required}
