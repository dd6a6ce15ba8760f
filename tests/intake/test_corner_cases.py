"""Cases that once broke the engine."""

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
