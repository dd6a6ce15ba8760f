"""What is decided about an operator over HTTP, and what its money is afterwards."""

from itertools import count
from typing import Any

import pytest

from ledger.access.duties import Duty
from tests.support.events import captured, ended, operator, started, tariff
from tests.support.live import Live, act
from tests.support.surface import Client

WAIT = "wait=10"
FEE = {"percent": "1", "fixed": "0.50", "vat_percent": "21"}
_numbers = count(1)


@pytest.fixture(scope="module")
def fred(system: Live) -> Client:
    return system.as_(Duty.FINANCE, acts_for="Fred")


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def earning(system: Live, **terms: Any) -> str:
    """A new operator with 10.89 EUR of one session, and the clock where that is available."""
    name = f"OP-OWED-{next(_numbers)}"
    system.tell(
        operator(name, **terms),
        tariff(name, f"T-{name}"),
        started(f"S-{name}", operator_id=name, tariff_id=f"T-{name}"),
        ended(f"S-{name}"),
        captured(f"S-{name}"),
    )
    return name


def taken(who: Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = act(who, path, body, Prefer=WAIT)
    assert (answer.status_code, answer.json()["state"]) == (200, "TAKEN"), answer.text
    return dict(answer.json())


def test_a_reserve_is_kept_from_the_next_run_and_given_back_by_its_release(system: Live, fred: Client) -> None:
    name = earning(system)
    path = f"/v1/operators/{name}/reserves"
    hold = taken(fred, path, {"amount": euros("4.00"), "reason": "many disputes"})["action_id"]

    def balance() -> dict[str, Any]:
        (found,) = fred.document(f"/v1/operators/{name}/balances")["data"]
        return dict(found)

    system.seen(f"/v1/operators/{name}/balances", fred, lambda each: "4.00" in str(each))
    assert balance()["reserved"] == "4.00"
    (held,) = fred.document(f"/v1/operators/{name}/holds")["data"]
    assert (held["hold_id"], held["amount"]) == (hold, euros("4.00"))
    too_much = act(fred, f"{path}/{hold}/release", {"amount": euros("4.01"), "reason": "x"}, Prefer=WAIT)
    assert too_much.json()["state"] == "REFUSED", too_much.text
    taken(fred, f"{path}/{hold}/release", {"amount": euros("1.50"), "reason": "one is won"})
    system.seen(f"/v1/operators/{name}/balances", fred, lambda each: "2.50" in str(each))
    assert balance()["reserved"] == "2.50"
    taken(fred, f"{path}/{hold}/release", {"reason": "all are won"})
    system.seen(f"/v1/operators/{name}/balances", fred, lambda each: each["data"][0]["reserved"] == "0.00")


def test_nothing_is_held_until_a_time_that_is_over(system: Live, fred: Client) -> None:
    system.tell(operator("OP-OWED"))
    body = {"amount": euros("1.00"), "until": "2020-01-01T00:00:00Z", "reason": "disputes"}
    answer = act(fred, "/v1/operators/OP-OWED/reserves", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/until")


def test_a_balance_is_funded_and_collected_once_by_its_reference(system: Live, fred: Client) -> None:
    name = earning(system)
    moves = (("funded", "5.13", {"1010", "1020"}), ("collected", "5.17", {"1010", f"2010/{name}"}))
    for what, amount, accounts in moves:
        path = f"/v1/operators/{name}/balance/{what}"
        told = {"amount": euros(amount), "reference": f"{what}-{name}", "reason": "refunds"}
        taken(fred, path, told)
        again = act(fred, path, told, Prefer=WAIT).json()
        assert (again["state"], "was told before" in again["detail"]) == ("REFUSED", True)
        kind = {"funded": "J48", "collected": "J49"}[what]
        (entry,) = [each for each in fred.document("/v1/entries", kind=kind)["data"] if amount in str(each)]
        assert {each["account"] for each in entry["postings"]} == accounts


def test_an_operator_is_paid_at_once_or_told_why_not(system: Live, fred: Client) -> None:
    paid, not_paid = earning(system, instant_fee=FEE), earning(system)
    system.advance("2026-03-02T16:00:00Z")
    taken(fred, f"/v1/operators/{paid}/instant-payout", {"currency": "EUR", "amount": "5.00"})
    acting = system.rows("SELECT amount FROM intake.instant_request WHERE operator_id = %s", paid)
    assert acting == [(500,)]
    answer = act(fred, f"/v1/operators/{not_paid}/instant-payout", {"currency": "EUR"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/other_state")
    wrongs: list[dict[str, str]] = [{}, *({"currency": "EUR", "amount": each} for each in ("1.234", "-1"))]
    for wrong in (*wrongs, {"currency": "SEK"}):
        assert act(fred, f"/v1/operators/{paid}/instant-payout", wrong).status_code == 422


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("instant-payout", {"currency": "EUR"}),
        ("balance/funded", {"amount": euros("1.00"), "reference": "R", "reason": "x"}),
        ("balance/collected", {"amount": euros("1.00"), "reference": "R", "reason": "x"}),
        ("reserves", {"amount": euros("1.00"), "reason": "x"}),
    ],
)
def test_operators_that_are_unknown_and_roles_that_may_not(
    system: Live, fred: Client, what: str, body: dict[str, Any]
) -> None:
    system.tell(operator("OP-OWED"))
    assert act(fred, f"/v1/operators/OP-NOBODY/{what}", body).status_code == 404
    for who in (system.as_(Duty.APPROVER, acts_for="Ada"), system.as_(Duty.OPERATOR, "OP-OWED", acts_for="Olga")):
        answer = act(who, f"/v1/operators/OP-OWED/{what}", body)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/role_may_not")


@pytest.mark.parametrize("word", ["propose", "confirm"])
def test_nobody_decides_on_an_account_that_no_bank_can_know(system: Live, word: str) -> None:
    name = earning(system)
    who = system.as_(Duty.FINANCE if word == "propose" else Duty.APPROVER, acts_for="Ines")
    system.seen(f"/v1/operators/{name}", who, lambda each: each["operator_id"] == name)
    path = f"/v1/operators/{name}/bank-account/{word}"
    mistyped = {"iban": "NL20 INGB 0001 2345 76"}
    not_routed = {"account_number": "12345678", "routing_code": "021000022", "scheme": "ACH"}
    for account, pointer, why in ((mistyped, "iban", "check digits"), (not_routed, "routing_code", "routing number")):
        answer = act(who, path, {"bank_account": {"holder": "Grachtenlader BV", **account}}, Prefer=WAIT)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/refused"), answer.text
        (error,) = answer.json()["errors"]
        assert error["pointer"] == f"/bank_account/{pointer}"
        assert why in error["detail"]
