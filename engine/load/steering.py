"""Steering of sites: a set of records in, one transaction, and out comes what is to be told.

Commands are stored before they are told, with the offsets of the records that they follow from. Whoever comes after a
crash tells again what may not have left, under the same ids, and reads on behind it.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from contracts.decode import Message, decode
from contracts.messages import TOPIC_OF
from contracts.outgoing import encode, outbound_key
from contracts.profiles import FALLBACK_REQUESTED, PROFILES_TOPIC, REQUESTED, fallback_data, requested_data
from domain.load.messages import microseconds, moment, time_of
from domain.load.plugged import FLOOR_A
from domain.load.steering import INTERVAL, Command
from engine.load.book import Book, Changes
from ledger.gateway import Gateway
from ledger.load import store

_log = logging.getLogger(__name__)

# Of each type the field that says when it is from; of others the envelope does.
_TIMES: Final[Mapping[str, str]] = {
    "site.load_measured": "read_at",
    "charging.session.started": "started_at",
    "charging.session.metered": "read_at",
    "charging.session.state_changed": "at",
    "charging.session.intent_declared": "at",
    "charging.session.ended": "ended_at",
    "charging.charger.profile_answered": "at",
    "charging.charger.heartbeat": "at",
    "charging.charger.status_changed": "at",
}
_AT_LOCATIONS: Final = frozenset({"site.limit_set", "site.load_measured", "charging.session.started"})


class LostSites(Exception):
    """Another process has become the owner of sites: what was decided here was not written, and is not told."""


class Read(NamedTuple):
    """A record of Kafka: where it was, as `TOPIC/NUMBER`, and what it holds."""

    home: str
    offset: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Sending(NamedTuple):
    """A record that is to be sent."""

    topic: str
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a set of records came to: what is to be told, and how many sites have a limit."""

    records: Sequence[Sending]
    commands: int
    managed: int


