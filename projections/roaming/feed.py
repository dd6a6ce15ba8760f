"""Follows the event store and makes what it says visible to partners, module by module, from where it stopped."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from heapq import heappop, heappush
from threading import Event
from typing import Protocol

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from tenacity import wait_exponential

from domain.catalogue.catalogue import POWER_MAX_KW
from ledger.collector import collector_paused
from ledger.database import Role, connect
from ledger.events.store import TABLE, last_position
from ledger.patience import Patience, Stopping
from projections.feed import Piece, read_piece
from projections.rebuild import alone
from projections.roaming.answers import CdrAnswers
from projections.roaming.cdrs import CdrObjects
from projections.roaming.locations import LocationObjects
from projections.roaming.objects import Key, Made, known_keys, known_operators, make_visible, withdraw, withhold
from projections.roaming.sessions import SessionObjects
from projections.roaming.tariffs import TariffObjects

# What a rebuild calls all of them.
NAME = "roaming"

# How long one that has heard nothing waits before it looks by itself, and how long after a fault.
POLL_S = 1.0
RETRY_S_MAX = 5.0
# Objects have some kilobytes: fewer at once than of rows of a read model, and of sessions a third of a second's.
_EVENTS_MAX, _SESSION_EVENTS_MAX = 1_000, 250
# So many tariffs or locations are made in one transaction, for which pages wait.
_OBJECTS_MAX = 250
# Who makes all anew holds up those that follow for no longer than these take.
_ANEW_MAX = 250

_POSITION = "SELECT position FROM roaming.position WHERE module = %s FOR UPDATE"
_MOVE = "UPDATE roaming.position SET position = %s WHERE module = %s"
_REACHED = "SELECT position FROM roaming.position WHERE module = %s"
_LISTEN = f"LISTEN {TABLE}"
_IS_NEEDED = "SELECT roaming.is_needed()"


class Module(Protocol):
    """A kind of objects: what it is called in OCPI, and which stored events change it."""

    @property
    def module(self) -> str:
        """Its name in OCPI."""

    @property
    def topics(self) -> frozenset[str]:
        """The topics of the events that it is made of."""

    def take(self, cursor: Cursor[TupleRow], piece: Piece, now: datetime) -> Made:
        """What comes of the next events, in order."""


class Clocked(Module, Protocol):
    """A kind of objects that the clock changes as well."""

    def is_due(self, now: datetime) -> bool:
        """Whether the clock may change anything."""

    def tick(self, cursor: Cursor[TupleRow], now: datetime) -> Made:
        """What comes of what is due."""


class Kept(Protocol):
    """A kind of objects whose state follows from what is stored, whichever event touched them."""

    module: str
    topics: frozenset[str]

    def touched(self, cursor: Cursor[TupleRow], events: Sequence[tuple[str, bytes]]) -> set[Key]:
        """The objects that some events are about."""

    def make(self, cursor: Cursor[TupleRow], keys: Iterable[Key], now: datetime) -> Made:
        """These objects as they are now."""


class ByTheClock:
    """A module of objects that are made anew when an event touches them, or the clock does."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.module, self.topics = kept.module, kept.topics
        # Of each object one moment at most, its next one: what is due behind it is found when it is made then.
        self._due: list[tuple[datetime, Key]] = []
        self._next: dict[Key, datetime] = {}
        self._begun = False

    def take(self, cursor: Cursor[TupleRow], piece: Piece, now: datetime) -> Made:
        """What comes of the objects that some events touch; what is no more goes by the clock, behind all modules.

        Of very many, as an operator's or a tariff's, the rest goes by the clock, too: pages wait for each set.
        """
        first, *rest = _sets(self._kept.touched(cursor, piece.events))
        for keys in rest:
            self._put_off(keys, now)
        made = self._made(cursor, first, now)
        # Nothing that names a tariff is seen any more once it is withdrawn.
        self._put_off(made.gone, now)
        made.gone.clear()
        return made

    def is_due(self, now: datetime) -> bool:
        """Whether the clock may change anything."""
        return not self._begun or self.is_behind(now)

    def is_behind(self, now: datetime) -> bool:
        """Whether anything is to be made anew that it knows of."""
        return bool(self._due and self._due[0][0] <= now)

    def tick(self, cursor: Cursor[TupleRow], now: datetime) -> Made:
        """What comes of a set of objects of which another version is in effect by now; others may be left."""
        if not self._begun:
            # Whoever followed before took along what was due later.
            self._begun = True
            self._put_off(known_keys(cursor, self.module, known_operators(cursor, self.module)), now)
        return self.rest(cursor, now)

    def rest(self, cursor: Cursor[TupleRow], now: datetime) -> Made:
        """What comes of a set of those that are known to be due."""
        keys: set[Key] = set()
        while self.is_behind(now) and len(keys) < _OBJECTS_MAX:
            at, key = heappop(self._due)
            if self._next.get(key) == at:
                del self._next[key]
                keys.add(key)
        return self._made(cursor, sorted(keys), now)

    def _put_off(self, keys: Iterable[Key], now: datetime) -> None:
        for key in keys:
            self._look_at(now, key)

    def _look_at(self, at: datetime, key: Key) -> None:
        """Look at an object at a moment, unless it is looked at before."""
        known = self._next.get(key)
        if known is None or at < known:
            self._next[key] = at
            heappush(self._due, (at, key))

    def _made(self, cursor: Cursor[TupleRow], keys: Sequence[Key], now: datetime) -> Made:
        if not keys:
            return Made()
        made = self._kept.make(cursor, keys, now)
        for at, key in made.due:
            self._look_at(at, key)
        return made


