"""Stores that hold something: the demo's network, settled."""

from datetime import date, datetime

from engine.clock import Clock
from engine.intake import Intake
from engine.ports import Record
from projections.runner import catch_up
from projections.schema import migrate
from projections.statement_issuing import issue_statements
from wattledger.demo.network import network

_TOPIC = "all"


def settle_network(dsn: str, sessions: int = 600, seed: int = 7) -> None:
    """Settle the demo's network on a database, with the clock moved to its last event, and issue its statements."""
    migrate(dsn)
    intake = Intake(dsn)
    epochs = {(_TOPIC, 0): intake.claim([(_TOPIC, 0)])[_TOPIC, 0].epoch}
    lines = network(seed=seed, sessions=sessions)
    records = [Record(_TOPIC, 0, offset, None, line, ()) for offset, line in enumerate(lines)]
    for first in range(0, len(records), 1000):
        intake.process(records[first : first + 1000], epochs)
    intake.close()
    clock = Clock(dsn)
    until = clock.event_time()
    assert isinstance(until, datetime)
    clock.advance(until)
    clock.close()
    catch_up(dsn)
    issue_through(dsn, date(2026, 3, 1))


def issue_through(dsn: str, month: date) -> None:
    """Issue all statements through a month."""
    for _ in issue_statements(dsn, month, "tests"):
        pass