class Steering:
    """One process's sites. `by_events` has time go by as messages say it, and not by the clock on the wall."""

    def __init__(self, dsn: str, *, by_events: bool = False) -> None:
        self._gateway = Gateway(dsn)
        self._by_events = by_events
        self._latest = self._looked_up = 0
        self._books: dict[int, Book] = {}
        self._epochs: Mapping[int, int] = {}
        self._partition_of: Callable[[str], int] = lambda _: 0

    def own(
        self, partitions: Collection[int], count: int, partition_of: Callable[[str, int], int]
    ) -> tuple[Mapping[str, int], Sequence[Sending]]:
        """Become the owner of the sites of partitions, of `count` in all.

        It comes to the offsets from which on records have to be read, by `TOPIC/NUMBER` (others from their first),
        and what may not have been told. Raises MachineryFault while the database is away.
        """
        self._books = {}
        with self._gateway.transaction() as cursor:
            spread = store.lay_out(cursor, count)
            mine = [number for number in partitions if number < spread]
            kept = store.claim(cursor, mine)
        self._partition_of = lambda location_id: partition_of(location_id, spread)
        self._epochs = kept.epochs
        for number in mine:
            self._books[number] = book = Book(number, kept.offsets[number])
            book.restore(kept)
        common = set.intersection(*({*book.offsets} for book in self._books.values())) if self._books else set()
        offsets = {home: min(book.offsets[home] for book in self._books.values()) for home in common}
        return offsets, _sendings(command for book in self._books.values() for command in book.unsent)

    def shorten(self, ends: Mapping[str, int]) -> None:
        """Logs end there: where one was made anew, what is in it was never read."""
        for book in self._books.values():
            for home, end in ends.items():
                if book.offsets.get(home, 0) > end:
                    _log.warning("%s ends before what was read of it: it is read from its end on", home)
                    book.offsets[home] = end

    def take(self, records: Iterable[Read], *, acts: bool = True, after_a_pause: bool = False) -> Outcome:
        """Take in records and, where it `acts`, decide; to be told once it has returned, and `sent` after that.

        Raises LostSites where another one owns them, and MachineryFault while the database is away: then `own` again.
        """
        for record in records:
            self._take(record)
        changes = []
        now = self._now()
        if acts and (after_a_pause or now // INTERVAL != self._looked_up):
            self._look_up_powers(now)
        for book in self._books.values():
            if after_a_pause:
                book.look_at_all(now)
            changes.append(book.decide(now) if acts else Changes())
        commands = [command for each in changes for _, command in each.commands]
        self._write(changes, is_due=acts)
        managed = sum(book.managed for book in self._books.values())
        return Outcome(_sendings(commands), len(commands), managed)

    def _look_up_powers(self, now: int) -> None:
        """What EVSEs can give is published seldom, and read with the grid."""
        self._looked_up = now // INTERVAL
        sites = [key for book in self._books.values() for key in book.limited]
        with self._gateway.transaction() as cursor:
            powers = store.published_powers(cursor, sites)
        for book in self._books.values():
            book.publish(powers, now)

    def sent(self) -> None:
        """All that was to be told has left."""
        for book in self._books.values():
            book.sent()

    def close(self) -> None:
        """Let go of the database."""
        self._gateway.close()

    def _now(self) -> int:
        return self._latest if self._by_events else time.time_ns() // 1_000

    def _take(self, record: Read) -> None:
        message = decode(record.value, record.headers)
        if isinstance(message, Message):
            self._note_time(message)
        now = self._now()
        for number, book in self._books.items():
            if record.offset < book.offsets.get(record.home, 0):
                continue
            book.offsets[record.home] = record.offset + 1
            # What is refused, and what is on another topic than its own, is told by the intake.
            if isinstance(message, Message) and self._is_of(number, record, message):
                book.take(message, now)

    def _is_of(self, partition: int, record: Read, message: Message) -> bool:
        """Whether a message says something of sites of a partition, or may."""
        if not record.home.startswith(f"{TOPIC_OF.get(message.type)}/"):
            return False
        return message.type not in _AT_LOCATIONS or self._partition_of(message.data["location_id"]) == partition

    def _note_time(self, message: Message) -> None:
        field = _TIMES.get(message.type)
        at = microseconds(message.time) if field is None else moment(message.data[field])
        self._latest = max(self._latest, at)

    def _write(self, changes: Sequence[Changes], *, is_due: bool) -> None:
        if not is_due or not any(each.sites or each.cars or each.gone for each in changes):
            return
        with self._gateway.transaction() as cursor:
            if not store.lock(cursor, self._epochs):
                raise LostSites
            store.put_sites(cursor, (site for each in changes for site in each.sites))
            store.drop_cars(cursor, [car for each in changes for car in each.gone])
            store.put_cars(cursor, (car for each in changes for car in each.cars))
            store.add_profiles(cursor, [profile for each in changes for profile in each.profiles])
            store.note_answers(cursor, [answer for each in changes for answer in each.answers])
            store.put_alerts(cursor, (alert for each in changes for alert in each.alerts))
            store.advance(cursor, {number: book.offsets for number, book in self._books.items()})


def _sendings(commands: Iterable[Command]) -> list[Sending]:
    return [_sending(each) for each in commands]


def _sending(command: Command) -> Sending:
    since = time_of(command.at)
    if command.session_id is None or command.until is None:
        type_, subject = FALLBACK_REQUESTED, command.evse_uid
        data = fallback_data(
            command_id=command.command_id,
            evse_uid=command.evse_uid,
            limit=command.a,
            phases=command.phases,
            since=since,
        )
    else:
        type_, subject = REQUESTED, command.session_id
        data = requested_data(
            command_id=command.command_id,
            session_id=command.session_id,
            evse_uid=command.evse_uid,
            limit=command.a,
            phases=command.phases,
            floor=FLOOR_A,
            since=since,
            until=time_of(command.until),
            why=command.why,
        )
    value = encode(type_, command.command_id, subject, since, {**data})
    return Sending(PROFILES_TOPIC, outbound_key(type_, subject, data).encode(), value)
