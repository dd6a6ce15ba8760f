"""Tiers: sessions are charged by the first step, and a month is settled by the clock once it is over (J02t)."""

from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.runner import catch_up
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import TOKEN, cdr_answer, corrected, ended, operator, partner, started, tariff
from tests.support.partner_documents import cdr_dispute_closed, cdr_disputed

STEPS = [{"from": "0", "percent": "10"}, {"from": "15.00", "percent": "4"}]
TIERS = {"measure": "NET", "window": "MONTH", "mode": "MARGINAL", "steps": STEPS}
OWNER = operator(commission={"vat_percent": "21", "schedule": [{"tiers": TIERS}]}, fund_release="ON_SESSION")
SETTLED = "2026-03-31T21:59:59Z"


def session(number: int, day: str = "02", wh: int = 20_000) -> list[dict[str, Any]]:
    """A session of 10.00 net, where nothing else is told."""
    id_ = f"S-{number}"
    return [started(id_, f"2026-03-{day}T10:00:00Z"), ended(id_, f"2026-03-{day}T11:00:00Z", wh)]


def settled(engine: Engine) -> list[tuple[str, int]]:
    """Each J02t with what it gives the platform (negative: the operator), VAT included, in cents."""
    rows = engine.rows(
        "SELECT to_char(effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), amount_minor "
        "FROM book.entry JOIN book.posting USING (entry_id) WHERE kind = 'J02t' AND account = '2010/OP-1' "
        "ORDER BY recorded_at, reverses NULLS LAST, entry_id"
    )
    return [(at, int(amount)) for at, amount in rows]


def test_a_month_is_settled_at_its_last_second_and_again_when_something_comes_late(engine: Engine) -> None:
    engine.feed([OWNER, tariff(), *session(1), *session(2)])
    engine.advance("2026-03-31T21:59:58Z")
    assert settled(engine) == []
    # 20.00 net: 1.50 of the first 15.00 and 0.20 of the rest, and 2.00 were charged; 0.36 VAT and 0.42.
    engine.advance("2026-04-01T12:00:00Z")
    assert settled(engine) == [(SETTLED, -36)]
    catch_up(engine.dsn)
    assert verify(engine.dsn).failed == ()
    # A third of 10.00: it is mirrored, and 1.50 + 0.60 less 3.00 stands from then on; 0.44 VAT less 0.63.
    engine.feed(session(3, "31"))
    engine.advance("2026-04-02T12:00:00Z")
    assert settled(engine) == [(SETTLED, -36), (SETTLED, 36), (SETTLED, -109)]
    catch_up(engine.dsn)
    assert verify(engine.dsn).failed == ()


def test_a_correction_into_nothing_gives_all_of_it_back(engine: Engine) -> None:
    engine.feed([OWNER, tariff(), *session(1), *session(2)])
    engine.advance("2026-04-01T12:00:00Z")
    engine.feed([corrected("S-2", "2026-04-03T08:00:00Z", 0)])
    engine.advance("2026-04-04T12:00:00Z")
    assert sum(amount for _, amount in settled(engine)) == 0
    assert verify(engine.dsn).failed == ()


def test_a_session_of_a_partner_counts_from_the_acceptance_of_its_cdr(engine: Engine) -> None:
    roaming = [started("S-9", "2026-03-02T10:00:00Z", token=TOKEN), ended("S-9", "2026-03-02T11:00:00Z", 40_000)]
    engine.feed([OWNER, partner(), tariff(), *roaming])
    engine.advance("2026-04-01T12:00:00Z")
    assert settled(engine) == []
    engine.feed([cdr_answer("S-9", "2026-04-02T08:00:00Z", accepted=True)])
    engine.advance("2026-05-01T12:00:00Z")
    # 20.00 net in April: 1.70 less 2.00.
    assert settled(engine) == [("2026-04-30T21:59:59Z", -36)]
    assert verify(engine.dsn).failed == ()


def test_a_cdr_whose_dispute_is_lost_whole_counts_nowhere(engine: Engine) -> None:
    roaming = [started("S-9", "2026-03-02T10:00:00Z", token=TOKEN), ended("S-9", "2026-03-02T11:00:00Z", 40_000)]
    engine.feed([OWNER, partner(), tariff(), *roaming, cdr_answer("S-9", "2026-04-02T08:00:00Z", accepted=True)])
    cdr_id = str(cdr_answer("S-9", "2026-04-02T08:00:00Z", accepted=True)["data"]["cdr_id"])
    lost = [
        cdr_disputed("DSP-1", "2026-04-05T08:00:00Z", cdr_id),
        cdr_dispute_closed("DSP-1", "2026-04-09T08:00:00Z", cdr_id, "LOST"),
    ]
    engine.feed(lost)
    engine.advance("2026-05-01T12:00:00Z")
    assert settled(engine) == []
    assert verify(engine.dsn).failed == ()


def test_a_row_that_is_changed_and_a_settlement_that_is_are_found(engine: Engine) -> None:
    engine.feed([OWNER, tariff(), *session(1), *session(2)])
    engine.advance("2026-04-01T12:00:00Z")
    with psycopg.connect(engine.dsn) as connection:
        connection.execute("UPDATE intake.tier_session SET net = net + 1 WHERE session_id = 'S-1'")
    assert "tiers" in {check.name for check in verify(engine.dsn).failed}


FACTS = [each for number in range(1, 5) for each in session(number, f"{number + 1:02}", 9_000 + 1_000 * number)]


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(len(FACTS))), st.integers(0, len(FACTS)))
def test_in_any_order_and_late_ones_too_a_month_comes_to_a_fold_of_its_sessions(
    engine: Engine, order: list[int], late: int
) -> None:
    with psycopg.connect(engine.dsn) as connection:
        number = connection.execute("SELECT count(DISTINCT operator_id) FROM intake.session_head").fetchone()
    name = f"OP-{number[0] if number else 0}"
    facts = [_renamed(each, name) for each in [OWNER, tariff(), *(FACTS[place] for place in order)]]
    engine.feed(facts[: 2 + late])
    engine.advance("2026-04-01T12:00:00Z")
    engine.feed(facts[2 + late :])
    engine.advance("2026-04-02T12:00:00Z")
    # 23.00 net in all (5.00, 5.50, 6.00 and 6.50): 1.50 of the first 15.00 and 0.32 of the rest.
    commission = engine.rows(
        "SELECT -sum(amount_minor)::int FROM book.entry JOIN book.posting USING (entry_id) WHERE account = '4010' "
        "AND (session_id LIKE %s OR entry_id IN (SELECT entry_id FROM book.posting WHERE account = %s))",
        f"{name}.%",
        f"2010/{name}",
    )
    assert commission == [(182,)]
    assert verify(engine.dsn).failed == ()


def _renamed(fact: dict[str, Any], name: str) -> dict[str, Any]:
    data = dict(fact["data"])
    data["operator_id"] = name if "operator_id" in data else None
    if "session_id" in data:
        data["session_id"] = f"{name}.{data['session_id']}"
    if "evse_uid" in data:
        data["evse_uid"] = f"{name}.{data['evse_uid']}"
    return {
        **fact,
        "id": f"{name}:{fact['id']}",
        "data": {key: each for key, each in data.items() if each is not None},
    }
