"""Canonical bytes of a journal entry, the same on every machine and for ever, and their hash."""

import hashlib
from datetime import UTC, datetime, timedelta

from domain.book.journal import Entry
from ledger.errors import EntryRefused

# Stored with each hash; another form of the bytes gets another number and leaves this one as it is.
HASH_VERSION = 1

# Lines before those of the postings.
_HEAD_LINES = 10

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def canonical_bytes(entry: Entry) -> bytes:
    """Version 1 of the canonical form: ASCII lines, each ended by a line feed, in this order.

    `wattledger-entry-1`, entry id, kind, effective time, currency, session id, payout id, id of the entry reversed,
    cause, number of postings, then one `AMOUNT ACCOUNT` line per posting in its order. Ids are 32 hex digits; the
    time is whole microseconds since 1970 UTC; amounts are minor units, debit positive; what is absent is an empty
    line. The time of recording is not part of it. Raises EntryRefused for text that is not printable ASCII.
    """
    postings = entry.postings
    lines = [f"{amount_minor} {account}" for account, amount_minor in postings]
    reverses = "" if entry.reverses is None else entry.reverses.hex
    text = (
        f"wattledger-entry-1\n{entry.entry_id.bytes.hex()}\n{entry.kind}\n{effective_us(entry)}\n{entry.currency}\n"
        f"{entry.session_id or ''}\n{entry.payout_id or ''}\n{reverses}\n{entry.cause.bytes.hex()}\n{len(postings)}\n"
        + "\n".join(lines)
    )
    # Each line was printable by itself when only the line feeds put between them are not.
    if not (text.isascii() and text.replace("\n", "", _HEAD_LINES + len(lines) - 1).isprintable()):
        raise EntryRefused(f"entry {entry.kind} {entry.entry_id} holds text that is not printable ASCII")
    return f"{text}\n".encode("ascii")


def entry_hash(entry: Entry) -> bytes:
    """SHA-256 of the canonical bytes: 32 bytes."""
    return hashlib.sha256(canonical_bytes(entry)).digest()


def effective_us(entry: Entry) -> int:
    """The effective time in microseconds since 1970 UTC; raises EntryRefused when it has no offset."""
    if entry.effective_at.tzinfo is None:
        raise EntryRefused(f"entry {entry.kind} {entry.entry_id} has an effective time without an offset")
    return (entry.effective_at - _EPOCH) // _MICROSECOND