class RoamingFeed:
    """All modules, for one thread: a tariff before the location that names it, session, CDR and its answers in order.

    `power_max_kw` is what the engine takes for the most that a connector gives whose power was not published.
    """

    def __init__(self, power_max_kw: int = POWER_MAX_KW) -> None:
        self._live: tuple[ByTheClock, ...] = (ByTheClock(TariffObjects()), ByTheClock(LocationObjects()))
        self._sessions = SessionObjects(power_max_kw)
        self._clocked: tuple[Clocked, ...] = (*self._live, self._sessions)
        self._modules: tuple[Module, ...] = (*self._clocked, CdrObjects(), CdrAnswers())

    def catch_up(self, connection: Connection[TupleRow], now: datetime | None = None) -> int:
        """Make visible what was stored when this began; how many objects are new or changed.

        The connection is of the projector, with no transaction open. A set of events is one transaction: a crash
        leaves objects and position together. `now` is the wall clock's by default.
        """
        moment = now or datetime.now(UTC)
        end, changed = _end(connection), 0
        for module in self._modules:
            while (made := self._step(connection, module, end, moment)) is not None:
                changed += made
                if made and module not in self._live:
                    changed += self._bring_on(connection, moment)
        # A tariff that is no more goes behind all locations that named it.
        for module in reversed(self._live):
            changed += self._rest(connection, module, moment)
        for clocked in self._clocked:
            while clocked.is_due(moment):
                changed += self._tick(connection, clocked, moment)
                if clocked not in self._live:
                    break
        return changed

    def _bring_on(self, connection: Connection[TupleRow], now: datetime) -> int:
        """Make visible what there is of tariffs and locations: a status waits for a piece of others, not for all."""
        end, changed = _end(connection), 0
        for module in self._live:
            while (made := self._step(connection, module, end, now)) is not None:
                changed += made
        return changed

    def _step(self, connection: Connection[TupleRow], module: Module, end: int, now: datetime) -> int | None:
        """Take the next piece; how many objects are new or changed, None where the end was reached before."""
        with collector_paused(), connection.transaction(), connection.cursor() as cursor:
            row = cursor.execute(_POSITION, (module.module,)).fetchone()
            assert row is not None
            if row[0] >= end:
                return None
            number = _SESSION_EVENTS_MAX if module is self._sessions else _EVENTS_MAX
            piece = read_piece(cursor, sorted(module.topics), row[0], end, number)
            changed = self._taken(cursor, module, piece, now)
            cursor.execute(_MOVE, (piece.position, module.module))
            return changed

    def _taken(
        self, cursor: Cursor[TupleRow], module: Module, piece: Piece, now: datetime, *, believed: bool = True
    ) -> int:
        # What is known of sessions from piece to piece is so only where none is left out.
        if not piece.events and module is not self._sessions:
            return 0
        return _store(cursor, module.module, module.take(cursor, piece, now), believed=believed)

    def rebuild(self, connection: Connection[TupleRow], now: datetime | None = None) -> dict[str, int]:
        """Make all that was made again, from the first event on; by module the position up to which that is so.

        What comes out the same stays as it is, and nobody is told of it. Others follow meanwhile: each set is a
        transaction that holds the module for as long as it takes.
        """
        moment = now or datetime.now(UTC)
        return {module.module: self._again(connection, module, moment) for module in self._modules}

    def _again(self, connection: Connection[TupleRow], module: Module, now: datetime) -> int:
        with connection.transaction(), connection.cursor() as cursor:
            row = cursor.execute(_REACHED, (module.module,)).fetchone()
            assert row is not None
            end, at = int(row[0]), 0
        while at < end:
            with collector_paused(), connection.transaction(), connection.cursor() as cursor:
                cursor.execute(_POSITION, (module.module,))
                piece = read_piece(cursor, sorted(module.topics), at, end, _ANEW_MAX)
                self._taken(cursor, module, piece, now, believed=False)
                at = piece.position
        if isinstance(module, ByTheClock):
            self._rest(connection, module, now)
        return end

    def _rest(self, connection: Connection[TupleRow], module: ByTheClock, now: datetime) -> int:
        """Make what a piece left over."""
        changed = 0
        while module.is_behind(now):
            with collector_paused(), connection.transaction(), connection.cursor() as cursor:
                cursor.execute(_POSITION, (module.module,))
                changed += _store(cursor, module.module, module.rest(cursor, now))
        return changed

    def _tick(self, connection: Connection[TupleRow], module: Clocked, now: datetime) -> int:
        with connection.transaction(), connection.cursor() as cursor:
            # Who follows a module holds its position, so that it is not made by two at once.
            cursor.execute(_POSITION, (module.module,))
            return _store(cursor, module.module, module.tick(cursor, now))


