"""Of what operators are told, set over HTTP as events; secrets shown once, notices that try it, and those told."""

from typing import Any

import pytest

from ledger.access.duties import Duty
from tests.support import subscribed
from tests.support.events import operator
from tests.support.live import Live, act
from tests.support.surface import Client

WAIT = "wait=10"
MAIL: dict[str, Any] = {
    "operator_id": "OP-SUB",
    "subscription_id": "desk",
    "events": ["payout.*", "charger.down"],
    "channel": "MAIL",
    "target": "desk@example.org",
}
HOOK = MAIL | {"subscription_id": "hook/1", "channel": "WEBHOOK", "target": "https://8.8.8.8/hook?token=abc"}
PATH, HOOK_PATH = "/v1/subscriptions/OP-SUB/desk", "/v1/subscriptions/OP-SUB/hook%2F1"


@pytest.fixture(scope="module", autouse=True)
def _known(system: Live) -> None:
    system.tell(operator("OP-SUB"), operator("OP-SUB-2"))


@pytest.fixture(scope="module")
def hers(system: Live) -> Client:
    """The operator herself."""
    return system.as_(Duty.OPERATOR, "OP-SUB")


@pytest.fixture(scope="module")
def others(system: Live) -> Client:
    return system.as_(Duty.OPERATOR, "OP-SUB-2")


def subscribe(system: Live, who: Client, path: str, body: dict[str, Any], **headers: str) -> None:
    answer = act(who, path, body, Prefer=WAIT, **headers)
    assert (answer.status_code, answer.json()["state"]) == (200, "TAKEN"), answer.text
    subscribed.bring(system)


def test_an_operator_sets_changes_and_ends_what_she_is_told(system: Live, hers: Client) -> None:
    quiet = {"from": "22:00", "to": "06:30"}
    subscribe(system, hers, "/v1/subscriptions", MAIL | {"quiet": quiet, "min_severity": "WARNING", "language": "nl"})
    shown = hers.get(PATH)
    document = shown.json()
    assert (document["events"], document["target"]) == (MAIL["events"], MAIL["target"])
    assert (document["quiet"], document["min_severity"], document["digest"]) == (quiet, "WARNING", "NONE")
    assert (document["state"], document["enabled"], document["language"]) == ("ENABLED", True, "nl")
    terms = {name: MAIL[name] for name in ("events", "channel", "target")}
    assert act(hers, PATH, terms, If_Match='"other"').status_code == 412
    subscribe(system, hers, PATH, terms | {"digest": "DAILY", "enabled": False}, If_Match=shown.headers["etag"])
    document = hers.document(PATH)
    assert (document["digest"], document["quiet"], document["state"]) == ("DAILY", None, "DISABLED")
    refused = act(hers, f"{PATH}/test")
    assert (refused.status_code, "set it anew" in refused.json()["detail"]) == (409, True)
    # The event is one of the catalogue's, as whoever publishes that would send it.
    ((topic,),) = system.rows(
        "SELECT DISTINCT topic FROM access.action WHERE type = 'operator.notify_set' AND subject = 'OP-SUB/desk'"
    )
    assert topic == "catalogue"


