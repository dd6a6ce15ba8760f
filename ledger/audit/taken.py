"""Records as they were counted: what was accepted has keys, and what was refused is kept as it came.

How far each partition was read cannot be worked out of the events. It has a bound: every record that was taken was
counted once, so no partition was read less far than that; and whatever it was read further is told.
"""

import json
from base64 import b64decode
from contextlib import suppress
from hashlib import blake2b
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

_COUNTED = """
SELECT coalesce(tally.topic, position.topic), coalesce(tally.partition, position.partition),
       coalesce(accepted + duplicates + conflicts + dead_lettered, 0), next_offset
FROM intake.tally FULL JOIN intake.position USING (topic, partition)
ORDER BY 1, 2
"""
_ACCEPTED = """
SELECT (SELECT coalesce(sum(accepted), 0)::bigint FROM intake.tally WHERE partition >= 0),
       (SELECT count(*) FROM intake.message)
"""
_ENTRIES = """
SELECT (SELECT coalesce(sum(entries), 0)::bigint FROM book.entry_count), (SELECT count(*) FROM book.entry),
       (SELECT string_agg(shard::text, ', ' ORDER BY shard) FROM book.entry_count)
"""
# Writers count in the shards in which they keep balances; those of before shards were counted stand in the first.
_OTHER_SHARDS = """
SELECT shard, entries FROM book.entry_count
WHERE entries > 0 AND shard <> 0 AND shard NOT IN (SELECT shard FROM book.balance) ORDER BY shard
"""
_LETTERS = """
SELECT deadletter_id, topic, partition, record_offset, record_headers, record_value, code, event_source, event_id,
       event_type
FROM intake.deadletter WHERE record_value IS NOT NULL
"""
_ORIGIN = "wattledger_origin"


def check_taken(snapshot: Snapshot, tally: Tally) -> None:
    """As many messages were counted as there are keys, and entries as there are; refused records are as they came."""
    ((counted, keys),) = snapshot.rows(_ACCEPTED)
    tally.examined += keys
    if counted != keys:
        where = "intake.tally of all partitions"
        names = ", ".join(f"{topic}/{number}" for topic, number, _, _ in snapshot.rows(_COUNTED))
        sentence = f"{where} ({names}) counts {counted} accepted messages, and {keys} have keys"
        tally.note(where, keys, counted, sentence)
    ((counted, entries, shards),) = snapshot.rows(_ENTRIES)
    if counted != entries:
        where = f"book.entry_count {shards}"
        tally.note(where, entries, counted, f"{where} counts {counted} entries, and there are {entries}")
    for shard, counted in snapshot.rows(_OTHER_SHARDS):
        where = f"book.entry_count {shard}"
        sentence = f"{where} counts {counted} entries, and no balance has that shard"
        tally.note(where, "a shard of balances", shard, sentence)
    for topic, number, taken, next_offset in snapshot.rows(_COUNTED):
        tally.examined += 1
        where = f"intake.position {topic}/{number}"
        if number >= 0 and taken > max(next_offset if next_offset is not None else -1, 0):
            sentence = f"{where} is read on at {next_offset}, and {taken} of its records were counted"
            tally.note(where, f"{taken} or more", next_offset, sentence)
    for letter in snapshot.rows(_LETTERS):
        tally.examined += 1
        _check_letter(letter, tally)


def check_passed(snapshot: Snapshot, tally: Tally) -> None:
    """Records that were passed and not counted: they were gone, or are marks of transactions; or somebody did it."""
    for topic, number, taken, next_offset in snapshot.rows(_COUNTED):
        if next_offset is None or next_offset < 0:
            continue
        tally.examined += 1
        if next_offset > taken:
            where = f"intake.position {topic}/{number}"
            sentence = f"{where} is read on at {next_offset}, and {taken} of its records were counted"
            tally.note(where, taken, next_offset, sentence)


def _check_letter(letter: tuple[Any, ...], tally: Tally) -> None:
    """The id of a dead letter is made of the record and of what it is by."""
    id_, topic, partition, offset, headers, value, code, source, event, type_ = letter
    where = f"intake.deadletter {id_}"
    digests = [blake2b(value, digest_size=16).hexdigest(), code]
    identities = [f"{source}\0{event}"] if source and event else [f"{topic}:{partition}:{offset}", *_origins(headers)]
    if not any(id_ == _letter_id(identity, digest) for identity in identities for digest in digests):
        sentence = f"{where} is not of the record that is kept with it"
        tally.note(where, "the id of its record", id_, sentence)
    if code in digests[1:] and id_ == _letter_id(f"{source}\0{event}", code) and not _is_of(value, source, event):
        tally.note(where, "the message that it refuses", "another", f"{where} keeps another message than it refuses")
    if type_ is not None and not _says(value, headers, type_):
        tally.note(
            where, "the type in its record", type_, f"{where} is kept as {type_}, which its record does not say"
        )


def _letter_id(identity: str, digest: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"wattledger:deadletter:{identity}:{digest}")


def _origins(headers: list[list[str]]) -> list[str]:
    return [b64decode(value).decode("utf-8", "backslashreplace") for name, value in headers if name == _ORIGIN]


def _is_of(value: bytes, source: str, event: str) -> bool:
    """Whether a record that was made of a stored fact says which."""
    try:
        body = orjson.loads(value)
    except ValueError:
        return False
    return (body.get("specversion"), body.get("source"), body.get("id")) == ("1.0", source, event)


def _says(value: bytes, headers: list[list[str]], type_: str) -> bool:
    body: Any = {}
    # What is no JSON for a number that JSON does not have is named all the same; the other reader nests deeper.
    for read in (json.loads, orjson.loads):
        with suppress(ValueError, RecursionError):
            body = read(value)
    told = [body.get("type")] if isinstance(body, dict) else []
    return type_ in told or any(b64decode(each).decode("utf-8", "replace") == type_ for _, each in headers)
