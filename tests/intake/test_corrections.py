"""Corrections that settle themselves: a session corrected five times, in any order, ends with the last truth."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.session.cdr_chain import cdr_id
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import (
    TOKEN,
    captured,
    cdr_answer,
    corrected,
    ended,
    event,
    metered,
    operator,
    partner,
    started,
    tariff,
)

# 20 kWh cost 12.10 with VAT; five corrections by a day, the last says 12 kWh: 7.26.
DAYS = {3: 18_000, 4: 22_000, 5: 15_000, 6: 16_000, 7: 12_000}
CORRECTIONS = [corrected("S-1", f"2026-03-0{day}T08:00:00Z", stop_wh) for day, stop_wh in DAYS.items()]
LAST_GROSS = 726
UNTIL = "2026-03-20T00:00:00Z"


def documents(engine: Engine) -> list[dict[str, Any]]:
    """The session's CDRs and credit CDRs in the order in which they were issued."""
    stored = engine.rows(
        "SELECT convert_from(state, 'UTF8') FROM event_store.stored_events "
        "WHERE topic IN ('CdrIssued', 'CdrCredited') ORDER BY notification_id"
    )
    return [orjson.loads(state)["document"] for (state,) in stored]


def payouts(engine: Engine) -> list[int]:
    """Amounts of the payouts in the order in which they were made."""
    found = engine.rows(
        "SELECT (convert_from(state, 'UTF8')::json ->> 'amount')::int FROM event_store.stored_events "
        "WHERE topic = 'PayoutCreated' ORDER BY notification_id"
    )
    return [amount for (amount,) in found]


def test_each_correction_after_the_issue_credits_the_standing_cdr_and_issues_the_next(engine: Engine) -> None:
    engine.feed([operator(), tariff(), started(), ended(), *CORRECTIONS])
    engine.advance(UNTIL)
    found = documents(engine)
    assert [document.get("credit", False) for document in found] == [False, *[True, False] * 5]
    for before, after in pairwise(found):
        if after.get("credit"):
            assert (after["id"], after["credit_reference_id"]) == (f"{before['id']}-C", before["id"])
            assert after["total_cost"]["incl_vat"] == -before["total_cost"]["incl_vat"]
        else:
            # The new CDR names both: the one it replaces and the credit CDR.
            assert before["credit_reference_id"] in after["remark"]
            assert before["id"] in after["remark"]
    assert found[-1]["id"] == cdr_id("S-1", 6)
    assert found[-1]["total_cost"]["incl_vat"] * 100 == pytest.approx(LAST_GROSS)
    assert engine.balances()["1105/S-1 EUR"] == LAST_GROSS
    assert verify(engine.dsn).passed


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(st.permutations(range(5)), st.integers(0, 5), st.sampled_from(("nobody", "driver", "partner")))
def test_in_any_order_of_arrival_amounts_and_cdrs_are_the_same(
    engine: Engine, order: list[int], end_after: int, payer: str
) -> None:
    number = engine.rows("SELECT count(*) FROM intake.session_head")[0][0]
    session_id = f"S-{payer}-{number}"
    mine = [corrected(session_id, c["time"], c["data"]["meter_stop_wh"]) for c in CORRECTIONS]
    told = [mine[place] for place in order]
    told.insert(end_after, ended(session_id))
    told.insert(0, started(session_id, token=TOKEN if payer == "partner" else None))
    if payer == "driver":
        told.insert(2, captured(session_id, amount="12.10"))
    if number == 0:
        engine.feed([operator(), tariff(), partner()])
    for each in told:
        engine.feed([each])
    engine.advance(UNTIL)
    outcome = engine.rows("SELECT standing.gross, standing.cdrs FROM (" + _OUTCOME + ") AS standing", session_id)
    # For 20 kWh it was captured: 22 are not covered; 18, 15, 16 and 12 are.
    chain = {"nobody": 6, "driver": 5, "partner": 6}
    assert outcome == [(LAST_GROSS, chain[payer])]


