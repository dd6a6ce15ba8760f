"""The costs of the plan can be measured anew, from the engine itself."""

import pytest

from benchmarks.simulation.costs import costs_of
from benchmarks.simulation.measuring import LOADS, MESSAGES_FEW, measure


def test_a_small_measurement_counts_the_rows_of_a_session_and_of_a_message() -> None:
    said: list[str] = []

    loads = measure(sessions=60, rounds=1, report=said.append)

    assert len(said) == len(LOADS)
    assert all(each.intake_s > 0 and each.lines_paid > 0 for each in loads)
    found = {table.name: table for table in costs_of(loads).tables}
    # A message is a stored fact and a key; a session is rated, booked and captured once, however often it is read.
    # Few sessions share the events of the payouts.
    assert found["event_store.stored_events"].rows_message == pytest.approx(1, abs=0.1)
    assert found["intake.message"].rows_message == pytest.approx(1, abs=0.1)
    assert found["book.entry"].rows_message == 0
    assert found["book.entry"].rows(MESSAGES_FEW) >= 4
    assert "intake.outbox" not in found
