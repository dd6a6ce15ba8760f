"""A type of message that there is not, added to every table it needs, and taken out of one of them again."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from contracts.decode import Message
from contracts.messages import PAYMENT, Items, Kind, MessageType, Topic
from domain.fact import Fact
from tests.messages import tables as files
from tests.messages.guards import READ_IN, STREAMS_OF_THEIR_OWN
from tests.messages.tables import Tables, real_tables

TYPE = "made.up"
ITEM = "made.up.item"
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


class MadeUp(Fact):
    """What is made of it where it is a fact of a session."""


def row(kind: Kind) -> MessageType:
    """Its row, with all that a type of this kind has."""
    topic = Topic("made-up", key=lambda data: str(data["id"]), keys="the id")
    stream = (lambda data: f"made-up:{data['id']}") if kind in STREAMS_OF_THEIR_OWN else None
    items = Items(ITEM, "items", PAYMENT, shared=()) if kind is Kind.RECEIPT else None
    return MessageType(kind, topic, stream=stream, items=items)


def message(**data: Any) -> Message:
    """One of its messages, with the fields that every kind looks up."""
    fields: dict[str, Any] = {"id": "1", "session_id": "S-1", "payout_id": "P-1", "items": []}
    return Message("1", "urn:made-up", TYPE, "1", MOMENT, fields | data, b"", 0)


def complete(kind: Kind) -> Tables:
    """The project's tables with the type in each."""
    tables = real_tables()
    facts = {
        Kind.SESSION_FACT: {TYPE: MadeUp},
        Kind.CDR_ANSWER: {TYPE: MadeUp},
        Kind.RECEIPT: {ITEM: MadeUp},
    }.get(kind, {})
    handlers = _with(tables.handlers, READ_IN[kind], TYPE) if kind in READ_IN else tables.handlers
    audited_in = files.AUDITED_CATALOGUE if kind is Kind.CATALOGUE else files.AUDITED_STREAMS
    audit = _with(tables.audit, audited_in, TYPE)
    if kind is Kind.RECEIPT:
        handlers, audit = _with(handlers, files.FACTS, ITEM), _with(audit, files.AUDITED_STREAMS, ITEM)
    return replace(
        tables,
        contracts={*tables.contracts, TYPE},
        rows={**tables.rows, TYPE: row(kind)},
        handlers=handlers,
        facts={**tables.facts, **facts},
        learned={*tables.learned, MadeUp},
        golden={*tables.golden, TYPE},
        examples={**tables.examples, TYPE: [message()]},
        schemas={*tables.schemas, TYPE},
        asyncapi={*tables.asyncapi, TYPE},
        audit=audit,
    )


def without(tables: Tables, table: str, file: str | None = None, left_out: Any = TYPE) -> Tables:
    """The same tables but for one entry of one of them."""
    found: Any = getattr(tables, table)
    if file is not None:
        rest: Any = {**found, file: set(found[file]) - {left_out}}
    elif isinstance(found, Mapping):
        rest = {name: value for name, value in found.items() if name != left_out}
    else:
        rest = set(found) - {left_out}
    changed: dict[str, Any] = {table: rest}
    return replace(tables, **changed)


def _with(by_file: Mapping[str, Any], file: str, type_: str) -> Mapping[str, Any]:
    return {**by_file, file: {*by_file[file], type_}}
