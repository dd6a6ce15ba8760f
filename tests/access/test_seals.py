"""Who may write to the schema `access` makes nobody an approver: what was not sealed lets nobody in."""

from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from psycopg import Cursor
from psycopg.errors import InsufficientPrivilege

from api.access import passwords
from api.access.credentials import cookie_digest
from ledger.access import keys, people, sessions
from ledger.access.door import Door
from ledger.access.duties import Duty
from ledger.access.seals import Seals, seal_people_anew
from ledger.errors import AccessRefused
from tests.access.meeting import add_person, bearer, make_key
from tests.support.sealed import SEAL_KEY, SEALS
from tests.support.surface import Client

SECRET = "ab" * 32
# What somebody who acts as the door's role writes into keys, with the seal of whoever has one to copy.
FORGED_KEY = """
INSERT INTO access.api_key (id, secret_sha256, name, role, operators, acts_for, created_by, seal)
VALUES (%(id)s, %(digest)s, 'forged', 'approver', '{}', %(acts_for)s, 'nobody', %(seal)s)
"""


def forge_key(door: Door, key_id: str, acts_for: str | None, seal: bytes | None) -> str:
    """A key that nobody made, and its text."""
    forged = {"id": key_id, "digest": sha256(SECRET.encode()).digest(), "acts_for": acts_for, "seal": seal}
    with door.transaction() as cursor:
        cursor.execute(FORGED_KEY, forged)
    return f"wl_{key_id}_{SECRET}"


def one(door: Door, query: str, *parameters: Any) -> Any:
    """The one value of a query."""
    with door.transaction() as cursor:
        row = cursor.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


def test_a_forged_key_of_an_approver_opens_nothing(client: Client, door: Door, name: str) -> None:
    add_person(door, name, Duty.APPROVER)
    hers = make_key(door, Duty.APPROVER, acts_for=name)
    assert client.get("/v1/payouts", headers=bearer(hers)).status_code == 200
    copied = one(door, "SELECT seal FROM access.api_key WHERE id = %s", hers.split("_")[1])
    for number, seal in enumerate((None, copied, bytes(32))):
        forged = forge_key(door, f"{number:016x}", name, seal)
        assert client.get("/v1/payouts", headers=bearer(forged)).status_code == 401


