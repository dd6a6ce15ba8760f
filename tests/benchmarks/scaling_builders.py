"""Round costs and small networks, so that what follows from them can be worked out by hand."""

from typing import Any

from benchmarks.simulation.arrivals import Produced
from benchmarks.simulation.costs import Costs, TableCost
from benchmarks.simulation.model import Machine, Work

NOTHING = Work(0.0, 0.0, 0.0)


def costs(**changes: Any) -> Costs:
    """A millisecond a batch, 50 microseconds a message, half a millisecond a session; one table of events."""
    values: dict[str, Any] = {
        "batch_s": 0.001,
        "message_s": 50e-6,
        "session_s": 500e-6,
        "message_locked_s": 10e-6,
        "session_locked_s": 50e-6,
        "clock_session_s": 400e-6,
        "clock_session_locked_s": 40e-6,
        "projected_session_s": 100e-6,
        "projected_message_s": 0.0,
        "run_operator_s": 0.002,
        "run_line_s": 20e-6,
        "message_bytes": 300.0,
        "wal_bytes_session": 10_000.0,
        "wal_bytes_message": 500.0,
        "tables": (
            TableCost("event_store.stored_events", 5.0, 1.0, 3_000.0, 300.0, 500.0, 100.0),
            TableCost("intake.line", 2.0, 0.0, 300.0, 0.0, 200.0, 0.0),
        ),
    }
    return Costs(**(values | changes))


def machine(**changes: Any) -> Machine:
    """One consumer that takes one message at a time and spends no time at all."""
    values: dict[str, Any] = {
        "consumers": 1,
        "batch_records_max": 1,
        "free": NOTHING,
        "locked": NOTHING,
        "projected": NOTHING,
        "clock_free": NOTHING,
        "clock_locked": NOTHING,
    }
    return Machine(**(values | changes))


def messages(*times_s: float) -> list[Produced]:
    """Messages at these times, all of one session."""
    return [Produced(at_s, 0) for at_s in times_s]
