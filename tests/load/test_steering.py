"""What cars are told as messages come: changes alone, lowered before raised, no more than there is room for."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.load.limits import LimitedCircuit, Place, Version, in_force
from domain.load.plugged import ANSWER_WITHIN, FLAP_AFTER, LEARNED_FOR, MINUTE, SECOND, Plugged
from domain.load.site import Site
from domain.load.steering import INTERVAL, VALID_FOR, Command, command_id, decide
from tests.support.examples import examples

NOON = 1_772_366_400 * SECOND


def limit(max_a: int, evses: int = 4, *, reason: str = "GRID", since: int = 0, until: int | None = None) -> Version:
    """A site of one circuit; EVSEs E1, E2 and so on have three phases."""
    places = tuple(Place(f"E{number}", 3) for number in range(1, evses + 1))
    circuit = LimitedCircuit(circuit_id="site", max_a=max_a, places=places)
    return Version(since=since, until=until, reason=reason, circuits=(circuit,))


def plugged(number: int, at: int = NOON, evse: int | None = None) -> Plugged:
    return Plugged(f"S{number}", f"E{evse or number}", at, 0, at)


class Yard:
    """A site, its clock, and chargers that answer when they are asked to."""

    def __init__(self, *versions: Version) -> None:
        self.site, self.at = Site("OP", "L"), NOON
        self.heard: list[Command] = []
        for version in versions:
            self.site.set_limit(version, self.at)

    def plug(self, number: int) -> list[Command]:
        self.site.start(plugged(number, self.at))
        return self.decide()

    def decide(self, *, is_tick: bool = False) -> list[Command]:
        found = decide(self.site, self.at, is_tick=is_tick)
        self.heard += found
        return [each for each in found if each.session_id is not None]

    def answer(self, command: Command, status: str = "ACCEPTED") -> list[Command]:
        self.at += SECOND
        self.site.answer(command.command_id, command.evse_uid, status, self.at)
        return self.decide()

    def settle(self) -> None:
        """All accept what they are told, until nothing more is told."""
        waiting = self.heard
        while waiting:
            self.heard = []
            for command in waiting:
                self.answer(command)
            waiting = self.heard

    def pass_(self, time: int, *, is_tick: bool = False) -> list[Command]:
        self.at += time
        return self.decide(is_tick=is_tick)

    @property
    def told(self) -> dict[str, int]:
        return {car.session_id: car.last.a for car in self.site.cars.values() if car.last is not None}


def test_a_car_alone_is_told_what_it_can_take_once() -> None:
    yard = Yard(limit(400))
    (told,) = yard.plug(1)
    assert (told.a, told.phases, told.why, told.at) == (320, 3, "MAXIMUM", NOON)
    assert told.until == NOON + VALID_FOR
    assert told.command_id == command_id("S1", NOON)
    assert yard.decide() == []


def test_the_second_is_raised_once_the_first_has_accepted_less() -> None:
    yard = Yard(limit(320))
    yard.plug(1)
    yard.settle()
    # The stations keep 8 A by themselves: the second may draw that, and the first 32 A still.
    lowered = yard.plug(2)
    assert [(each.session_id, each.a) for each in lowered] == [("S1", 160)]
    assert [(each.session_id, each.a) for each in yard.answer(lowered[0])] == [("S2", 160)]


def test_a_charger_that_refuses_counts_at_what_it_may_draw() -> None:
    yard = Yard(limit(320))
    yard.plug(1)
    yard.settle()
    (lowered,) = yard.plug(2)
    # The first goes on with 32 A, so nothing is left for the second, which is told to pause.
    told = yard.answer(lowered, "REJECTED")
    assert [(each.session_id, each.a) for each in told] == [("S2", 0)]


def test_a_charger_that_is_silent_counts_at_what_it_may_draw() -> None:
    yard = Yard(limit(320))
    yard.plug(1)
    yard.settle()
    yard.plug(2)
    assert yard.site.next_moment() == NOON + ANSWER_WITHIN + _since(yard)
    assert [(each.session_id, each.a) for each in yard.pass_(ANSWER_WITHIN)] == [("S2", 0)]


def _since(yard: Yard) -> int:
    return yard.at - NOON


def test_a_refusal_is_asked_again_on_the_grid() -> None:
    yard = Yard(limit(320))
    yard.plug(1)
    yard.settle()
    (lowered,) = yard.plug(2)
    yard.answer(lowered, "REJECTED")
    again = yard.pass_(INTERVAL, is_tick=True)
    assert ("S1", 160) in [(each.session_id, each.a) for each in again]
    assert again[0].command_id != lowered.command_id


def test_what_ends_soon_is_told_again() -> None:
    yard = Yard(limit(320))
    (first,) = yard.plug(1)
    yard.settle()
    assert yard.pass_(INTERVAL, is_tick=True) == []
    (again,) = yard.pass_(VALID_FOR - 2 * INTERVAL, is_tick=True)
    assert (again.a, again.at > first.at) == (first.a, True)


def test_a_pause_and_a_resume_are_a_quarter_of_an_hour_apart() -> None:
    yard = Yard(limit(60, evses=2))
    yard.plug(1)
    yard.settle()
    yard.plug(2)
    yard.settle()
    assert yard.told == {"S1": 60, "S2": 0}
    # The second has the floor when it is the least served; the first is paused for it, and then neither moves.
    yard.site.cars["S1"].delivered_mwh = 1_000_000
    yard.pass_(MINUTE)
    yard.settle()
    assert yard.told == {"S1": 0, "S2": 60}
    yard.site.cars["S2"].delivered_mwh = 2_000_000
    yard.pass_(MINUTE)
    yard.settle()
    assert yard.told == {"S1": 0, "S2": 60}
    yard.pass_(FLAP_AFTER)
    yard.settle()
    assert yard.told == {"S1": 60, "S2": 0}


def test_a_limit_forces_a_pause_at_any_time() -> None:
    yard = Yard(limit(120, evses=2))
    for number in (1, 2):
        yard.plug(number)
    yard.settle()
    assert yard.told == {"S1": 60, "S2": 60}
    yard.site.set_limit(limit(60, evses=2, reason="DIMMED", since=yard.at), yard.at)
    yard.decide()
    yard.settle()
    assert sorted(yard.told.values()) == [0, 60]


def test_what_a_car_was_seen_to_take_leaves_the_rest_to_others() -> None:
    yard = Yard(limit(400))
    for number in (1, 2):
        yard.plug(number)
    yard.settle()
    assert yard.told == {"S1": 200, "S2": 200}
    car = yard.site.cars["S1"]
    for _ in range(3):
        yard.at += 20 * SECOND
        car.read(yard.at, 0, 100, 320)
    yard.decide()
    yard.settle()
    assert yard.told == {"S1": 110, "S2": 290}
    yard.pass_(LEARNED_FOR)
    yard.settle()
    assert yard.told == {"S1": 200, "S2": 200}


def test_a_car_that_draws_more_than_it_accepted_counts_at_its_maximum() -> None:
    yard = Yard(limit(400))
    for number in (1, 2):
        yard.plug(number)
    yard.settle()
    yard.at += MINUTE
    yard.site.cars["S1"].read(yard.at, 0, 320, 320)
    yard.decide()
    yard.settle()
    assert yard.told == {"S1": 200, "S2": 80}


def test_what_was_given_up_goes_to_others_once_a_reading_shows_it() -> None:
    yard = Yard(limit(320))
    yard.plug(1)
    yard.settle()
    yard.at += SECOND
    yard.site.cars["S1"].read(yard.at, 0, 320, 320)
    lowered = yard.plug(2)[0]
    assert (lowered.session_id, lowered.a) == ("S1", 160)
    yard.answer(lowered)
    # It said yes, and is not seen to do it yet.
    assert yard.site.may_draw(yard.site.cars["S1"], yard.at) == 320
    yard.at += SECOND
    yard.site.cars["S1"].read(yard.at, 0, 160, 320)
    assert yard.site.may_draw(yard.site.cars["S1"], yard.at) == 160
    yard.decide()
    yard.settle()
    assert yard.told == {"S1": 160, "S2": 160}


def test_what_a_car_draws_above_what_it_accepted_is_taken_from_others() -> None:
    yard = Yard(limit(320))
    for number in (1, 2):
        yard.plug(number)
    yard.settle()
    assert yard.told == {"S1": 160, "S2": 160}
    yard.at += SECOND
    yard.site.cars["S1"].read(yard.at, 0, 165, 320)
    yard.decide()
    yard.settle()
    assert yard.site.may_draw(yard.site.cars["S1"], yard.at) + yard.told["S2"] <= 320


def test_what_others_draw_at_the_site_is_left_to_them_and_a_tenth_when_nobody_measures() -> None:
    yard = Yard(limit(400))
    yard.site.measure(yard.at, 0, (100, 50, 0))
    yard.plug(1)
    yard.settle()
    assert yard.told == {"S1": 300}
    yard.pass_(INTERVAL + SECOND)
    yard.settle()
    assert yard.told == {"S1": 260}


def test_a_limit_that_two_readings_miss_is_told_with_its_end() -> None:
    yard = Yard(limit(400))
    assert yard.site.measure(NOON, 0, (410, 0, 0)) == []
    (miss,) = yard.site.measure(NOON + MINUTE, 100, (450, 0, 0))
    assert (miss.circuit_id, miss.since, miss.until, miss.over_a) == ("site", NOON, None, 50)
    (over,) = yard.site.measure(NOON + 2 * MINUTE, 200, (400, 0, 0))
    assert (over.since, over.until) == (NOON, NOON + 2 * MINUTE)


@pytest.mark.parametrize("end", [Version(since=NOON + 1, reason="GRID", is_off=True), None])
def test_without_a_limit_cars_are_let_go_once(end: Version | None) -> None:
    yard = Yard(limit(160, until=None if end is not None else NOON + MINUTE))
    yard.plug(1)
    yard.settle()
    if end is not None:
        yard.site.set_limit(end, yard.at)
    (let_go,) = yard.pass_(2 * MINUTE)
    assert (let_go.a, let_go.why) == (320, "MAXIMUM")
    yard.answer(let_go)
    assert yard.pass_(INTERVAL, is_tick=True) == []


def test_without_a_limit_stations_keep_no_share_of_it_and_have_it_again_with_the_next() -> None:
    yard = Yard(limit(320, 2, reason="DIMMED", until=NOON + MINUTE))
    yard.decide()
    yard.settle()
    assert {name: each.accepted_a for name, each in yard.site.fallbacks.items()} == {"E1": 160, "E2": 160}
    yard.pass_(MINUTE)
    assert [(each.evse_uid, each.a, each.phases) for each in yard.heard] == [("E1", 320, 3), ("E2", 320, 3)]
    yard.answer(yard.heard.pop(0))
    yard.pass_(INTERVAL, is_tick=True)
    assert [each.evse_uid for each in yard.heard] == ["E2", "E2"]
    yard.settle()
    yard.pass_(INTERVAL, is_tick=True)
    assert yard.heard == []
    yard.site.set_limit(limit(320, 2, reason="DIMMED", since=yard.at), yard.at)
    yard.decide()
    assert [(each.evse_uid, each.a) for each in yard.heard] == [("E1", 160), ("E2", 160)]


def test_a_charger_that_is_not_heard_of_has_room_before_it_comes_back_to_its_fallback() -> None:
    yard = Yard(limit(320, 2))
    yard.plug(1)
    yard.settle()
    yard.plug(2)
    yard.site.cars["S2"].priority = 5
    yard.decide()
    yard.settle()
    first, second = yard.site.cars["S1"], yard.site.cars["S2"]
    assert yard.told == {"S1": 0, "S2": 320}
    assert first.heeded is not None
    while yard.at + INTERVAL < first.heeded.until:
        yard.heard, yard.at = [], (yard.at // INTERVAL + 1) * INTERVAL
        yard.decide(is_tick=True)
        yard.pass_(ANSWER_WITHIN)
        for command in yard.heard:
            if command.evse_uid == "E2":
                yard.answer(command)
    assert (second.heeded_a(yard.at), yard.site.may_draw(first, yard.at)) == (160, 160)


def test_a_car_that_strayed_for_longer_than_its_command_is_steered_again() -> None:
    yard = Yard(limit(320, 2))
    yard.plug(1)
    yard.settle()
    yard.plug(2)
    yard.settle()
    car = yard.site.cars["S1"]
    for turn in range(20):
        yard.heard, yard.at = [], (yard.at // INTERVAL + 1) * INTERVAL
        yard.decide(is_tick=True)
        yard.settle()
        yard.at += MINUTE
        car.read(yard.at, 0, 320 if turn < 10 else 160, 320)
        yard.decide()
        yard.settle()
        assert car.strays == (turn < 10)
    assert yard.told == {"S1": 160, "S2": 160}


def test_a_reading_that_comes_again_teaches_nothing() -> None:
    yard = Yard(limit(400))
    yard.plug(1)
    yard.settle()
    car = yard.site.cars["S1"]
    for _ in range(3):
        car.read(yard.at, 10, 100, 320)
    assert car.learned_a is None
    for _ in range(2):
        yard.at += MINUTE
        car.read(yard.at, 20, 100, 320)
    assert car.learned_a == 110


def test_a_site_that_was_never_limited_tells_nobody_anything() -> None:
    assert Yard().plug(1) == []


def test_of_all_reasons_the_smaller_limit_counts() -> None:
    grid = Version(
        since=0,
        reason="GRID",
        circuits=(
            LimitedCircuit(circuit_id="site", max_a=400),
            LimitedCircuit(circuit_id="hall", parent="site", max_a=160, places=(Place("E1", 3),)),
        ),
    )
    dimmed = Version(
        since=NOON,
        until=NOON + MINUTE,
        reason="DIMMED",
        circuits=(LimitedCircuit(circuit_id="order", max_w=4_200, places=(Place("E1", 3),)),),
    )
    before, during, after = (in_force([grid, dimmed], at) for at in (NOON - 1, NOON, NOON + MINUTE))
    assert before is not None
    assert during is not None
    assert before == after
    assert [*during.path("hall")] == ["hall", "site", "order"]
    assert during.metered == {"site", "order"}
    assert during.reasons == ("GRID", "DIMMED")


def _set(reason: str, *circuits: tuple[str, str | None, int, str]) -> Version:
    return Version(
        since=0,
        reason=reason,
        circuits=tuple(
            LimitedCircuit(
                circuit_id=name, parent=parent, max_a=max_a, places=tuple(Place(uid, 3) for uid in uids.split())
            )
            for name, parent, max_a, uids in circuits
        ),
    )


@pytest.mark.parametrize(
    ("versions", "paths"),
    [
        # An EVSE that the first reason does not know, beside one that it does.
        (
            (_set("GRID", ("site", None, 400, "E1")), _set("DIMMED", ("order", None, 160, "E1 E2"))),
            {"E1": ["site", "order"], "E2": ["order"]},
        ),
        # The same below a circuit that both know.
        (
            (
                _set("GRID", ("site", None, 400, "E1")),
                _set("DIMMED", ("site", None, 300, ""), ("hall", "site", 160, "E1 E2")),
            ),
            {"E1": ["site", "hall"], "E2": ["site", "hall"]},
        ),
        # A circuit that is new below one that both know.
        (
            (
                _set("GRID", ("site", None, 400, "E1")),
                _set("DIMMED", ("site", None, 300, "E1"), ("hall", "site", 160, "E2")),
            ),
            {"E1": ["site"], "E2": ["hall", "site"]},
        ),
        # One that three reasons put in different places.
        (
            (
                _set("GRID", ("site", None, 400, "E1")),
                _set("TARIFF", ("hall", None, 200, "E1")),
                _set("DIMMED", ("hall", None, 160, "E2")),
            ),
            {"E1": ["site", "hall"], "E2": ["hall"]},
        ),
    ],
)
def test_every_evse_is_below_each_limit_of_each_reason_that_names_it(
    versions: tuple[Version, ...], paths: dict[str, list[str]]
) -> None:
    plan = in_force(versions, NOON)
    assert plan is not None
    plan.tree({})
    assert {uid: [*plan.path(plan.circuit_of[uid])] for uid in plan.places} == paths
    assert all(
        plan_a <= told_a
        for version in versions
        for name, told_a in ((each.circuit_id, each.max_a or 0) for each in version.circuits)
        for plan_a in [each.max_a or 0 for each in plan.circuits if each.circuit_id == name]
    )


def test_an_earlier_limit_counts_again_behind_one_that_ended() -> None:
    for_works = limit(100, since=NOON, until=NOON + MINUTE)
    plans = [in_force([limit(400), for_works], at) for at in (NOON - 1, NOON, NOON + MINUTE)]
    assert [plan.circuits[0].max_a for plan in plans if plan is not None] == [400, 100, 400]


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["plug", "leave", "ACCEPTED", "ACCEPTED", "REJECTED", "TIMEOUT", "wait", "tick", "read", "limit"]
        ),
        st.integers(0, 11),
    ),
    max_size=40,
)


def _below(site: Site, at: int) -> Iterator[tuple[str, int, int]]:
    """Each circuit, what may be drawn there in its fullest phase, and its limit."""
    plan = site.plan(at)
    assert plan is not None
    for circuit in plan.circuits:
        loads = [0, 0, 0]
        for car in site.cars.values():
            if circuit.circuit_id in plan.path(plan.circuit_of[car.evse_uid]):
                for phase in range(plan.places[car.evse_uid].phases):
                    loads[phase] += site.may_draw(car, at)
        assert circuit.max_a is not None
        yield circuit.circuit_id, max(loads), circuit.max_a


@settings(max_examples=examples(60))
@given(st.tuples(*[st.integers(0, 900)] * 3), _STEPS)
def test_nobody_is_told_more_than_there_is_room_for_whatever_is_answered(
    limits: tuple[int, int, int], steps: list[tuple[str, int]]
) -> None:
    yard = Yard(_tree(limits, NOON - 1))
    for what, number in steps:
        _step(yard, what, number, limits)
        before = {name: load for name, load, _ in _below(yard.site, yard.at)}
        yard.decide(is_tick=what == "tick")
        for name, load, most in _below(yard.site, yard.at):
            assert load <= max(before[name], most)
    # And once all do as they are told, all limits are kept.
    for car in yard.site.cars.values():
        car.strays = False
    yard.pass_(VALID_FOR, is_tick=True)
    yard.settle()
    for _ in range(3):
        yard.at += SECOND
        for car in yard.site.cars.values():
            car.read(yard.at, 0, car.heeded_a(yard.at) or 0, 320)
        yard.decide()
        yard.settle()
    assert all(load <= most for _, load, most in _below(yard.site, yard.at))


def _tree(limits: tuple[int, int, int], since: int) -> Version:
    site, hall, yard = limits
    halls = tuple(Place(f"E{number}", 1 + number % 3) for number in range(6))
    yards = tuple(Place(f"E{number}", 1 + number % 3) for number in range(6, 12))
    return Version(
        since=since,
        reason="GRID",
        id=str(since),
        circuits=(
            LimitedCircuit(circuit_id="site", max_a=site),
            LimitedCircuit(circuit_id="hall", parent="site", max_a=hall, places=halls),
            LimitedCircuit(circuit_id="yard", parent="site", max_a=yard, places=yards),
        ),
    )


def _step(yard: Yard, what: str, number: int, limits: tuple[int, int, int]) -> None:
    yard.at += SECOND
    site, name = yard.site, f"S{number}"
    if what == "plug":
        site.start(plugged(number, yard.at, number) if number else Plugged("S0", "E0", yard.at, 0, yard.at))
    elif what == "leave":
        site.end(name, yard.at)
    elif what == "wait":
        yard.at += number * 7 * SECOND
    elif what == "tick":
        yard.at += INTERVAL
    elif what == "read" and name in site.cars:
        site.cars[name].read(yard.at, 0, number * 30, 320)
    elif what == "limit":
        first, second, third = (each * (number + 1) // 12 for each in limits)
        site.set_limit(_tree((first, second, third), yard.at), yard.at)
    elif yard.heard and what in ("ACCEPTED", "REJECTED", "TIMEOUT"):
        command = yard.heard.pop(number % len(yard.heard))
        site.answer(command.command_id, command.evse_uid, what, yard.at)
