"""Keys over HTTP: who brings one, who makes and ends them, and how often somebody may ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from time import monotonic
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.gate import Gate
from api.access.limits import Buckets, Rate
from ledger.access import keys
from ledger.access.door import Door
from ledger.access.duties import Duty
from ledger.errors import MachineryFault
from tests.access.meeting import add_person, bearer, make_key, records, sign_in
from tests.support.surface import Client


@pytest.fixture
def admin(client: Client, door: Door) -> Client:
    client.headers.update(bearer(make_key(door, Duty.ADMIN)))
    return client


def create(client: Client, once: str, **body: object) -> httpx.Response:
    return client.post("/v1/api-keys", json=body, headers={"Idempotency-Key": once})


def test_a_key_tells_who_asks(client: Client, door: Door, name: str) -> None:
    two = make_key(door, Duty.OPERATOR, "OP-2", "OP-1")
    assert client.get("/v1/me", headers=bearer(two)).json() == {
        "principal": f"key:{two.split('_')[1]}",
        "role": "operator",
        "operators": ["OP-1", "OP-2"],
    }
    add_person(door, name, Duty.APPROVER)
    hers = make_key(door, Duty.APPROVER, acts_for=name)
    assert client.get("/v1/me", headers=bearer(hers)).json()["principal"] == name


def test_what_is_no_good_key_is_refused_and_says_what_to_do(client: Client, door: Door) -> None:
    good = make_key(door, Duty.FINANCE)
    other = make_key(door, Duty.FINANCE)
    _, key_id, secret = good.split("_")
    for given_ in (
        "",
        "Bearer",
        f"Bearer {good}x",
        f"Bearer wl_{key_id}_{other.split('_')[2]}",
        f"Bearer wl_{'0' * 16}_{secret}",
        f"Bearer wl_{key_id}_{secret.upper()}",
        f"Basic {good}",
        good,
        "Bearer \u00e9".encode().decode("latin-1"),
        "Bearer " + "x" * 20_000,
    ):
        answer = client.get("/v1/me", headers={b"Authorization": given_.encode("latin-1")})
        assert answer.status_code == 401, given_[:60]
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
        assert secret not in answer.text
    assert client.get("/v1/me", headers={"Authorization": f"bearer  {good}"}).status_code == 200
    assert client.get("/v1/me").status_code == 401


def test_a_key_does_not_fall_back_on_the_cookie_of_somebody_else(client: Client, door: Door, name: str) -> None:
    add_person(door, name)
    sign_in(client, name)
    assert client.get("/v1/me").status_code == 200
    assert client.get("/v1/me", headers=bearer("wl_0_0")).status_code == 401


def test_a_key_is_believed_for_seconds_and_then_looked_up(client: Client, gate: Gate, door: Door) -> None:
    key = make_key(door, Duty.FINANCE)
    assert client.get("/v1/me", headers=bearer(key)).status_code == 200
    with door.transaction() as cursor:
        keys.revoke(cursor, key.split("_")[1])
    gate.credentials.forget()
    assert client.get("/v1/me", headers=bearer(key)).status_code == 401


@pytest.mark.alone
def test_a_database_that_says_nothing_is_told_within_two_seconds(
    client: Client, gate: Gate, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(door, Duty.FINANCE)
    speaks = Event()

    @contextmanager
    def silent() -> Iterator[None]:
        if not speaks.wait(180):
            yield
        raise MachineryFault("the database does not answer")

    monkeypatch.setattr(gate.door, "transaction", silent)
    begun = monotonic()
    refused = client.get("/v1/me", headers=bearer(key))
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
    assert monotonic() - begun < 2.5
    speaks.set()


def test_many_requests_of_one_key_ask_the_database_once(store_dsn: str, client: Client, door: Door) -> None:
    key = make_key(door, Duty.FINANCE)
    client.get("/v1/me", headers=bearer(key))
    with psycopg.connect(store_dsn) as superuser:
        superuser.execute("UPDATE access.api_key SET last_used_at = NULL WHERE id = %s", (key.split("_")[1],))
        superuser.commit()
        for _ in range(20):
            assert client.get("/v1/me", headers=bearer(key)).status_code == 200
        row = superuser.execute("SELECT last_used_at FROM access.api_key WHERE id = %s", (key.split("_")[1],))
        assert row.fetchone() == (None,)


def test_an_administrator_makes_lists_and_ends_keys(admin: Client, door: Door, name: str) -> None:
    made = create(admin, name, name="reports", role="operator", operators=["OP-1"], expires_at="2999-01-01T00:00:00Z")
    assert made.status_code == 201
    document = made.json()
    assert (document["role"], document["operators"], document["expires_at"]) == (
        "operator",
        ["OP-1"],
        "2999-01-01T00:00:00Z",
    )
    assert document["created_by"].startswith("key:")
    assert admin.get("/v1/me", headers=bearer(document["key"])).json()["operators"] == ["OP-1"]
    one = admin.get(made.headers["location"])
    assert one.json()["id"] == document["id"]
    assert document["key"] not in one.text
    assert document["id"] in [each["id"] for each in admin.walk("/v1/api-keys", limit=1)][:3]
    assert document["id"] in admin.get("/v1/api-keys?format=csv").text
    assert admin.delete(f"/v1/api-keys/{document['id']}").status_code == 204
    assert admin.delete(f"/v1/api-keys/{document['id']}").status_code == 204
    assert admin.get("/v1/me", headers=bearer(document["key"])).status_code == 401
    assert admin.delete("/v1/api-keys/nosuch").status_code == 404
    noted = records(door, object=f"api-key/{document['id']}")
    assert [(each.method, each.status) for each in noted] == [("DELETE", 204), ("DELETE", 204), ("POST", 201)]
    assert document["key"] not in repr(noted)


def test_the_same_again_makes_no_second_key_and_shows_no_secret(admin: Client, name: str) -> None:
    first, again = (create(admin, name, name="once", role="auditor") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json() | {"key": None}
    assert create(admin, name, name="another", role="auditor").status_code == 422


def test_what_cannot_be_a_key_is_refused_where_it_is_wrong(admin: Client, door: Door, name: str) -> None:
    add_person(door, name, Duty.FINANCE)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"name": "x", "role": "boss"}, "/role"),
        ({"name": "", "role": "admin"}, "/name"),
        ({"name": "a\0b", "role": "admin"}, "/name"),
        ({"name": "x", "role": "operator"}, "/operators"),
        ({"name": "x", "role": "admin", "operators": ["OP-1"]}, "/operators"),
        ({"name": "x", "role": "admin", "for": "key:1"}, "/for"),
        ({"name": "x", "role": "approver", "for": "Somebody Else"}, "/for"),
        ({"name": "x", "role": "approver", "for": name}, "/role"),
        ({"name": "x", "role": "admin", "for": name}, "/role"),
        ({"name": "x", "role": "admin", "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "x", "role": "admin", "expires_at": "soon"}, "/expires_at"),
        ({"name": "x", "role": "admin", "more": 1}, "/more"),
        ({"role": "admin"}, "/name"),
    ]
    for body, pointer in wrong:
        answer = create(admin, name, **body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
    for headers, status in [({}, 400), ({"Idempotency-Key": "x" * 256}, 400)]:
        assert admin.post("/v1/api-keys", json={"name": "x", "role": "admin"}, headers=headers).status_code == status
    form = {"Content-Type": "text/plain", "Idempotency-Key": name}
    assert admin.post("/v1/api-keys", content=b'{"name":"x","role":"admin"}', headers=form).status_code == 415
    broken = {"Content-Type": "application/json", "Idempotency-Key": name}
    assert admin.post("/v1/api-keys", content=b"{", headers=broken).status_code == 400


@given(st.floats(1, 100), st.integers(1, 50), st.lists(st.floats(0, 3), max_size=200))
def test_a_bucket_gives_no_more_than_its_burst_and_its_rate(
    per_second: float, burst: int, pauses: list[float]
) -> None:
    now = 0.0
    buckets = Buckets(Rate(per_second, burst), lambda: now)
    taken = 0
    for pause in pauses:
        now += pause
        wait_s = buckets.take("somebody")
        taken += wait_s == 0
        assert taken <= burst + now * per_second + 1e-6
        if wait_s:
            now += wait_s + 1e-9
            assert buckets.take("somebody") == 0
            taken += 1
    assert buckets.take("somebody else") == 0


def test_who_asks_too_often_is_told_when_to_come_again(
    client: Client, gate: Gate, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_heavy", Buckets(Rate(0.01, 2)))
    eager, calm = make_key(door, Duty.FINANCE), make_key(door, Duty.FINANCE)
    file = "/v1/dead-letters?format=csv"
    answers = [client.get(file, headers=bearer(eager)) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert 90 < int(answers[2].headers["retry-after"]) <= 100
    assert answers[2].json()["type"] == "/problems/too_many"
    assert client.get("/v1/me", headers=bearer(eager)).status_code == 200
    assert client.get(file, headers=bearer(calm)).status_code == 200
    monkeypatch.setattr(gate, "_requests", Buckets(Rate(0.01, 1)))
    assert [client.get("/v1/me", headers=bearer(eager)).status_code for _ in range(2)] == [200, 429]
