"""Payouts decided over HTTP by people, each once, who did not change what they decide about."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import pytest

from ledger.access.duties import Duty
from tests.support.believed import BELIEVED
from tests.support.events import captured, ended, operator, started, tariff
from tests.support.live import Live, act, once
from tests.support.surface import Client

WAIT = "wait=10"
ACCOUNT = {"holder": "Grachtenlader BV", "iban": "NL20INGB0001234567"}
_numbers = count(1)


@pytest.fixture(scope="module")
def anna(system: Live) -> Client:
    return system.as_(Duty.APPROVER, acts_for="Anna")


@pytest.fixture(scope="module")
def ben(system: Live) -> Client:
    return system.as_(Duty.APPROVER, acts_for="Ben")


@pytest.fixture(scope="module")
def fred(system: Live) -> Client:
    return system.as_(Duty.FINANCE, acts_for="Fred")


@pytest.fixture
def waiting(system: Live, anna: Client) -> Callable[..., dict[str, Any]]:
    """Makes an operator whose payout waits for the approval of so many people: as it is shown, with its tag."""

    def make(people: int = 1) -> dict[str, Any]:
        name = f"OP-PAY-{next(_numbers)}"
        tiers = [{"from": "0", "approvals": people}]
        system.tell(
            operator(name, payout_requires_approval=True, payout_approvals=tiers),
            tariff(name, f"T-{name}"),
            started(f"S-{name}", operator_id=name, tariff_id=f"T-{name}"),
            ended(f"S-{name}"),
            captured(f"S-{name}"),
        )
        system.advance("2026-03-03T06:00:00Z")
        system.seen(f"/v1/payouts?operator_id={name}", anna, lambda each: each["data"])
        (found,) = anna.document("/v1/payouts", operator_id=name)["data"]
        return shown(anna, found["payout_id"])

    return make


def shown(who: Client, payout_id: str) -> dict[str, Any]:
    answer = who.get(f"/v1/payouts/{payout_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()) | {"etag": answer.headers["etag"]}


def decide(who: Client, found: dict[str, Any], verdict: str = "approve", **more: Any) -> httpx.Response:
    """What a decision about a payout answers."""
    headers = {"If_Match": found["etag"], "Prefer": WAIT} | {n: more.pop(n) for n in list(more) if n[0].isupper()}
    body = {"content_hash": found["content_hash"]} | more
    return act(who, f"/v1/payouts/{found['payout_id']}/{verdict}", body, **headers)


def test_one_approval_lets_it_go_where_one_is_asked_for(
    system: Live, anna: Client, waiting: Callable[..., dict[str, Any]]
) -> None:
    found = waiting()
    assert (found["status"], found["approvals"], found["approvals_needed"]) == ("AWAITING_APPROVAL", [], 1)
    answer = decide(anna, found)
    assert (answer.status_code, answer.json()["state"]) == (200, "TAKEN"), answer.text
    gone = system.seen(f"/v1/payouts/{found['payout_id']}", anna, lambda each: each["status"] == "IN_TRANSIT")
    assert [each["by"] for each in gone["approvals"]] == ["Anna"]
    assert gone["content_hash"] == found["content_hash"]


def test_two_different_people_are_two_and_one_person_is_one_whatever_her_keys(
    system: Live, anna: Client, ben: Client, waiting: Callable[..., dict[str, Any]]
) -> None:
    found = waiting(2)
    assert decide(anna, found).json()["state"] == "TAKEN"
    once_approved = system.seen(f"/v1/payouts/{found['payout_id']}", anna, lambda each: len(each["approvals"]) == 1)
    assert (once_approved["status"], once_approved["approvals_needed"]) == ("AWAITING_APPROVAL", 2)
    now = shown(anna, found["payout_id"])
    for same in (anna, system.as_(Duty.APPROVER, acts_for="anna")):
        answer = decide(same, now)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/four_eyes"), answer.text
    assert decide(ben, found).status_code == 412, "what she saw has an approval more by now"
    assert decide(ben, now).json()["state"] == "TAKEN"
    gone = system.seen(f"/v1/payouts/{found['payout_id']}", anna, lambda each: each["status"] == "IN_TRANSIT")
    assert [each["by"] for each in gone["approvals"]] == ["Anna", "Ben"]


def test_two_requests_at_once_of_one_person_are_one_approval(
    system: Live, waiting: Callable[..., dict[str, Any]]
) -> None:
    found = waiting(2)
    keys = [system.key(Duty.APPROVER, acts_for="Carla") for _ in range(8)]
    url = f"{system.client.base_url}/v1/payouts/{found['payout_id']}/approve"

    def ask(key: str) -> int:
        headers = once(**{"If-Match": found["etag"], "Authorization": f"Bearer {key}"})
        return httpx.post(
            url, json={"content_hash": found["content_hash"]}, headers=headers, timeout=120, verify=BELIEVED
        ).status_code

    with ThreadPoolExecutor(len(keys)) as threads:
        statuses = sorted(threads.map(ask, keys))
    assert statuses.count(202) == 1
    assert set(statuses) <= {202, 403, 412}


def test_another_content_or_no_tag_is_nothing_that_was_seen(
    anna: Client, waiting: Callable[..., dict[str, Any]]
) -> None:
    found = waiting()
    path = f"/v1/payouts/{found['payout_id']}/approve"
    other = decide(anna, found, content_hash="0" * 64)
    assert (other.status_code, other.json()["type"]) == (409, "/problems/other_content")
    assert act(anna, path, {"content_hash": found["content_hash"]}).status_code == 428
    assert decide(anna, found, If_Match='"older"').status_code == 412
    assert decide(anna, found, content_hash="nothing").status_code == 422
    assert act(anna, "/v1/payouts/none/approve", {"content_hash": "0" * 64}, If_Match="*").status_code == 404
    assert shown(anna, found["payout_id"])["approvals"] == []


def test_who_is_nobody_an_operator_or_of_another_role_decides_nothing(
    system: Live, fred: Client, waiting: Callable[..., dict[str, Any]]
) -> None:
    found = waiting()
    nobody = decide(system.as_(Duty.APPROVER), found)
    assert (nobody.status_code, nobody.json()["type"]) == (403, "/problems/four_eyes")
    for who in (fred, system.as_(Duty.OPERATOR, found["operator_id"], acts_for="Olga"), system.as_(Duty.AUDITOR)):
        answer = decide(who, found)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/role_may_not")
    assert shown(fred, found["payout_id"])["approvals"] == []


def test_who_changed_the_account_within_a_week_does_not_approve(
    system: Live, anna: Client, ben: Client, waiting: Callable[..., dict[str, Any]]
) -> None:
    found = waiting()
    name = found["operator_id"]
    by_fay = system.as_(Duty.FINANCE, acts_for="Fay")
    proposed = act(by_fay, f"/v1/operators/{name}/bank-account/propose", {"bank_account": ACCOUNT}, Prefer=WAIT)
    assert proposed.json()["state"] == "TAKEN", proposed.text
    herself = system.as_(Duty.APPROVER, acts_for="Fay")
    confirming = {"bank_account": ACCOUNT}
    answer = act(herself, f"/v1/operators/{name}/bank-account/confirm", confirming)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/four_eyes")
    # Published, and not looked up anywhere yet: the door knows of it by itself.
    assert act(anna, f"/v1/operators/{name}/bank-account/confirm", confirming).status_code == 202
    for who in (herself, anna):
        answer = decide(who, found)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/four_eyes"), answer.text
        assert "within the last 7 days" in answer.json()["detail"]
    assert decide(ben, found).status_code == 200


def test_a_rejected_payout_goes_to_nobody(
    system: Live, anna: Client, ben: Client, waiting: Callable[..., dict[str, Any]]
) -> None:
    found = waiting()
    assert decide(anna, found, "reject").status_code == 422, "it needs a reason"
    assert decide(anna, found, "reject", reason="wrong account").json()["state"] == "TAKEN"
    system.seen(f"/v1/payouts/{found['payout_id']}", anna, lambda each: each["status"] == "REJECTED")
    now = shown(ben, found["payout_id"])
    late = decide(ben, now)
    assert (late.status_code, late.json()["type"]) == (409, "/problems/other_state")


def test_what_the_door_lets_through_and_the_domain_does_not_is_refused_as_a_state(
    system: Live, anna: Client, waiting: Callable[..., dict[str, Any]], fred: Client
) -> None:
    found = waiting()
    held = act(fred, f"/v1/operators/{found['operator_id']}/hold", {"reason": "papers are missing"}, Prefer=WAIT)
    assert held.json()["state"] == "TAKEN", held.text
    shown_ = anna.document(f"/v1/operators/{found['operator_id']}")["held"]
    assert shown_ == {"held": True, "reason": "papers are missing"}
    answer = decide(anna, found)
    assert (answer.status_code, answer.json()["state"]) == (200, "REFUSED")
    assert answer.json()["detail"]
    assert "position" not in answer.json()
    assert anna.document(answer.headers["location"])["state"] == "REFUSED"
    assert system.rows("SELECT FROM intake.deadletter WHERE event_type = 'payout.approved'") == []
    released = act(fred, f"/v1/operators/{found['operator_id']}/release", {"reason": "they came"}, Prefer=WAIT)
    assert released.json()["state"] == "TAKEN"
    assert anna.document(f"/v1/operators/{found['operator_id']}")["held"]["held"] is False
    # What was refused does not stand in the way of deciding it again.
    assert decide(anna, found).json()["state"] == "TAKEN"


def test_all_payouts_are_stopped_by_either_and_resumed_by_people_who_approve(
    system: Live, anna: Client, fred: Client
) -> None:
    assert act(fred, "/v1/payouts/resume", {"reason": "x"}).status_code == 403
    stopped = act(fred, "/v1/payouts/stop", {"reason": "something is wrong"}, Prefer=WAIT)
    assert stopped.json()["state"] == "TAKEN", stopped.text
    nobody = act(system.as_(Duty.APPROVER), "/v1/payouts/resume", {"reason": "x"})
    assert (nobody.status_code, nobody.json()["type"]) == (403, "/problems/four_eyes")
    resumed = act(anna, "/v1/payouts/resume", {"reason": "it was not"}, Prefer=WAIT)
    assert resumed.json()["state"] == "TAKEN", resumed.text