_OUTCOME = """
SELECT (SELECT (convert_from(state, 'UTF8')::json ->> 'gross')::int FROM event_store.stored_events
        WHERE topic = 'SessionAssessed' AND originator_id = stream.id
        ORDER BY originator_version DESC LIMIT 1) AS gross,
       (SELECT count(*)::int FROM event_store.stored_events
        WHERE topic = 'CdrIssued' AND originator_id = stream.id) AS cdrs
FROM (SELECT originator_id AS id FROM event_store.stored_events
      WHERE topic = 'charging.session.started'
        AND convert_from(state, 'UTF8')::json -> 'data' ->> 'session_id' = %s) AS stream
"""


def test_a_captured_session_is_due_back_what_it_was_lowered_by_and_the_next_payout_is_less(engine: Engine) -> None:
    capture = captured(amount="12.10", fee="0.00")
    engine.feed([operator(), tariff(), started(), ended(), capture])
    engine.advance("2026-03-04T00:00:00Z")
    assert len(payouts(engine)) == 1
    another = [started("S-2", "2026-03-05T10:00:00Z"), ended("S-2", "2026-03-05T11:00:00Z")]
    engine.feed([corrected("S-1", "2026-03-05T08:00:00Z", 18_000), *another])
    engine.feed([captured("S-2", at="2026-03-05T11:01:00Z", amount="12.10", fee="0.00")])
    engine.advance(UNTIL)
    # 2 kWh are 1.21 with VAT; the operator's share of it is 1.21 less 0.10 commission and 0.02 VAT on it.
    assert engine.balances()["2080/P-S-1 EUR"] == -121
    share, less = 1_210 - 100 - 21, 121 - 10 - 2
    assert payouts(engine) == [share, share - less]
    assert verify(engine.dsn).passed


def test_a_late_register_mends_the_bill_at_the_end_of_the_session(engine: Engine) -> None:
    by_tier = [
        {
            "price_components": [{"type": "ENERGY", "price": 0.5, "vat": 21, "step_size": 1}],
            "restrictions": {"max_duration": 1800},
        },
        {"price_components": [{"type": "ENERGY", "price": 0.25, "vat": 21, "step_size": 1}]},
    ]
    engine.feed([operator(), tariff(elements=by_tier), started(), ended()])
    engine.advance("2026-03-03T00:00:00Z")
    assert engine.balances()["1105/S-1 EUR"] == 908  # 10 kWh each, by interpolation.
    engine.feed([metered("S-1", "2026-03-02T10:30:00Z", 4_000)])
    engine.advance("2026-03-04T00:00:00Z")
    assert engine.balances()["1105/S-1 EUR"] == 726  # 4 kWh at the first price, 16 at the second.
    assert [document.get("credit", False) for document in documents(engine)] == [False, True, False]
    assert verify(engine.dsn).passed


def test_a_tariff_that_was_in_effect_and_arrived_late_mends_the_bill(engine: Engine) -> None:
    engine.feed([operator(), tariff(), started(), ended()])
    engine.advance("2026-03-03T00:00:00Z")
    dearer = tariff(price=0.75, time="2026-03-02T08:00:00Z")
    engine.feed([dearer])
    engine.advance("2026-03-04T00:00:00Z")
    assert engine.balances()["1105/S-1 EUR"] == 1_815
    mirrored = engine.rows("SELECT kind, effective_at::text FROM book.entry WHERE reverses IS NOT NULL ORDER BY kind")
    assert mirrored[0] == ("J01", "2026-03-02 11:00:00+00")
    assert [document.get("credit", False) for document in documents(engine)] == [False, True, False]
    assert verify(engine.dsn).passed


