"""The real application, asked with an operator's key: nothing of another operator is in any answer.

Every resource and every page that reads is found where the application finds it, so that those to come are asked too.
"""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from api import app, v1
from api.access.roles import Right
from api.call import Call, plain_call_for
from api.pages.subjects import ROUTES as PAGES
from api.resource import resources
from ledger.access import keys
from ledger.access.duties import Duty
from ledger.login import surface_login
from projections.freshness import ON_DEMAND
from projections.reading import Snapshot
from projections.runner import catch_up
from tests.support.surface import Client, guarded

OWN, OTHER = "OP-NL", "OP-DE"

# Where an id of each kind is found, by the name of the parameter of the path: one of an operator's.
IDS: Mapping[str, str] = {
    "operator_id": "SELECT %s",
    "operator": "SELECT %s",
    "payout_id": "SELECT min(payout_id) FROM projection.payout_row WHERE operator_id = %s",
    "session_id": "SELECT min(session_id) FROM projection.session_row WHERE operator_id = %s AND state = 'RATED'",
    "cdr_id": "SELECT min(cdr_id) FROM projection.cdr_row WHERE operator_id = %s",
    "entry_id": "SELECT min(entry_id::text) FROM book.posting WHERE account = '2010/' || %s",
    "tariff_id": "SELECT min(convert_from(data, 'UTF8')::jsonb #>> '{tariff,id}') FROM intake.catalogue "
    "WHERE type = 'tariff.published' AND convert_from(data, 'UTF8')::jsonb ->> 'operator_id' = %s",
    "tariff": "SELECT min(convert_from(data, 'UTF8')::jsonb #>> '{tariff,id}') FROM intake.catalogue "
    "WHERE type = 'tariff.published' AND convert_from(data, 'UTF8')::jsonb ->> 'operator_id' = %s",
    "location_id": "SELECT min(location_id) FROM projection.site_row WHERE operator_id = %s AND location_id <> ''",
    "number": "SELECT min(number) FROM intake.statement WHERE operator_id = %s",
    "event_id": "SELECT cause::text FROM book.entry JOIN book.posting USING (entry_id) "
    "WHERE account = '2010/' || %s ORDER BY effective_at LIMIT 1",
}
# Ids of things that no operator has, whosoever asks.
NOBODYS = {
    "action_id",
    "adjustment_id",
    "deadletter_id",
    "endpoint_id",
    "entry_reference",
    "finding_id",
    "hold_id",
    "key_id",
    "notice_id",
    "partner",
    "subscription_id",
    "user_id",
    "write_off_id",
}
NO_ID, NOBODY = "00000000-0000-4000-8000-000000000000", "NOBODY"


def value(superuser: psycopg.Connection[Any], name: str, operator: str) -> str:
    """An id of an operator's by the name of a parameter."""
    if name in NOBODYS:
        return NO_ID
    assert name in IDS, f"add to IDS of tests/api/test_tenants.py how an id for {{{name}}} is found, or to NOBODYS"
    (found,) = superuser.execute(IDS[name].encode(), (operator,)).fetchone() or (None,)
    assert found is not None
    return str(found)


# A resource whose author forgot the filter: all that the database shows of a relation.
_RELATIONS = {
    "sessions": "SELECT operator_id, session_id FROM projection.sessions",
    "balances": "SELECT operator_id, available FROM projection.operator_balances",
    "cdrs": "SELECT operator_id, cdr_id FROM surface.cdrs",
    "payouts": "SELECT operator_id, payout_id FROM surface.payouts",
    "lines": "SELECT operator_id, account FROM projection.account_lines",
    "payable": "SELECT operator_id, entry_id::text FROM surface.payable_lines",
    "catalogue": "SELECT operator_id, type FROM surface.catalogue",
    "runs": "SELECT operator_id, closed_through::text FROM surface.runs",
}
_forgetful = resources("forgetful")


