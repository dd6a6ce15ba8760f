"""The simulated book queues as theory says, and the planned consumers keep it prompt at the peak."""

from random import Random
from statistics import fmean

import pytest

from benchmarks.simulation import experiments
from benchmarks.simulation.arithmetic import DAY_S, Rates, peak_rates, plan
from benchmarks.simulation.arrivals import Produced, busiest_hour, day, moment, poisson
from benchmarks.simulation.costs import measured_costs
from benchmarks.simulation.inputs import Inputs
from benchmarks.simulation.model import CLOCK_LOOK_S, Book, Work, percentile
from tests.benchmarks.scaling_builders import NOTHING, machine, messages

SERVICE_S = 0.010


def poisson_messages(utilisation: float, count: int, seed: int = 7) -> tuple[list[Produced], float]:
    """About so many messages, each of a session of its own, and how long they go on."""
    random, rate_s = Random(seed), utilisation / SERVICE_S
    seconds = count / rate_s
    return [Produced(at_s, random.getrandbits(30)) for at_s in poisson(rate_s, seconds, random)], seconds


def mean_in_system_s(utilisation: float) -> float:
    """M/D/1 by Pollaczek and Khinchine: the service, and a wait of half of what M/M/1 would have."""
    return SERVICE_S + utilisation * SERVICE_S / (2 * (1 - utilisation))


@pytest.mark.parametrize(("utilisation", "tolerance"), [(0.3, 0.01), (0.5, 0.02), (0.8, 0.04)])
def test_one_consumer_with_one_message_a_batch_waits_like_m_d_1(utilisation: float, tolerance: float) -> None:
    produced, seconds = poisson_messages(utilisation, 20_000)

    outcome = Book(machine(free=Work(SERVICE_S, 0, 0)), produced).run(seconds)

    assert fmean(outcome.committed_s) == pytest.approx(mean_in_system_s(utilisation), rel=tolerance)


@pytest.mark.parametrize(("utilisation", "tolerance"), [(0.5, 0.02), (0.8, 0.04)])
def test_consumers_that_only_need_the_lock_wait_like_m_d_1_for_it(utilisation: float, tolerance: float) -> None:
    produced, seconds = poisson_messages(utilisation, 20_000)

    outcome = Book(machine(consumers=8, locked=Work(SERVICE_S, 0, 0)), produced).run(seconds)

    assert fmean(outcome.committed_s) == pytest.approx(mean_in_system_s(utilisation), rel=tolerance)
    assert outcome.lock_busy_s / seconds == pytest.approx(utilisation, rel=0.02)


def test_a_batch_takes_what_came_meanwhile_up_to_its_size() -> None:
    crowd = messages(0.0, 0.1, 0.2, 0.3, 0.4)

    outcome = Book(machine(batch_records_max=3, free=Work(1.0, 0, 0)), crowd).run(10.0)

    # The first goes alone, the next three together, the last one after them.
    assert outcome.batches == 3
    assert outcome.committed_s == pytest.approx([1.0, 1.9, 1.8, 1.7, 2.6])


def test_two_consumers_work_side_by_side_and_take_turns_at_the_lock() -> None:
    produced = [Produced(0.0, 0), Produced(0.0, 1)]

    outcome = Book(machine(consumers=2, free=Work(1.0, 0, 0), locked=Work(0.5, 0, 0)), produced).run(10.0)

    assert outcome.committed_s == pytest.approx([1.5, 2.0])
    assert outcome.lock_busy_s == pytest.approx(1.0)


def test_what_is_committed_becomes_visible_with_the_projections() -> None:
    outcome = Book(machine(locked=Work(0.5, 0, 0), projected=Work(0.25, 0, 0)), messages(0.0)).run(10.0)

    assert outcome.visible_s == pytest.approx([0.75])
    assert outcome.left_at_end == 0


