"""Record in, event or refusal out: the one door through which messages enter, and the hot path of the intake.

Both Kafka bindings of CloudEvents 1.0 are read: structured (the whole event is the value) and binary (attributes are
`ce_*` headers, the value is `data`). Nothing a record can hold makes `decode` raise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

import orjson
from pydantic import ValidationError

from contracts.authorizations import QUESTION_MODEL_OF
from contracts.bindings import Unreadable, find_nul, read_event
from contracts.envelope import SPEC_VERSION
from contracts.fields import Shape, count_unknown, shape_of
from contracts.inbound import INBOUND_MODEL_OF
from contracts.mending import mended
from contracts.messages import SIGNED_TYPES
from contracts.refusal import MAX_PATH_CHARS, MAX_SENTENCE_CHARS, Refusal, RefusalCode, excerpt_of, refusal_of
from contracts.signatures import SIGNATURE
from contracts.upcasters import CURRENT_VERSION, STEPS, version_of

DIGEST_BYTES = 16
MAX_ATTRIBUTE_CHARS = 255


class Message(NamedTuple):
    """An accepted event; a tuple, since there are thousands in a batch.

    `data` is plain JSON as it came, in today's version, with times and IBANs in the form that is kept: known fields
    are valid, unknown ones are still in it and counted in `extra_fields`; optional fields may be null. `time` is UTC.
    `digest` is equal for equal content in either binding and any key order or spacing, and tells a duplicate at once;
    where it differs, what the messages say is compared (`contracts.content`).
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: dict[str, Any]
    digest: bytes
    extra_fields: int


@dataclass(frozen=True, slots=True)
class _Kind:
    """What decoding one event type needs, looked up once."""

    validate: Any
    shape: Shape


def _kind(model: Any) -> _Kind:
    return _Kind(model.__pydantic_validator__.validate_python, shape_of(model.model_fields["data"].annotation))


_Kinds: TypeAlias = Mapping[str, _Kind]
_KINDS: _Kinds = {type_: _kind(model) for type_, model in INBOUND_MODEL_OF.items()}
# What is answered and never stored, so that the intake does not know it.
_QUESTIONS: _Kinds = {type_: _kind(model) for type_, model in QUESTION_MODEL_OF.items()}
_OLD_KINDS: Mapping[tuple[str, int], _Kind] = {key: _kind(step.model) for key, step in STEPS.items()}
_CONTENT = frozenset({"specversion", "id", "source", "type", "subject", "time", "data"})


def decode(
    value: bytes | None, headers: Sequence[tuple[str, bytes]] = (), kinds: _Kinds = _KINDS
) -> Message | Refusal:
    """The event in a Kafka record, or why it is refused. Never raises, whatever the bytes."""
    try:
        event = read_event(value, headers)
    except Unreadable as unreadable:
        return _refusal(unreadable.code, unreadable.path, unreadable.sentence, unreadable.attributes)
    return decode_event(event, may_hold_nul=value is not None and rb"\u0000" in value, kinds=kinds)


def decode_question(value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()) -> Message | Refusal:
    """As `decode`, of what gateways ask and wait for (`contracts.authorizations`), and of nothing else."""
    return decode(value, headers, _QUESTIONS)


