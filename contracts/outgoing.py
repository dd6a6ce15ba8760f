"""What leaves, as structured CloudEvents: batches, CDRs, notifications, dead letters, profiles and answers."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, StringConstraints

from contracts import authorizations, profiles
from contracts.amounts import Currency, PositiveMoney
from contracts.envelope import SPEC_VERSION, Event, models_by_type, schema_uri
from contracts.errors import NotEncodableError, UnknownTypeError
from contracts.ocpi.cdr import Cdr, CdrId
from contracts.ocpi.values import Date
from contracts.refusal import MAX_PATH_CHARS, MAX_SENTENCE_CHARS, RefusalCode
from contracts.values import AtLeastOne, Attribute, Identifier, Many, Name, Time, Wire, format_time

SOURCE = "urn:wattledger"
OUTBOUND_VERSION = 1
# A raw record goes out inside another record, so it has to stay below what a broker takes, quoted as JSON.
MAX_RAW_TEXT_BYTES = 900_000
MAX_RAW_BYTES = 600_000
# The entries of a payout that are named in its message; those of larger ones go out in parts of so many. An id is 36
# characters, two quotes and a comma: a part stays far below 512 KiB.
ENTRY_IDS_MAX, ENTRY_IDS_OF_PART = 5_000, 10_000
HEADS_TOPIC, ANCHORS_TOPIC = "settlement.heads", "settlement.anchors"


Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
EndToEndId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Count = Annotated[int, Field(ge=0)]


class Creditor(Wire):
    """Who is paid: the holder, and the account in one of the forms in which operators register theirs."""

    holder: Name
    iban: Identifier | None = None
    bic: Identifier | None = None
    account_number: Identifier | None = None
    routing_code: Identifier | None = None
    scheme: Identifier | None = None


class BatchCreatedData(Wire):
    """A payout was handed off: all that is needed to pay it, and the journal entries it pays (payout rule P19).

    `entry_count` is their number (`lines` too, as it was called first). `entry_ids` are here where they are at most
    ENTRY_IDS_MAX, and else in the `settlement.batch.lines` that follow. `end_to_end_id` and what is behind it is in
    every message of today, and not in those of old.
    """

    batch_id: Identifier
    payout_id: Identifier
    operator_id: Identifier
    currency: Currency
    business_date: Date
    amount: PositiveMoney
    attempt: Annotated[int, Field(ge=1)]
    entry_ids: Many[Identifier] | None = None
    lines: Count
    bank_file: Annotated[str, StringConstraints(max_length=255)] | None = None
    end_to_end_id: EndToEndId | None = None
    execution_date: Date | None = None
    creditor: Creditor | None = None
    content_hash: Digest | None = None
    entry_count: Count | None = None
    reissue_of: Identifier | None = None


class BatchLinesData(Wire):
    """Some of the journal entries that a payout pays: `part` of `parts`, in their order."""

    batch_id: Identifier
    payout_id: Identifier
    operator_id: Identifier
    part: Annotated[int, Field(ge=1)]
    parts: Annotated[int, Field(ge=1)]
    entry_ids: Annotated[AtLeastOne[Identifier], Field(max_length=ENTRY_IDS_OF_PART)]


class CdrData(Wire):
    """An OCPI 2.2.1 CDR: the sha-256 of the tariff that priced it, as published, and the credited CDR it replaces."""

    cdr: Cdr
    tariff_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    replaces: CdrId | None = None


class NotificationData(Wire):
    """Something a person should know: `kind` for programs, such as SESSION_SUSPENDED, `sentence` for people.

    `cure` says what ends it, where it is a finding; not in messages of old, nor where it is over.
    """

    kind: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
    subject: Attribute
    sentence: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    operator_id: Identifier | None = None
    cure: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None


class RawBytes(Wire):
    """Bytes as text where they are UTF-8, else base64; `truncated` when they were too many to send on."""

    encoding: Literal["utf-8", "base64"]
    text: str
    truncated: bool


class RawHeader(Wire):
    """A header of the refused record."""

    name: str
    value: RawBytes


class Origin(Wire):
    """Where a refused record was read."""

    topic: Annotated[str, StringConstraints(min_length=1, max_length=249)]
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]


class DeadLetterData(Wire):
    """A refused record: the bytes, where they came from, and why. The identity is there when it could be read."""

    origin: Origin | None = None
    record: RawBytes | None = None
    headers: Many[RawHeader] = ()
    code: Annotated[RefusalCode, Field(strict=False)]
    path: Annotated[str, StringConstraints(max_length=MAX_PATH_CHARS)]
    sentence: Annotated[str, StringConstraints(max_length=MAX_SENTENCE_CHARS)]
    event_id: Attribute | None = None
    event_source: Attribute | None = None
    event_type: Attribute | None = None


class HeadData(Wire):
    """A head of the chain over stored events: what was stored up to `position` cannot change and keep this `hash`.

    `store` is the hash of the chain's first row, `number` the row of the head, `events` how many were stored by then.
    """

    store: Digest
    number: Count
    position: Count
    events: Count
    recorded_at: Time
    hash: Digest


class AnchorData(Wire):
    """A signed anchor of the tree over all entries (docs/proofs.md): its first `tree_size` have this `root`.

    `book` names the store, `number` counts its anchors from 1, `previous` is the SHA-256 of the text of the one
    before. `at_us` is in microseconds since 1970 UTC, `signature` by the key `key_id` (Ed25519, base64).
    """

    book: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    number: Annotated[int, Field(ge=1)]
    tree_size: Count
    root: Digest
    previous: Digest
    at_us: Count
    reason: Literal["BATCH", "CLOSE", "TIME"]
    key_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]


class BatchCreated(Event):
    """`settlement.batch.created`."""

    type: Literal["settlement.batch.created"]
    data: BatchCreatedData


class BatchLines(Event):
    """`settlement.batch.lines`."""

    type: Literal["settlement.batch.lines"]
    data: BatchLinesData


class CdrEmitted(Event):
    """`settlement.cdr.issued` and `settlement.cdr.credited`."""

    type: Literal["settlement.cdr.issued", "settlement.cdr.credited"]
    data: CdrData


class NotificationRaised(Event):
    """`settlement.notification.raised`."""

    type: Literal["settlement.notification.raised"]
    data: NotificationData


class DeadLetterRecorded(Event):
    """`settlement.deadletter.recorded`."""

    type: Literal["settlement.deadletter.recorded"]
    data: DeadLetterData


class HeadRecorded(Event):
    """`settlement.head.recorded`."""

    type: Literal["settlement.head.recorded"]
    data: HeadData


class AnchorMade(Event):
    """`settlement.anchor.made`."""

    type: Literal["settlement.anchor.made"]
    data: AnchorData


OUTBOUND_MODEL_OF = models_by_type(
    (
        BatchCreated,
        BatchLines,
        CdrEmitted,
        NotificationRaised,
        DeadLetterRecorded,
        HeadRecorded,
        AnchorMade,
        authorizations.AuthorizationAnswered,
        profiles.ProfileRequested,
        profiles.FallbackRequested,
    )
)

OUTBOUND_TOPIC_OF: Mapping[str, str] = MappingProxyType(
    {
        "settlement.batch.created": "settlement.batches",
        "settlement.batch.lines": "settlement.batches",
        "settlement.cdr.issued": "settlement.cdrs",
        "settlement.cdr.credited": "settlement.cdrs",
        "settlement.notification.raised": "settlement.notifications",
        "settlement.deadletter.recorded": "settlement.deadletter",
        "settlement.head.recorded": HEADS_TOPIC,
        "settlement.anchor.made": ANCHORS_TOPIC,
        authorizations.ANSWERED: authorizations.ANSWERS_TOPIC,
        profiles.REQUESTED: profiles.PROFILES_TOPIC,
        profiles.FALLBACK_REQUESTED: profiles.PROFILES_TOPIC,
    }
)


_KEYED_BY: Mapping[str, str] = {"settlement.batches": "operator_id", profiles.PROFILES_TOPIC: "evse_uid"}


def outbound_key(type_: str, subject: str, data: Mapping[str, Any]) -> str:
    """The Kafka key: the operator for payout batches, the EVSE for profiles, else the subject (a CDR's session)."""
    field = _KEYED_BY.get(OUTBOUND_TOPIC_OF[type_])
    return subject if field is None else str(data[field])


def encode(type_: str, id_: str, subject: str, time: datetime, data: Mapping[str, Any]) -> bytes:
    """A structured CloudEvent as JSON, equal bytes for equal arguments.

    `data` is plain JSON; it is not checked against its model here (see OUTBOUND_MODEL_OF). Raises UnknownTypeError
    for a type we do not emit and NotEncodableError for a naive time or data that JSON cannot hold.
    """
    if type_ not in OUTBOUND_TOPIC_OF:
        raise UnknownTypeError(f"{type_!r} is not an outgoing event type; add it to the contract first")
    if time.tzinfo is None:
        raise NotEncodableError(f"{type_} {id_} has a naive time; give it in UTC")
    event = {
        "specversion": SPEC_VERSION,
        "id": id_,
        "source": SOURCE,
        "type": type_,
        "subject": subject,
        "time": format_time(time),
        "datacontenttype": "application/json",
        "dataschema": schema_uri(type_, OUTBOUND_VERSION),
        "data": data,
    }
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError as error:
        raise NotEncodableError(f"{type_} {id_} has data that JSON cannot hold: {error}") from None


def raw_bytes(value: bytes) -> dict[str, Any]:
    """Any bytes as RawBytes JSON that fits into a record: text, or base64, cut where it must be."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None and len(orjson.dumps(text)) <= MAX_RAW_TEXT_BYTES:
        return {"encoding": "utf-8", "text": text, "truncated": False}
    kept = b64encode(value[:MAX_RAW_BYTES]).decode()
    return {"encoding": "base64", "text": kept, "truncated": len(value) > MAX_RAW_BYTES}
