"""Messages that were accepted: each is known by its key and no other key is, and what is kept of it is as it said.

A key that nothing explains would have a message that is still to come taken for a duplicate, and a message without
its key would be taken twice. Messages stand in streams as facts, under their own types; facts that no message states
by itself (the lines of a settlement, say) have no keys.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from ledger.audit.amounts import instant
from ledger.audit.named_rows import compare_sorted
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.spool import Spool

_SETTLED, _INVOICED, _CAPTURED = "payment.settled", "roaming.invoice_paid", "payment.captured"
# Facts that are made of others, and of which no message has the id.
DERIVED = (
    "fx.converted.by_run",
    "payment.captured.elsewhere",
    "payment.settled.item",
    "payment.settled.part",
    "payment.settled.standing",
    "roaming.invoice_paid.item",
    "roaming.invoice_issued.item",
    "roaming.cdr_disputed.item",
    "roaming.dispute_closed.item",
    "wallet.charged.standing",
    "wallet.refunded.standing",
)
# Invoices and disputes: their items wait with the stream of what they are of, as lines of settlements do.
_DOCUMENTS = ("roaming.invoice_issued", "roaming.cdr_disputed", "roaming.dispute_closed")
_ITEMS = {f"{_SETTLED}.item": "payment", f"{_INVOICED}.item": "cdr"} | {f"{each}.item": "cdr" for each in _DOCUMENTS}
_ANSWERS = ("roaming.cdr_accepted", "roaming.cdr_rejected")
_MARK = "payment.settled.standing"

_FACTS = """
SELECT originator_id, topic, state FROM event_store.stored_events WHERE topic ~ '^[a-z]' AND topic <> ALL (%s::text[])
"""
_PARKED = "SELECT kind, ref, type, source, id, event_time, data, settlement FROM intake.parked ORDER BY source, id"
_KEYS = "SELECT encode(uuid_send(key), 'hex') FROM intake.message ORDER BY key"
# No session has more CDRs: each is credited before the next.
_MOST_CDRS = 1_000
_CDR_REFERENCES = "SELECT kind, ref, session_id FROM intake.reference WHERE kind NOT IN ('payment', 'top_up')"
_REFERENCES = """
SELECT line FROM (
    SELECT kind || E'\\n' || session_id || E'\\n' || ref AS line FROM intake.reference
    WHERE kind IN ('payment', 'top_up')
) AS claim
ORDER BY line COLLATE "C"
"""
# Event time comes from these.
_MOMENTS = """
SELECT 'intake.position ' || topic || '/' || partition, event_time FROM intake.position WHERE event_time IS NOT NULL
UNION ALL SELECT 'intake.ahead', event_time FROM intake.ahead
"""


@dataclass(slots=True)
class _Told:
    """What was told, while the facts go by.

    `items` are the lines that wait, by source and id, and `answers` those of partners, by their keys.
    """

    keys: Spool
    references: Spool
    tally: Tally
    moments: set[str] = field(default_factory=set)
    items: dict[tuple[str, str], str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    right: set[str] = field(default_factory=set)


def check_messages(snapshot: Snapshot, tally: Tally) -> None:
    """The keys of messages, the sessions of payments, the facts that wait and event time are those that were told."""
    with ExitStack() as stack:
        told = _Told(stack.enter_context(Spool()), stack.enter_context(Spool()), tally)
        moments = [(f"{where} at {at}", _text(at)) for where, at in snapshot.rows(_MOMENTS)]
        told.moments = {at for _, at in moments}
        parked = list(_read_parked(snapshot, told))
        for stream_id, topic, state in snapshot.rows(_FACTS, (list(DERIVED),)):
            tally.examined += 1
            try:
                _note(told, stream_id, topic, orjson.loads(state))
            except (ValueError, LookupError, TypeError, AttributeError) as fault:
                where = f"stream {stream_id}"
                tally.note(where, "a message", fault, f"{where}: a stored {topic} cannot be read: {fault}")
        for where, at in moments:
            if at in told.moments:
                sentence = f"{where} says {at}, and no message that was accepted has that time"
                tally.note(where, "the time of a message", at, sentence)
        for where, key in parked:
            if key not in told.right:
                tally.note(
                    where, "what was told", "otherwise", f"{where} waits otherwise than it was told, or untold"
                )
        for key, is_kept in compare_sorted(told.keys.sorted(), _bytes(snapshot, _KEYS)):
            where = told.answers.get(key, f"intake.message {UUID(hex=key)}")
            if is_kept:
                sentence = f"{where}: no message that was accepted has this key; one that has it would be left out"
                tally.note(where, "a message", "none", sentence)
            else:
                sentence = f"{where}: a message was accepted and its key is not kept; it would be taken again"
                tally.note(where, "the key", "none", sentence)
        for line, is_kept in compare_sorted(told.references.sorted(), _bytes(snapshot, _REFERENCES)):
            kind, session_id, ref = line.split("\n", 2)
            where = f"intake.reference {kind} {ref} {session_id}"
            sentence = (
                f"{where} is {'kept' if is_kept else 'not kept'}, and {'no' if is_kept else 'a'} capture says it"
            )
            tally.note(where, not is_kept, is_kept, sentence)
    _check_cdr_references(snapshot, tally)


def _check_cdr_references(snapshot: Snapshot, tally: Tally) -> None:
    """CDRs are with the sessions of which they are: their ids are made of the session's and a number."""
    for kind, ref, session_id in snapshot.rows(_CDR_REFERENCES):
        tally.examined += 1
        ids = (str(uuid5(NAMESPACE_URL, f"wattledger:cdr:{session_id}:{number}")) for number in range(1, _MOST_CDRS))
        if kind != "cdr" or ref.removesuffix("-C") not in ids:
            where = f"intake.reference {kind} {ref} {session_id}"
            tally.note(where, "a CDR of it", "none", f"{where} is kept, and the session has no such CDR")


