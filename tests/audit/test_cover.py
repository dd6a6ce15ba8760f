"""Cover, advances and accounts: what the audit says of them, and that it sees the engine do each of them wrong."""

from typing import Any

import pytest

from domain.payout.advances import Advances
from engine import cover
from ledger.audit import AuditReport
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import captured, ended, event, money, operator, session, started, tariff

WRONG = {"holder": "Grachtenlader BV", "iban": "NL92ABNA0417164300"}
# A session of 12.10, of which 10.89 are the operator's.
UNPAID = [started(), ended()]


def failed(report: AuditReport) -> dict[str, list[str]]:
    return {check.name: [finding.sentence for finding in check.findings] for check in report.failed}


def told(report: AuditReport, name: str) -> list[str]:
    (check,) = [check for check in report.checks if check.name == name]
    return [finding.sentence for finding in check.findings]


def cash(amount: str, at: str = "2026-03-02T12:00:00Z") -> dict[str, Any]:
    """Money of a provider that belongs to no payment known here."""
    data = {"settlement_id": "X-0", "provider": "acme-psp", "settled_at": at, "net": money(amount), "items": []}
    item = {"payment_id": "P-0", "gross": money(amount), "fee": money("0.00")}
    return event("payment.settled", "X-0", at, data | {"items": [item]})


def test_what_drivers_have_not_paid_covers_nothing_of_what_is_owed(engine: Engine) -> None:
    engine.feed([operator(fund_release="ON_SESSION"), tariff(), *UNPAID])
    (sentence,) = told(verify(engine.dsn), "cover")
    assert sentence == (
        "EUR: 10.89 EUR is owed and 0.00 EUR is there for it: the platform has to add 10.89 EUR or wait for drivers, "
        "who have not paid 12.10 EUR yet"
    )


def test_what_a_driver_paid_too_much_is_owed_too(engine: Engine) -> None:
    engine.feed([operator(), tariff(), *UNPAID, captured(amount="15.00", fee="4.12")])
    # 10.88 are there; 10.89 are the operator's and 2.90 the driver's.
    (sentence,) = told(verify(engine.dsn), "cover")
    assert sentence.startswith("EUR: 13.79 EUR is owed and 10.88 EUR is there for it")


def test_what_is_paid_ahead_of_drivers_is_told_by_operator_and_passes(engine: Engine) -> None:
    engine.feed([operator(fund_release="ON_SESSION"), tariff(), *UNPAID])
    assert told(verify(engine.dsn), "advances") == []
    engine.advance("2026-03-04T00:00:00Z")
    report = verify(engine.dsn)
    assert report.passed
    assert told(report, "advances") == [
        "operator OP-1: 10.89 EUR of 1 sessions were paid to it that drivers have not paid"
    ]
    engine.feed([captured(at="2026-03-05T08:00:00Z", amount="12.10")])
    assert told(verify(engine.dsn), "advances") == []


def test_a_payout_to_an_account_with_wrong_check_digits_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.payout.run.is_sound", lambda _: True)
    engine.feed([operator(bank_account=WRONG), tariff(), *session()])
    engine.advance("2026-03-04T00:00:00Z")
    (sentence,) = failed(verify(engine.dsn))["payouts"]
    assert sentence.endswith("goes to NL92ABNA0417164300, whose check digits are wrong")


def test_one_that_came_back_from_it_is_where_it_belongs(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.payout.run.is_sound", lambda _: True)
    engine.feed([operator(bank_account=WRONG), tariff(), *session()])
    engine.advance("2026-03-04T00:00:00Z")
    ((payout_id,),) = engine.rows("SELECT payout_id FROM intake.open_payout")
    at = "2026-03-04T09:00:00Z"
    engine.feed([event("payout.failed", payout_id, at, {"payout_id": payout_id, "at": at, "reason": "AC01"})])
    assert verify(engine.dsn).passed


@pytest.mark.parametrize("planted", [True, False])
def test_an_advance_above_its_limit_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch, planted: bool) -> None:
    if planted:
        monkeypatch.setattr(Advances, "carried", lambda *_: frozenset())
    engine.feed([operator(fund_release="ON_SESSION", advance_limit="15.00"), tariff(), *UNPAID])
    engine.feed([started("S-2"), ended("S-2")])
    engine.advance("2026-03-04T00:00:00Z")
    found = failed(verify(engine.dsn))
    assert set(found) == ({"advance_limits"} if planted else set())
    for sentence in found.get("advance_limits", ()):
        assert sentence.endswith(
            "pays ahead of drivers, up to 21.78 EUR in all; the limit of its operator is 15.00 EUR"
        )


@pytest.mark.parametrize("planted", [True, False])
def test_an_engine_that_takes_what_drivers_owe_for_cover_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, planted: bool
) -> None:
    if planted:
        query = cover._LEFT.replace("coalesce((", "coalesce((SELECT sum(credits - debits) FROM book.balance WHERE "
                                    "account LIKE '1105/%%'), 0)::bigint - coalesce((", 1)  # fmt: skip
        monkeypatch.setattr(cover, "_LEFT", query)
    # One driver has not paid, and nothing was settled.
    engine.feed([operator(fund_release="ON_SESSION"), tariff(), *UNPAID])
    engine.advance("2026-03-04T00:00:00Z")
    found = failed(verify(engine.dsn))
    assert set(found) == ({"covered_payouts"} if planted else set())
    for sentence in found.get("covered_payouts", ()):
        assert sentence.endswith(
            "was handed off at 2026-03-02T23:00Z, 10.89 EUR above client money, and nobody is told"
        )


def test_a_payout_that_client_money_pays_for_is_told_to_nobody_and_found_by_nobody(engine: Engine) -> None:
    engine.feed([operator(), tariff(), *session(), cash("10.89")])
    engine.advance("2026-03-04T00:00:00Z")
    assert verify(engine.dsn).passed
    assert engine.rows("SELECT * FROM intake.operator_finding") == []
