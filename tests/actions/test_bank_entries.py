"""Money at the bank that is nobody's: listed by its age, and allocated by people, each line once."""

from typing import Any

import pytest

from ledger.access.duties import Duty
from tests.intake.test_bank import line
from tests.support.events import partner
from tests.support.live import Live, act
from tests.support.surface import Client

WAIT = "wait=10"
OLD, NEW, LEFT = "BE-ACT-1", "BE-ACT-2", "BE-ACT-3"
OURS: dict[str, Any] = {
    "invoice_id": "I-ACT-1",
    "partner": "DE-ABC",
    "amount": {"amount": "60.00", "currency": "EUR"},
    "reason": "they say so",
}


@pytest.fixture(scope="module")
def fred(system: Live) -> Client:
    system.tell(
        partner(),
        line(NEW, "7.00", at="2026-03-05T00:00:00Z"),
        line(OLD, "100.00"),
        line(LEFT, "3.00", "DEBIT", at="2026-03-06T00:00:00Z"),
    )
    return system.as_(Duty.FINANCE, acts_for="Fred")


def left(who: Client) -> dict[str, tuple[str, str]]:
    """What is nobody's of these lines: amount and direction, in the order of the list."""
    found = who.walk("/v1/bank-entries", state="UNALLOCATED", limit=1)
    return {
        each["entry_reference"]: (each["amount"]["amount"], each["direction"])
        for each in found
        if each["entry_reference"].startswith("BE-ACT-")
    }


def test_what_is_nobodys_is_listed_the_oldest_first_until_it_is_allocated(system: Live, fred: Client) -> None:
    system.seen("/v1/bank-entries", fred, lambda each: LEFT in str(each))
    before = left(fred)
    assert list(before.items()) == [
        (OLD, ("100.00", "CREDIT")),
        (NEW, ("7.00", "CREDIT")),
        (LEFT, ("3.00", "DEBIT")),
    ]
    answer = act(fred, f"/v1/bank-entries/{OLD}/allocate", OURS, Prefer=WAIT)
    assert (answer.status_code, answer.json()["state"]) == (200, "TAKEN"), answer.text
    system.seen("/v1/bank-entries", fred, lambda each: '"40.00"' in str(each).replace("'", '"'))
    assert left(fred)[OLD] == ("40.00", "CREDIT")
    (entry,) = [each for each in fred.document("/v1/entries", kind="J56")["data"] if OLD in str(each)]
    assert {each["account"] for each in entry["postings"]} == {f"2410/{OLD}", "1210/DE-ABC"}


def test_more_than_is_left_is_refused_as_a_state(system: Live, fred: Client) -> None:
    system.seen("/v1/bank-entries", fred, lambda each: NEW in str(each))
    for reference in (NEW, LEFT):
        answer = act(fred, f"/v1/bank-entries/{reference}/allocate", OURS, Prefer=WAIT)
        assert (answer.status_code, answer.json()["state"]) == (200, "REFUSED"), answer.text
        assert "no 60.00 EUR left" in answer.json()["detail"]
    assert left(fred)[NEW] == ("7.00", "CREDIT")


def test_what_is_known_nowhere_is_refused_at_the_door(system: Live, fred: Client) -> None:
    path = f"/v1/bank-entries/{NEW}/allocate"
    system.seen("/v1/bank-entries", fred, lambda each: NEW in str(each))
    assert act(fred, "/v1/bank-entries/BE-NONE/allocate", OURS).status_code == 404
    for wrong, pointer in (
        ({"partner": "DE-NOBODY"}, "/partner"),
        ({"amount": {"amount": "-1.00", "currency": "EUR"}}, "/amount"),
        ({"reason": ""}, "/reason"),
    ):
        answer = act(fred, path, OURS | wrong)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert fred.get("/v1/bank-entries", params={"state": "ALLOCATED"}).status_code == 400
    for duty in (Duty.APPROVER, Duty.AUDITOR):
        assert act(system.as_(duty, acts_for="Ada"), path, OURS).status_code == 403
    assert system.as_(Duty.OPERATOR, "OP-1").get("/v1/bank-entries").status_code == 403
