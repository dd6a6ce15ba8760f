"""The sites of one partition of `sites`, in memory: messages change them, and what changed is written as a set.

Facts that come before the start of their session wait for it, of a few thousand sessions. What is told again of one
that is over begins nothing.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import orjson

from contracts.decode import Message
from domain.errors import DomainError
from domain.exact import exact
from domain.load import messages
from domain.load.messages import moment, time_of
from domain.load.meter import Miss
from domain.load.plugged import MINUTE, Plugged
from domain.load.site import Site
from domain.load.steering import INTERVAL, Command, decide
from engine.load.states import dump_car, dump_site, load_car, load_site
from ledger.load.store import Kept, SiteKey, StoredAlert, StoredAnswer, StoredCar, StoredProfile, StoredSite

_log = logging.getLogger(__name__)

_WAITING_MAX: Final = 2_000
_OF_A_SESSION_MAX: Final = 8
_WHY_MAX: Final = 80
# So far a meter's clock may be ahead of ours.
_AHEAD_MAX: Final = 5 * MINUTE


@dataclass(slots=True)
class Changes:
    """What is to be written of a set of messages, and what is to be told."""

    sites: list[StoredSite] = field(default_factory=list)
    cars: list[StoredCar] = field(default_factory=list)
    gone: list[tuple[str, str, str]] = field(default_factory=list)
    profiles: list[StoredProfile] = field(default_factory=list)
    answers: list[StoredAnswer] = field(default_factory=list)
    alerts: list[StoredAlert] = field(default_factory=list)
    commands: list[tuple[SiteKey, Command]] = field(default_factory=list)


@dataclass(slots=True)
class _Room:
    """A site in memory: whether it has to be looked at, the moment that asks for it, and what was written of it."""

    site: Site
    key: SiteKey
    is_changed: bool = False
    asked_at: int | None = None
    due: int | None = None
    unsent: list[Command] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)


class Book:
    """The sites of a partition. `offsets` are the next ones to read, by `TOPIC/NUMBER`."""

    def __init__(self, partition: int, offsets: Mapping[str, int]) -> None:
        self.partition, self.offsets = partition, dict(offsets)
        self._rooms: dict[SiteKey, _Room] = {}
        self._homes: dict[str, _Room] = {}
        self._asked: dict[str, _Room] = {}
        self._early: OrderedDict[str, list[Message]] = OrderedDict()
        self._changes = Changes()

    def restore(self, kept: Kept) -> None:
        """Go on from what is kept of the partition."""
        for operator_id, key, location_id, partition, state, unsent in kept.sites:
            if partition == self.partition:
                room = _Room(load_site(operator_id, location_id, state), (operator_id, key))
                room.unsent = [Command(**each) for each in orjson.loads(unsent)]
                room.due = room.site.next_moment()
                self._rooms[room.key] = room
        for operator_id, key, text in kept.cars:
            found = self._rooms.get((operator_id, key))
            if found is not None:
                car = load_car(text)
                found.site.cars[car.session_id] = car
                self._homes[car.session_id] = found
        for room in self._rooms.values():
            for car in room.site.cars.values():
                self._asked |= {each.command_id: room for each in car.open}
            self._asked |= {each.asked.command_id: room for each in room.site.fallbacks.values()}

    @property
    def unsent(self) -> Iterator[Command]:
        """Commands of which it is not known that they left, in their order."""
        for room in self._rooms.values():
            yield from room.unsent

    def sent(self) -> None:
        """All commands have left."""
        for room in self._rooms.values():
            room.unsent = []

    @property
    def managed(self) -> int:
        """How many sites have a limit."""
        return len(self.limited)

    def take(self, message: Message, now: int) -> None:
        """Take in a message that was not read for this partition before."""
        handler = _HANDLERS.get(message.type)
        if handler is not None:
            handler(self, message, now)

    def look_at_all(self, now: int) -> None:
        """Have every site that is limited looked at, as after a pause: as of the grid, as if there had been none."""
        for room in self._rooms.values():
            if room.site.versions:
                self._ask(room, now - now % INTERVAL)

    @property
    def limited(self) -> list[SiteKey]:
        """The sites that a limit was set for."""
        return [key for key, room in self._rooms.items() if room.site.versions]

    def publish(self, powers: Mapping[SiteKey, Mapping[str, str]], now: int) -> None:
        """What EVSEs of sites can give, as it was published."""
        for key in self.limited:
            room, known = self._rooms[key], powers.get(key, {})
            if room.site.publish({uid: exact(power_w) for uid, power_w in known.items()}, now):
                self._ask(room, now)

    def decide(self, now: int) -> Changes:
        """What all that was taken in comes to, and the passing of time; `now` in microseconds."""
        for room in self._rooms.values():
            if room.site.versions:
                self._decide(room, now)
        changes = self._changes
        self._changes = Changes()
        for room in self._rooms.values():
            if room.is_changed or room.changed:
                self._write(room, now, changes)
        return changes

    def _decide(self, room: _Room, now: int) -> None:
        site, grid = room.site, now - now % INTERVAL
        moments: list[tuple[int, bool]] = []
        if site.ticked < grid:
            site.ticked = grid
            moments.append((max(grid, site.at), True))
        if room.due is not None and room.due <= now:
            moments.append((max(room.due, site.at), False))
        if room.asked_at is not None:
            moments.append((max(room.asked_at, site.at), False))
            room.asked_at = None
        if not moments:
            return
        is_tick = any(each for _, each in moments)
        try:
            commands = decide(site, max(at for at, _ in moments), is_tick=is_tick)
        except DomainError as error:
            # Its limits are no tree of circuits when put together: others go on, and its cars as they were told.
            _log.error("site %s of %s cannot be steered: %s", site.location_id, site.operator_id, error)
            commands = []
        room.is_changed, room.due = True, site.next_moment()
        for command in commands:
            self._asked[command.command_id] = room
            room.unsent.append(command)
            self._changes.commands.append((room.key, command))
            if command.session_id is not None:
                room.changed.add(command.session_id)
                self._changes.profiles.append(_profile(room.key, command))

    def _write(self, room: _Room, now: int, changes: Changes) -> None:
        site = room.site
        # Cars are read all the time, and what is kept of their site stays the same by that.
        if room.is_changed:
            changes.sites.append(self._stored_site(room))
        for session_id in sorted(room.changed & site.cars.keys()):
            changes.cars.append(_stored(room.key, site, site.cars[session_id], now))
        room.is_changed, room.changed = False, set()

    def _stored_site(self, room: _Room) -> StoredSite:
        site, last = room.site, room.site.meter.last
        phases = last.phases_a if last is not None else None
        return StoredSite(
            *room.key,
            site.location_id,
            self.partition,
            time_of(last.at) if last is not None else None,
            last.power_w if last is not None else None,
            f"{{{','.join(map(str, phases))}}}" if phases is not None else None,
            dump_site(site),
            orjson.dumps(room.unsent).decode(),
        )

    def _room(self, operator_id: str, location_id: str) -> _Room:
        key = (operator_id, location_id.casefold())
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = _Room(Site(operator_id, location_id), key)
        return room

    def _ask(self, room: _Room, at: int) -> None:
        room.asked_at = at if room.asked_at is None else max(room.asked_at, at)
        room.is_changed = True

    def limit_set(self, message: Message, now: int) -> None:
        """`site.limit_set`."""
        room = self._room(message.data["operator_id"], message.data["location_id"])
        version = messages.version_of(message.data, message.time, message.source, message.id)
        at = min(messages.microseconds(message.time), now)
        room.site.set_limit(version, max(at, room.site.at))
        room.changed |= room.site.cars.keys()
        self._ask(room, at)

    def load_measured(self, message: Message, now: int) -> None:
        """`site.load_measured`."""
        room = self._room(message.data["operator_id"], message.data["location_id"])
        at = moment(message.data["read_at"])
        if at > now + _AHEAD_MAX:
            _log.warning(
                "site %s: a reading of %s is left out, it is not that time yet",
                message.data["location_id"],
                time_of(at),
            )
            return
        register = messages.milliwatthours(message.data["import_wh"])
        misses = room.site.measure(at, register, messages.phases_of(message.data))
        self._changes.alerts += [_missed(room, each) for each in misses]
        last = room.site.meter.last
        near = room.site.meter.near_the_peak(time_of(at).strftime("%Y-%m")) if last and last.at == at else None
        if near is not None:
            self._changes.alerts.append(_near(room, at, *near))
        self._ask(room, min(at, now))

    def started(self, message: Message, now: int) -> None:
        """`charging.session.started`."""
        data = message.data
        room = self._room(data["operator_id"], data["location_id"])
        if data["session_id"] in self._homes or data["session_id"] in room.site.over:
            return
        car = messages.car_of(data)
        room.site.start(car)
        self._homes[car.session_id] = room
        self._touch(room, car, car.started_at, now)
        for early in self._early.pop(car.session_id, ()):
            self.take(early, now)
        self._give_way(room, car.evse_uid, now)

    def _give_way(self, room: _Room, evse_uid: str, now: int) -> None:
        """An EVSE has one car: who is still there when the next begins went unseen, and holds nothing any more."""
        there = [each for each in room.site.cars.values() if each.evse_uid.casefold() == evse_uid.casefold()]
        there.sort(key=lambda each: (each.started_at, each.session_id))
        for gone, following in pairwise(there):
            self._end(room, gone.session_id, following.started_at, now)

    def _touch(self, room: _Room, car: Plugged, at: int, now: int) -> None:
        room.changed.add(car.session_id)
        self._ask(room, min(at, now))

    def _home(self, message: Message) -> tuple[_Room, Plugged] | None:
        """The site of a message's session; where it is not known yet, the message waits for the start."""
        session_id = message.data["session_id"]
        room = self._homes.get(session_id)
        if room is not None:
            return room, room.site.cars[session_id]
        waiting = self._early.setdefault(session_id, [])
        self._early.move_to_end(session_id)
        waiting.append(message)
        del waiting[:-_OF_A_SESSION_MAX]
        if len(self._early) > _WAITING_MAX:
            self._early.popitem(last=False)
        return None

    def metered(self, message: Message, now: int) -> None:
        """`charging.session.metered`: what it draws counts at the next decision, at once where it disobeys."""
        found = self._home(message)
        if found is None:
            return
        room, car = found
        at, was = moment(message.data["read_at"]), _matters(car)
        plan = room.site.plan(room.site.at or at)
        drawn = messages.drawn_of(message.data, car, plan)
        car.uses = messages.uses_of(message.data, car, plan)
        register = messages.milliwatthours(message.data["register_wh"])
        car.read(at, register, drawn, room.site.maximum_a(car.evse_uid))
        if room.site.versions:
            room.changed.add(car.session_id)
            if was != _matters(car):
                self._ask(room, min(at, now))

    def state_changed(self, message: Message, now: int) -> None:
        """`charging.session.state_changed`."""
        found = self._home(message)
        if found is not None:
            at = moment(message.data["at"])
            found[1].change(at, is_idle=message.data["state"] == "IDLE")
            self._touch(*found, at, now)

    def intent_declared(self, message: Message, now: int) -> None:
        """`charging.session.intent_declared`."""
        found = self._home(message)
        if found is not None:
            messages.declare(found[1], message.data)
            self._touch(*found, moment(message.data["at"]), now)

    def ended(self, message: Message, now: int) -> None:
        """`charging.session.ended`."""
        found = self._home(message)
        if found is None:
            return
        room, car = found
        self._end(room, car.session_id, moment(message.data["ended_at"]), now)

    def _end(self, room: _Room, session_id: str, at: int, now: int) -> None:
        del self._homes[session_id]
        for each in room.site.cars[session_id].open:
            self._asked.pop(each.command_id, None)
        room.site.end(session_id, at)
        room.changed.discard(session_id)
        self._changes.gone.append((*room.key, session_id))
        self._ask(room, min(at, now))

    def profile_answered(self, message: Message, now: int) -> None:
        """`charging.charger.profile_answered`."""
        data = message.data
        room = self._asked.get(data["command_id"])
        if room is None:
            return
        at = moment(data["at"])
        answered = room.site.answer(data["command_id"], data["evse_uid"], data["status"], at)
        if answered is None:
            return
        room.is_changed = True
        if answered.session_id is not None:
            room.changed.add(answered.session_id)
            self._changes.answers.append(StoredAnswer(data["command_id"], data["status"], time_of(at)))
        if answered.matters:
            self._ask(room, min(at, now))


