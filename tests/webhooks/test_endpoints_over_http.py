"""Administrators add, rotate, try, enable and remove endpoints over HTTP, each once for its key; nobody else does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from api.access.gate import Gate
from api.outward.targets import Targets
from ledger.access import webhooks
from ledger.access.duties import Duty
from tests.access.meeting import bearer, make_key, records
from tests.support.receiver import receiving
from tests.support.surface import Client, guarded
from tests.webhooks.conftest import PAID, Post

PUBLIC = "https://hooks.example.com/wattledger"
_numbers = count(1)


@pytest.fixture(scope="module")
def application(webhooks_dsn: str) -> Iterator[tuple[Client, Gate]]:
    """The application on the store of this folder; it may send to this machine."""
    with guarded(webhooks_dsn, targets=Targets(allow_private=True)) as made:
        yield made


@pytest.fixture(scope="module")
def strict(webhooks_dsn: str) -> Iterator[Client]:
    """The same as it is by itself: to public addresses alone."""
    with guarded(webhooks_dsn) as (client, gate):
        client.headers.update(bearer(make_key(gate.door, Duty.ADMIN)))
        yield client


@pytest.fixture
def admin(application: tuple[Client, Gate], post: Post) -> Iterator[Client]:
    """A client of an administrator's, who has no endpoint yet."""
    client, gate = application
    post.seal = gate.settings.seal
    with Client(base_url=client.base_url, timeout=120, headers=bearer(make_key(gate.door, Duty.ADMIN))) as fresh:
        yield fresh


def act(client: Client, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key or f"once {next(_numbers)}"}
    return client.post(f"/v1/webhook-endpoints{path}", json=body, headers=headers)


def add(client: Client, url: str = PUBLIC, *types: str) -> dict[str, Any]:
    made = act(client, "", {"url": url, "types": [*types] or [PAID]})
    assert made.status_code == 201, made.text
    document: dict[str, Any] = made.json()
    return document


def test_an_endpoint_is_added_shown_listed_and_removed_and_its_secret_shown_once(admin: Client, post: Post) -> None:
    made = act(admin, "", {"url": PUBLIC, "types": ["payout.failed", "payout.created", "payout.failed"]}, "first")
    document = made.json()
    assert made.headers["location"] == f"/v1/webhook-endpoints/{document['id']}"
    assert document["secret"].startswith("whsec_")
    assert (document["url"], document["types"]) == (PUBLIC, ["payout.created", "payout.failed"])
    assert (document["state"], document["reason"]) == ("ENABLED", None)
    assert document["created_by"].startswith("key:")
    shown = admin.document(made.headers["location"])
    assert "secret" not in shown
    assert shown["id"] == document["id"]
    second = add(admin)
    listed = [each["id"] for each in admin.walk("/v1/webhook-endpoints", limit=1)]
    assert listed == [second["id"], document["id"]]
    assert document["id"] in admin.get("/v1/webhook-endpoints?format=csv").text
    assert admin.delete(made.headers["location"]).status_code == 204
    assert admin.delete(made.headers["location"]).status_code == 404
    assert admin.get(made.headers["location"]).status_code == 404
    noted = records(post.door, object=f"webhook-endpoint/{document['id']}")
    assert {each.method for each in noted} >= {"POST", "DELETE"}
    assert document["secret"] not in repr(noted)


def test_the_same_again_acts_once_and_shows_no_secret(admin: Client, post: Post) -> None:
    body = {"url": PUBLIC, "types": [PAID]}
    with ThreadPoolExecutor(4) as threads:
        asked = list(threads.map(lambda _: act(admin, "", body, "twice"), range(4)))
    assert {each.status_code for each in asked} == {201}
    acted = [each for each in asked if "idempotent-replayed" not in each.headers]
    assert len(acted) == 1
    assert acted[0].json()["secret"]
    for again in asked:
        if again is not acted[0]:
            assert again.headers["idempotent-replayed"] == "true"
            assert again.json() == acted[0].json() | {"secret": None}
            assert again.headers["location"] == acted[0].headers["location"]
    assert len([*admin.walk("/v1/webhook-endpoints")]) == 1
    other = act(admin, "", {"url": PUBLIC, "types": ["payout.failed"]}, "twice")
    assert (other.status_code, other.json()["type"]) == (422, "/problems/other_body")
    elsewhere = act(admin, f"/{acted[0].json()['id']}/rotate", None, "twice")
    assert elsewhere.status_code == 422
    with post.door.transaction() as cursor:
        (kept,) = cursor.execute("SELECT string_agg(body::text, '') FROM access.asked").fetchone() or ("",)
    assert acted[0].json()["secret"].encode().hex() not in kept
    without = admin.post("/v1/webhook-endpoints", json=body)
    assert (without.status_code, without.json()["errors"][0]["parameter"]) == (400, "Idempotency-Key")