def test_a_tariff_published_after_the_session_changes_nothing_unless_it_is_ordered(engine: Engine) -> None:
    engine.feed([operator(), tariff(), started(), ended()])
    engine.advance("2026-03-03T00:00:00Z")
    later = tariff(price=0.25, time="2026-03-03T08:00:00Z")
    engine.feed([later])
    engine.advance("2026-03-04T00:00:00Z")
    assert engine.balances()["1105/S-1 EUR"] == 1_210
    order = {
        "order_id": "O-1",
        "operator_id": "OP-1",
        "ordered_at": "2026-03-04T09:00:00Z",
        "started_from": "2026-03-01T00:00:00Z",
        "started_before": "2026-03-03T00:00:00Z",
        "tariff": later["data"]["tariff"],
        "reason": "price promised in the newsletter",
    }
    engine.feed([event("tariff.rerating_ordered", "OP-1", "2026-03-04T09:00:00Z", order)])
    engine.advance("2026-03-05T00:00:00Z")
    assert engine.balances()["1105/S-1 EUR"] == 605
    moments = engine.rows("SELECT DISTINCT effective_at::text FROM book.entry WHERE kind = 'J01' ORDER BY 1")
    assert moments == [("2026-03-02 11:00:00+00",), ("2026-03-04 09:00:00+00",)]
    assert verify(engine.dsn).passed


def test_an_accepted_roaming_cdr_is_credited_and_its_successor_earns_when_accepted(engine: Engine) -> None:
    roaming = [operator(), tariff(), partner(), started(token=TOKEN), ended()]
    engine.feed([*roaming, cdr_answer("S-1", "2026-03-02T12:00:00Z", accepted=True)])
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed([CORRECTIONS[0]])
    engine.advance("2026-03-03T12:00:00Z")
    assert "1200/DE-ABC EUR" not in engine.balances()
    engine.feed([cdr_answer("S-1", "2026-03-03T13:00:00Z", accepted=True, number=2)])
    engine.advance("2026-03-04T00:00:00Z")
    assert engine.balances()["1200/DE-ABC EUR"] == 1_089
    assert verify(engine.dsn).passed


def test_what_was_paid_out_and_is_taken_back_by_a_late_fact_comes_off_the_next_payout(engine: Engine) -> None:
    engine.feed([operator(), tariff(), started(), ended(), captured(amount="12.10", fee="0.00")])
    engine.advance("2026-03-03T12:00:00Z")
    assert payouts(engine) == [1_210 - 100 - 21]
    # In effect when the session started, and dearer than what was captured: the share is no longer released.
    engine.feed([tariff(price=0.6, time="2026-03-02T08:00:00Z")])
    engine.advance("2026-03-04T12:00:00Z")
    later = [started("S-2", "2026-03-05T10:00:00Z"), ended("S-2", "2026-03-05T11:00:00Z", 30_000)]
    engine.feed([*later, captured("S-2", at="2026-03-05T11:01:00Z", amount="21.78", fee="0.00")])
    engine.advance(UNTIL)
    assert sum(payouts(engine)) == 2_178 - 180 - 38
    assert verify(engine.dsn).passed


def test_a_roaming_share_that_was_paid_comes_off_until_its_new_cdr_is_accepted(engine: Engine) -> None:
    roaming = [operator(), tariff(), partner("ADVANCE"), started(token=TOKEN), ended()]
    engine.feed([*roaming, cdr_answer("S-1", "2026-03-02T12:00:00Z", accepted=True)])
    engine.advance("2026-03-03T12:00:00Z")
    assert payouts(engine) == [1_210 - 100 - 21]
    engine.feed([tariff(price=0.6, time="2026-03-02T08:00:00Z")])
    engine.advance("2026-03-04T12:00:00Z")
    later = [started("S-2", "2026-03-05T10:00:00Z"), ended("S-2", "2026-03-05T11:00:00Z", 30_000)]
    engine.feed([*later, captured("S-2", at="2026-03-05T11:01:00Z", amount="21.78", fee="0.00")])
    engine.advance("2026-03-07T00:00:00Z")
    assert sum(payouts(engine)) == 2_178 - 180 - 38
    engine.feed([cdr_answer("S-1", "2026-03-08T12:00:00Z", accepted=True, number=2)])
    engine.advance(UNTIL)
    assert sum(payouts(engine)) == 2_178 - 180 - 38 + 1_452 - 120 - 25
    assert verify(engine.dsn).passed
