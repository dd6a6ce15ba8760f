"""The chain over stored events, computed again from the events, and compared with heads that were kept elsewhere."""

import hashlib
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from ledger.audit.chain_heads import Head
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

HASH_VERSION = 1

_LINKS = """
SELECT number, first_position, last_position, total, tx::text::bigint,
       (extract(epoch FROM began_at) * 1000000)::bigint, (extract(epoch FROM recorded_at) * 1000000)::bigint,
       hash_version, hash, entries_hash
FROM event_store.chain ORDER BY number
"""
_EVENTS = """
SELECT notification_id, originator_id, originator_version, topic, state
FROM event_store.stored_events ORDER BY notification_id
"""
_LONG, _COUNTED = Struct(">q").pack, Struct(">i").pack
_EVENT = Struct(">h i16s iq").pack


class Link(NamedTuple):
    """A row of the chain as it stands; times in microseconds since 1970 UTC, none of events from before the chain."""

    number: int
    first: int
    last: int
    total: int
    tx: int | None
    began_us: int | None
    recorded_us: int
    hash_version: int
    hash: bytes
    entries_hash: bytes | None

    @property
    def where(self) -> str:
        """The row's name in findings."""
        span = f"position {self.first}" if self.first == self.last else f"positions {self.first} to {self.last}"
        return f"row {self.number} of the chain" + (f" ({span})" if self.last >= self.first else "")


def check_stored(snapshot: Snapshot, heads: Sequence[Head], tally: Tally) -> None:
    """Every event is in the chain as it was stored, and the chain is the one of which heads were kept elsewhere.

    A row is compared with the hash of the row before it as that stands, so that one change is one finding. Whether
    somebody wrote all of it anew from some row on, heads alone can say.
    """
    events, kept, before = _Events(snapshot), _Kept(heads, tally), None
    for link in map(Link._make, snapshot.rows(_LINKS)):
        _check_row(link, before, events, tally)
        kept.compare(link)
        before = link
    _, behind = events.up_to(None)
    if before is None:
        tally.note("the chain", "its first row", "none", f"the chain has no row, and the store {behind} events")
        return
    if behind:
        sentence = f"behind position {before.last} are {behind} events that the chain does not have"
        tally.note(f"position {before.last}", "the last event", f"{behind} more", sentence)
    kept.end(before)


class _Events:
    """The stored events by position, hashed in spans."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._rows = snapshot.rows(_EVENTS)
        self._next = next(self._rows, None)

    def up_to(self, position: int | None) -> tuple[bytes, int]:
        """The hash of the next events up to a position, of all without one, and how many they are."""
        hashed, count = hashlib.sha256(), 0
        while self._next is not None and (position is None or self._next[0] <= position):
            _, stream_id, version, topic, state = self._next
            name = topic.encode()
            hashed.update(_EVENT(4, 16, stream_id.bytes, 8, version) + _COUNTED(len(name)) + name)
            hashed.update(_COUNTED(len(state)))
            hashed.update(state)
            count += 1
            self._next = next(self._rows, None)
        return hashed.digest(), count


def _check_row(link: Link, before: Link | None, events: _Events, tally: Tally) -> None:
    number, last, total, recorded_us, hash_ = (
        (before.number + 1, before.last, before.total, before.recorded_us, before.hash)
        if before
        else (0, 0, 0, 0, b"")
    )
    tally.compare(link.where, number, link.number, "its number in the chain")
    if link.first <= last:
        sentence = f"{link.where} begins where the row before it has not ended, at position {last}"
        tally.note(link.where, last + 1, link.first, sentence)
    if link.recorded_us < recorded_us:
        sentence = f"{link.where} was recorded before the row before it"
        tally.note(link.where, recorded_us, link.recorded_us, sentence)
    _, unchained = events.up_to(link.first - 1)
    if unchained:
        sentence = (
            f"{link.where}: between it and the row before it are {unchained} events that the chain does not have"
        )
        tally.note(link.where, 0, unchained, sentence)
    of_events, count = events.up_to(link.last)
    tally.examined += count
    tally.compare(link.where, link.total - total, count, "the number of its events")
    if link.hash_version != HASH_VERSION:
        sentence = f"{link.where} has a hash of version {link.hash_version}, which this audit cannot compute"
        tally.note(link.where, HASH_VERSION, link.hash_version, sentence)
    elif (recomputed := hash_of(link, hash_, of_events)) != link.hash:
        sentence = (
            f"{link.where} does not match its hash: an event of it was changed, moved, added or taken away after it "
            "was stored, or the row itself or the one before it was changed"
        )
        tally.note(link.where, recomputed.hex(), link.hash.hex(), sentence)


def hash_of(link: Link, previous: bytes, of_events: bytes) -> bytes:
    """Version 1 of a row's hash (docs/chain.md), behind a row of the hash `previous`; `of_events` is its events'."""
    times = [link.tx, link.began_us, link.recorded_us]
    return hashlib.sha256(
        b"".join(
            (
                b"wattledger-chain-1",
                previous,
                *map(_LONG, (link.number, link.first, link.last, link.total)),
                *(_LONG(each) for each in times if each is not None),
                link.entries_hash or b"",
                of_events,
            )
        )
    ).digest()


class _Kept:
    """The heads, compared with the rows of the chain as they come by."""

    def __init__(self, heads: Sequence[Head], tally: Tally) -> None:
        self._tally, self._left = tally, sorted(heads, key=lambda head: head.number)
        self._place = 0
        self._of_others: list[Head] = []
        self._differing: list[Head] = []
        self._agreed = 0
        self._store = ""

    def compare(self, link: Link) -> None:
        """Compare the heads of a row, which comes in the order of the chain."""
        self._store = self._store or link.hash.hex()
        for head in self._heads_up_to(link.number):
            self._tally.examined += 1
            if head.store != self._store:
                self._of_others.append(head)
            elif _is_head_of(head, link):
                self._agreed = head.position if not self._differing else self._agreed
            else:
                self._differing.append(head)

    def end(self, last: Link) -> None:
        """Say what the heads know otherwise; `last` is the last row of the chain."""
        behind: list[Head] = []
        for head in self._heads_up_to(None):
            self._tally.examined += 1
            (behind if head.store == self._store else self._of_others).append(head)
        if self._of_others:
            head, count = self._of_others[0], len(self._of_others)
            sentence = (
                f"{head.where} is of the store {head.store}, and this one is {self._store}: it was put in the place "
                f"of that one, or the head is not of here ({count} such heads)"
            )
            self._tally.note(head.where, head.store, self._store, sentence)
        if self._differing:
            head, count = self._differing[0], len(self._differing)
            sentence = (
                f"{head.where} has another hash than the chain has there: what was stored behind position "
                f"{self._agreed} and up to {head.position} was changed since, and the chain was written anew "
                f"({count} heads differ)"
            )
            self._tally.note(head.where, head.hash, "another hash", sentence)
        if behind:
            head = behind[-1]
            sentence = (
                f"{head.where} is behind the end of the store, which is at position {last.last}: "
                f"{head.events - last.total} events that were stored are gone"
            )
            self._tally.note(head.where, head.events, last.total, sentence)

    def _heads_up_to(self, number: int | None) -> Iterator[Head]:
        while self._place < len(self._left) and (number is None or self._left[self._place].number <= number):
            yield self._left[self._place]
            self._place += 1


def _is_head_of(head: Head, link: Link) -> bool:
    told = (head.number, head.position, head.events, head.recorded_us, head.hash)
    return told == (link.number, link.last, link.total, link.recorded_us, link.hash.hex())