def test_what_became_of_it_is_told_to_who_did_it_and_to_nobody_else(hers: Client, others: Client) -> None:
    answer = act(hers, "/v1/subscriptions", MAIL | {"subscription_id": None})
    place = answer.headers["location"]
    assert (answer.status_code, hers.get(place).json()["type"]) == (202, "operator.notify_set")
    assert others.get(place).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"target": "desk"}, "/target"),
        ({"channel": "WEBHOOK", "target": "example.org/hook"}, "/target"),
        ({"channel": "WEBHOOK", "target": "https://127.0.0.1/hook"}, "/target"),
        ({"channel": "WEBHOOK", "target": "https://user:pass@8.8.8.8/hook"}, "/target"),
        ({"events": ["Payout Paid"]}, "/events[0]"),
        ({"events": []}, "/events"),
        ({"quiet": {"from": "22:00", "to": "22:00"}}, "/quiet/to"),
        ({"quiet": {"from": "25:00", "to": "06:00"}}, "/quiet/from"),
        ({"digest": "WEEKLY"}, "/digest"),
        ({"by": "somebody"}, "/by"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_wrong(hers: Client, wrong: dict[str, Any], pointer: str) -> None:
    answer = act(hers, "/v1/subscriptions", MAIL | wrong)
    assert answer.status_code == 422, answer.text
    (first, *_) = answer.json()["errors"]
    assert first["pointer"] == pointer
    assert len(first["detail"]) > 15
    assert "pass" not in answer.text


def test_a_secret_is_shown_once_and_the_one_before_signs_beside_it(system: Live, hers: Client) -> None:
    subscribe(system, hers, "/v1/subscriptions", HOOK)
    assert hers.document(HOOK_PATH)["has_secret"] is False
    first = act(hers, f"{HOOK_PATH}/secret", Idempotency_Key="secret-1")
    assert first.json()["secret"].startswith("whsec_")
    assert first.json()["rotating_until"] is None
    again = act(hers, f"{HOOK_PATH}/secret", Idempotency_Key="secret-1")
    assert (again.json()["secret"], again.headers["idempotent-replayed"]) == (None, "true")
    second = act(hers, f"{HOOK_PATH}/secret").json()
    assert second["secret"] != first.json()["secret"]
    assert second["rotating_until"] is not None
    shown = hers.get(HOOK_PATH).text + hers.get("/v1/subscriptions?format=csv").text
    assert "whsec_" not in shown
    subscribe(system, hers, "/v1/subscriptions", MAIL)
    by_mail = act(hers, f"{PATH}/secret")
    assert by_mail.status_code == 409


def test_a_test_is_a_notice_that_is_sent_at_once_and_again(system: Live, hers: Client, others: Client) -> None:
    subscribe(system, hers, "/v1/subscriptions", HOOK | {"quiet": {"from": "00:00", "to": "23:59"}})
    tried = act(hers, f"{HOOK_PATH}/test", Idempotency_Key="test-1")
    assert (tried.status_code, tried.json()["type"], tried.json()["status"]) == (202, "notify.test", "PENDING")
    assert act(hers, f"{HOOK_PATH}/test", Idempotency_Key="test-1").json()["id"] == tried.json()["id"]
    path = f"/v1/notices/{tried.json()['id']}"
    assert hers.document(f"/v1/notices/{tried.json()['notice_id']}")["id"] == tried.json()["id"]
    # What a URL says behind its path may be a secret.
    assert "abc" not in hers.get(path).text
    with system.gate.door.transaction() as cursor:
        cursor.execute("UPDATE access.notice_delivery SET status = 'FAILED', next_at = NULL, step = 3")
    assert others.get(path).status_code == act(others, f"{path}/replay").status_code == 404
    assert act(system.as_(Duty.AUDITOR), f"{path}/replay").status_code == 403
    replayed = act(hers, f"{path}/replay")
    assert (replayed.status_code, replayed.json()["status"]) == (202, "PENDING")


def test_notices_are_listed_by_what_is_asked_and_only_ones_own(system: Live, hers: Client, others: Client) -> None:
    subscribe(system, hers, "/v1/subscriptions", MAIL)
    their = MAIL | {"operator_id": "OP-SUB-2"}
    subscribe(system, system.as_(Duty.ADMIN), "/v1/subscriptions", their)
    mine = [subscribed.tell(system, "OP-SUB/desk", cause=f"EVSE-{number}") for number in range(3)]
    not_mine = subscribed.tell(system, "OP-SUB-2/desk")
    asked = {"type": "charger.down", "is_open": "true", "status": "PENDING", "channel": "MAIL"}
    assert [each["id"] for each in hers.walk("/v1/notices", limit=2, **asked)] == mine[::-1]
    assert {each["id"] for each in others.walk("/v1/notices")} == {not_mine}
    assert list(others.walk("/v1/notices", operator_id="OP-SUB")) == []
    finance = system.as_(Duty.FINANCE)
    assert {*mine, not_mine} <= {each["id"] for each in finance.walk("/v1/notices", severity="WARNING")}
    assert not_mine in finance.get("/v1/notices?format=csv&operator_id=OP-SUB-2").text
    assert hers.document("/v1/notices", 400, status="LOST")["errors"][0]["parameter"] == "status"
    assert [each["operator_id"] for each in others.walk("/v1/subscriptions")] == ["OP-SUB-2"]
    assert list(others.walk("/v1/subscriptions", operator_id="OP-SUB")) == []


def test_nobody_sets_what_another_is_told_nor_of_one_who_is_not_there(system: Live, others: Client) -> None:
    assert others.get(PATH).status_code == 404
    assert act(others, "/v1/subscriptions", MAIL).status_code == 404
    terms = {name: MAIL[name] for name in ("events", "channel", "target")}
    assert act(others, PATH, terms).status_code == act(others, f"{PATH}/test").status_code == 404
    assert act(others, f"{HOOK_PATH}/secret").status_code == 404
    for duty, status in ((Duty.AUDITOR, 403), (Duty.APPROVER, 403), (Duty.PROCESSOR, 403), (Duty.FINANCE, 404)):
        answer = act(system.as_(duty), "/v1/subscriptions", MAIL | {"operator_id": "OP-NOWHERE"})
        assert answer.status_code == status, duty
    assert act(others, "/v1/subscriptions/OP-SUB-2/unheard", terms).status_code == 404
    admin = system.as_(Duty.ADMIN)
    assert admin.get("/v1/notices").status_code == act(admin, "/v1/notices/msg_1/replay").status_code == 403
