"""Refused records published again over HTTP, as they came and mended; what was refused is kept."""

from typing import Any

import orjson
import pytest

from ledger.access.duties import Duty
from tests.access.meeting import records
from tests.support.events import operator, started
from tests.support.live import Live, act
from tests.support.surface import Client
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def finance(system: Live) -> Client:
    return system.as_(Duty.FINANCE)


def refused(system: Live, who: Client, event: dict[str, Any]) -> dict[str, Any]:
    """The dead letter of an event that is refused, once it is there."""
    system.publish(orjson.dumps(event))

    def look() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = who.document("/v1/dead-letters", event_id=event["id"])["data"]
        return found

    wait_until(lambda: bool(look()))
    return look()[0]


def test_a_mended_text_takes_the_place_of_a_refused_record_which_is_kept(system: Live, finance: Client) -> None:
    wrong = started("S-mended", at="2026-03-02T10:00:00Z") | {"id": "mended"}
    right = orjson.dumps(wrong).decode()
    wrong["data"] = wrong["data"] | {"started_at": "yesterday"}
    letter = refused(system, finance, wrong)
    id_ = letter["deadletter_id"]
    answer = act(
        finance, f"/v1/dead-letters/{id_}/replay", {"value": right, "reason": "the clock was wrong"}, Prefer="wait=10"
    )
    assert (answer.status_code, answer.json()["state"]) == (200, "TAKEN")
    assert answer.headers["location"] == f"/v1/actions/{answer.json()['action_id']}"
    kept = finance.document(f"/v1/dead-letters/{id_}")
    assert kept["replayed"]
    assert orjson.loads(kept["record"]["text"])["data"]["started_at"] == "yesterday"
    (session,) = system.rows("SELECT started_at::text FROM intake.session_head WHERE session_id = 'S-mended'")
    assert session[0].startswith("2026-03-02")
    (noted,) = records(system.gate.door, object=f"action/{answer.json()['action_id']}")
    assert noted.edited_by == noted.principal
    assert noted.edited_by
    assert noted.edited_by.startswith("key:")


def test_a_text_that_would_be_refused_again_is_not_published(system: Live, finance: Client) -> None:
    wrong = started("S-still", at="2026-03-02T10:00:00Z") | {"id": "still wrong"}
    wrong["data"] = wrong["data"] | {"started_at": "yesterday"}
    id_ = refused(system, finance, wrong)["deadletter_id"]
    answer = act(finance, f"/v1/dead-letters/{id_}/replay", {"value": orjson.dumps(wrong).decode(), "reason": "x"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/value"
    assert "started_at" in answer.json()["detail"]
    assert not finance.document(f"/v1/dead-letters/{id_}")["replayed"]


def test_what_is_refused_again_as_it_came_is_told_and_listed_again(system: Live, finance: Client) -> None:
    wrong = started("S-again", at="2026-03-02T10:00:00Z") | {"id": "refused again"}
    wrong["data"] = wrong["data"] | {"started_at": "yesterday"}
    id_ = refused(system, finance, wrong)["deadletter_id"]
    answer = act(finance, f"/v1/dead-letters/{id_}/replay", {"reason": "try"}, Prefer="wait=10")
    assert (answer.status_code, answer.json()["state"]) == (200, "REFUSED")
    assert "started_at" in answer.json()["detail"]
    assert not finance.document(f"/v1/dead-letters/{id_}")["replayed"]


def test_all_of_a_code_are_published_again_and_counted(system: Live, finance: Client) -> None:
    for number in range(3):
        refused(system, finance, operator(f"OP-{number}") | {"id": f"of a code {number}", "type": "operator.sold"})
    answer = act(finance, "/v1/dead-letters/replay", {"code": "UNKNOWN_TYPE", "reason": "try"}, Prefer="wait=10")
    assert answer.json()["state"] == "REFUSED"
    assert "of 3 were refused again" in answer.json()["detail"]
    none = act(finance, "/v1/dead-letters/replay", {"code": "NO_SUCH", "reason": "try"})
    assert (none.status_code, none.json()["type"]) == (409, "/problems/nothing_to_replay")


def test_what_there_is_not_is_not_found(finance: Client) -> None:
    for id_ in ("00000000-0000-5000-8000-000000000000", "nothing"):
        assert act(finance, f"/v1/dead-letters/{id_}/replay", {"reason": "x"}).status_code == 404