def _matters(car: Plugged) -> tuple[bool, int | None, int, int]:
    """What of a car's readings changes what is shared out."""
    return car.strays, car.learned_a, car.unproven_a, car.over_a


def _profile(key: SiteKey, command: Command) -> StoredProfile:
    assert command.session_id is not None
    assert command.until is not None
    return StoredProfile(
        command.session_id,
        time_of(command.at),
        *key,
        command.evse_uid,
        command.command_id,
        command.a,
        command.phases,
        time_of(command.until),
        command.why[:_WHY_MAX],
    )


def _stored(key: SiteKey, site: Site, car: Plugged, now: int) -> StoredCar:
    last, drawn = car.last, car.drawn[-1] if car.drawn else None
    answer = None
    if last is not None:
        accepted = car.heeded is not None and car.heeded.command_id == last.command_id
        answer = car.refused or ("ACCEPTED" if accepted else "WAITING")
    return StoredCar(
        *key,
        car.session_id,
        car.evse_uid,
        time_of(car.started_at),
        last.a if last is not None else None,
        car.last_phases if last is not None else None,
        car.last_why[:_WHY_MAX] if last is not None else None,
        time_of(last.at) if last is not None else None,
        answer,
        drawn.a if drawn is not None else None,
        time_of(drawn.at) if drawn is not None else None,
        site.may_draw(car, now),
        dump_car(car),
    )