@_forgetful.get("/forgetful/{relation}", include_in_schema=False)
async def _forget(relation: str, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Any:
    def ask(snapshot: Snapshot) -> list[Any]:
        return snapshot.cursor.execute(_RELATIONS[relation].encode()).fetchall()

    return call.json(await call.read(ask))


@pytest.fixture(scope="module")
def client(network_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client with a key of OP-NL's, of the application as `serve` puts it together; `as_` takes another key."""
    catch_up(network_url, ON_DEMAND)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "ROUTERS", (*v1.ROUTERS, _forgetful))
        with guarded(surface_login(network_url, tmp_path_factory.mktemp("login"))) as (nobody, gate):

            def key(duty: Duty = Duty.OPERATOR, *operators: str) -> str:
                with gate.door.transaction() as cursor:
                    return str(keys.create(cursor, "test", duty, operators, created_by="tests")[1])

            client = nobody.as_(key(Duty.OPERATOR, OWN))
            client.__dict__["finance"] = nobody.as_(key(Duty.FINANCE))
            # Searches and exports are few for each key.
            client.__dict__["another_key"] = lambda: {"Authorization": f"Bearer {key(Duty.OPERATOR, OWN)}"}
            yield client


@pytest.fixture(scope="module")
def superuser(network_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(network_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def of_others(superuser: psycopg.Connection[Any]) -> re.Pattern[str]:
    """All ids of sessions, CDRs, payouts and operators that are not OP-NL's."""
    rows = superuser.execute(
        "SELECT session_id FROM projection.session_row WHERE operator_id <> %(own)s UNION "
        "SELECT cdr_id FROM projection.cdr_row WHERE operator_id <> %(own)s UNION "
        "SELECT payout_id FROM projection.payout_row WHERE operator_id <> %(own)s UNION "
        "SELECT operator_id FROM projection.session_row WHERE operator_id <> %(own)s",
        {"own": OWN},
    )
    return re.compile(r"\b(?:" + "|".join(sorted(re.escape(row[0]) for row in rows)) + r")\b")


# How each is asked, as far as it knows the parameter.
_QUERIES: tuple[dict[str, str], ...] = (
    {},
    {"operator_id": OTHER},
    {"operator": OTHER},
    {"account": f"2010/{OTHER}"},
    {"q": OTHER},
    {"format": "csv"},
)


# Pages about nobody's things, and the one that a link of a mail opens.
_EVERYBODYS = ("/login", "/docs", "/unsubscribe")


def paths(client: Client) -> dict[str, list[dict[str, str]]]:
    """The paths of all resources and pages that may be read, each with the queries that it takes."""
    found: dict[str, list[dict[str, str]]] = {}
    for path, has in client.document("/v1/openapi.json")["paths"].items():
        if "get" in has:
            known = {each["name"] for each in has["get"].get("parameters", ()) if each["in"] == "query"}
            found[path] = [query for query in _QUERIES if query.keys() <= known]
    resources_ = len(found)
    for route in PAGES:
        if "GET" in (route.methods or ()) and not route.path.startswith(_EVERYBODYS):
            found[re.sub(r":\w+}", "}", route.path)] = list(_QUERIES[:2])
    assert resources_ > 10
    assert len(found) > resources_ + 10
    return found


def triples(client: Client, superuser: psycopg.Connection[Any]) -> list[tuple[str, str, str]]:
    """What is asked for by an id: another operator's, what is not there, and one's own."""

    def filled(path: str, operator: str) -> str:
        return re.sub(r"{(\w+)}", lambda name: value(superuser, name[1], operator), path)

    def nothing(name: re.Match[str]) -> str:
        return NOBODY if name[0] in ("{operator_id}", "{tariff_id}") else NO_ID

    return [
        (filled(path, OTHER), re.sub(r"{\w+}", nothing, path), filled(path, OWN))
        for path in paths(client)
        if "{" in path
    ]


def ask(client: Client, path: str, query: dict[str, str] | None = None, **headers: str) -> httpx.Response:
    """A page as a browser asks for it, and a resource as a program does."""
    accept = {} if path.startswith("/v1") else {"Accept": "text/html"}
    return client.get(path, params=query, headers=accept | headers, follow_redirects=True)


@pytest.mark.parametrize("relation", _RELATIONS)
def test_a_resource_that_forgets_its_filter_shows_rows_of_its_own_operator_alone(
    client: Client, relation: str
) -> None:
    own = client.document(f"/v1/forgetful/{relation}")
    assert {operator for operator, _ in own} == {OWN}
    everything = client.__dict__["finance"].document(f"/v1/forgetful/{relation}")
    assert {OWN, OTHER} <= {operator for operator, _ in everything}
    assert [row for row in everything if row[0] == OWN and row not in own] == []


def test_no_list_names_anything_of_another_operator(client: Client, of_others: re.Pattern[str]) -> None:
    finance: Client = client.__dict__["finance"]
    shown_to_finance = set()
    for path, queries in paths(client).items():
        for query in queries if "{" not in path else ():
            answer = ask(client, path, query, **client.__dict__["another_key"]())
            assert answer.status_code in (200, 400, 403, 404), (path, query, answer.text)
            told = re.sub(rf"\b{OTHER}\b", "", answer.text) if OTHER in str(query) else answer.text
            assert of_others.findall(told)[:3] == [], (path, query)
            if answer.status_code == 200 and not query and of_others.search(ask(finance, path).text):
                shown_to_finance.add(path.startswith("/v1"))
    assert shown_to_finance == {True, False}, "resources and pages name other operators' things to finance"


def test_what_is_another_operators_answers_as_what_is_not_there(
    client: Client, superuser: psycopg.Connection[Any], of_others: re.Pattern[str]
) -> None:
    found = set()
    for theirs, nothing, ours in triples(client, superuser):
        answer, unknown = ask(client, theirs), ask(client, nothing)
        assert answer.status_code in (403, 404), (theirs, answer.text[:300])
        assert answer.status_code == unknown.status_code, theirs
        assert _without_ids(answer, theirs) == _without_ids(unknown, nothing)
        own = ask(client, ours)
        if own.status_code == 200:
            found.add(ours.startswith("/v1"))
        assert of_others.findall(own.text)[:3] == [], ours
    assert found == {True, False}, "things of its own are found, as resources and as pages"


def test_what_is_another_operators_takes_as_long_to_answer_as_what_is_not_there(
    client: Client, superuser: psycopg.Connection[Any]
) -> None:
    asked = [each[:2] for each in triples(client, superuser)]
    least = {path: 60.0 for pair in asked for path in pair}
    for _ in range(5):
        key = client.__dict__["another_key"]()
        for path in least:
            before = time.perf_counter()
            ask(client, path, **key)
            least[path] = min(least[path], time.perf_counter() - before)
    theirs, nothing = (sum(least[pair[place]] for pair in asked) for place in (0, 1))
    assert 0.6 < theirs / nothing < 1.6


def _without_ids(answer: httpx.Response, path: str) -> str:
    """An answer without what tells requests apart, and without what was asked for."""
    text = answer.text.replace(answer.headers["x-request-id"], "REQUEST")
    for part in path.split("/")[2:]:
        text = text.replace(quote(part, safe=""), "ID").replace(part, "ID")
    return text
