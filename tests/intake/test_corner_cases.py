"""Cases that once broke the engine."""

from tests.support.engine import Engine
from tests.support.events import captured, ended, event, money, operator, started, tariff


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