def _missed(room: _Room, miss: Miss) -> StoredAlert:
    until = time_of(miss.until) if miss.until is not None else None
    data = {"circuit_id": miss.circuit_id, "over_a": miss.over_a, "over_w": miss.over_w}
    return _alert(room, "load.limit_missed", miss.circuit_id, miss.since, data)._replace(to_at=until)


def _near(room: _Room, at: int, foreseen_w: int, peak_w: int) -> StoredAlert:
    start = at - at % (3 * INTERVAL)
    alert = _alert(room, "load.peak_near", "", start, {"foreseen_w": foreseen_w, "peak_w": peak_w})
    return alert._replace(to_at=time_of(start + 3 * INTERVAL))


def _alert(room: _Room, kind: str, subject: str, since: int, data: Mapping[str, Any]) -> StoredAlert:
    text = orjson.dumps(data).decode()
    return StoredAlert(kind, *room.key, room.site.location_id, subject, time_of(since), None, text)


_HANDLERS: Mapping[str, Callable[[Book, Message, int], None]] = {
    "site.limit_set": Book.limit_set,
    "site.load_measured": Book.load_measured,
    "charging.session.started": Book.started,
    "charging.session.metered": Book.metered,
    "charging.session.state_changed": Book.state_changed,
    "charging.session.intent_declared": Book.intent_declared,
    "charging.session.ended": Book.ended,
    "charging.charger.profile_answered": Book.profile_answered,
}
