"""The simulated park without Kafka: what cars draw, what chargers obey, what meters count, and who judges it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decode import Message, decode
from contracts.messages import TOPIC_OF, partition_key
from tests.support.examples import examples
from wattledger.park.cars import FLOOR_MA, MWS_A_WH, Car
from wattledger.park.chargers import ACCEPTED, REJECTED, TIMEOUT, Charger, Fault, Profile, Spell
from wattledger.park.judging import Judge
from wattledger.park.messages import SITES
from wattledger.park.park import Park, beginning
from wattledger.park.plan import VOLTS, Bound, Circuit, Order, Plan, Visit
from wattledger.park.scenarios import SCENARIOS, TICK_S, plan_of
from wattledger.park.site import Site

BEGINS = datetime(2026, 11, 30, 10, tzinfo=UTC)
AMPERE = 1_000


def profile(limit_a: int, at_s: int = 0, **changes: Any) -> Profile:
    """A command for session S at EVSE E."""
    usual: dict[str, Any] = {"session_id": "S", "evse_uid": "E", "command_id": f"{at_s}-{limit_a}"}
    return Profile(**usual | {"limit_ma": limit_a * AMPERE, "valid_from_s": at_s} | changes)


def charger(fault: Fault | None = None) -> Charger:
    """Session S at EVSE E, whose fallback is 8 A; it may be faulty from the second 10 to 100."""
    made = Charger("E", 3, 32 * AMPERE, 8 * AMPERE, (Spell("E", fault, 10, 100),) if fault else ())
    made.plug_in("S")
    return made


def plan(*visits: Visit, limit_a: int = 20, base_a: int = 0, lasts_s: int = 900) -> Plan:
    """A site of two EVSEs behind one fuse."""
    return Plan(
        location_id="L",
        operator_id="O",
        circuits=(Circuit("feed", None, {"E1": 3, "E2": 1}),),
        orders=(Order("GRID", 0, 0, None, {"feed": Bound(limit_a * AMPERE)}),),
        visits=visits,
        base=((0, (base_a * AMPERE,) * 3),),
        spells=(),
        fallback_ma=6 * AMPERE,
        most_ma=32 * AMPERE,
        lasts_s=lasts_s,
    )


cars = st.builds(
    Car,
    phases=st.integers(1, 3),
    accepts_ma=st.integers(4_000, 32_000),
    need_wh=st.integers(1, 20_000),
    tapers_from=st.integers(500, 999),
    shy_ma=st.integers(0, 500),
)


@given(cars, st.integers(0, 40_000), st.integers(0, 30_000))
def test_a_car_never_draws_more_than_it_is_offered_and_nothing_below_six_amperes(
    car: Car, offered: int, taken_wh: int
) -> None:
    drawn = car.draws_ma(offered, taken_wh * MWS_A_WH)
    assert 0 <= drawn <= min(offered, car.accepts_ma)
    assert drawn == 0 or offered >= FLOOR_MA
    if taken_wh >= car.need_wh:
        assert drawn == 0


@given(cars, st.lists(st.integers(0, 20_000), min_size=2))
def test_the_fuller_a_car_is_the_less_it_wants(car: Car, taken_wh: list[int]) -> None:
    wants = [car.wants_ma(each * MWS_A_WH) for each in sorted(taken_wh)]
    assert all(earlier >= later for earlier, later in pairwise(wants))


def test_a_charger_obeys_until_a_profile_ends_and_then_falls_back() -> None:
    one = charger()
    assert one.offers_ma(0) == 8 * AMPERE
    answer = one.take(profile(16, 0, valid_to_s=60), 1)
    assert answer is not None
    assert (answer.status, answer.at_s) == (ACCEPTED, 1)
    assert [one.offers_ma(at) for at in (1, 59, 60)] == [16 * AMPERE, 16 * AMPERE, 8 * AMPERE]
    one.take(profile(7, 61, is_fallback=True, session_id=""), 61)
    assert one.offers_ma(61) == 7 * AMPERE


def test_a_profile_that_begins_later_leaves_the_one_before_in_force_until_then() -> None:
    one = charger()
    one.take(profile(16, 0), 0)
    one.take(profile(10, 50), 5)
    assert [one.offers_ma(at) for at in (6, 49, 50)] == [16 * AMPERE, 16 * AMPERE, 10 * AMPERE]


def test_a_command_that_comes_again_is_answered_again_and_takes_nothing_back() -> None:
    one = charger()
    first = one.take(profile(16, 0), 0)
    one.take(profile(10, 5), 5)
    again = one.take(profile(16, 0), 6)
    assert first is not None
    assert again is not None
    assert (again.command_id, again.status) == (first.command_id, ACCEPTED)
    assert one.offers_ma(7) == 10 * AMPERE


@pytest.mark.parametrize(
    ("fault", "status", "answered_after_s", "offers_a"),
    [
        (Fault.REJECTS, REJECTED, 0, 16),
        (Fault.LATE, ACCEPTED, 10, 7),
        (Fault.IGNORES, None, 0, 16),
        (Fault.OVERDRAWS, ACCEPTED, 0, 16),
        (Fault.STAYS_PAUSED, ACCEPTED, 0, 7),
        (Fault.SILENT, TIMEOUT, 30, 16),
    ],
)
def test_each_fault_is_what_it_says(fault: Fault, status: str | None, answered_after_s: int, offers_a: int) -> None:
    one = charger(fault)
    one.take(profile(16, 0), 0)
    assert one.offers_ma(10) == 16 * AMPERE
    answer = one.take(profile(7, 10), 10)
    assert (answer and (answer.status, answer.at_s)) == (status and (status, 10 + answered_after_s))
    if fault is Fault.LATE:
        assert one.offers_ma(19) == 16 * AMPERE
    assert one.offers_ma(20) == offers_a * AMPERE


def test_a_charger_that_stays_paused_resumes_no_more_until_the_fault_is_over() -> None:
    one = charger(Fault.STAYS_PAUSED)
    one.take(profile(0, 10), 10)
    assert one.offers_ma(10) == 0
    one.take(profile(16, 20), 20)
    assert [one.offers_ma(at) for at in (20, 99, 100)] == [0, 0, 16 * AMPERE]


def test_a_command_for_a_session_that_is_over_is_rejected() -> None:
    one = charger()
    one.plug_in("T")
    answer = one.take(profile(16, 0), 0)
    assert answer is not None
    assert answer.status == REJECTED


@given(st.lists(st.tuples(st.sampled_from(["E1", "E2"]), st.integers(0, 20), cars), max_size=4), st.integers(0, 9))
@settings(max_examples=examples(30))
def test_registers_never_fall_and_phases_and_meters_add_up(comers: list[tuple[str, int, Car]], base_a: int) -> None:
    free = {"E1": 0, "E2": 0}
    visits = []
    for number, (uid, ticks, car) in enumerate(comers):
        begins = free[uid] + ticks * TICK_S
        free[uid] = begins + 20 * TICK_S
        visits.append(Visit(f"S{number}", uid, begins, free[uid], car))
    site = Site(plan(*visits, base_a=base_a))
    by_phase, before = [0, 0, 0], dict.fromkeys(site.chargers, 0)
    for at_s in range(0, 600, TICK_S):
        site.leave(at_s)
        site.arrive(at_s)
        drawn = site.draw(at_s, TICK_S)
        by_phase = [total + each * VOLTS * TICK_S for total, each in zip(by_phase, drawn.site, strict=True)]
        shown = {uid: site.register_wh(uid) for uid in site.chargers}
        assert all(shown[uid] >= before[uid] for uid in shown)
        before = shown
    assert site.import_mws == sum(by_phase)
    of_cars = site.import_mws - 3 * base_a * AMPERE * VOLTS * 600
    counted = sum(before.values()) - site.first_registers_wh
    # Each register shows whole Wh of what was drawn.
    assert 0 <= of_cars - counted * MWS_A_WH < len(before) * MWS_A_WH


def run(park: Park, told: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """All that a park says to its end; commands of `told` are given at once."""
    said = park.open()
    for each in told:
        park.take(orjson.dumps(each))
    while not park.is_over:
        said += park.tick()
    return [orjson.loads(each.value) for each in said]


def park(*scenarios: str, seed: int = 3, minutes: int = 15) -> Park:
    return Park.of(scenarios, seed=seed, minutes=minutes, begins=BEGINS, name="T")


@pytest.fixture(scope="module")
def everything() -> list[dict[str, Any]]:
    return run(park(*SCENARIOS))


def test_all_that_a_park_says_is_accepted_with_no_field_unknown_and_no_id_twice(
    everything: list[dict[str, Any]],
) -> None:
    decoded = [decode(orjson.dumps(each)) for each in everything]
    assert all(isinstance(each, Message) and not each.extra_fields for each in decoded)
    assert len({each["id"] for each in everything}) == len(everything)


def test_each_message_goes_to_the_topic_and_key_of_its_type() -> None:
    for said in park("phases").open():
        message = decode(said.value)
        assert isinstance(message, Message)
        assert (said.topic, said.key) == (TOPIC_OF[message.type], partition_key(message))


def test_the_same_seed_says_the_same_and_another_does_not(everything: list[dict[str, Any]]) -> None:
    assert run(park(*SCENARIOS)) == everything
    assert run(park(*SCENARIOS, seed=4)) != everything


def test_what_sessions_tell_is_in_order_and_their_registers_never_fall(everything: list[dict[str, Any]]) -> None:
    registers: dict[str, list[int]] = defaultdict(list)
    for each in everything:
        data = each["data"]
        for name in ("meter_start_wh", "register_wh", "meter_stop_wh"):
            if name in data:
                registers[data["session_id"]].append(data[name])
    assert len(registers) >= 5 * len(SCENARIOS)
    assert all(shown == sorted(shown) for shown in registers.values())


def test_a_silent_evse_says_nothing_and_tells_later_what_it_missed() -> None:
    made = plan_of("faulty", 3, 60, "PARK-T-FAULTY", "PARK-T")
    spell = next(each for each in made.spells if each.fault is Fault.SILENT)
    one = park("faulty", minutes=60)
    one.open()
    heard: list[tuple[int, dict[str, Any]]] = []
    while not one.is_over:
        heard += [(one.at_s, orjson.loads(each.value)) for each in one.tick() if each.topic != SITES]
    session_ids = {each.session_id for each in made.visits if each.evse_uid == spell.evse_uid}
    of_it = [
        (at_s, each)
        for at_s, each in heard
        if each["data"].get("evse_uid") == spell.evse_uid or each["data"].get("session_id") in session_ids
    ]
    assert not [at_s for at_s, _ in of_it if spell.from_s <= at_s + TICK_S < spell.to_s]
    silent = BEGINS + timedelta(seconds=spell.from_s), BEGINS + timedelta(seconds=spell.to_s)
    told_late = [each for _, each in of_it if silent[0] <= datetime.fromisoformat(each["time"]) < silent[1]]
    assert len(told_late) > 10


def test_a_park_whose_chargers_are_told_to_pause_draws_nothing_but_its_base_load() -> None:
    one = park("ordinary")
    evses = [each["data"]["evse_uid"] for each in run(park("ordinary")) if each["type"].endswith("status_changed")]
    command = {"type": "charging.profile.fallback_requested"}
    paused = [
        {**command, "data": {"command_id": uid, "evse_uid": uid, "limit_a": 0, "valid_from": "2026-11-30T10:00:00Z"}}
        for uid in evses
    ]
    said = run(one, paused)
    answers = [each["data"]["status"] for each in said if each["type"].endswith("profile_answered")]
    assert answers == [ACCEPTED] * len(evses)
    loads = [each["data"]["phase_a"] for each in said if each["type"] == "site.load_measured"]
    assert {tuple(each) for each in loads} == {("4.000",) * 3, ("9.000",) * 3}
    assert [each.delivered_wh for each in one.verdicts()] == [0]


def test_cars_that_nobody_manages_are_too_much_for_a_site() -> None:
    one = park("ordinary", "dimming", minutes=30)
    run(one)
    for verdict in one.verdicts():
        assert verdict.pressed > 100
        assert verdict.over
        assert not verdict.is_held


HUNGRY = Car(phases=3, accepts_ma=32 * AMPERE, need_wh=50_000, shy_ma=0)


def judged(limit_a: int, *visits: Visit, offered_a: Mapping[int, int]) -> tuple[int, list[int], int]:
    """Readings that are graced, those over, and quarters over, of a car at E1 by what it is offered from when on."""
    made = plan(*visits, limit_a=limit_a)
    site, judge = Site(made), Judge(made)
    for at_s in range(0, 900, TICK_S):
        site.leave(at_s)
        site.arrive(at_s)
        if at_s in offered_a:
            told = profile(offered_a[at_s], at_s, session_id="S", evse_uid="E1")
            site.chargers["E1"].take(told, at_s)
        judge.look(site.draw(at_s, TICK_S))
    found = judge.close(0, 900, {})
    return found.graced, [each.at_s for each in found.over], len(found.quarters_over)


def test_a_limit_may_be_exceeded_for_thirty_seconds_from_a_change_and_no_longer() -> None:
    comes = Visit("S", "E1", 100, 2_000, HUNGRY)
    # From 100 s on it draws 25 A of 20; it is told to draw 20 at once, in time, or a tick too late.
    told_in_time = judged(20, comes, offered_a={100: 25, 130: 20})
    assert told_in_time[:2] == (12, [])
    assert judged(20, comes, offered_a={100: 25, 135: 20})[1] == [135] * 3


def test_a_quarter_that_began_above_the_limit_is_over_it_unless_less_is_drawn_later() -> None:
    stays = Visit("S", "E1", 0, 2_000, HUNGRY)
    assert judged(20, stays, offered_a={0: 25, 30: 20}) == (6, [], 3)
    assert judged(20, stays, offered_a={0: 25, 30: 19}) == (6, [], 0)


def test_a_run_begins_at_a_quarter_behind_all_that_was_said_and_ends_by_now_if_it_can() -> None:
    now = datetime(2026, 12, 1, 11, 44, 59, tzinfo=UTC)
    assert beginning(now, 60, []) == datetime(2026, 12, 1, 10, 30, tzinfo=UTC)
    assert beginning(now, 15, [b"{}", b"no JSON", b'{"time":"2026-12-01T09:00:00Z"}']) == datetime(
        2026, 12, 1, 11, 15, tzinfo=UTC
    )
    assert beginning(now, 15, [b'{"time":"2026-12-01T11:30:00Z"}']) == datetime(2026, 12, 1, 11, 45, tzinfo=UTC)
