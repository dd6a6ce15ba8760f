"""The scenarios: one site each, made of a seed, for as many minutes as are asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import Final

from wattledger.park.cars import Car
from wattledger.park.chargers import Fault, Spell
from wattledger.park.plan import Bound, Circuit, Order, Plan, Three, Visit

TICK_S: Final = 5
_AMPERE: Final = 1_000
_MOST_MA: Final = 32 * _AMPERE
# What an installer set before anybody else did.
_FALLBACK_MA: Final = 6 * _AMPERE
_ACCEPTS_A: Final = (10, 16, 16, 16, 32)
# Of all drivers, those who say what they need and when they leave; of all cars, those that may be of fewer phases.
_DECLARING: Final = 0.3
_OF_FEWER_PHASES: Final = 0.35
# Half a minute for chargers to be known, before anybody comes.
_OPENS_S: Final = 30
_TOLD_AHEAD_S: Final = 60
# § 14a EnWG: what is dimmed keeps 4.2 kW each; here three chargers of six.
_DIMMED_W: Final = 12_600

FEED: Final = "feed"


def plan_of(scenario: str, seed: int, minutes: int, location_id: str, operator_id: str) -> Plan:
    """The plan of a scenario, the same for the same seed. Raises KeyError for one that there is not."""
    # Not for secrets: the same seed must make the same park.
    random = Random(f"{scenario}:{seed}")  # noqa: S311
    made = SCENARIOS[scenario][1](random, minutes * 60)
    visits = tuple(replace(each, session_id=f"{location_id}-{each.session_id}") for each in made.visits)
    named = {each: f"{location_id}*{each}" for each in made.phases}
    circuits = (
        replace(each, evses={named[uid]: phases for uid, phases in each.evses.items()}) for each in made.circuits
    )
    return replace(
        made,
        location_id=location_id,
        operator_id=operator_id,
        circuits=tuple(circuits),
        visits=tuple(replace(each, evse_uid=named[each.evse_uid]) for each in visits),
        spells=tuple(replace(each, evse_uid=named[each.evse_uid]) for each in made.spells),
    )


def _ordinary(random: Random, lasts_s: int) -> Plan:
    evses = {str(number): 3 for number in range(1, 7)}
    base = _steps(lasts_s, (4, 4, 4), (9, 9, 9), (4, 4, 4))
    return _plan(random, lasts_s, (Circuit(FEED, None, evses),), {FEED: Bound(40 * _AMPERE)}, base)


def _faulty(random: Random, lasts_s: int) -> Plan:
    evses = {str(number): 3 for number in range(1, 7)}
    made = _plan(
        random, lasts_s, (Circuit(FEED, None, evses),), {FEED: Bound(56 * _AMPERE)}, _steps(lasts_s, (3, 3, 3))
    )
    faults = (*Fault, Fault.REJECTS)
    length = (lasts_s - 2 * _OPENS_S) // len(evses)
    # One after the other, at one charger each, so that some limit can be held whatever they do.
    spells = tuple(
        Spell(uid, fault, begins, begins + length - _OPENS_S)
        for number, (uid, fault) in enumerate(zip(evses, faults, strict=False))
        for begins in [_whole(_OPENS_S + number * length)]
    )
    return replace(made, spells=tuple(replace(each, to_s=_whole(each.to_s)) for each in spells))


def _dimming(random: Random, lasts_s: int) -> Plan:
    evses = {str(number): 3 for number in range(1, 7)}
    made = _plan(random, lasts_s, (Circuit(FEED, None, evses),), {FEED: Bound(50 * _AMPERE)}, ())
    begins, ends = _whole(lasts_s // 3), _whole(lasts_s * 2 // 3)
    order = Order("DIMMED", begins - _TOLD_AHEAD_S, begins, ends, {FEED: Bound(max_w=_DIMMED_W)})
    return replace(made, orders=(*made.orders, order))


def _nested(random: Random, lasts_s: int) -> Plan:
    halls = (
        Circuit(FEED, None, {}),
        Circuit("hall-a", FEED, {str(number): 3 for number in (1, 2, 3)}),
        Circuit("hall-b", FEED, {"4": 3}),
        Circuit("board", "hall-b", {"5": 3, "6": 3}),
    )
    amperes = {FEED: 48, "hall-a": 28, "hall-b": 25, "board": 14}
    bounds = {name: Bound(each * _AMPERE) for name, each in amperes.items()}
    return _plan(random, lasts_s, halls, bounds, _steps(lasts_s, (6, 6, 6), (12, 12, 12)))


def _phases(random: Random, lasts_s: int) -> Plan:
    evses = {"1": 1, "2": 1, "3": 2, "4": 3, "5": 3, "6": 3}
    base = _steps(lasts_s, (2, 9, 5), (8, 3, 5))
    bounds = {FEED: Bound(44 * _AMPERE, 24_000)}
    return _plan(random, lasts_s, (Circuit(FEED, None, evses),), bounds, base)


SCENARIOS: Final[Mapping[str, tuple[str, Callable[[Random, int], Plan]]]] = MappingProxyType(
    {
        "ordinary": ("six cars below a fuse, and a kitchen that is switched on", _ordinary),
        "faulty": ("chargers that reject, are late, ignore, overdraw, stay paused and fall silent", _faulty),
        "dimming": ("an order of the grid to draw 12.6 kW at most for a third of the time", _dimming),
        "nested": ("a board below a hall below a feed, each with a fuse", _nested),
        "phases": ("cars and chargers of one, two and three phases, and a base load that is uneven", _phases),
    }
)


def _plan(
    random: Random,
    lasts_s: int,
    circuits: tuple[Circuit, ...],
    bounds: Mapping[str, Bound],
    base: tuple[tuple[int, Three], ...],
) -> Plan:
    evses = {uid: phases for circuit in circuits for uid, phases in circuit.evses.items()}
    return Plan(
        location_id="",
        operator_id="",
        circuits=circuits,
        orders=(Order("GRID", 0, 0, None, bounds),),
        visits=tuple(_visits(random, lasts_s, evses)),
        base=base,
        spells=(),
        fallback_ma=_FALLBACK_MA,
        most_ma=_MOST_MA,
        lasts_s=lasts_s,
    )


def _visits(random: Random, lasts_s: int, evses: Mapping[str, int]) -> Iterator[Visit]:
    """At each EVSE one car after another, the first within the first sixth of the time; the last one may stay on."""
    for uid, phases in evses.items():
        at_s, number = _whole(_OPENS_S + random.randrange(max(1, lasts_s // 6))), 1
        while at_s < lasts_s - _OPENS_S:
            stays_s = _whole(random.randrange(lasts_s * 4 // 10, lasts_s * 8 // 10))
            car = _car(random, phases)
            yield Visit(f"{uid}-{number}", uid, at_s, at_s + stays_s, car, declares=random.random() < _DECLARING)
            at_s += stays_s + _whole(random.randrange(60, 240))
            number += 1


def _car(random: Random, phases: int) -> Car:
    uses = random.randint(1, 3) if random.random() < _OF_FEWER_PHASES else 3
    return Car(
        phases=min(uses, phases),
        accepts_ma=random.choice(_ACCEPTS_A) * _AMPERE,
        need_wh=random.randrange(2_000, 14_000),
        tapers_from=random.choice((700, 800, 900)),
        shy_ma=random.randrange(200, 500, 50),
        wakes_s=random.choice((0, 0, TICK_S, 3 * TICK_S)),
    )


def _steps(lasts_s: int, *drawn: Three) -> tuple[tuple[int, Three], ...]:
    """What else draws, in amperes: one after the other for equally long."""
    return tuple((_whole(number * lasts_s // len(drawn)), _amperes(each)) for number, each in enumerate(drawn))


def _amperes(drawn: Three) -> Three:
    first, second, third = (each * _AMPERE for each in drawn)
    return first, second, third


def _whole(seconds: int) -> int:
    """The tick that a moment lies in."""
    return seconds // TICK_S * TICK_S
