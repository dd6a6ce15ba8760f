"""Cases that once broke the engine."""

from collections.abc import Callable
from typing import Any

import pytest

from domain.session.judging import decide
from domain.session.session import Judgement, Session
from engine import sessions as session_store
from tests.support.engine import Engine
from tests.support.events import (
    TOKEN,
    captured,
    cdr_answer,
    corrected,
    ended,
    event,
    money,
    operator,
    partner,
    session,
    started,
    tariff,
)


def test_a_shared_refund_of_a_session_whose_commission_exceeds_its_price_is_split(engine: Engine) -> None:
    dear = operator(commission={"percent": "0", "per_session": "0.35", "vat_percent": "5.5"})
    untaxed = tariff(elements=[{"price_components": [{"type": "ENERGY", "price": 0.5, "step_size": 1}]}])
    refund = {"refund_id": "R", "payment_id": "P-S-1", "session_id": "S-1", "amount": money("0.20")}
    refund |= {"refunded_at": "2026-03-03T00:00:00Z", "borne_by": "SHARED"}
    given_back = event("payment.refunded", "S-1", "2026-03-03T00:00:00Z", refund)
    engine.feed([dear, untaxed, started(), ended(register_wh=400), captured(amount="0.20", fee="0.00"), given_back])
    assert engine.refusals() == []
    assert "4010 EUR" not in engine.balances()
    assert "2110 EUR" not in engine.balances()


def test_a_cdr_rejected_after_its_acceptance_is_taken_back_then_and_not_at_a_later_correction(engine: Engine) -> None:
    roaming = [operator(), tariff(), partner(), started(token=TOKEN), ended()]
    answers = [
        cdr_answer("S-1", "2026-03-02T12:00:00Z", accepted=True),
        cdr_answer("S-1", "2026-03-02T13:00:00Z", accepted=False),
    ]
    engine.feed([*roaming, *answers, corrected("S-1", "2026-03-09T09:00:00Z", 18_000)])
    engine.advance("2026-03-20T00:00:00Z")
    moments = engine.rows("SELECT kind, effective_at::text FROM book.entry WHERE kind IN ('J13', 'J21') ORDER BY 1")
    assert moments == [("J13", "2026-03-02 12:00:00+00"), ("J21", "2026-03-02 13:00:00+00")]


def test_what_the_clock_has_not_reached_has_not_matured(engine: Engine) -> None:
    at_once = operator(fund_release="ON_SESSION", psp_fee_bearer="OPERATOR")
    engine.feed([at_once, tariff(), started(), ended(), captured()])
    engine.advance("2026-03-02T10:30:00Z")
    assert engine.balances()["2011/OP-1 EUR"] == -(1_210 - 121 - 30)
    assert "2010/OP-1 EUR" not in engine.balances()
    engine.advance("2026-03-02T12:00:00Z")
    assert engine.balances()["2010/OP-1 EUR"] == -(1_210 - 121 - 30)
    assert "2011/OP-1 EUR" not in engine.balances()


def test_a_shared_refund_of_a_prepaid_session_gives_its_commission_back(engine: Engine) -> None:
    refund = {"refund_id": "R", "payment_id": "P-S-1", "session_id": "S-1", "amount": money("12.10")}
    refund |= {"refunded_at": "2026-03-02T10:30:00Z", "borne_by": "SHARED"}
    given_back = event("payment.refunded", "S-1", "2026-03-02T10:30:00Z", refund)
    engine.feed([operator(), tariff(), captured(at="2026-03-02T10:00:00Z"), given_back, started(), ended()])
    engine.advance()
    assert "4010 EUR" not in engine.balances()
    assert "2110 EUR" not in engine.balances()


def test_a_payment_that_failed_is_written_off_when_a_correction_first_gives_the_session_a_price(
    engine: Engine,
) -> None:
    data = {"payment_id": "P", "session_id": "S-1", "failed_at": "2026-03-02T11:02:00Z", "reason": "card refused"}
    failed = event("payment.failed", "S-1", "2026-03-02T11:02:00Z", data)
    free = ended(register_wh=0)
    engine.feed([operator(), tariff(), started(), free, failed, corrected("S-1", "2026-03-03T00:00:00Z", 20_000)])
    engine.advance()
    assert "1105/S-1 EUR" not in engine.balances()