def _text(at: datetime) -> str:
    return at.isoformat()


def _key(source: str, id_: str) -> bytes:
    return blake2b(f"{source}\0{id_}".encode(), digest_size=16).hexdigest().encode()


def _note(told: _Told, stream_id: UUID, topic: str, body: dict[str, Any]) -> None:
    source, id_ = body["source"], body["id"]
    told.keys.add(_key(source, id_))
    if told.moments:
        told.moments.discard(body["time"])
    if topic == _CAPTURED:
        data = body["data"]
        told.references.add(f"payment\n{data['session_id']}\n{data['provider']}\t{data['payment_id']}".encode())
    elif topic == "wallet.topped_up":
        data = body["data"]
        told.references.add(f"top_up\n{data['wallet_id']}\n{data['provider']}\t{data['payment_id']}".encode())
    elif topic in (_SETTLED, _INVOICED, *_DOCUMENTS):
        _note_items(told, stream_id, topic, body)


def _note_items(told: _Told, stream_id: UUID, topic: str, body: dict[str, Any]) -> None:
    """Of the lines that wait, those that this message told just so."""
    source, id_, data = body["source"], body["id"], body["data"]
    if topic == _SETTLED:
        members = data["items"]
    else:
        members = [{"cdr_id": each} for each in data.get("cdr_ids") or [data["cdr_id"]]]
    for number, member in enumerate(members, 1):
        waiting = told.items.get((source, f"{id_}#{number}"))
        if waiting is None:
            continue
        row = orjson.loads(waiting)
        says = {**data, **member, "item": number}
        is_right = row["settlement"] == (None if topic == _INVOICED else stream_id.hex)
        is_right &= row["type"] == f"{topic}.item" and row["at"] == _text(instant(body["time"]))
        if is_right and all(says.get(name) == value for name, value in row["data"].items()):
            told.right.add(waiting)


def _read_parked(snapshot: Snapshot, told: _Told) -> Iterator[tuple[str, str]]:
    """What waits, each with its name in findings and as a text that is kept once it was found to be right."""
    for kind, ref, type_, source, id_, at, data, settlement in snapshot.rows(_PARKED):
        told.tally.examined += 1
        where = f"intake.parked {type_} {id_} of {source} for {kind} {ref}"
        says = orjson.loads(data)
        told_at, of = _text(at), settlement.hex if settlement else None
        text = orjson.dumps(
            {"type": type_, "id": id_, "source": source, "at": told_at, "data": says, "settlement": of}
        ).decode()
        if told.moments:
            told.moments.discard(told_at)
        if (kind, ref) != _reference(type_, says):
            told.tally.note(where, _reference(type_, says), (kind, ref), f"{where} is about something else")
        if type_ in _ITEMS:
            told.items[source, id_] = text
        else:
            # Of an answer its key says that it was accepted; a mark is about lines, which are compared elsewhere.
            told.right.add(text)
            if type_ != _MARK and of is not None:
                told.tally.note(where, "no settlement", settlement, f"{where} waits for settlement {settlement}")
        if type_ in _ANSWERS:
            told.keys.add(_key(source, id_))
            told.answers[_key(source, id_).decode()] = where
        elif type_ not in _ITEMS and type_ != _MARK:
            told.tally.note(where, "a fact that waits", type_, f"{where}: nothing of the kind waits")
        yield where, text


def _reference(type_: str, data: dict[str, Any]) -> tuple[str, str]:
    """What a fact that waits is about."""
    if type_ in _ANSWERS or _ITEMS.get(type_) == "cdr":
        return "cdr", data.get("cdr_id", "")
    return "payment", f"{data.get('provider')}\t{data.get('payment_id')}"


def _bytes(snapshot: Snapshot, query: str) -> Iterator[bytes]:
    return (row[0].encode() for row in snapshot.rows(query))
