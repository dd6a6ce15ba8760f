"""The book derived again: the entries that the stored decisions of a stream should have given."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid5

import orjson

from ledger.audit.amounts import instant, microseconds
from ledger.audit.posting_table import Postings, is_known, journals_of
from ledger.audit.report import Tally
from ledger.audit.streams import Body, Stream, event_id

_SIGNS = {"Booked": 1, "Retracted": -1}
_FIELDS = (
    "id",
    "kind",
    "effective time in microseconds",
    "currency",
    "session",
    "payout",
    "reverses",
    "cause",
    "postings",
)


def entry_line(
    entry_id: UUID,
    kind: str,
    effective_us: int,
    currency: str,
    session_id: str | None,
    payout_id: str | None,
    reverses: UUID | None,
    cause: UUID,
    postings: Postings,
) -> bytes:
    """All that an entry says, as one line: equal lines, equal entries. The id comes first, so lines sort by it.

    `postings` are sorted by account and amount, since the order of lines carries no meaning.
    """
    reversed_id = reverses.hex if reverses else None
    return orjson.dumps(
        (entry_id.hex, kind, effective_us, currency, session_id, payout_id, reversed_id, cause.hex, postings)
    )


def line_id(line: bytes) -> str:
    """The entry id of a line."""
    return line[2:34].decode()


def differences(expected: bytes, actual: bytes) -> Iterator[tuple[str, Any, Any]]:
    """Name, expected and actual value of each part in which two lines of one entry differ."""
    for name, wanted, found in zip(_FIELDS, orjson.loads(expected), orjson.loads(actual), strict=True):
        if wanted != found:
            yield name, wanted, found


def derive(stream: Stream, decisions: Tally) -> Iterator[bytes]:
    """The entry lines of a stream's bookings; folds what stands, and what each kind of entry adds to each account.

    A booking may stand once at a time, each time with the next revision, and only what stands is taken back.
    """
    revisions: dict[str, int] = {}
    for version, topic, body in stream.decisions:
        wrapper, _, booking_type = topic.partition(".")
        if wrapper not in _SIGNS:
            continue
        decisions.examined += 1
        where = f"{stream.name or stream.stream_id} version {version}"
        if not is_known(booking_type):
            decisions.note(where, "a known booking", topic, f"{where}: there is no posting rule for {topic}")
            continue
        try:
            _fold(stream, wrapper, booking_type, body, revisions, where, decisions)
            yield from _entries(stream, version, _SIGNS[wrapper], booking_type, body)
        except (LookupError, TypeError, ValueError, AttributeError) as fault:
            stream.unreadable.append(f"version {version}, {topic}: {type(fault).__name__}: {fault}")


def _fold(
    stream: Stream,
    wrapper: str,
    booking_type: str,
    body: Body,
    revisions: dict[str, int],
    where: str,
    decisions: Tally,
) -> None:
    booking, revision = body["booking"], body["revision"]
    key = booking["key"]
    standing = stream.standing.pop(key, None)
    if wrapper == "Booked":
        if standing is not None:
            decisions.note(where, "nothing standing", key, f"{where}: {key} is booked and stands already")
        decisions.compare(where, revisions.get(key, 0) + 1, revision, f"the revision of {key}")
        revisions[key] = revision
        stream.standing[key] = (booking_type, booking)
    elif standing != (booking_type, booking) or revisions.get(key) != revision:
        decisions.note(
            where, "what stands", key, f"{where}: {key} is taken back as it does not stand (revision {revision})"
        )
    for name, wanted in (("session_id", "session"), ("payout_id", "payout")):
        if stream.kind == wanted:
            decisions.compare(where, stream.name.partition(":")[2], booking[name], f"the {name} of {key}")


def _entries(stream: Stream, version: int, sign: int, booking_type: str, body: Body) -> Iterator[bytes]:
    booking, revision = body["booking"], body["revision"]
    cause = event_id(stream.stream_id, version)
    effective_us = microseconds(instant(booking["effective_at"]))
    for place, kind, postings in journals_of(booking_type, booking, sign):
        own_id = uuid5(stream.stream_id, f"{booking['key']}#{revision}#{place}")
        reverses = None
        if sign < 0:
            reverses, own_id = own_id, uuid5(stream.stream_id, f"{booking['key']}#{revision}#{place}-")
        _add_up(stream, kind, postings)
        yield entry_line(
            own_id,
            kind,
            effective_us,
            booking["currency"],
            booking["session_id"],
            booking["payout_id"],
            reverses,
            cause,
            postings,
        )


def _add_up(stream: Stream, kind: str, postings: Sequence[tuple[str, int]]) -> None:
    for account, amount in postings:
        stream.sums[kind, account] += amount
