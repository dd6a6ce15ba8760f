"""The table of endpoints by role, walked: each role gets exactly what it says, and docs/security.md says the same."""

import re

import pytest
from starlette.routing import Route

from api.access.endpoints import HEAD, Endpoint, endpoints, table
from api.pages.subjects import ROUTES
from api.v1 import ROUTERS
from ledger.access.door import Door
from ledger.access.duties import Duty
from tests.access.meeting import bearer, make_key
from tests.docs.pages import ROOT
from tests.support.surface import Client

ALL = endpoints([*ROUTES, *(route for router in ROUTERS for route in router.routes)])
ASKED = [each for each in ALL if each.right is not None]
# Who comes here is not known yet, or is leaving, or asks for what is in every copy of the program.
SIGNING_IN = {"/login", "/login/developer", "/login/issuer", "/login/issuer/back", "/logout"}
# Who ends a subscription shows that by the link itself.
OPEN = SIGNING_IN | {"/docs", "/docs/{name}", "/unsubscribe"}
PAGE = ROOT / "docs" / "security.md"


def address(endpoint: Endpoint) -> str:
    """An address of the endpoint, of an object that there is not."""
    return re.sub(
        r"\{[^}]*id[^}]*\}", "00000000-0000-5000-8000-000000000000", re.sub(r"\{(?!.*id)[^}]*\}", "X", endpoint.path)
    )


def test_every_endpoint_asks_for_a_right_but_those_of_signing_in_and_the_description() -> None:
    assert {each.path for each in ALL if each.right is None} == OPEN
    assert len(ASKED) > 30


def test_the_page_has_the_table_of_the_application() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begin = lines.index(HEAD)
    shown = [line for line in lines[begin:] if line.startswith("|")][: len(ALL) + 2]
    made = [*table(ALL)]
    assert shown == made, "mend it: `.venv/bin/python -m api.access.endpoints docs/security.md`"


@pytest.mark.parametrize("duty", Duty)
def test_a_role_gets_what_the_table_says_and_nothing_else(client: Client, door: Door, duty: Duty) -> None:
    client.headers.update(bearer(make_key(door, duty, *(("OP-1",) if duty is Duty.OPERATOR else ()))))
    wrong = []
    for each in ASKED:
        status = client.request(each.method, address(each)).status_code
        is_let_in = status not in (401, 403, 405) and status < 500
        if (each.reach(duty) == "-") != (status == 403) or (each.reach(duty) != "-") != is_let_in:
            wrong.append((each.method, each.path, status))
    assert wrong == []


def test_nobody_gets_anything_without_a_credential(client: Client) -> None:
    for each in ASKED:
        answer = client.request(each.method, address(each))
        # What a form sent is lost on the way to sign in, and is not sent on from there.
        is_page = not each.path.startswith("/v1/") and each.method == "GET"
        led = answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
        assert led if is_page else answer.status_code == 401, each


def test_files_of_pages_are_for_everybody_and_figures_of_the_process_for_this_machine(
    client: Client, door: Door
) -> None:
    for path in ("/livez", "/v1/openapi.json"):
        assert client.get(path).status_code == 200
    assert client.get("/metrics").status_code == 200
    for name in ("Forwarded", "Via", "X-Real-IP", "X-Forwarded-Proto"):
        assert client.get("/metrics", headers={name: "x"}).status_code == 401
    by_proxy = {"X-Forwarded-For": "192.0.2.1"}
    assert client.get("/metrics", headers=by_proxy).status_code == 401
    assert client.get("/metrics", headers=by_proxy | bearer(make_key(door, Duty.FINANCE))).status_code == 403
    assert client.get("/metrics", headers=by_proxy | bearer(make_key(door, Duty.ADMIN))).status_code == 200


def test_the_table_sees_every_kind_of_route() -> None:
    async def nobody(_: object) -> None:
        """An endpoint that asks for nothing."""

    (found,) = endpoints([Route("/x", nobody)])
    assert (found.method, found.right, {found.reach(duty) for duty in Duty}) == ("GET", None, {"yes"})
