"""The canonical bytes of an entry never change: old hashes must be checkable for ever."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from ledger.book.canonical import canonical_bytes, entry_hash
from ledger.book.journal import write_entries
from ledger.errors import EntryRefused

MakeEntry = Callable[..., Entry]

PLAIN = b"""wattledger-entry-1
6ba7b8109dad11d180b400c04fd430c8
J01
1772366400000001
EUR
S-1


6ba7b8119dad11d180b400c04fd430c8
2
1200 1105/S-1
-1200 2011/OP-1
"""
FULL = b"""wattledger-entry-1
6ba7b8109dad11d180b400c04fd430c8
J40
-1000000
JPY

27bd2ff4-0a4e-5c7a-9f0e-0f4b8ad1b6a1
6ba7b8129dad11d180b400c04fd430c8
6ba7b8119dad11d180b400c04fd430c8
3
9007199254740993 2060/OP 1
-9007199254740992 2050
-1 5070
"""

# The same bytes again, in SQL: whoever has the tables can check the hashes without this code.
HASH_IN_SQL = """
SELECT entry.hash = sha256(convert_to(concat_ws(E'\\n',
    'wattledger-entry-1', replace(entry_id::text, '-', ''), kind,
    (extract(epoch FROM effective_at) * 1000000)::bigint, currency, coalesce(session_id, ''),
    coalesce(payout_id, ''), coalesce(replace(reverses::text, '-', ''), ''), replace(cause::text, '-', ''),
    posting_count, (SELECT string_agg(amount_minor || ' ' || account, E'\\n' ORDER BY line) FROM book.posting
                    WHERE posting.entry_id = entry.entry_id)) || E'\\n', 'UTF8'))
FROM book.entry
"""


@pytest.fixture
def plain(make_entry: MakeEntry) -> Entry:
    return make_entry(
        ("1105/S-1", 1200),
        ("2011/OP-1", -1200),
        entry_id=UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        cause=UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8"),
        effective_at=datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC),
    )


@pytest.fixture
def full(make_entry: MakeEntry) -> Entry:
    return make_entry(
        ("2060/OP 1", 2**53 + 1),
        ("2050", -(2**53)),
        ("5070", -1),
        entry_id=UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        cause=UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8"),
        effective_at=datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
        kind="J40",
        currency="JPY",
        session_id=None,
        payout_id="27bd2ff4-0a4e-5c7a-9f0e-0f4b8ad1b6a1",
        reverses=UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8"),
    )


def test_the_canonical_bytes_are_these_for_ever(plain: Entry, full: Entry) -> None:
    assert canonical_bytes(plain) == PLAIN
    assert canonical_bytes(full) == FULL


def test_the_hashes_are_these_for_ever(plain: Entry, full: Entry) -> None:
    assert entry_hash(plain).hex() == "8cfce1b37a057b9595adf18ec232c0113bd639ddfa112d3c1846326899de6688"
    assert entry_hash(full).hex() == "aa643c2b5660b2bc2ba506b2edbf688d370dff51b7eb132331ddb9f3092e8dc6"
    assert entry_hash(plain) == hashlib.sha256(PLAIN).digest()


def test_the_same_moment_in_another_zone_is_the_same_entry(plain: Entry, make_entry: MakeEntry) -> None:
    tokyo = plain.effective_at.astimezone(timezone(timedelta(hours=9)))
    same = make_entry(
        ("1105/S-1", 1200), ("2011/OP-1", -1200), entry_id=plain.entry_id, cause=plain.cause, effective_at=tokyo
    )
    assert entry_hash(same) == entry_hash(plain)


def test_a_time_without_an_offset_is_refused(make_entry: MakeEntry) -> None:
    entry = make_entry(("1105", 1), ("2011", -1), effective_at=datetime(2026, 3, 1))  # noqa: DTZ001
    with pytest.raises(EntryRefused, match="without an offset"):
        canonical_bytes(entry)


@pytest.mark.parametrize("text", ["1105/S\n2", "1105/Zoë", "1105/\t", "1105/\x7f"])
def test_text_that_could_be_read_in_two_ways_is_refused(make_entry: MakeEntry, text: str) -> None:
    with pytest.raises(EntryRefused, match="not printable ASCII"):
        canonical_bytes(make_entry((text, 1), ("2011", -1)))
    with pytest.raises(EntryRefused, match="not printable ASCII"):
        canonical_bytes(make_entry(("1105", 1), ("2011", -1), session_id=text))


def test_the_database_alone_can_recompute_the_hashes(
    writer: Connection[TupleRow], plain: Entry, make_entry: MakeEntry
) -> None:
    mirror = make_entry(("1105/S-1", -1200), ("2011/OP-1", 1200), name="mirror", reverses=plain.entry_id)
    payout = make_entry(("2010/OP-1", 5), ("2050", -5), name="payout", session_id=None, payout_id="P-1")
    write_entries(writer.cursor(), [plain, mirror, payout], shard=0)
    assert writer.execute(HASH_IN_SQL).fetchall() == [(True,)] * 3
