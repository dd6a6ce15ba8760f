"""A session's energy in time equals what a reference finds second by second, whatever the order of its facts."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.network.moments import quarter_start
from domain.network.session_use import SessionUse, UseFacts, session_use
from projections.network.kept_facts import dump_facts, learn, load_facts
from tests.network.told import BEGIN, Told, at, messages, second_by_second, sessions
from tests.support.examples import examples

Message = tuple[str, dict[str, Any]]


def facts_of(told: list[Message], through_rows: bool = False) -> UseFacts:
    """Facts of messages in their order, each by an id of its own; `through_rows`: stored and read after each."""
    facts = UseFacts(told[0][1]["session_id"])
    for number, (type_, data) in enumerate(told):
        learn(facts, type_, {"source": "gw", "id": data.get("id", f"m-{number:03d}"), "data": data})
        if through_rows:
            facts = load_facts(facts.session_id, dump_facts(facts))
    return facts


def use_of(told: list[Message], **others: Any) -> SessionUse:
    return session_use(facts_of(told), **others)


def by_quarter(use: SessionUse) -> dict[datetime, Fraction]:
    return {quarter_start(quarter): Fraction(wh) for quarter, wh in use.quarters}


@settings(max_examples=examples(40), deadline=None)
@given(sessions(), st.randoms(use_true_random=False))
def test_energy_by_quarter_equals_the_seconds_of_the_reference(told: Told, random: Random) -> None:
    sent = [(type_, {**data, "id": f"m-{number:03d}"}) for number, (type_, data) in enumerate(messages(told))]
    use = use_of(sent)
    assert by_quarter(use) == second_by_second(told)
    assert sum(wh for _, wh in use.quarters) == use.energy_wh
    random.shuffle(sent)
    assert session_use(facts_of(sent, through_rows=True)) == use


def test_a_session_of_two_hours_is_spread_over_the_minutes_in_which_it_charged() -> None:
    # 30 kWh between 22:50 and 00:50, charging 22:50 to 23:10 and from 00:40 on: 1 kWh a minute.
    told = Told("S-1", 1, 0, 7200, [(7200, 300_000)], [(1200, "IDLE"), (6600, "CHARGING")])
    found = by_quarter(use_of([*messages(told)]))
    minutes = {BEGIN - timedelta(minutes=5): 10, BEGIN + timedelta(minutes=10): 10, BEGIN + timedelta(minutes=100): 5}
    assert found == {
        **{quarter: Fraction(1000 * count) for quarter, count in minutes.items()},
        BEGIN + timedelta(minutes=115): Fraction(5000),
    }


PLAIN = Told("S-1", 1, 0, 3600, [(1800, 60_000), (3600, 100_000)])
REVIEW = "charging.session.reviewed"
CORRECTED = "charging.session.meter_corrected"


def with_more(*more: Message, told: Told = PLAIN) -> SessionUse:
    return use_of([*messages(told), *((type_, {"session_id": "S-1", **data}) for type_, data in more)])


def test_what_is_corrected_takes_the_place_of_what_was_told() -> None:
    use = with_more((CORRECTED, {"corrected_at": at(9000), "meter_stop_wh": 12_000, "ended_at": at(4500)}))
    assert (use.energy_wh, use.ended_at) == (12_000, BEGIN + timedelta(seconds=4500))
    assert sum(by_quarter(use).values()) == 12_000


@pytest.mark.parametrize(
    ("reason", "more"),
    [
        ("VOIDED", [(REVIEW, {"at": at(9000), "verdict": "VOID"})]),
        ("END_BELOW_START", [(CORRECTED, {"corrected_at": at(9000), "meter_stop_wh": 0, "meter_start_wh": 2})]),
        ("ENDS_BEFORE_START", [(CORRECTED, {"corrected_at": at(9000), "ended_at": at(-1)})]),
        ("LASTS_TOO_LONG", [(CORRECTED, {"corrected_at": at(9000), "ended_at": at(400 * 86_400)})]),
        ("TWO_ENDS", [("charging.session.ended", {"ended_at": at(3700), "meter_stop_wh": 10_000})]),
        ("REGISTER_FALLS", [("charging.session.metered", {"read_at": at(2000), "register_wh": 5_999})]),
    ],
)
def test_what_cannot_be_true_is_left_out_with_its_reason(reason: str, more: list[Message]) -> None:
    use = with_more(*more)
    assert (use.left_out, use.energy_wh, use.quarters) == (reason, 0, ())


def test_a_register_that_falls_by_less_than_its_resolution_falls_not() -> None:
    use = with_more(("charging.session.metered", {"read_at": at(2000), "register_wh": 5_999.5}))
    assert (use.left_out, use.energy_wh) == (None, 10_000)


def test_a_person_may_say_that_what_looks_wrong_is_to_be_billed_and_it_counts() -> None:
    fall = ("charging.session.metered", {"read_at": at(2000), "register_wh": 5_000})
    use = with_more(fall, (REVIEW, {"at": at(9000), "verdict": "BILL"}))
    assert (use.left_out, use.energy_wh) == (None, 10_000)


def test_power_above_the_connector_is_left_out_by_the_margin_of_rating() -> None:
    # 10 kWh in an hour, of which 1 kWh is allowed, and a tenth more power than was published.
    sent = [*messages(PLAIN)]
    assert use_of(sent, power_w=Fraction(90_000, 11) + 2728).left_out is None
    assert use_of(sent, power_w=5_000).left_out == "POWER_ABOVE_CONNECTOR"
    facts = facts_of([*sent, (REVIEW, {"session_id": "S-1", "at": at(9000), "verdict": "BILL"})])
    assert session_use(facts, power_w=5_000).left_out is None


def test_an_open_session_counts_up_to_its_last_reading_and_lasts_to_its_last_state() -> None:
    told = Told("S-1", 1, 0, None, [(900, 10_000), (1800, 20_000)], [(2400, "IDLE")])
    use = use_of([*messages(told)])
    assert (use.energy_wh, use.ended_at, use.until) == (2000, None, BEGIN + timedelta(seconds=2400))


def test_no_reading_of_an_open_session_above_its_corrected_stop_is_used() -> None:
    told = Told("S-1", 1, 0, None, [(1200, 40_000), (2400, 60_000), (3600, 500_000)], [])
    correction = (CORRECTED, {"session_id": "S-1", "corrected_at": at(9000), "meter_stop_wh": 5_000})
    use = use_of([*messages(told), correction])
    assert (use.energy_wh, use.left_out) == (4_000, None)


def test_a_reading_of_another_year_is_no_part_of_an_open_session() -> None:
    told = Told("S-1", 1, 0, None, [(900, 10_000), (500 * 86_400, 20_000)])
    assert use_of([*messages(told)]).until == BEGIN + timedelta(seconds=900)


def test_a_session_without_a_start_is_nowhere() -> None:
    use = use_of([*messages(PLAIN)][1:])
    assert (use.left_out, use.started_at, use.operator_id) == ("START_MISSING", None, "")


def test_the_moments_are_utc() -> None:
    assert quarter_start(0) == datetime(1970, 1, 1, tzinfo=UTC)