def test_the_session_that_breaks_the_engine_is_set_aside_and_the_others_are_judged(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = [operator(), *session("S-bad"), *session("S-ok")]
    engine.feed(waiting)
    with monkeypatch.context() as broken:
        broken.setattr(session_store, "decide", breaking_for("S-bad"))
        engine.feed([tariff()])
        engine.advance()
        faults = "SELECT session_id, fault FROM intake.session_head WHERE fault IS NOT NULL"
        assert engine.rows(faults) == [("S-bad", "ZeroDivisionError: S-bad")]
        assert engine.journal_kinds("S-ok") == ["J01", "J02", "J01c", "J03", "J08"]
        assert engine.journal_kinds("S-bad") == ["J01c", "J03"]
    engine.intake.claim([(engine.topic, 1)])
    engine.advance()
    assert engine.journal_kinds("S-bad") == ["J01", "J02", "J01c", "J03", "J08"]


def breaking_for(session_id: str) -> Callable[..., Judgement]:
    """The real decision, but for a session that a defect of ours would break."""

    def judge(state: Session, *others: Any, **more: Any) -> Judgement:
        if state.session_id == session_id:
            raise ZeroDivisionError(session_id)
        return decide(state, *others, **more)

    return judge


def test_a_clock_tick_with_nothing_due_writes_nothing(engine: Engine) -> None:
    engine.feed([operator(payout_delay_days=30), tariff(), *session("S-1")])
    engine.advance("2026-03-05T10:00:00Z")
    before = engine.rows("SELECT pg_current_xact_id()::text::bigint")[0][0]
    engine.advance("2026-03-05T10:00:01Z")
    after = engine.rows("SELECT pg_current_xact_id()::text::bigint")[0][0]
    assert after == before + 1


def test_a_settlement_told_twice_is_booked_as_first_told_in_any_order(engine: Engine) -> None:
    item = {"payment_id": "P-S-1", "gross": money("12.10"), "fee": money("0.30")}
    data = {"settlement_id": "X", "provider": "acme-psp", "settled_at": "2026-03-03T06:00:00Z", "items": [item]}
    second = event("payment.settled", "X", "2026-03-03T06:00:00Z", data | {"net": money("11.70")}, id_="b")
    first = event("payment.settled", "X", "2026-03-03T06:00:00Z", data | {"net": money("11.80")}, id_="a")
    engine.feed([operator(), tariff(), *session("S-1"), second, first])
    assert engine.balances()["1010 EUR"] == 1_180


def test_a_payment_refused_for_its_currency_is_taken_when_the_operators_currency_was_another(engine: Engine) -> None:
    paid = captured(amount="12.10", currency="USD")
    dollars = operator(changed=True, time="2026-03-01T12:00:00Z", currency="USD")
    in_dollars = tariff(time="2026-03-01T12:00:00Z", currency="USD")
    engine.feed([operator(), tariff(), started(), ended(), paid])
    assert engine.tally() == (4, 0, 0, 1)
    engine.feed([dollars, in_dollars])
    assert engine.tally() == (7, 0, 0, 0)
    assert "1105/S-1 USD" not in engine.balances()
    assert "1110/acme-psp USD" in engine.balances()


def test_a_captured_bill_that_was_withdrawn_comes_back_at_most_as_it_was(engine: Engine) -> None:
    backwards = corrected("S-1", "2026-03-03T00:00:00Z", 1_000)
    upwards = corrected("S-1", "2026-03-04T00:00:00Z", 22_000)
    engine.feed([operator(), tariff(), *session("S-1"), backwards, upwards])
    engine.advance("2026-03-10T00:00:00Z")
    assert "1105/S-1 EUR" not in engine.balances()


def test_people_are_told_once_that_a_session_is_suspended(engine: Engine) -> None:
    engine.feed([operator(), started(tariff_id="T-9"), ended()])
    engine.feed([corrected("S-1", "2026-03-03T08:00:00Z", 18_000), captured()])
    notices = engine.rows("SELECT count(*)::int FROM intake.outbox WHERE topic = 'settlement.notifications'")
    assert notices == [(1,)]