def decode_event(
    event: dict[str, Any], *, may_hold_nul: bool = False, is_mended: bool = False, kinds: _Kinds = _KINDS
) -> Message | Refusal:
    """As `decode`, of an event that is already parsed: its attributes and `data` in one object.

    Other forms of what it holds are put into the form that is kept (`contracts.mending`).
    """
    type_ = event.get("type")
    kind = kinds.get(type_) if isinstance(type_, str) else None
    if kind is None or event.get("specversion") != SPEC_VERSION:
        return _refuse_envelope(event)
    if may_hold_nul and (path := find_nul(event)):
        return _refusal(RefusalCode.BAD_VALUE, path, f"{path} holds a NUL character; no text may", event)
    try:
        current = _upcast(event) if event.get("dataschema") is not None else event
        if type_ in SIGNED_TYPES:
            current = _with_signature(current)
        checked = kind.validate(current)
        digest = digest_of(event)
    except ValidationError as error:
        # Once: what is mended is in the form that is read, or wrong in another way.
        better = None if is_mended else mended(event, error)
        return (
            _refusal(*refusal_of(error), event)
            if better is None
            else decode_event(better, may_hold_nul=may_hold_nul, is_mended=True, kinds=kinds)
        )
    except orjson.JSONEncodeError:
        return _refusal(RefusalCode.BAD_VALUE, "data", "data is nested too deeply; flatten it", event)
    data = current["data"]
    return Message(
        checked.id,
        checked.source,
        checked.type,
        checked.subject,
        checked.time,
        data,
        digest,
        count_unknown(kind.shape, data),
    )


def digest_of(event: Mapping[str, Any]) -> bytes:
    """16 bytes that are equal for equal content: id, source, type, subject, time and `data` as sent, keys sorted.

    Extension attributes (a trace context, say) belong to one delivery and not to the content.
    Raises orjson.JSONEncodeError for nesting beyond what JSON writers take (254 levels).
    """
    content = event if event.keys() == _CONTENT else {name: event[name] for name in _CONTENT if name in event}
    return blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=DIGEST_BYTES).digest()


def _with_signature(event: dict[str, Any]) -> dict[str, Any]:
    """The event with its signature in its data, where it is kept with what it signs."""
    data = event.get("data")
    if SIGNATURE not in event or not isinstance(data, dict):
        return event
    return {**event, "data": {**data, SIGNATURE: event[SIGNATURE]}}


def _upcast(event: dict[str, Any]) -> dict[str, Any]:
    """The event in today's version. Raises ValidationError for one that breaks the contract of its own version."""
    for version in range(version_of(event["dataschema"]), CURRENT_VERSION):
        key = (event["type"], version)
        if key in STEPS:
            _OLD_KINDS[key].validate(event)
            event = {**event, "data": STEPS[key].upcast(event["data"])}
    return event


def _refuse_envelope(event: Mapping[str, Any]) -> Refusal:
    """Why an object is not an event that we know."""
    version, type_ = event.get("specversion"), event.get("type")
    if version is None:
        sentence = 'specversion is missing: this is no CloudEvent; send a CloudEvents event with specversion "1.0"'
        return _refusal(RefusalCode.NOT_CLOUDEVENT, "specversion", sentence, event)
    if version != SPEC_VERSION:
        sentence = f'specversion ({excerpt_of(version)}) must be "1.0", the only CloudEvents version that is read'
        return _refusal(RefusalCode.NOT_CLOUDEVENT, "specversion", sentence, event)
    if type_ is None:
        return _refusal(RefusalCode.MISSING_FIELD, "type", "type is missing; the contract asks for it", event)
    if not isinstance(type_, str):
        return _refusal(RefusalCode.WRONG_TYPE, "type", f"type ({excerpt_of(type_)}) must be text", event)
    sentence = f"type ({excerpt_of(type_)}) is not an event type of the contract; send one that is, or upgrade us"
    return _refusal(RefusalCode.UNKNOWN_TYPE, "type", sentence, event)


def _refusal(code: RefusalCode, path: str, sentence: str, event: Mapping[str, Any]) -> Refusal:
    id_, source = _attribute(event, "id"), _attribute(event, "source")
    if id_ is None or source is None:
        id_ = source = None
    return Refusal(code, path[:MAX_PATH_CHARS], sentence[:MAX_SENTENCE_CHARS], id_, source, _attribute(event, "type"))


def _attribute(event: Mapping[str, Any], name: str) -> str | None:
    """An attribute that is text as the contract asks for it, else None."""
    value = event.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ATTRIBUTE_CHARS:
        return None
    return value if value.isascii() and value.isprintable() else None
