"""Which events mention an id, of a message, a payment, a settlement or a charger: what `projections.trace` asks.

What has a stream of its own that its id names (a session, a payout) or a table (an entry, a CDR) needs none.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import MESSAGE_TYPES
from domain.payout.events import PayoutCreated
from ledger.events.codec import DECISION_TOPICS, read_body
from ledger.events.store import event_id
from projections.movements import EventSet

_COPY = "COPY projection.mention_row (key, position, generation) FROM STDIN"


class Kind(StrEnum):
    """What an id is the id of, as people name it."""

    MESSAGE = "message"
    EVENT = "event"
    SESSION = "session"
    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    SETTLEMENT = "settlement"
    INVOICE = "invoice"
    CDR = "cdr"
    PAYOUT = "payout"
    BATCH = "batch"
    BANK_FILE = "bank_file"
    BANK_REFERENCE = "bank_reference"
    ENTRY = "entry"
    EVSE = "evse"
    DEAD_LETTER = "dead_letter"


# The fields of a message that hold an id, with what it is the id of. A message about a session or a payout is stored
# in its stream, which is found by that id.
FIELDS: Mapping[str, Kind] = {
    "payment_id": Kind.PAYMENT,
    "refund_id": Kind.REFUND,
    "dispute_id": Kind.DISPUTE,
    "settlement_id": Kind.SETTLEMENT,
    "invoice_id": Kind.INVOICE,
    "bank_reference": Kind.BANK_REFERENCE,
    "evse_uid": Kind.EVSE,
    "cdr_id": Kind.CDR,
}


# Signs of life come every few minutes for ever, and a charger is found by everything else that names it.
COUNTLESS = "charging.charger.heartbeat"


def ids_in(data: Mapping[str, Any]) -> Iterator[tuple[Kind, str]]:
    """The ids that the data of a message names, those of the lines of a settlement or an invoice among them."""
    for field, kind in FIELDS.items():
        if data.get(field) is not None:
            yield kind, str(data[field])
    for line in data.get("items") or ():
        for field in ("payment_id", "refund_id", "dispute_id"):
            if line.get(field) is not None:
                yield FIELDS[field], str(line[field])
    for cdr_id in data.get("cdr_ids") or ():
        yield Kind.CDR, str(cdr_id)


def folded(id_: str) -> str:
    """An id as it is looked up: letters of either case are one, and so is a UUID with hyphens and without."""
    return id_.casefold().replace("-", "")


def key_of(kind: Kind, id_: str) -> int:
    """The 64 bits that stand for an id; two ids may share them, so whoever looks one up reads what is found.

    Those of a UUID begin with its own, so that it is found by its first digits; the last tell the kind.
    """
    short = folded(id_)
    if _IN_ORDER.fullmatch(short):
        return int.from_bytes(bytes.fromhex(short[:_ORDERED_DIGITS]) + _MARKS[kind], signed=True)
    digest = blake2b(f"{kind}\0{short}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def keys_between(prefix: str) -> tuple[int, int] | None:
    """The least and the greatest key of UUIDs that begin with some digits, of whatever kind; None for no such prefix.

    Between them are keys of others, too: who looks there reads what is found.
    """
    short = folded(prefix)
    if not _PREFIX.fullmatch(short):
        return None
    first = short[:_ORDERED_DIGITS]
    least, greatest = first.ljust(_KEY_DIGITS, "0"), first.ljust(_KEY_DIGITS, "f")
    return int.from_bytes(bytes.fromhex(least), signed=True), int.from_bytes(bytes.fromhex(greatest), signed=True)


# A UUID without hyphens, also that of a credit CDR; so many of its digits stand in a key, and by so few it is found.
_IN_ORDER = re.compile(r"[0-9a-f]{32}c?")
_ORDERED_DIGITS, _KEY_DIGITS = 14, 16
PREFIX_MIN = 6
_PREFIX = re.compile(rf"[0-9a-f]{{{PREFIX_MIN},32}}c?")
_MARKS: Mapping[Kind, bytes] = {kind: blake2b(kind.encode(), digest_size=1).digest() for kind in Kind}


# Lines of settlements and paid invoices, as the streams of their sessions keep them: the messages name their ids.
_LINES: frozenset[str] = frozenset({row.items.type for row in MESSAGE_TYPES.values() if row.items is not None})


@dataclass(frozen=True, slots=True)
class Mentions:
    """Keeps the position of each event by its id, and of each message by its own and by the ids that it names."""

    topics: frozenset[str] = frozenset({*MESSAGE_TYPES, *DECISION_TOPICS, *_LINES})
    table: str = "mention_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Add what the set mentions; raises TypeError for events without their places."""
        if not isinstance(events, EventSet) or len(events.places) != len(events):
            raise TypeError("mentions are kept by position: an EventSet with places is needed")
        rows: list[tuple[int, int]] = []
        for (topic, state), place in zip(events, events.places, strict=True):
            keys = {key_of(Kind.EVENT, str(event_id(place.stream_id, place.version)))}
            if topic in MESSAGE_TYPES:
                body = read_body(topic, state)
                keys.add(key_of(Kind.MESSAGE, body["id"]))
                keys.update(key_of(*each) for each in ids_in(body["data"]) if topic != COUNTLESS)
            elif topic == PayoutCreated.__name__:
                keys.add(key_of(Kind.BATCH, read_body(topic, state)["batch_id"]))
            rows += [(key, place.position) for key in keys]
        if rows:
            # In the order of the index, whose pages are so touched once a set.
            rows.sort()
            with cursor.copy(_COPY) as copy:
                copy.write("".join([f"{key}\t{position}\t{generation}\n" for key, position in rows]))
