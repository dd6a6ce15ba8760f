"""Adjustments and write-offs over HTTP: proposed by one person, decided by another, and a line of the book then."""

from typing import Any

import pytest

from ledger.access.duties import Duty
from tests.support.events import operator
from tests.support.live import Live, act, once
from tests.support.surface import Client

OPERATOR = "OP-ADJ"
WAIT = "wait=10"
PROPOSAL: dict[str, Any] = {
    "operator_id": OPERATOR,
    "amount": {"amount": "25.00", "currency": "EUR"},
    "direction": "CREDIT",
    "reason_code": "GOODWILL",
    "note": "the charger was out of order",
}


@pytest.fixture(scope="module", autouse=True)
def _known(system: Live) -> None:
    system.tell(operator(OPERATOR))


@pytest.fixture(scope="module")
def maker(system: Live) -> Client:
    return system.as_(Duty.FINANCE, acts_for="Mona")


@pytest.fixture(scope="module")
def checker(system: Live) -> Client:
    return system.as_(Duty.APPROVER, acts_for="Chris")


def proposed(system: Live, who: Client, **more: Any) -> dict[str, Any]:
    """An adjustment that was proposed and taken in, as it is shown, and its tag."""
    answer = act(who, "/v1/adjustments", PROPOSAL | more, Prefer=WAIT)
    assert (answer.status_code, answer.json()["state"]) == (200, "TAKEN"), answer.text
    shown = who.get(f"/v1/adjustments/{answer.json()['action_id']}")
    return dict(shown.json()) | {"etag": shown.headers["etag"]}


def test_what_one_proposes_another_approves_and_it_is_a_line(system: Live, maker: Client, checker: Client) -> None:
    found = proposed(system, maker)
    assert (found["state"], found["proposed_by"], found["amount"]) == ("PROPOSED", "Mona", PROPOSAL["amount"])
    path = f"/v1/adjustments/{found['adjustment_id']}"
    answer = act(checker, f"{path}/approve", If_Match=found["etag"], Prefer=WAIT)
    assert (answer.status_code, answer.json()["state"]) == (200, "TAKEN"), answer.text
    decided = system.seen(path, checker, lambda each: each["state"] == "APPROVED")
    assert decided["decided_by"] == "Chris"
    entry = checker.document(f"/v1/entries/{decided['entry_id']}")
    assert entry["kind"] == "J45"


@pytest.mark.parametrize("name", ["Mona Lisa", "MONA  LISA"])
def test_who_proposed_does_not_decide_also_before_the_proposal_is_taken_in(system: Live, name: str) -> None:
    found = proposed(system, system.as_(Duty.FINANCE, acts_for="Mona Lisa"))
    same_person = system.as_(Duty.APPROVER, acts_for=name)
    for verdict, body in (("approve", {}), ("reject", {"reason": "x"})):
        path = f"/v1/adjustments/{found['adjustment_id']}/{verdict}"
        answer = act(same_person, path, body, If_Match=found["etag"])
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/four_eyes")
        assert "Mona Lisa" in answer.json()["detail"]


def test_a_key_that_is_nobodys_does_not_decide(system: Live, maker: Client) -> None:
    found = proposed(system, maker)
    nobody = system.as_(Duty.APPROVER)
    answer = act(nobody, f"/v1/adjustments/{found['adjustment_id']}/approve", If_Match=found["etag"])
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/four_eyes")
    assert "--for" in answer.json()["detail"]


def test_a_decision_is_about_what_was_read(system: Live, maker: Client, checker: Client) -> None:
    found = proposed(system, maker)
    path = f"/v1/adjustments/{found['adjustment_id']}"
    assert act(checker, f"{path}/approve").status_code == 428
    assert act(checker, f"{path}/approve", If_Match='"other"').status_code == 412
    assert act(checker, f"{path}/approve", If_Match=f"W/{found['etag']}").status_code == 412
    assert act(checker, f"{path}/reject", {"reason": "no"}, If_Match=found["etag"], Prefer=WAIT).status_code == 200
    system.seen(path, checker, lambda each: each["state"] == "REJECTED")
    assert act(checker, f"{path}/approve", If_Match=found["etag"]).status_code == 412
    now = checker.get(path).headers["etag"]
    late = act(checker, f"{path}/approve", If_Match=now)
    assert (late.status_code, late.json()["type"]) == (409, "/problems/other_state")


def test_what_is_no_adjustment_is_refused_where_it_is_wrong(maker: Client) -> None:
    for wrong, pointer in (
        ({"amount": {"amount": "1.234", "currency": "EUR"}}, "/amount"),
        ({"amount": {"amount": "-1.00", "currency": "EUR"}}, "/amount"),
        ({"direction": "BOTH"}, "/direction"),
        ({"operator_id": "OP-NOBODY"}, "/operator_id"),
        ({"note": ""}, "/note"),
        ({"by": "somebody else"}, "/by"),
    ):
        answer = act(maker, "/v1/adjustments", PROPOSAL | wrong)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"].startswith(pointer)


def test_a_write_off_takes_two_people_as_well(system: Live, maker: Client, checker: Client) -> None:
    system.tell(operator("OP-OWES"))
    owed = proposed(system, maker, operator_id="OP-OWES", direction="DEBIT", amount=_euro("5.00"))
    path = f"/v1/adjustments/{owed['adjustment_id']}"
    act(checker, f"{path}/approve", If_Match=owed["etag"], Prefer=WAIT)
    system.seen(path, checker, lambda each: each["state"] == "APPROVED")
    body = {
        "account": "2010/OP-OWES",
        "amount": _euro("5.00"),
        "reason_code": "UNCOLLECTABLE",
        "note": "wound up",
    }
    more = act(maker, "/v1/write-offs", body | {"amount": _euro("5.01")})
    assert (more.status_code, more.json()["errors"][0]["pointer"]) == (422, "/amount")
    assert "5.01 EUR is more than is left on 2010/OP-OWES, which is 5.00 EUR" in more.json()["detail"]
    second = act(maker, "/v1/write-offs", body, Prefer=WAIT).json()["action_id"]
    answer = act(maker, "/v1/write-offs", body, Prefer=WAIT)
    assert answer.json()["state"] == "TAKEN", answer.text
    path = f"/v1/write-offs/{answer.json()['action_id']}"
    tag = maker.get(path).headers["etag"]
    hers = act(system.as_(Duty.APPROVER, acts_for="mona"), f"{path}/approve", If_Match=tag)
    assert (hers.status_code, hers.json()["type"]) == (403, "/problems/four_eyes")
    assert act(checker, f"{path}/approve", If_Match=tag, Prefer=WAIT).json()["state"] == "TAKEN"
    system.seen(path, checker, lambda each: each["state"] == "APPROVED")
    tag = checker.get(f"/v1/write-offs/{second}").headers["etag"]
    late = act(checker, f"/v1/write-offs/{second}/approve", If_Match=tag)
    assert (late.status_code, late.json()["type"]) == (409, "/problems/other_state")
    assert "which is nothing by now" in late.json()["detail"]


def _euro(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def test_who_may_not_is_refused_before_anything_else(system: Live, checker: Client) -> None:
    assert checker.post("/v1/adjustments", json=PROPOSAL, headers=once()).status_code == 403
    finance = system.as_(Duty.FINANCE, acts_for="Fred")
    assert act(finance, "/v1/adjustments/none/approve").status_code == 403
    own = system.as_(Duty.OPERATOR, OPERATOR)
    assert act(own, "/v1/adjustments", PROPOSAL).status_code == 403
