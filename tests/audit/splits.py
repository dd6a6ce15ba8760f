"""A split and tiers in the network: a site's owner has a part of a share, in a month's last hours in Honolulu."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.audit.network import BEGINNING, Event, _component, _event, _iso, _money, _operator, _tariff

# There the month is over ten hours after it is in UTC, so that all of it is in the days of the network.
ZONE = "Pacific/Honolulu"
_STEPS = [{"from": "0", "percent": "10"}, {"from": "5.00", "percent": "4"}]
_TIERS = {"measure": "NET", "window": "MONTH", "mode": "MARGINAL", "steps": _STEPS}


def told_of_splits() -> Iterator[Event]:
    """Two operators, one with a part of the other's shares, and a session that is paid, and refunded in part."""
    terms: dict[str, Any] = {
        "commission": {"vat_percent": "21", "schedule": [{"tiers": _TIERS}]},
        "splits": [{"operator_id": "OP-LAND", "role": "site host", "percent": "12.5"}],
    }
    for operator_id, iban, others in (
        ("OP-SPLIT", "BE68539007547034", terms),
        ("OP-LAND", "AT611904300234573201", {"payout": {"delay_days": 1}}),
    ):
        data = _operator("OP-A", iban, **others) | {"operator_id": operator_id, "time_zone": ZONE}
        yield _event("operator.registered", operator_id, BEGINNING, data)
    tariff = _tariff("OP-A", "T-SPLIT", [{"price_components": [_component("ENERGY", 0.5)]}])
    yield _event("tariff.published", "T-SPLIT", BEGINNING, tariff | {"operator_id": "OP-SPLIT"})
    began = BEGINNING + timedelta(hours=2)
    ended, paid = began + timedelta(hours=1), began + timedelta(hours=1, minutes=2)
    start = {
        "session_id": "SPLIT-1",
        "operator_id": "OP-SPLIT",
        "location_id": "LOC-SPLIT",
        "evse_uid": "EVSE-SPLIT",
        "connector_id": "1",
        "started_at": _iso(began),
        "meter_start_wh": 0,
        "tariff_id": "T-SPLIT",
        "auth_method": "WHITELIST",
    }
    yield _event("charging.session.started", "SPLIT-1", began, start)
    stop = {"session_id": "SPLIT-1", "ended_at": _iso(ended), "meter_stop_wh": 20_000, "reason": "Local"}
    yield _event("charging.session.ended", "SPLIT-1", ended, stop)
    named = {"payment_id": "P-SPLIT", "session_id": "SPLIT-1"}
    capture = {"amount": _money("12.10", "EUR"), "fee": _money("0.20", "EUR"), "captured_at": _iso(paid)}
    yield _event("payment.captured", "SPLIT-1", paid, named | capture | {"provider": "acme-psp"})
    back = paid + timedelta(days=1)
    refund = {"refund_id": "R-SPLIT", "amount": _money("3.00", "EUR"), "refunded_at": _iso(back)}
    yield _event("payment.refunded", "SPLIT-1", back, named | refund | {"borne_by": "SHARED"})
