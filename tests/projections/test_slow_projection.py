"""A projection that is slow, or has stopped in the middle of its work, holds up nobody but itself."""

import pytest

from ledger.database import Role, connect
from projections.registry import PROJECTIONS
from projections.runner import advance_live, catch_up
from tests.support.engine import Engine
from wattledger.demo.load import load

# Whoever waits for a lock for this long is refused it, so that a wait fails the test and does not hang it.
LOCK_TIMEOUT_MS = 3_000


@pytest.fixture
def impatient_url(database_url: str) -> str:
    """The database, for clients that wait for no lock."""
    return f"{database_url}?options=-c%20lock_timeout%3D{LOCK_TIMEOUT_MS}"


def test_intake_and_clock_go_on_while_a_projector_stands_still_in_its_transaction(impatient_url: str) -> None:
    values = [value for _, _, value in load(60)]
    engine = Engine(impatient_url)
    try:
        engine.feed(values[:200])
        with (
            connect(impatient_url, Role.PROJECTOR, autocommit=True) as projector,
            projector.transaction(),
        ):
            reached = advance_live(projector, sorted(PROJECTIONS))
            engine.feed(values[200:])
            engine.advance()

            assert engine.tally()[0] == len(values)
            assert engine.rows("SELECT count(*) FROM intake.session_head WHERE settled") == [(60,)]
            assert engine.rows("SELECT max(position) FROM projection.generation") == [(0,)]
        positions = catch_up(impatient_url)
    finally:
        engine.close()

    assert min(positions.values()) > max(reached.values()) > 0
