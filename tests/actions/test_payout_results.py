"""Results of payouts that a processor posts: taken as from Kafka, under a source of its own."""

from typing import Any

import pytest

from ledger.access.duties import Duty
from tests.support.live import Live, act
from tests.support.surface import Client

PAYOUT = "0d6c1a52-2a0f-5a3b-9a0e-0f0f6c6a1d11"


@pytest.fixture(scope="module")
def processor(system: Live) -> Client:
    return system.as_(Duty.PROCESSOR, name="acme-bank")


def paid(**more: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "r-1",
        "source": "acme-bank",
        "type": "payout.paid",
        "subject": PAYOUT,
        "time": "2026-03-22T09:00:00Z",
        "data": {"payout_id": PAYOUT, "at": "2026-03-22T09:00:00Z"},
    }
    return event | more


def test_a_result_is_taken_as_from_kafka_and_its_processor_sees_what_becomes_of_it(
    system: Live, processor: Client
) -> None:
    answer = act(processor, "/v1/payout-results", paid(), Prefer="wait=10")
    assert (answer.status_code, answer.json()["state"]) == (200, "TAKEN")
    assert system.knows("acme-bank", "r-1")
    assert processor.document(answer.headers["location"])["type"] == "payout.paid"
    # Nobody who reads no book sees what others do.
    assert system.as_(Duty.PROCESSOR).get(answer.headers["location"]).status_code == 404
    assert system.as_(Duty.AUDITOR).get(answer.headers["location"]).status_code == 200


def test_the_same_message_by_another_idempotency_key_is_one_message(system: Live, processor: Client) -> None:
    before = system.rows("SELECT count(*) FROM intake.message")
    for _ in range(2):
        answer = act(processor, "/v1/payout-results", paid(id="r-2"), Prefer="wait=10")
        assert answer.json()["state"] == "TAKEN"
    assert system.rows("SELECT count(*) - 1 FROM intake.message") == before


def test_what_is_not_its_own_or_no_result_is_refused(processor: Client) -> None:
    other = act(processor, "/v1/payout-results", paid(source="other-bank"))
    assert (other.status_code, other.json()["type"]) == (403, "/problems/other_source")
    for wrong, pointer in (
        (paid(type="payout.approved"), "/type"),
        (paid(type=None), "/type"),
        (paid(data={"payout_id": PAYOUT}), "/at"),
        (paid(data=7), "/data"),
        (paid(id=""), "/id"),
    ):
        answer = act(processor, "/v1/payout-results", wrong)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
