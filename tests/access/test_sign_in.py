"""Sign-in by name and password, sessions, forms of others, and what hostile input comes to."""

import re
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from api.access.cookies import Cookies, form_token, is_token_of, local_path
from api.access.gate import Gate, address_of
from ledger.access import people
from ledger.access.door import Door
from ledger.access.duties import Duty
from tests.access.meeting import PASSWORD, add_person, hidden_fields, records, sign_in
from tests.support.believed import BELIEVED
from tests.support.surface import Client, guarded


@pytest.fixture
def person(door: Door, name: str) -> str:
    add_person(door, name)
    return name


def me(client: httpx.Client) -> int:
    return client.get("/v1/me").status_code


def test_somebody_signs_in_reads_and_signs_out(client: Client, person: str) -> None:
    begun = sign_in(client, person.upper())
    assert (begun.status_code, begun.headers["location"]) == (303, "/cash")
    assert client.document("/v1/me") == {"principal": person, "role": "finance", "operators": []}
    page = client.get("/nothing-here", headers={"Accept": "text/html"})
    assert page.status_code == 404
    ended = client.cookies["wl"]
    out = client.post("/logout", data={"csrf": form_token(ended)})
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert "wl" not in client.cookies
    client.cookies.set("wl", ended)
    assert me(client) == 401


def test_the_cookie_is_kept_from_scripts_and_other_sites(client: Client, person: str) -> None:
    (given,) = [each for each in sign_in(client, person).headers.get_list("set-cookie") if each.startswith("wl=")]
    cookie = SimpleCookie(given)["wl"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "lax", "/", "")
    assert int(cookie["max-age"]) == 12 * 3600
    assert not cookie["secure"]


@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("http://127.0.0.1:8080", False),
        ("http://localhost", False),
        ("http://[::1]:80", False),
        ("https://localhost", True),
        ("http://ledger.example", True),
        ("https://ledger.example/", True),
        ("http://127.evil.example", True),
    ],
)
def test_only_on_loopback_without_tls_the_cookie_may_go_in_clear(url: str, secure: bool) -> None:
    cookies = Cookies.of(url)
    assert cookies.secure is secure
    assert cookies.session == ("__Host-wl" if secure else "wl")


def test_each_sign_in_has_an_id_of_its_own_and_ends_the_one_before(client: Client, person: str) -> None:
    client.cookies.set("wl", "planted", domain="127.0.0.1")
    sign_in(client, person)
    first = next(cookie.value for cookie in client.cookies.jar if cookie.name == "wl" and cookie.value != "planted")
    with Client(base_url=client.base_url, cookies={"wl": first or ""}) as again:
        assert me(again) == 200
        given = sign_in(again, person)
        second = SimpleCookie(given.headers["set-cookie"])["wl"].value
    assert first not in (second, "planted")
    for cookie, status in ((first, 401), (second, 200), ("planted", 401)):
        assert httpx.get(f"{client.base_url}/v1/me", cookies={"wl": cookie or ""}).status_code == status


def test_a_form_that_was_not_made_for_this_browser_is_refused(client: Client, person: str) -> None:
    fields = {"name": person, "password": PASSWORD}
    assert client.post("/login", data=fields).status_code == 403
    mine = hidden_fields(client.get("/login"), "/login")
    with Client(base_url=client.base_url) as other:
        other.get("/login")
        assert other.post("/login", data=fields | mine).status_code == 403
    for token in ("", "x", mine["csrf"] + "x", "é.ü", "." * 10_000):
        assert client.post("/login", data=fields | mine | {"csrf": token}).status_code == 403
    sign_in(client, person)
    assert client.post("/logout").status_code == 415
    for data in ({"csrf": ""}, {"csrf": mine["csrf"]}, {"other": "x"}):
        assert client.post("/logout", data=data).status_code == 403
    assert me(client) == 200


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=80))
def test_a_token_is_of_one_secret(secret: str, other: str, token: str) -> None:
    made = form_token(secret)
    assert is_token_of(made, secret)
    assert made != form_token(secret)
    assert is_token_of(made, other) == (secret.encode("utf-8", "replace") == other.encode("utf-8", "replace"))
    assert not is_token_of(token, secret)


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/payouts?status=PAID", "/payouts?status=PAID"),
        ("https://evil.example/", "/cash"),
        ("//evil.example/", "/cash"),
        ("/\\evil.example", "/cash"),
        ("/x\r\nSet-Cookie: wl=1", "/cash"),
        ("javascript:alert(1)", "/cash"),
        ("", "/cash"),
        ("/" + "x" * 2_000, "/cash"),
    ],
)
def test_sign_in_leads_to_pages_of_ours_alone(client: Client, person: str, wanted: str, target: str) -> None:
    assert sign_in(client, person, next=wanted).headers["location"] == target