def _sets(keys: Iterable[Key]) -> list[list[Key]]:
    """All keys in order, in sets of which each is a transaction; at least one set."""
    found = sorted(keys)
    return [found[at : at + _OBJECTS_MAX] for at in range(0, max(1, len(found)), _OBJECTS_MAX)]


def _end(connection: Connection[TupleRow]) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        return last_position(cursor)


def _store(cursor: Cursor[TupleRow], module: str, made: Made, *, believed: bool = True) -> int:
    withhold(cursor, module, made)
    return withdraw(cursor, module, made.gone) + make_visible(cursor, module, made.seen, believed=believed)


def make_all_visible(dsn: str, now: datetime | None = None) -> int:
    """Make visible what is stored by now; how many objects are new or changed."""
    with connect(dsn, Role.PROJECTOR, autocommit=True) as connection:
        return RoamingFeed().catch_up(connection, now)


def rebuild(dsn: str, power_max_kw: int = POWER_MAX_KW, now: datetime | None = None) -> dict[str, int]:
    """Make all objects again while they are followed and read; by module the position up to which that was done.

    What comes out the same stays as it is, `last_updated` included. Cut off at any moment it leaves objects as they
    were or as they are made now. Raises RebuildUnderWay.
    """
    with connect(dsn, Role.PROJECTOR, autocommit=True) as connection, alone(dsn, [NAME], "{}"):
        return RoamingFeed(power_max_kw).rebuild(connection, now)


def follow_roaming(
    dsn: str, stop: Event, moves: Callable[[], None] = lambda: None, power_max_kw: int = POWER_MAX_KW
) -> None:
    """Keep objects up with the event store until `stop` is set; a lost database is tried again.

    While there is no partner none are made: once the first one is invited all there are are made at once.
    """
    patience = Patience(wait_exponential(multiplier=0.1, max=RETRY_S_MAX))

    def follow() -> None:
        moves()
        feed = RoamingFeed(power_max_kw)
        with connect(dsn, Role.PROJECTOR, autocommit=True) as connection:
            connection.execute(_LISTEN)
            while not stop.is_set():
                moves()
                is_needed = connection.execute(_IS_NEEDED).fetchone() == (True,)
                changed = feed.catch_up(connection) if is_needed else 0
                patience.worked()
                if not is_needed:
                    stop.wait(POLL_S)
                elif not changed:
                    for _ in connection.notifies(timeout=POLL_S, stop_after=1):
                        pass

    with suppress(Stopping):
        patience.do(follow, stop)
