"""A payout that failed is sent again over HTTP: who may, of what, and the attempt that comes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ledger.access.duties import Duty
from tests.support.aftermath import payout_answer, payout_id
from tests.support.events import captured, ended, operator, started, tariff
from tests.support.live import Live, act
from tests.support.surface import Client

OPERATOR = "OP-RETRIED"
FIRST, SECOND = (payout_id(OPERATOR, "2026-03-02", attempt) for attempt in (1, 2))
WHY = {"reason": "the bank says the account is open after all"}


@pytest.fixture(scope="module")
def fred(system: Live) -> Client:
    return system.as_(Duty.FINANCE, acts_for="Fred")


def retry(who: Client, id_: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    """What it answers who asks for what she has read just now."""
    given = {"If_Match": who.get(f"/v1/payouts/{id_}").headers.get("etag", "*"), "Prefer": "wait=10"} | headers
    return act(who, f"/v1/payouts/{id_}/retry", WHY if body is None else body, **given)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and kind."""
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def test_what_failed_goes_out_again_once_somebody_says_so(system: Live, fred: Client) -> None:
    system.tell(
        operator(OPERATOR),
        tariff(OPERATOR, "T-RETRIED"),
        started("S-RETRIED", operator_id=OPERATOR, tariff_id="T-RETRIED"),
        ended("S-RETRIED"),
        captured("S-RETRIED"),
    )
    system.advance("2026-03-03T06:00:00Z")
    system.seen(f"/v1/payouts/{FIRST}", fred, lambda each: each["status"] == "IN_TRANSIT")
    assert problem(retry(fred, FIRST)) == (409, "other_state")

    system.tell(payout_answer("failed", FIRST, "2026-03-03T09:00:00Z"))
    failed = system.seen(f"/v1/payouts/{FIRST}", fred, lambda each: each["status"] == "FAILED")
    # The account is to blame and is the same as before: no run has it go again by itself.
    system.advance("2026-03-06T06:00:00Z")
    assert fred.get(f"/v1/payouts/{SECOND}").status_code == 404

    assert problem(act(fred, f"/v1/payouts/{FIRST}/retry", WHY)) == (428, "no_condition")
    assert retry(fred, FIRST, If_Match='"older"').status_code == 412
    assert retry(fred, FIRST, {"reason": ""}).status_code == 422
    assert retry(fred, SECOND).status_code == 404
    for who in (
        system.as_(Duty.APPROVER, acts_for="Anna"),
        system.as_(Duty.OPERATOR, OPERATOR, acts_for="Olga"),
        system.as_(Duty.AUDITOR),
    ):
        assert problem(retry(who, FIRST)) == (403, "role_may_not")

    answer = retry(fred, FIRST)
    assert (answer.status_code, answer.json()["state"]) == (200, "TAKEN"), answer.text
    # The next run after that, whenever it is: they are daily.
    system.advance(datetime.now(UTC) + timedelta(hours=25))
    again = system.seen(f"/v1/payouts/{SECOND}", fred, lambda each: each["status"] == "IN_TRANSIT")
    assert (again["reissue_of"], again["attempt"], again["amount"]) == (FIRST, 2, failed["amount"])
    assert again["business_date"] == failed["business_date"]
    assert [each["payout_id"] for each in fred.document("/v1/payouts", operator_id=OPERATOR)["data"]] == [
        SECOND,
        FIRST,
    ]