@given(st.text())
def test_any_address_that_is_followed_is_a_path_of_this_server(text: str) -> None:
    found = httpx.URL("https://ledger.example/login").join(local_path(text).encode("utf-8", "replace").decode())
    assert found.host == "ledger.example"


@pytest.mark.parametrize(
    ("client", "headers", "address"),
    [
        ("192.0.2.1", {}, "192.0.2.1"),
        ("192.0.2.1", {"x-forwarded-for": "198.51.100.7"}, "192.0.2.1"),
        ("127.0.0.1", {"x-forwarded-for": "10.0.0.1, 198.51.100.7"}, "198.51.100.7"),
        ("127.0.0.1", {"x-forwarded-for": ""}, "127.0.0.1"),
    ],
)
def test_sign_ins_are_counted_by_the_address_that_a_proxy_of_this_machine_saw(
    client: str, headers: dict[str, str], address: str
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert address_of(Request({"type": "http", "client": (client, 1), "headers": raw})) == address


def test_who_is_not_signed_in_is_led_there_and_back(client: Client) -> None:
    led = client.get("/audit?status=404", headers={"Accept": "text/html"})
    assert (led.status_code, led.headers["location"]) == (303, "/login?next=%2Faudit%3Fstatus%3D404")
    form = client.get(led.headers["location"])
    assert hidden_fields(form, "/login")["next"] == "/audit?status=404"


def test_cookies_are_taken_for_no_write_of_the_api(client: Client, door: Door, name: str) -> None:
    add_person(door, name, Duty.ADMIN)
    sign_in(client, name)
    assert client.get("/v1/api-keys").status_code == 200
    refused = client.post("/v1/api-keys", json={"name": "x", "role": "admin"}, headers={"Idempotency-Key": "1"})
    assert refused.status_code == 401
    assert client.delete("/v1/api-keys/x").status_code == 401


def test_a_wrong_password_and_a_name_that_nobody_has_are_one_answer(client: Client, person: str) -> None:
    answers = [sign_in(client, name, "wrong") for name in (person, f"{person} of no account")]
    assert [each.status_code for each in answers] == [401, 401]
    texts = [re.sub(r'value="[^"]*"', "", each.text) for each in answers]
    assert texts[0] == texts[1]
    assert "is not right" in texts[0]


def test_after_ten_failures_not_even_the_right_password_is_tried(client: Client, person: str) -> None:
    fields = hidden_fields(client.get("/login"), "/login") | {"name": person, "password": "wrong"}
    cookies = dict(client.cookies)

    def fail(_: int) -> int:
        return httpx.post(
            f"{client.base_url}/login", data=fields, cookies=cookies, timeout=120, verify=BELIEVED
        ).status_code

    with ThreadPoolExecutor(14) as pool:
        assert sorted(pool.map(fail, range(14))) == [401] * 10 + [429] * 4
    late = sign_in(client, person)
    assert late.status_code == 429
    assert 0 < int(late.headers["retry-after"]) <= 900
    assert "wl" not in client.cookies


def test_who_is_disabled_is_out_within_seconds_and_stays_out(
    client: Client, gate: Gate, door: Door, person: str
) -> None:
    sign_in(client, person)
    assert me(client) == 200
    with door.transaction() as cursor:
        people.disable(cursor, person)
    gate.credentials.forget()
    assert me(client) == 401
    assert sign_in(client, person).status_code == 401


@pytest.mark.parametrize(("column", "by"), [("last_seen_at", "30 minutes"), ("created_at", "12 hours")])
def test_a_session_is_over_after_its_time(
    client: Client, gate: Gate, store_dsn: str, person: str, column: str, by: str
) -> None:
    sign_in(client, person)
    with psycopg.connect(store_dsn) as superuser:
        superuser.execute(
            f"UPDATE access.session SET {column} = {column} - interval '{by}' WHERE person = %s".encode(), (person,)
        )
    gate.credentials.forget()
    assert me(client) == 401


HOSTILE = [
    "\0",
    "a\0b",
    "<script>alert(1)</script>",
    "=1+1",
    "\u202eabc",
    "x" * 400_000,
    "\ud800",
    "' OR 1=1 --",
    "%00",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_hostile_names_and_passwords_are_wrong_ones(client: Client, text: str) -> None:
    fields = hidden_fields(client.get("/login"), "/login")
    typed = {name: text.encode("utf-8", "surrogatepass") for name in ("name", "password")}
    body = urlencode({**fields, **typed})
    answer = client.post("/login", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == (413 if len(body) > 1 << 20 else 401)
    assert "<script>alert" not in answer.text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_body_is_refused_and_breaks_nothing(client: Client, body: bytes) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/login", content=body, headers=form).status_code in (400, 403)


def test_names_are_shown_as_text(client: Client, door: Door) -> None:
    name = '<b>Ann</b> & "Co" \'=1+1'
    add_person(door, name, Duty.AUDITOR)
    sign_in(client, name)
    page = client.get("/audit")
    assert page.status_code == 200
    assert "<b>Ann</b>" not in page.text
    assert "&lt;b&gt;Ann&lt;/b&gt;" in page.text
    assert records(door, principal=name)[0].principal == name


def test_pages_have_the_headers_that_keep_others_out(client: Client) -> None:
    headers = client.get("/login").headers
    assert headers["content-security-policy"] == (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    )
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")
    assert headers["cache-control"] == "no-store"
    page = client.get("/login").text
    assert not re.findall(r"<script(?![^>]* src=\"/)|style=|<style|\son\w+=", page)


def test_a_development_server_has_a_button_a_role_and_what_they_gave_ends_with_it(
    store_dsn: str, door: Door, client: Client
) -> None:
    with guarded(store_dsn, dev_login=True) as (developer, _):
        page = developer.get("/login")
        for duty in (duty for duty in Duty if duty is not Duty.OPERATOR):
            fields = hidden_fields(developer.get("/login"), "/login/developer") | {"role": duty.value}
            assert f"Sign in as {duty.value}" in page.text
            assert developer.post("/login/developer", data=fields).status_code == 303
            assert developer.document("/v1/me")["role"] == duty.value
        cookie = developer.cookies["wl"]
        elsewhere = {"Host": "evil.example"}
        for each in (elsewhere, {"Host": "["}, {"X-Forwarded-For": "192.0.2.1"}):
            assert "Development server" not in developer.get("/login", headers=each).text
        fields = hidden_fields(developer.get("/login"), "/login") | {"role": "admin"}
        assert developer.post("/login/developer", data=fields, headers=elsewhere).status_code == 404
    with guarded(store_dsn) as (ordinary, _):
        assert ordinary.get("/v1/me", headers={"Cookie": f"wl={cookie}"}).status_code == 401
    assert "Development server" not in client.get("/login").text
    fields = hidden_fields(client.get("/login"), "/login") | {"role": "admin"}
    assert client.post("/login/developer", data=fields).status_code == 404
