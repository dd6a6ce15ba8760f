"""What people decide about something that nobody knows is told, waits, and acts when that comes."""

from typing import Any

import pytest

from tests.intake.test_approvals import SHARE, decided, network, payouts, waiting
from tests.intake.test_far_ahead import notices
from tests.intake.test_matters import judged, refused
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.matters import (
    approved,
    proposed,
    reserve_held,
    reserve_released,
    write_off_approved,
    write_off_proposed,
)


def unknown(engine: Engine, kind: str = "MATTER_UNKNOWN") -> tuple[int, int]:
    """How often people were told, and told that it is over."""
    return len(notices(engine, kind)), len(notices(engine, f"{kind}_ENDED"))


@pytest.mark.parametrize(
    ("decision", "cause", "state"),
    [
        (approved(), proposed(), "APPROVED"),
        (write_off_approved(), write_off_proposed(), "APPROVED"),
        (reserve_released(), reserve_held(), "RELEASED"),
    ],
)
def test_it_is_a_finding_until_what_is_decided_about_comes(
    engine: Engine, decision: dict[str, Any], cause: dict[str, Any], state: str
) -> None:
    engine.feed([*network(payout_requires_approval=False), decision])
    assert unknown(engine) == (1, 0)
    (told,) = notices(engine, "MATTER_UNKNOWN")
    assert told["sentence"].endswith(f"({decision['type']}), and nobody has said what it is")
    assert len(refused(engine)) == 1
    assert verify(engine.dsn).passed
    engine.feed([cause])
    assert unknown(engine) == (1, 1)
    assert refused(engine) == []
    assert [each for _, each in judged(engine)] == [state]
    assert verify(engine.dsn).passed


def test_a_vote_about_a_payout_that_nobody_made_is_one_too(engine: Engine, stores: Any) -> None:
    with stores() as dsn:
        elsewhere = Engine(dsn)
        vote = decided("approved", waiting(elsewhere), "03 09:00")
        elsewhere.close()
    engine.feed([vote])
    assert unknown(engine, "PAYOUT_UNKNOWN") == (1, 0)
    assert verify(engine.dsn).passed
    engine.feed(network())
    engine.advance("2026-03-04T00:00:00Z")
    assert unknown(engine, "PAYOUT_UNKNOWN") == (1, 1)
    assert payouts(engine) == [("02", 1, "IN_TRANSIT", SHARE)]
    assert verify(engine.dsn).passed