def test_what_cannot_be_is_refused_where_it_is_wrong(admin: Client) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"url": PUBLIC, "types": []}, "/types"),
        ({"url": PUBLIC, "types": ["payout.gone"]}, "/types/0"),
        ({"url": "ftp://example.com", "types": [PAID]}, "/url"),
        ({"url": "https://u:p@example.com", "types": [PAID]}, "/url"),
        ({"types": [PAID]}, "/url"),
        ({"url": PUBLIC, "types": [PAID], "secret": "whsec_"}, "/secret"),
    ]
    for body, pointer in wrong:
        answer = act(admin, "", body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
    for action in ("rotate", "enable", "test"):
        assert act(admin, f"/nosuch/{action}").status_code == 404
    assert admin.get("/v1/webhook-endpoints/nosuch/deliveries").status_code == 404


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://169.254.169.254/"],
)
def test_an_internal_address_is_refused_when_it_is_named(strict: Client, url: str) -> None:
    answer = act(strict, "", {"url": url, "types": [PAID]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/url"


def test_only_administrators_have_endpoints(application: tuple[Client, Gate], admin: Client) -> None:
    client, gate = application
    made = add(admin)
    for duty in set(Duty) - {Duty.ADMIN}:
        operators = ["OP-1"] if duty is Duty.OPERATOR else []
        headers = bearer(make_key(gate.door, duty, *operators)) | {"Idempotency-Key": "x"}
        assert client.get("/v1/webhook-endpoints", headers=headers).status_code == 403
        assert client.get(f"/v1/webhook-endpoints/{made['id']}/deliveries", headers=headers).status_code == 403
        for path in ("", f"/{made['id']}/rotate", f"/{made['id']}/test", f"/{made['id']}/enable"):
            body = {"url": PUBLIC, "types": [PAID]}
            assert client.post(f"/v1/webhook-endpoints{path}", json=body, headers=headers).status_code == 403
        assert client.delete(f"/v1/webhook-endpoints/{made['id']}", headers=headers).status_code == 403
    assert client.get("/v1/webhook-endpoints").status_code == 401


def test_an_endpoint_is_tried_and_its_deliveries_say_what_came_of_it(admin: Client, post: Post) -> None:
    with receiving() as receiver:
        made = add(admin, receiver.url)
        tried = act(admin, f"/{made['id']}/test")
        assert (tried.status_code, tried.json()["status"], tried.json()["type"]) == (202, "PENDING", "webhook.test")
        post.later(seconds=5)
        assert post.send() == 1
        (received,) = receiver.received
        body = Webhook(made["secret"]).verify(received.body, dict(received.headers))
        assert body["data"]["endpoint_id"] == made["id"]
        assert received.id == tried.json()["id"]
        receiver.status = 500
        post.tell(3)
        post.send()
    listed = [*admin.walk(f"/v1/webhook-endpoints/{made['id']}/deliveries", limit=2)]
    assert [each["status"] for each in listed] == ["PENDING"] * 3 + ["DELIVERED"]
    assert (listed[-1]["attempts"], listed[-1]["answer"], listed[-1]["next_at"]) == (1, 204, None)
    failed = [each for each in listed if each["attempts"]]
    assert {each["answer"] for each in failed} == {500, 204}
    assert all(each["next_at"] for each in listed[:3])
    pending = admin.document(f"/v1/webhook-endpoints/{made['id']}/deliveries", status="DELIVERED")["data"]
    assert [each["id"] for each in pending] == [received.id]
    assert admin.document(f"/v1/webhook-endpoints/{made['id']}")["failing_since"] is not None


def test_a_secret_is_replaced_and_the_one_before_signs_for_a_day(admin: Client, post: Post) -> None:
    with receiving() as receiver:
        made = add(admin, receiver.url)
        rotated = act(admin, f"/{made['id']}/rotate", None, "rotate").json()
        again = act(admin, f"/{made['id']}/rotate", None, "rotate")
        assert again.json() == rotated | {"secret": None}
        assert rotated["secret"] != made["secret"]
        assert rotated["rotating_until"] is not None
        post.tell()
        post.send()
        (received,) = receiver.received
        for secret in (made["secret"], rotated["secret"]):
            Webhook(secret).verify(received.body, dict(received.headers))


def test_one_that_is_disabled_says_why_and_is_enabled_again(admin: Client, post: Post) -> None:
    made = add(admin)
    with post.door.transaction() as cursor:
        webhooks.disable(cursor, made["id"], "it answered 410 Gone")
    shown = admin.document(f"/v1/webhook-endpoints/{made['id']}")
    assert (shown["state"], shown["reason"]) == ("DISABLED", "it answered 410 Gone")
    refused = act(admin, f"/{made['id']}/test")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/disabled")
    assert act(admin, f"/{made['id']}/enable").json()["state"] == "ENABLED"
    assert act(admin, f"/{made['id']}/test").status_code == 202
