"""How somebody meets the application: makes a key, fills in a form, signs in."""

import re
from typing import Any

import httpx

from api.access import passwords
from ledger.access import audit_log, keys, people
from ledger.access.audit_log import StoredRecord
from ledger.access.door import Door
from ledger.access.duties import Duty
from tests.support.waiting import wait_until

PASSWORD = "correct horse battery staple"
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


def make_key(door: Door, duty: Duty, *operators: str, acts_for: str | None = None) -> str:
    """A key's text."""
    with door.transaction() as cursor:
        _, text = keys.create(cursor, f"a key of {duty}", duty, operators, created_by="a test", acts_for=acts_for)
    assert text is not None
    return text


def bearer(key: str) -> dict[str, str]:
    """The header that brings a key."""
    return {"Authorization": f"Bearer {key}"}


def add_person(door: Door, name: str, duty: Duty = Duty.FINANCE, *operators: str) -> None:
    """Somebody with the password of these tests."""
    with door.transaction() as cursor:
        people.add(cursor, name, duty, operators, passwords.hashed(PASSWORD))


def hidden_fields(page: httpx.Response, action: str) -> dict[str, str]:
    """The fields that a form of a page brings along."""
    (form,) = re.findall(rf'<form[^>]* action="{action}".*?</form>', page.text, re.DOTALL)[:1]
    return dict(_HIDDEN.findall(form))


def sign_in(client: httpx.Client, name: str, password: str = PASSWORD, **others: Any) -> httpx.Response:
    """What the form answers."""
    fields = hidden_fields(client.get("/login"), "/login") | {"name": name, "password": password} | others
    return client.post("/login", data=fields)


def records(door: Door, **equal: Any) -> list[StoredRecord]:
    """What the audit log has of this, newest first, once it has anything."""

    def ask() -> list[StoredRecord]:
        with door.transaction() as cursor:
            return audit_log.newest(cursor, 100, equal=equal)

    wait_until(lambda: bool(ask()))
    return ask()