# What is changed of a person who may approve nothing, or of one whose password somebody else would know.
CHANGES = {
    "role": "role = 'approver'",
    "operators": "role = 'operator', operators = '{OP-9}'",
    "password": "password_hash = %(hash)s",
    "disabled": "disabled_at = clock_timestamp()",
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_person_who_was_changed_by_hand_is_let_in_by_nothing(door: Door, name: str, what: str) -> None:
    add_person(door, name, Duty.FINANCE)
    key, cookie = make_key(door, Duty.FINANCE, acts_for=name), cookie_digest(name)
    _, key_id, secret = key.split("_")
    with door.transaction() as cursor:
        sessions.start(cursor, cookie, name)
        assert keys.proven(cursor, key_id, secret)
        assert sessions.alive(cursor, cookie)
    changed = f"UPDATE access.person SET {CHANGES[what]}, version = version + 1 WHERE name = %(name)s"
    with door.transaction() as cursor:
        cursor.execute(changed.encode(), {"name": name, "hash": passwords.hashed("thief's own")})
    with door.transaction() as cursor:
        assert keys.proven(cursor, key_id, secret) is None
        assert sessions.alive(cursor, cookie) is None
        assert people.password_of(cursor, name) is None
    with door.transaction() as cursor, pytest.raises(AccessRefused, match="was not sealed as it stands"):
        people.enable(cursor, name)


def test_a_session_that_nobody_signed_in_for_is_none(door: Door, name: str) -> None:
    add_person(door, name, Duty.APPROVER)
    hers, forged = cookie_digest(f"{name} hers"), cookie_digest(f"{name} forged")
    with door.transaction() as cursor:
        sessions.start(cursor, hers, name)
        cursor.execute(
            "INSERT INTO access.session (cookie_sha256, person, created_at, seal) "
            "SELECT %s, person, created_at, seal FROM access.session WHERE cookie_sha256 = %s",
            (forged, hers),
        )
        assert sessions.alive(cursor, hers)
        assert sessions.alive(cursor, forged) is None


def test_what_a_person_was_before_is_not_put_back(door: Door, name: str) -> None:
    add_person(door, name, Duty.APPROVER)
    row = "SELECT to_jsonb(person) FROM access.person WHERE name = %s"
    before = one(door, row, name)
    with door.transaction() as cursor:
        people.disable(cursor, name)
    back = """
    UPDATE access.person SET disabled_at = NULL, version = %s, seal = %s WHERE name = %s
    """
    seal = bytes.fromhex(before["seal"].removeprefix("\\x"))
    with pytest.raises(InsufficientPrivilege, match="by another version"), door.transaction() as cursor:
        cursor.execute(back.encode(), (before["version"], seal, name))
    with door.transaction() as cursor:
        cursor.execute(back.encode(), (before["version"] + 2, seal, name))
    with door.transaction() as cursor:
        assert people.password_of(cursor, name) is None


@pytest.mark.parametrize(
    "revived",
    [
        "UPDATE access.api_key SET revoked_at = NULL WHERE id = %(key)s",
        "UPDATE access.session SET ended_at = NULL WHERE cookie_sha256 = %(cookie)s",
    ],
)
def test_what_has_ended_stays_so(door: Door, name: str, revived: str) -> None:
    add_person(door, name)
    key, cookie = make_key(door, Duty.FINANCE).split("_")[1], cookie_digest(name)
    with door.transaction() as cursor:
        keys.revoke(cursor, key)
        sessions.start(cursor, cookie, name)
        sessions.end(cursor, cookie)
    with pytest.raises(InsufficientPrivilege, match="has ended stays so"), door.transaction() as cursor:
        cursor.execute(revived.encode(), {"key": key, "cookie": cookie})


def test_who_has_no_key_of_the_seals_adds_nobody_and_believes_nobody(store_dsn: str, name: str) -> None:
    sealing, blind, other = Door(store_dsn, seals=SEALS), Door(store_dsn), Door(store_dsn, seals=Seals([bytes(32)]))
    add_person(sealing, name)
    adding: Callable[[Cursor[Any]], object] = lambda cursor: people.add(cursor, f"{name} too", Duty.ADMIN, [], "")  # noqa: E731
    with pytest.raises(AccessRefused, match="WATTLEDGER_SECRET_KEY"), blind.transaction() as cursor:
        adding(cursor)
    with other.transaction() as cursor:
        assert people.password_of(cursor, name) is None
    for each in (sealing, blind, other):
        each.close()


def test_another_key_seals_anew_what_is_believed(store_dsn: str, door: Door, name: str) -> None:
    add_person(door, name)
    key_id = make_key(door, Duty.FINANCE, acts_for=name).split("_")[1]
    forged = forge_key(door, sha256(name.encode()).hexdigest()[:16], name, None).split("_")[1]
    new = b64encode(b"another key: 32 bytes of it too.").decode()
    both, new_alone = Seals.of(f"{new},{SEAL_KEY}"), Seals.of(new)
    with door.transaction() as cursor:
        assert seal_people_anew(cursor, both) >= 2
        assert seal_people_anew(cursor, both) == 0
    with closing(Door(store_dsn, seals=new_alone)) as later, later.transaction() as cursor:
        assert people.password_of(cursor, name)
        assert keys.usable(cursor, key_id)
        assert keys.usable(cursor, forged) is None
    with door.transaction() as cursor:
        assert keys.usable(cursor, key_id) is None
        seal_people_anew(cursor, Seals.of(f"{SEAL_KEY},{new}"))
        assert keys.usable(cursor, key_id)


# What makes room for the row of before, with the seal of then.
ROOM = {
    "name": "UPDATE access.person SET name = name || 'x', folded = folded || 'x', version = 9 WHERE name = %(name)s",
    "subject": "UPDATE access.person SET issuer = 'thief', subject = 'thief', version = 9 WHERE name = %(name)s",
    "session": "DELETE FROM access.session WHERE cookie_sha256 = %(cookie)s",
}


@pytest.mark.parametrize("what", ROOM)
def test_who_was_disabled_makes_no_room_for_the_row_of_before(door: Door, name: str, what: str) -> None:
    add_person(door, name)
    cookie = cookie_digest(name)
    with door.transaction() as cursor:
        sessions.start(cursor, cookie, name)
        people.disable(cursor, name)
    with pytest.raises(InsufficientPrivilege), door.transaction() as cursor:
        cursor.execute(ROOM[what].encode(), {"name": name, "cookie": cookie})


def test_a_name_stays_whoever_writes_it(store_dsn: str, door: Door, name: str) -> None:
    add_person(door, name)
    for what in ("name", "subject"):
        with psycopg.connect(store_dsn) as owner, pytest.raises(InsufficientPrivilege, match="for good: disable"):
            owner.execute(ROOM[what].encode(), {"name": name})
