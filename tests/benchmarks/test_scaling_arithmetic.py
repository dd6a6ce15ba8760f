"""The plan of a network follows from its inputs by arithmetic that can be done by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.simulation.arithmetic import (
    SIZES,
    Rates,
    consumer_load,
    largest_rates,
    least_consumers,
    lock_load,
    peak_rates,
    plan,
    planned_consumers,
)
from benchmarks.simulation.costs import Costs, TableCost, costs_of, measured_costs, write_costs
from benchmarks.simulation.inputs import HOURLY_STARTS, Inputs
from benchmarks.simulation.limits import limits, met_between
from benchmarks.simulation.measuring import LOADS, Load, Table
from tests.benchmarks.scaling_builders import costs

# Sessions of 100 minutes and 12 messages, 2 a day at each charge point.
INPUTS = Inputs(
    sessions_per_charge_point_day=2,
    fast_share=0.5,
    fast_minutes=50,
    slow_minutes=150,
    reading_minutes=20,
    other_messages=7,
    peak_day=1.5,
    batch_records_max=1_000,
    flush_s=0.001,
)


def load_of(messages: int, batch: int, intake_s: float) -> Load:
    """A load of 100 sessions that took so long."""
    return Load(
        sessions=100,
        messages_per_session=messages,
        batch_records=batch,
        message_bytes=300,
        intake_s=intake_s,
        intake_locked_s=0.1,
        sessions_s=0.2,
        clock_locked_s=0.01,
        runs_s=0.3,
        empty_runs_s=0.1,
        projections_s=0.05,
        lines_paid=200,
        wal_bytes=1_000_000,
        tables=(Table("a.b", 100 * (5 + messages), 100 * (1_000 + 100 * messages), 100 * 50 * messages),),
    )


def test_the_peak_is_the_busiest_hour_of_the_busiest_day() -> None:
    busiest_hour = max(HOURLY_STARTS) / sum(HOURLY_STARTS)

    rates = peak_rates(INPUTS, 1_000)

    assert rates.sessions_s == pytest.approx(1_000 * 2 * 1.5 * busiest_hour / 3_600)
    assert rates.messages_s == pytest.approx(12 * rates.sessions_s)


def test_a_consumer_is_busy_with_batches_messages_and_sessions() -> None:
    # 2 batches of 1 ms and 1 ms of flushing each, 2,000 messages of 50 us, 100 sessions of 500 us.
    load = consumer_load(INPUTS, costs(), Rates(sessions_s=100, messages_s=2_000))

    assert load == pytest.approx(0.004 + 0.1 + 0.05)


def test_the_lock_is_held_for_messages_sessions_flushes_and_the_clock() -> None:
    held = lock_load(INPUTS, costs(), Rates(sessions_s=100, messages_s=2_000))

    assert held == pytest.approx(0.02 + 0.002 + 0.005 + 0.004)


def test_a_book_takes_at_most_what_keeps_its_lock_busy_all_the_time() -> None:
    assert lock_load(INPUTS, costs(), largest_rates(INPUTS, costs())) == pytest.approx(1.0)


def test_more_consumers_are_planned_than_just_keep_up() -> None:
    rates = Rates(sessions_s=1_000, messages_s=12_000)

    assert consumer_load(INPUTS, costs(), rates) == pytest.approx(1.124)
    assert (least_consumers(INPUTS, costs(), rates), planned_consumers(INPUTS, costs(), rates)) == (2, 2)
    assert planned_consumers(replace(INPUTS, utilisation_max=0.5), costs(), rates) == 3


def test_rows_and_bytes_are_those_of_the_mean_day_times_the_retention() -> None:
    events = plan(INPUTS, costs(), 1_000).tables[0]

    assert events.rows_day == pytest.approx(2_000 * 17)
    assert events.bytes_day == pytest.approx(2_000 * (3_500 + 12 * 400))
    assert events.bytes_kept == pytest.approx(events.bytes_day * 365 * INPUTS.retention_years)


def test_books_are_split_by_size_and_by_the_lock_whichever_asks_for_more() -> None:
    small = plan(replace(INPUTS, book_bytes_max=1e12), costs(), 1_000_000)
    locked = plan(replace(INPUTS, book_bytes_max=float("inf")), costs(message_locked_s=300e-6), 10_000_000)

    assert small.books == -(-small.bytes_kept // 1e12)
    assert locked.books > 1
    assert locked.lock_share <= INPUTS.lock_utilisation_max


def test_a_network_ten_times_the_size_has_ten_times_the_rows_and_rates() -> None:
    small, large = plan(INPUTS, costs(), 10_000), plan(INPUTS, costs(), 100_000)

    assert large.peak.messages_s == pytest.approx(10 * small.peak.messages_s)
    assert large.bytes_kept == pytest.approx(10 * small.bytes_kept)
    assert large.open_sessions == pytest.approx(10 * small.open_sessions)


def test_an_hour_of_outage_is_made_up_with_the_time_that_is_to_spare() -> None:
    planned = plan(INPUTS, costs(), 1_000_000)
    load = consumer_load(INPUTS, costs(), planned.peak.part(planned.books))

    assert planned.outage_s == pytest.approx(3_600 * load / (planned.consumers - load))


def test_limits_come_in_the_order_in_which_a_growing_network_meets_them() -> None:
    found = limits(INPUTS, costs())

    assert [each.charge_points for each in found] == sorted(each.charge_points for each in found)
    steps = zip((0, *SIZES), (*SIZES, 1e12), strict=True)
    assert [each for above, up_to in steps for each in met_between(found, above, up_to)] == found


def test_at_its_limit_the_lock_is_held_for_as_long_as_is_allowed() -> None:
    [limit] = [each for each in limits(INPUTS, costs()) if "append lock" in each.gives_out]

    held = lock_load(INPUTS, costs(), peak_rates(INPUTS, round(limit.charge_points)))

    assert held == pytest.approx(INPUTS.lock_utilisation_max, rel=1e-3)


def test_costs_are_lines_through_the_measured_loads() -> None:
    # 10 ms a batch, 100 us a message, 1 ms a session; the loads have 100 sessions.
    seconds = {LOADS[0]: 0.005 + 0.1 + 0.1, LOADS[1]: 0.02 + 0.4 + 0.1, LOADS[2]: 0.2 + 0.1 + 0.1}

    found = costs_of([load_of(*kind, intake_s) for kind, intake_s in seconds.items()])

    assert found.batch_s == pytest.approx(0.010)
    assert found.message_s == pytest.approx(100e-6)
    assert found.session_s == pytest.approx(1e-3)
    assert found.run_operator_s == pytest.approx(0.01)
    assert found.run_line_s == pytest.approx(1e-3)
    assert found.tables == (TableCost("a.b", 5, 1, 1_000, 100, 0, 50),)


def test_costs_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"

    write_costs(costs(), path)

    assert measured_costs(path) == costs()


def test_a_negative_cost_is_refused() -> None:
    with pytest.raises(ValueError, match="measure again"):
        costs(message_s=-1e-6)


@pytest.mark.parametrize("change", [{"fast_share": 1.5}, {"utilisation_max": 1.0}, {"reading_minutes": 0}])
def test_inputs_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be more than 0|is not between"):
        Inputs(**change)


def test_the_measured_costs_hang_together() -> None:
    found: Costs = measured_costs()

    assert found.message_locked_s < found.message_s
    assert found.clock_session_locked_s < found.clock_session_s
    assert {table.name for table in found.tables} >= {"event_store.stored_events", "book.posting", "intake.line"}