def test_the_clock_takes_the_lock_for_the_sessions_that_ended() -> None:
    ended = [Produced(0.0, number, ends=True) for number in range(3)]

    outcome = Book(machine(clock_locked=Work(0.0, 0.0, 0.1)), ended).run(2 * CLOCK_LOOK_S)

    assert outcome.lock_busy_s == pytest.approx(0.3)


def test_what_is_produced_and_not_visible_is_left_over() -> None:
    outcome = Book(machine(free=Work(1.0, 0, 0)), messages(0.0, 0.1, 0.2)).run(2.5)

    assert (outcome.left_at_end, outcome.backlog_max) == (1, 3)


def test_percentiles_are_by_nearest_rank() -> None:
    values = [float(number) for number in range(1, 101)]

    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([3.0], 0.99)) == (50.0, 99.0, 3.0)
    with pytest.raises(ValueError, match="no message"):
        percentile([], 0.5)


def test_a_book_without_consumers_is_refused() -> None:
    with pytest.raises(ValueError, match="one consumer at least"):
        machine(consumers=0, free=NOTHING)


def test_a_day_has_the_messages_of_the_arithmetic_and_no_busier_hour() -> None:
    inputs, charge_points = Inputs(), 1_000

    produced = day(inputs, charge_points, Random(1))

    planned = plan(inputs, measured_costs(), charge_points)
    assert len(produced) == pytest.approx(planned.messages_day * inputs.peak_day, rel=0.05)
    # Long sessions spread their messages, so that the arithmetic's peak is an upper bound, and not far off.
    assert 0.7 < busiest_hour(produced) / (planned.peak.messages_s * 3_600) < 1.0
    assert sum(each.ends for each in produced) == len({each.session for each in produced})


def test_a_moment_has_the_rates_it_was_asked_for() -> None:
    inputs = Inputs()
    rates = peak_rates(inputs, 200_000)

    produced = moment(inputs, rates, 60.0, Random(1))

    assert len(produced) / 60 == pytest.approx(rates.messages_s, rel=0.05)
    assert sum(each.ends for each in produced) / 60 == pytest.approx(rates.sessions_s, rel=0.15)
    assert produced == sorted(produced)


def test_a_moment_in_which_a_session_is_read_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="two readings"):
        moment(Inputs(reading_minutes=1), Rates(1, 10), 61.0, Random(1))


def test_the_planned_consumers_are_prompt_and_one_fewer_than_needed_falls_behind() -> None:
    inputs = Inputs()

    planned, enough, too_few = experiments.consumers_around(inputs, measured_costs())

    assert planned.consumers > enough.consumers > too_few.consumers
    assert planned.keeps_up
    assert planned.latency_s[1] < inputs.latency_p99_s
    assert enough.keeps_up
    assert not too_few.keeps_up
    missing = 1 - too_few.consumers / experiments.BUSY_CONSUMERS
    seconds = too_few.outcome.seconds
    assert too_few.outcome.left_at_end == pytest.approx(missing * too_few.messages_s * seconds, rel=0.5)


@pytest.mark.parametrize("charge_points", [100_000, 1_000_000, 10_000_000])
def test_every_size_as_planned_shows_what_happened_within_the_bound(charge_points: int) -> None:
    inputs = Inputs()

    [row] = experiments.sizes(inputs, measured_costs(), [charge_points])

    assert row.keeps_up
    assert row.latency_s[1] < inputs.latency_p99_s


def test_no_consumer_helps_a_book_whose_lock_is_busy_all_the_time() -> None:
    *_, within, beyond = experiments.under_lock_load(Inputs(), measured_costs())

    assert within.keeps_up
    assert not beyond.keeps_up
    assert beyond.lock_share > 0.95


def test_a_simulated_day_is_the_same_every_time() -> None:
    inputs, costs = Inputs(), measured_costs()

    first, again = (experiments.run_day(inputs, costs, 50) for _ in range(2))

    assert first == again
    assert first.outcome.seconds == DAY_S
