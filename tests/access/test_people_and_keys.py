"""People and keys as they are kept: names are one person's, secrets are nowhere, and what ended stays ended."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.errors import InsufficientPrivilege, RestrictViolation

from domain.people import folded_name
from ledger.access import audit_log, keys, people, sessions, sign_ins
from ledger.access.audit_log import Record
from ledger.access.door import Door
from ledger.access.duties import Duty, checked_name
from ledger.database import Role, open_connection
from ledger.errors import AccessRefused
from tests.support.sealed import SEALS

NOW = datetime(2026, 3, 25, 12, tzinfo=UTC)


def add(door: Door, name: str, duty: Duty = Duty.FINANCE, *operators: str) -> people.Person:
    with door.transaction() as cursor:
        return people.add(cursor, name, duty, operators, "a hash")


def refused(door: Door, do: Callable[[Any], Any]) -> str:
    with pytest.raises(AccessRefused) as refusal, door.transaction() as cursor:
        do(cursor)
    return str(refusal.value)


@pytest.mark.parametrize(
    "other",
    [
        str.upper,
        str.lower,
        lambda name: name.replace("P", "\N{FULLWIDTH LATIN CAPITAL LETTER P}"),
        lambda name: name.replace(" ", "  "),
    ],
)
def test_a_name_is_one_persons_however_it_is_written(door: Door, name: str, other: Callable[[str], str]) -> None:
    add(door, name)
    assert "is there already" in refused(door, lambda cursor: people.add(cursor, other(name), Duty.ADMIN, [], ""))
    with door.transaction() as cursor:
        found = people.find(cursor, other(name))
    assert found is not None
    assert (found.name, found.role) == (name, "finance")


@pytest.mark.parametrize(
    "bad", ["", " x", "x ", "a\0b", "a\nb", "a\u202eb", "\ud800", "x" * 101, "key:1", "KEY:1", "dev:finance"]
)
def test_a_name_that_cannot_be_shown_or_could_be_a_keys_is_refused(door: Door, bad: str) -> None:
    assert refused(door, lambda cursor: people.add(cursor, bad, Duty.ADMIN, [], "")).startswith("name: ")


@given(st.text(max_size=120))
def test_names_are_compared_alike_however_often_they_are_folded(text: str) -> None:
    assert folded_name(folded_name(text)) == folded_name(text)
    with contextlib.suppress(AccessRefused):
        assert folded_name(checked_name(text)) == folded_name(text)


def test_only_operators_people_have_operators(door: Door, name: str) -> None:
    assert "--operator" in refused(door, lambda cursor: people.add(cursor, name, Duty.OPERATOR, [], ""))
    assert "of no operator" in refused(door, lambda cursor: people.add(cursor, name, Duty.FINANCE, ["OP-1"], ""))
    assert add(door, name, Duty.OPERATOR, "OP-2", "OP-1", "OP-2").operators == ["OP-1", "OP-2"]


def test_a_key_is_shown_once_and_kept_as_a_digest(door: Door, store_dsn: str) -> None:
    with door.transaction() as cursor:
        key, text = keys.create(cursor, "reports", Duty.AUDITOR, [], created_by="a test")
    assert text is not None
    start, key_id, secret = text.split("_")
    assert (start, key_id, key.principal) == ("wl", key.id, f"key:{key.id}")
    assert len(bytes.fromhex(secret)) * 8 >= 128
    with psycopg.connect(store_dsn) as superuser:
        row = superuser.execute("SELECT api_key::text FROM access.api_key WHERE id = %s", (key.id,)).fetchone()
    assert row is not None
    assert secret not in row[0]
    with door.transaction() as cursor:
        usable = keys.usable(cursor, key.id)
    assert usable is not None
    assert usable.secret_sha256 == keys.digest(secret)


def test_a_key_ends_by_time_by_hand_and_with_the_person_it_acts_for(door: Door, name: str) -> None:
    add(door, name)
    with door.transaction() as cursor:
        over, _ = keys.create(
            cursor, "over", Duty.FINANCE, [], created_by="a test", expires_at=NOW - timedelta(days=400)
        )
        lasting, _ = keys.create(cursor, "lasting", Duty.FINANCE, [], created_by="a test")
        hers, _ = keys.create(cursor, "hers", Duty.FINANCE, [], created_by="a test", acts_for=name.upper())
        assert hers.principal == name
        assert keys.usable(cursor, over.id) is None
        assert keys.usable(cursor, lasting.id) is not None
        assert keys.usable(cursor, hers.id) is not None
        assert keys.revoke(cursor, lasting.id).revoked_at is not None
        people.disable(cursor, name)
        assert keys.usable(cursor, lasting.id) is None
        assert keys.usable(cursor, hers.id) is None
        people.enable(cursor, name)
        assert keys.usable(cursor, hers.id) is not None
    assert "no key" in refused(door, lambda cursor: keys.revoke(cursor, "nosuch"))
    with door.transaction() as cursor:
        people.disable(cursor, name)
    made = refused(
        door, lambda cursor: keys.create(cursor, "n", Duty.FINANCE, [], created_by="a test", acts_for=name)
    )
    assert "is disabled" in made


def test_keys_are_listed_newest_first_and_page_by_page(door: Door) -> None:
    with door.transaction() as cursor:
        made = [keys.create(cursor, f"n{n}", Duty.ADMIN, [], created_by="a test")[0].id for n in range(5)]
        first = keys.newest(cursor, 2)
        second = keys.newest(cursor, 2, (first[-1].created_at, first[-1].id))
    assert [each.id for each in [*first, *second]] == made[:0:-1]


def test_a_session_ends_by_time_by_idleness_by_hand_and_with_the_person(
    door: Door, store_dsn: str, name: str
) -> None:
    add(door, name)
    cookies = [keys.digest(f"{name}{number}") for number in range(5)]
    with door.transaction() as cursor:
        for cookie in cookies:
            sessions.start(cursor, cookie, name)
    late, idle, ended, alive, _ = cookies
    with psycopg.connect(store_dsn) as superuser:
        superuser.execute(
            "UPDATE access.session SET created_at = created_at - interval '12 hours' WHERE cookie_sha256 = %s",
            (late,),
        )
        superuser.execute(
            "UPDATE access.session SET last_seen_at = last_seen_at - interval '30 minutes' WHERE cookie_sha256 = %s",
            (idle,),
        )
        superuser.execute(
            "UPDATE access.session SET last_seen_at = last_seen_at - interval '29 minutes' WHERE cookie_sha256 = %s",
            (alive,),
        )
    with door.transaction() as cursor:
        sessions.end(cursor, ended)
        assert [sessions.alive(cursor, cookie) for cookie in (late, idle, ended)] == [None, None, None]
        found = sessions.alive(cursor, alive)
        assert found is not None
        assert (found.name, found.role) == (name, Duty.FINANCE)
        again = sessions.alive(cursor, alive)
        assert again is not None
        assert again.left_s > 29 * 60
        people.set_password(cursor, name, "another hash")
        assert [sessions.alive(cursor, cookie) for cookie in cookies] == [None] * 5


def test_ten_failures_of_one_name_and_no_more_are_tried(door: Door, store_dsn: str, name: str) -> None:
    def attempt(who: str) -> float | None:
        with door.transaction() as cursor:
            return sign_ins.attempt(cursor, who)

    assert [attempt(name) for _ in range(10)] == [None] * 10
    wait_s = attempt(name.upper())
    assert wait_s is not None
    assert 0 < wait_s <= 900
    assert attempt(f"{name} of another name") is None
    with psycopg.connect(store_dsn) as superuser:
        superuser.execute("UPDATE access.sign_in_failure SET at = at - interval '15 minutes'")
    assert attempt(name) is None
    with door.transaction() as cursor:
        sign_ins.succeeded(cursor, name)
    assert [attempt(name) for _ in range(10)] == [None] * 10


def test_who_comes_by_an_issuer_is_known_by_its_subject_and_takes_nobodys_name(door: Door, name: str) -> None:
    def come(subject: str, called: str, duty: Duty = Duty.APPROVER) -> str:
        with door.transaction() as cursor:
            return people.from_issuer(cursor, "https://issuer.example", subject, called, duty, [])

    assert come(f"1 {name}", name) == name
    # Called otherwise since, and still the same.
    assert come(f"1 {name}", "Somebody Else", Duty.FINANCE) == name
    with pytest.raises(AccessRefused, match="somebody else is called"):
        come(f"2 {name}", name.upper())
    with door.transaction() as cursor:
        found = people.find(cursor, name)
        assert found is not None
        assert (found.role, found.issuer) == ("finance", "https://issuer.example")
        assert people.password_of(cursor, name) is None
        people.disable(cursor, name)
    with pytest.raises(AccessRefused, match="is disabled"):
        come(f"1 {name}", name)
    assert "with a password of ours" in refused(door, lambda cursor: people.set_password(cursor, name, "x"))


def record(number: int, principal: str, **others: Any) -> Record:
    fields: dict[str, Any] = {"method": "GET", "path": "/v1/x", "status": 200, "object": None} | others
    return Record(NOW + timedelta(seconds=number), f"r-{number}", principal, "finance", **fields)


def test_the_audit_log_is_read_newest_first_by_its_fields(door: Door, name: str) -> None:
    made = [record(number, name, status=200 + number % 2, object=f"payout/{number}") for number in range(6)]
    with door.transaction() as cursor:
        audit_log.add(cursor, made)
        all_ = audit_log.newest(cursor, 100, equal={"principal": name})
        assert [each.request_id for each in all_] == [f"r-{number}" for number in range(5, -1, -1)]
        page = audit_log.newest(cursor, 2, before=all_[1].id, equal={"principal": name})
        assert [each.id for each in page] == [each.id for each in all_[2:4]]
        odd = audit_log.newest(
            cursor, 9, equal={"principal": name, "status": 201}, at={"gte": made[1].at, "lt": made[5].at}
        )
        assert [each.object for each in odd] == ["payout/3", "payout/1"]


def test_any_text_goes_into_the_audit_log_and_is_cut(door: Door, name: str) -> None:
    hostile = "\0\ud800<script>=1+1\u202e" + "x" * 1_000_000
    with door.transaction() as cursor:
        audit_log.add(cursor, [record(1, name, path=hostile, object=hostile)])
        (found,) = audit_log.newest(cursor, 1, equal={"principal": name})
    assert found.path.startswith("\ufffd?<script>=1+1\u202e")
    assert len(found.path) == audit_log.PATH_MAX


@pytest.mark.parametrize(
    "change",
    ["UPDATE access.audit_log SET status = 200", "DELETE FROM access.audit_log", "TRUNCATE access.audit_log"],
)
def test_not_even_a_superuser_changes_the_audit_log(store_dsn: str, change: str) -> None:
    with psycopg.connect(store_dsn) as superuser:
        superuser.execute("SET session_replication_role = replica")
        with pytest.raises(RestrictViolation):
            superuser.execute(change.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM book.entry",
        "SELECT * FROM event_store.stored_events",
        "SELECT * FROM intake.message",
        "SELECT * FROM projection.payouts",
        "SELECT * FROM surface.entries",
        "UPDATE access.audit_log SET status = 200",
        "DELETE FROM access.audit_log",
        "INSERT INTO access.audit_log (id) OVERRIDING SYSTEM VALUE VALUES (1)",
        "DELETE FROM access.person",
        "DELETE FROM access.api_key",
        "UPDATE access.api_key SET secret_sha256 = sha256('')",
        "UPDATE access.api_key SET role = 'admin'",
        "CREATE TABLE access.mine (id int)",
    ],
)
def test_the_door_sees_no_money_and_changes_nothing_that_was_said(store_dsn: str, statement: str) -> None:
    with open_connection(store_dsn, Role.DOOR) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.OWNER, Role.DOOR)])
def test_nobody_but_the_door_sees_people_keys_and_the_log(store_dsn: str, role: Role) -> None:
    for table in ("person", "api_key", "session", "sign_in_failure", "audit_log"):
        with open_connection(store_dsn, role) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(f"SELECT * FROM access.{table}".encode())


def test_a_door_whose_server_closed_its_connections_opens_others(store_dsn: str) -> None:
    door = Door(store_dsn, seals=SEALS)
    with door.transaction() as cursor:
        (pid,) = cursor.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    with psycopg.connect(store_dsn) as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s, 60000)", (pid,))
    with door.transaction() as cursor:
        assert people.find(cursor, "nobody") is None
    door.close()
