"""What is noted of requests, and that none of it is lost."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from api.access.audit import Kind, noted_read
from api.access.audit_writer import AuditWriter
from api.parameters import SLASH_WITHIN
from ledger.access import audit_log
from ledger.access.audit_log import Record
from ledger.access.door import Door
from ledger.access.duties import Duty
from ledger.errors import MachineryFault
from tests.access.meeting import PASSWORD, add_person, bearer, make_key, records, sign_in
from tests.support.surface import Client, guarded

ID = "7a3b2c1d-0000-5000-8000-000000000000"


@pytest.mark.parametrize(
    ("path", "query", "kind", "object_"),
    [
        (f"/v1/payouts/{ID}/bank-file", b"", Kind.BANK_FILE, f"bank-file/{ID}"),
        (f"/v1/payouts/{ID}/advice.pdf", b"", Kind.EXPORT, f"advice/{ID}"),
        (f"/events/{ID}", b"", Kind.UNMASKED, f"event/{ID}"),
        (f"/v1/dead-letters/{ID}", b"", Kind.UNMASKED, f"dead-letter/{ID}"),
        (f"/v1/dead-letters/{ID}/record", b"", Kind.UNMASKED, f"dead-letter/{ID}"),
        ("/v1/dead-letters", b"", Kind.UNMASKED, "dead-letter"),
        ("/v1/breaks", b"kind=SHARED_ACCOUNT", Kind.UNMASKED, "breaks"),
        ("/v1/cdrs", b"limit=3", Kind.UNMASKED, "cdr"),
        ("/v1/sessions/S-1", b"", Kind.UNMASKED, "session/S-1"),
        ("/sessions/S-1/timeline", b"", Kind.UNMASKED, "session/S-1"),
        ("/v1/search", b"q=x", Kind.SEARCH, "search"),
        ("/search", b"q=x", Kind.SEARCH, "search"),
        ("/v1/payouts", b"format=csv", Kind.EXPORT, "export/csv"),
        ("/v1/cdrs", b"a=b&format=xlsx", Kind.EXPORT, "export/xlsx"),
        ("/v1/payouts", b"%66orma%74=%63sv", Kind.EXPORT, "export/csv"),
        (f"/v1/sessions/S{SLASH_WITHIN}1", b"", Kind.UNMASKED, "session/S%2F1"),
    ],
)
def test_which_reads_are_noted(path: str, query: bytes, kind: Kind, object_: str) -> None:
    noted = noted_read(path, query)
    assert noted is not None
    assert (noted.kind, noted.object) == (kind, object_)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/payouts", b""),
        ("/v1/payouts/x", b""),
        ("/v1/sessions", b""),
        ("/cash", b"q=format"),
        ("/v1/x", b"format=json"),
    ],
)
def test_which_are_not(path: str, query: bytes) -> None:
    assert noted_read(path, query) is None


def test_a_read_is_stored_before_it_is_answered(client: Client, door: Door) -> None:
    key = make_key(door, Duty.FINANCE)
    headers = bearer(key) | {"X-Request-Id": "asked-1"}
    assert client.get("/v1/dead-letters?code=NOT_TO_BE_NOTED&format=csv", headers=headers).status_code == 200
    with door.transaction() as cursor:
        (found,) = audit_log.newest(cursor, 9, equal={"principal": f"key:{key.split('_')[1]}"})
    assert (found.request_id, found.role, found.method, found.path, found.status, found.object) == (
        *("asked-1", "finance", "GET", "/v1/dead-letters", 200, "export/csv"),
    )
    assert "NOT_TO_BE_NOTED" not in repr(found)


def test_what_has_to_be_noted_is_not_shown_while_that_is_not_possible(
    store_dsn: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(door, Duty.FINANCE)
    with guarded(store_dsn) as (client, gate):
        client.headers.update(bearer(key))
        assert client.get("/v1/dead-letters").status_code == 200
        monkeypatch.setattr(gate.audit, "_door", LockedDoor(store_dsn))
        refused = client.get("/v1/dead-letters")
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/not_noted")
        assert refused.headers["retry-after"]
        assert client.get("/v1/me").status_code == 200
        monkeypatch.undo()
        assert client.get("/v1/dead-letters").status_code == 200


def test_refusals_are_noted_with_whoever_they_are_of(client: Client, door: Door, name: str) -> None:
    client.headers.update({"X-Request-Id": name.replace(" ", "-")})
    id_ = client.headers["X-Request-Id"]
    key = make_key(door, Duty.OPERATOR, "OP-1")
    client.get("/v1/me?token=secret")
    client.get("/v1/audit-log", headers=bearer(key))
    client.get("/v1/operators/OP-OF-ANOTHER", headers=bearer(key))
    assert client.get("/v1/me", headers=bearer(key)).status_code == 200
    wanted = [
        ("/v1/me", 401, None),
        ("/v1/audit-log", 403, "operator"),
        ("/v1/operators/OP-OF-ANOTHER", 404, "operator"),
    ]
    noted = records(door, request_id=id_, path="/v1/operators/OP-OF-ANOTHER") and records(door, request_id=id_)
    assert [(each.path, each.status, each.role) for each in reversed(noted)] == wanted
    assert "secret" not in repr(noted)


def test_a_key_that_somebody_puts_into_an_address_is_not_kept(client: Client, door: Door) -> None:
    key = make_key(door, Duty.FINANCE)
    headers = bearer(key) | {"X-Request-Id": "key-in-path"}
    assert client.get(f"/v1/payouts/{key}", headers=headers).status_code == 404
    (noted,) = records(door, request_id="key-in-path")
    id_, secret = key.split("_")[1:]
    assert noted.path == f"/v1/payouts/wl_{id_}_..."
    assert secret not in repr(noted)


def test_signing_in_and_out_is_noted_and_no_password_is(client: Client, door: Door, name: str) -> None:
    add_person(door, name)
    sign_in(client, name, "a-wrong-password")
    (failed,) = records(door, object=f"user/{name}")
    assert (failed.principal, failed.status, failed.path) == (None, 401, "/login")
    sign_in(client, name)
    (entered,) = records(door, principal=name)
    assert (entered.method, entered.path, entered.status) == ("POST", "/login", 303)
    for text in (PASSWORD, "a-wrong-password", client.cookies["wl"]):
        assert text not in repr([failed, entered])


def test_the_audit_log_is_read_by_auditors_and_administrators_and_as_a_page_and_a_file(
    client: Client, door: Door
) -> None:
    for duty in Duty:
        of = ("OP-1",) if duty is Duty.OPERATOR else ()
        status = 200 if duty in (Duty.AUDITOR, Duty.ADMIN) else 403
        headers = bearer(make_key(door, duty, *of))
        assert client.get("/v1/audit-log", headers=headers).status_code == status
        assert client.get("/audit", headers=headers).status_code == status
    client.headers.update(bearer(make_key(door, Duty.AUDITOR)))
    walked = [each["id"] for each in client.walk("/v1/audit-log", limit=3, method="GET")]
    assert walked == sorted(set(walked), reverse=True)
    assert len(walked) >= 4
    assert {each["status"] for each in client.get("/v1/audit-log?status=403").json()["data"]} == {403}
    assert client.get("/v1/audit-log?at.gt=2999-01-01T00:00:00Z").json()["data"] == []
    assert client.get("/v1/audit-log?principal=a%00b").status_code == 400
    lines = client.get("/v1/audit-log?status=403&format=csv").text.splitlines()
    assert lines[0] == "at,id,request_id,principal,role,method,path,status,object,edited_by"
    assert len(lines) > 4
    assert client.get("/audit?status=403&role=finance").status_code == 200
    assert client.get("/audit?status=x").status_code == 400


class LockedDoor(Door):
    """A door whose database is away for as long as that is said."""

    away = True

    @contextmanager
    def transaction(self) -> Iterator[Cursor[TupleRow]]:
        if self.away:
            raise MachineryFault("the database does not answer")
        with super().transaction() as cursor:
            yield cursor


def record(who: str | None, request: str) -> Record:
    return Record(datetime.now(UTC), request, who, "finance", "GET", "/x", 404)


def test_what_is_noted_while_the_database_is_away_is_stored_once_it_is_back(
    store_dsn: str, door: Door, name: str
) -> None:
    away = LockedDoor(store_dsn)
    writer = AuditWriter(away)
    writer.start()
    writer.note(record(name, "kept"), name)
    read: Future[None] = writer.write(record(name, "not answered"))
    with pytest.raises(MachineryFault):
        read.result(180)
    away.away = False
    assert [each.request_id for each in records(door, principal=name)] == ["kept"]
    writer.note(record(name, "last"), name)
    writer.close()
    assert [each.request_id for each in records(door, principal=name)] == ["last", "kept"]
    with pytest.raises(MachineryFault):
        writer.write(record(name, "too late")).result(180)
    away.close()


def test_what_cannot_be_stored_until_the_end_is_told_in_the_log(
    store_dsn: str, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.access.audit_writer._PAUSE_S", 0.01)
    writer = AuditWriter(LockedDoor(store_dsn))
    writer.start()
    writer.note(record(name, "lost"), name)
    writer.close()
    assert "1 records of the audit log were not stored" in caplog.text


def test_refusals_without_end_are_counted_and_not_listed(store_dsn: str, door: Door, name: str) -> None:
    def mine() -> list[Any]:
        with door.transaction() as cursor:
            return cursor.execute(
                "SELECT count(*) FILTER (WHERE principal = %s), max(object) FILTER (WHERE method = '-') "
                "FROM access.audit_log",
                (name,),
            ).fetchall()

    writer = AuditWriter(door)
    for number in range(2_000):
        writer.note(record(name, str(number)), name)
    writer.start()
    writer.close()
    ((listed, counted),) = mine()
    assert 500 <= listed < 700
    assert counted == f"{2_000 - listed} more answers of 401, 403 and 404"
