"""What every resource keeps to: credentials, parameters, errors, ids of requests."""

from collections.abc import Iterator

import psycopg
import pytest

from projections.schema import migrate
from tests.support.surface import Client, serving


@pytest.fixture(scope="module")
def client(postgres_dsn: str) -> Iterator[Client]:
    """A client of a store in which nothing has happened."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE conventions")
        dsn = f"{postgres_dsn.rpartition('/')[0]}/conventions"
        migrate(dsn)
        with serving(dsn) as client:
            yield client
        connection.execute("DROP DATABASE conventions WITH (FORCE)")


def test_who_asks_is_told(client: Client) -> None:
    assert client.document("/v1/me") == {"principal": "key:finance", "role": "finance", "operators": []}
    operator = client.as_("operator:OP-1,OP-2").document("/v1/me")
    assert operator == {"principal": "key:operator", "role": "operator", "operators": ["OP-1", "OP-2"]}


def test_errors_are_problems_that_say_what_to_do(client: Client) -> None:
    nobody = client.get("/v1/me", headers={"Authorization": "", "X-Request-Id": "abc-1"})
    assert (nobody.status_code, nobody.headers["content-type"]) == (401, "application/problem+json")
    assert nobody.headers["www-authenticate"]
    assert nobody.headers["x-request-id"] == nobody.json()["instance"] == "abc-1"
    assert nobody.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in nobody.headers["content-security-policy"]
    assert client.get("/v1/me").headers["x-content-type-options"] == "nosniff"
    unknown = client.document("/v1/me", 400, nonsense="1")
    assert unknown["errors"][0]["parameter"] == "nonsense"
    assert client.document("/v1/nothing", 404)["type"] == "/problems/not_found"
    assert client.post("/v1/me").status_code == 405
    assert client.get("/v1/me", headers={"Accept": "text/html"}).status_code == 406


def test_the_description_is_openapi_and_names_every_resource(client: Client) -> None:
    document = client.document("/v1/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert "/v1/me" in document["paths"]
    assert "Problem" in document["components"]["schemas"]


def test_the_system_tells_where_it_is_to_who_may_know(client: Client) -> None:
    state = client.document("/v1/system")
    assert {each["name"] for each in state["projections"]} > {"sessions", "payouts"}
    assert state["totals"]["sessions_rated"] == 0
    assert state["verified"] is None
    assert client.as_("admin").document("/v1/system")["events"] == 0
    assert client.as_("operator:OP-1").document("/v1/system", 403)["type"] == "/problems/role_may_not"


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-02-30T00:00:00Z",
        "2026-03-01",
        "2026-03-01T00:00:00",
        "2026-03-01T00:00Z",
        "2026-W12-1T00:00:00Z",
        "",
        "x",
    ],
)
def test_what_is_no_moment_is_told_how_to_write_one(client: Client, moment: str) -> None:
    for name in ("effective_at", "known_at", "effective_at.gte", "recorded_at.lt"):
        problem = client.document("/v1/entries", 400, **{name: moment})
        (error,) = problem["errors"]
        assert error["parameter"] == name
        assert "2026-03-01T00:00:00Z" in error["detail"]


def test_moments_are_as_rfc_3339_has_them(client: Client) -> None:
    for moment in ("2026-03-01t00:00:00z", "2026-03-01T01:00:00.000+01:00", "2026-03-01T01:00:00 01:00"):
        assert client.document("/v1/entries", effective_at=moment)["as_of"]["effective_at"] == "2026-03-01T00:00:00Z"


def test_what_is_not_taken_at_all_is_not_given(client: Client) -> None:
    assert client.get("/v1/me", headers={"Accept": "application/json;q=0, text/html"}).status_code == 406
    assert client.get("/v1/me", headers={"Accept": "text/html, */*;q=0.1"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "name", "text"),
    [
        *(("/v1/entries", "limit", text) for text in ("1_0", "5.0", "+5", "", "five", "1e1", "0", "201", "9" * 40)),
        *(
            ("/v1/payouts", "business_date", text)
            for text in ("1774915200", "2026-03-31T00:00:00Z", "2026-02-30", "")
        ),
        ("/v1/payouts", "attempt", "1.0"),
    ],
)
def test_numbers_and_days_are_taken_in_one_form_and_not_guessed(
    client: Client, path: str, name: str, text: str
) -> None:
    (error,) = client.document(path, 400, **{name: text})["errors"]
    assert error["parameter"] == name


def test_all_that_is_wrong_is_named_at_once_and_who_may_not_ask_is_told_that_first(client: Client) -> None:
    two = client.document("/v1/entries?limit=0&effective_at.gte=soon", 400)
    assert {each["parameter"] for each in two["errors"]} == {"limit", "effective_at.gte"}
    assert client.get("/v1/entries?limit=0", headers={"Authorization": ""}).status_code == 401
