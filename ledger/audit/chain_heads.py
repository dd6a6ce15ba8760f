"""Heads of the chain that were kept outside the database: lines of the file of heads, or records of its topic."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.audit.kept_outside import read_kept

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class HeadsUnreadable(ValueError):
    """What was given as heads is none; the sentence names the line."""


@dataclass(frozen=True, slots=True)
class Head:
    """The store as it was when a row of its chain was its last one.

    `store` is the hash of the chain's first row, `number` the row, `position` its last event's, `events` how many
    events were stored up to there; hashes in hex, `recorded_us` in microseconds since 1970 UTC.
    """

    store: str
    number: int
    position: int
    events: int
    recorded_us: int
    hash: str

    @property
    def where(self) -> str:
        """The head's name in findings."""
        recorded = (_EPOCH + self.recorded_us * _MICROSECOND).isoformat(timespec="seconds").replace("+00:00", "Z")
        return f"the head of {recorded} at position {self.position}"


def read_heads(lines: Iterable[bytes]) -> list[Head]:
    """The heads in JSON Lines, each once, in the order of the chain's rows.

    A line is a head, or a CloudEvent `settlement.head.recorded` that has one as its data. A last line without its
    line feed was cut off by a crash and counts for nothing, unless it is whole.
    Raises HeadsUnreadable for any other line that is no head, and when there is none at all.
    """
    found = set(read_kept(lines, _head, HeadsUnreadable, "head of a chain"))
    if not found:
        raise HeadsUnreadable("it has no heads")
    return sorted(found, key=lambda head: (head.number, head.hash))


def _head(body: Any) -> Head:
    store, hash_ = (bytes.fromhex(body[name]).hex() for name in ("store", "hash"))
    number, position, events = numbers = [body[name] for name in ("number", "position", "events")]
    recorded = datetime.fromisoformat(body["recorded_at"])
    if not all(type(each) is int for each in numbers) or recorded.tzinfo is None:
        raise ValueError
    return Head(store, number, position, events, (recorded - _EPOCH) // _MICROSECOND, hash_)
