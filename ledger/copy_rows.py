"""Events, entries and postings as the bytes of a binary COPY: a third of the time of adapting value by value.

The format is PostgreSQL's (COPY, binary format): a header, then for each row the number of its fields and each field
as its length and its bytes, integers big-endian, then a trailer. A missing value has the length -1. The columns of
fixed length come first, so that they are packed at once.
"""

from collections.abc import Iterable, Sequence
from struct import Struct
from uuid import UUID

from domain.book.journal import Entry

POSTING_COLUMNS = "entry_id, line, amount_minor, currency, account"
EVENT_COLUMNS = "originator_id, originator_version, topic, state"
ENTRY_COLUMNS = """
entry_id, cause, hash, effective_at, posting_count, hash_version, kind, currency, session_id, payout_id, reverses
""".strip()

# The frame around the rows: signature, flags and an empty extension; the mark of the end.
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
_MISSING = b"\xff\xff\xff\xff"
_EVENT = Struct(">h i16s iq")
_POSTING = Struct(">h i16s ih iq")
_ENTRY = Struct(">h i16s i16s i32s iq ih ih")
_LENGTH = Struct(">i")
# Timestamps are counted from 2000 on.
_FROM_1970_TO_2000_US = 946_684_800_000_000


def event_rows(events: Iterable[tuple[UUID, int, str, bytes]]) -> bytes:
    """Events as (stream id, version, topic, state), EVENT_COLUMNS in each row."""
    pack, length, topics, pieces = _EVENT.pack, _LENGTH.pack, _Texts(), [COPY_HEADER]
    for stream_id, version, topic, state in events:
        pieces += (pack(4, 16, stream_id.bytes, 8, version), topics[topic], length(len(state)), state)
    pieces.append(COPY_TRAILER)
    return b"".join(pieces)


def posting_rows(entries: Iterable[Entry]) -> bytes:
    """The postings of entries, POSTING_COLUMNS in each row. Raises struct.error for an amount beyond 64 bits."""
    pack, texts, pieces = _POSTING.pack, _Texts(), [COPY_HEADER]
    for entry in entries:
        entry_id, currency = entry.entry_id.bytes, texts[entry.currency]
        for line, (account, amount_minor) in enumerate(entry.postings, start=1):
            pieces.append(pack(5, 16, entry_id, 2, line, 8, amount_minor) + currency + texts[account])
    pieces.append(COPY_TRAILER)
    return b"".join(pieces)


def entry_rows(
    entries: Sequence[Entry], moments_us: Sequence[int], hashes: Sequence[bytes], hash_version: int
) -> bytes:
    """Entries, ENTRY_COLUMNS in each row; their effective times in microseconds since 1970 UTC, and their hashes."""
    pack, texts, pieces = _ENTRY.pack, _Texts(), [COPY_HEADER]
    for entry, moment_us, hash_ in zip(entries, moments_us, hashes, strict=True):
        at = moment_us - _FROM_1970_TO_2000_US
        entry_id, cause, count = entry.entry_id.bytes, entry.cause.bytes, len(entry.postings)
        pieces.append(
            pack(11, 16, entry_id, 16, cause, 32, hash_, 8, at, 2, count, 2, hash_version)
            + texts[entry.kind]
            + texts[entry.currency]
            + (_MISSING if entry.session_id is None else texts[entry.session_id])
            + (_MISSING if entry.payout_id is None else texts[entry.payout_id])
            + (_MISSING if entry.reverses is None else _id(entry.reverses))
        )
    pieces.append(COPY_TRAILER)
    return b"".join(pieces)


class _Texts(dict[str, bytes]):
    """Texts as fields; most of them are there again and again."""

    def __missing__(self, text: str) -> bytes:
        encoded = text.encode()
        field = self[text] = _LENGTH.pack(len(encoded)) + encoded
        return field


def _id(value: UUID) -> bytes:
    return _LENGTH.pack(16) + value.bytes
