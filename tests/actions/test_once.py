"""An action is done once for its Idempotency-Key, whoever asks however often at once, and answers the same again."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ledger.access.duties import Duty
from tests.support.believed import BELIEVED
from tests.support.events import operator
from tests.support.live import Live, act, once
from tests.support.surface import Client

OPERATOR = "OP-ONCE"
WAITING = {"Prefer": "wait=10"}
PROPOSAL: dict[str, Any] = {
    "operator_id": OPERATOR,
    "amount": {"amount": "1.00", "currency": "EUR"},
    "direction": "CREDIT",
    "reason_code": "GOODWILL",
    "note": "once",
}


@pytest.fixture(scope="module")
def finance(system: Live) -> Client:
    system.tell(operator(OPERATOR))
    return system.as_(Duty.FINANCE, acts_for="Otto")


def published(system: Live, id_: str) -> int:
    """How many records with this event there are in Kafka."""
    return sum(id_.encode() in value for value in system.records("decisions"))


def test_the_same_again_answers_the_same_and_does_nothing(system: Live, finance: Client) -> None:
    headers = once()
    first = finance.post("/v1/adjustments", json=PROPOSAL, headers=headers)
    assert first.status_code == 202
    assert first.json()["state"] == "PUBLISHED"
    assert first.headers["location"] == f"/v1/actions/{first.json()['action_id']}"
    assert "idempotent-replayed" not in first.headers
    system.seen(first.headers["location"], finance, lambda each: each["state"] == "TAKEN")
    spaced = b'{ "note":"once", "reason_code":"GOODWILL", "direction":"CREDIT", "operator_id":"OP-ONCE",\n'
    spaced += b'"amount":{"currency":"EUR", "amount":"1.00"}}'
    for again in (
        finance.post("/v1/adjustments", json=PROPOSAL, headers=headers),
        finance.post("/v1/adjustments", content=spaced, headers=headers | {"Content-Type": "application/json"}),
        finance.post("/v1/adjustments", json=PROPOSAL, headers=headers | WAITING),
    ):
        assert (again.status_code, again.json(), again.headers["location"]) == (
            202,
            first.json(),
            first.headers["location"],
        )
        assert again.headers["idempotent-replayed"] == "true"
    assert published(system, first.json()["action_id"]) == 1


def test_who_waits_gets_what_became_of_it_again_too(finance: Client) -> None:
    headers = once() | WAITING
    first, again = (finance.post("/v1/adjustments", json=PROPOSAL, headers=headers) for _ in range(2))
    assert (first.status_code, first.json()["state"]) == (200, "TAKEN")
    assert (again.status_code, again.json()) == (200, first.json())
    assert first.json()["position"] > 0


def test_an_answer_that_could_not_be_noted_is_given_again_as_one_that_was(system: Live, finance: Client) -> None:
    headers = once()
    first = finance.post("/v1/adjustments", json=PROPOSAL, headers=headers)
    forgotten = "UPDATE access.action SET status = NULL, answer = NULL WHERE action_id = %s RETURNING 1"
    assert system.rows(forgotten, first.json()["action_id"]) == [(1,)]
    again = finance.post("/v1/adjustments", json=PROPOSAL, headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    system.seen(first.headers["location"], finance, lambda each: each["state"] == "TAKEN")


def test_a_key_is_for_one_thing(system: Live, finance: Client) -> None:
    headers = once()
    assert finance.post("/v1/adjustments", json=PROPOSAL, headers=headers).status_code == 202
    other = finance.post("/v1/adjustments", json=PROPOSAL | {"note": "twice"}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/other_body")
    elsewhere = finance.post(f"/v1/operators/{OPERATOR}/hold", json={"reason": "x"}, headers=headers)
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (422, "/problems/other_body")
    # Keys are a principal's own.
    somebody = system.as_(Duty.FINANCE, acts_for="Olga").post("/v1/adjustments", json=PROPOSAL, headers=headers)
    assert somebody.status_code == 202


def test_many_at_once_are_one(system: Live, finance: Client) -> None:
    headers, url, authorization = once(), str(finance.base_url), finance.headers["authorization"]

    def ask(_: int) -> httpx.Response:
        given = headers | {"Authorization": authorization}
        return httpx.post(f"{url}/v1/adjustments", json=PROPOSAL, headers=given, timeout=120, verify=BELIEVED)

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(ask, range(12)))
    done = [each for each in answers if each.status_code == 202]
    assert {each.status_code for each in answers} <= {202, 409}
    assert len({each.json()["action_id"] for each in done}) == 1
    assert sum("idempotent-replayed" not in each.headers for each in done) == 1
    assert published(system, done[0].json()["action_id"]) == 1


def test_a_refusal_leaves_the_key_free(finance: Client) -> None:
    headers = once()
    wrong = finance.post("/v1/adjustments", json=PROPOSAL | {"operator_id": "OP-NOBODY"}, headers=headers)
    assert wrong.status_code == 422
    assert finance.post("/v1/adjustments", json=PROPOSAL, headers=headers).status_code == 202


def test_what_an_action_needs_is_said(finance: Client) -> None:
    assert finance.post("/v1/adjustments", json=PROPOSAL).json()["type"] == "/problems/no_idempotency_key"
    for wrong in ("x" * 256, "caf\u00e9".encode()):
        headers = {b"Idempotency-Key": wrong if isinstance(wrong, bytes) else wrong.encode()}
        assert finance.post("/v1/adjustments", json=PROPOSAL, headers=headers).status_code == 400
    plain = finance.post("/v1/adjustments", content=b"{}", headers=once() | {"Content-Type": "text/plain"})
    assert plain.status_code == 415
    broken = finance.post("/v1/adjustments", content=b"{", headers=once() | {"Content-Type": "application/json"})
    assert broken.status_code == 400
    large = PROPOSAL | {"note": "x" * (1 << 20)}
    assert finance.post("/v1/adjustments", json=large, headers=once()).status_code == 413
    for wait in ("wait=0", "wait=11", "wait=9999"):
        assert act(finance, "/v1/adjustments", PROPOSAL, Prefer=wait).status_code == 400
    assert act(finance, "/v1/adjustments", PROPOSAL, Prefer="respond-async, wait=10").status_code == 200


def test_another_ones_action_is_shown_to_who_reads_the_book_alone(system: Live, finance: Client) -> None:
    answer = act(finance, "/v1/adjustments", PROPOSAL)
    for duty, status in ((Duty.AUDITOR, 200), (Duty.APPROVER, 200), (Duty.PROCESSOR, 404), (Duty.ADMIN, 404)):
        assert system.as_(duty).get(answer.headers["location"]).status_code == status
    assert system.as_(Duty.OPERATOR, OPERATOR).get(answer.headers["location"]).status_code == 404
    for none in ("none", "00000000-0000-5000-8000-000000000000"):
        assert finance.get(f"/v1/actions/{none}").status_code == 404
