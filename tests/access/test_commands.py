"""`wattledger user` and `wattledger apikey`, as somebody types them."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from api.access import passwords
from ledger.access import keys, people
from ledger.access.door import Door
from tests.support.sealed import SEAL_KEY
from wattledger.cli import main


@pytest.fixture
def run(store_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", store_dsn)
    monkeypatch.setenv("WATTLEDGER_SECRET_KEY", SEAL_KEY)

    def ran(*words: str, status: int = 0) -> Any:
        capsys.readouterr()
        found = main(list(words))
        said = capsys.readouterr()
        assert found == status, said.err
        return said

    return ran


@pytest.fixture
def secret(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text("correct horse battery staple\n")
    return str(file)


def test_a_user_is_added_listed_and_disabled(run: Any, door: Door, name: str, secret: str) -> None:
    said = run(
        "user",
        "add",
        name,
        "--role",
        "operator",
        "--operator",
        "OP-2",
        "--operator",
        "OP-1",
        "--password-file",
        secret,
    )
    assert said.out == f"user {name} may sign in as operator of OP-1, OP-2\n"
    listed = {each["name"]: each for each in json.loads(run("user", "list", "--json").out)}
    assert listed[name]["operators"] == ["OP-1", "OP-2"]
    assert listed[name]["disabled_at"] is None
    assert "hash" not in json.dumps(listed)
    with door.transaction() as cursor:
        _, kept = people.password_of(cursor, name) or ("", "")
    assert kept.startswith("$argon2id$")
    assert passwords.verified("correct horse battery staple", kept)
    run("user", "disable", name.lower())
    listed = {each["name"]: each for each in json.loads(run("user", "list", "--json").out)}
    assert listed[name]["disabled_at"] is not None
    run("user", "enable", name)
    assert name in run("user", "list").out


def test_users_is_another_name_that_the_help_leaves_out(run: Any, name: str, secret: str) -> None:
    run("users", "add", name, "--role", "admin", "--password-file", secret)
    assert run("users", "list", "--json").out == run("user", "list", "--json").out
    assert " users " not in run("--help").out


def test_a_password_is_taken_from_standard_input_too(
    run: Any, door: Door, name: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("user", "add", name, "--role", "admin", "--password-file", secret)
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert "is short" in run("user", "password", name, "--password-file", "-").err
    with door.transaction() as cursor:
        _, kept = people.password_of(cursor, name) or ("", "")
    assert passwords.verified("short", kept)


def test_what_is_wrong_is_one_line_that_says_what_to_do(run: Any, name: str, secret: str, tmp_path: Path) -> None:
    run("user", "add", name, "--role", "admin", "--password-file", secret)
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for words, sentence in [
        (["user", "add", name, "--role", "admin", "--password-file", secret], "is there already"),
        (["user", "add", "X", "--role", "boss", "--password-file", secret], "name one of operator, finance"),
        (["user", "add", "X", "--role", "operator", "--password-file", secret], "name each by --operator"),
        (["user", "add", "X", "--role", "admin", "--operator", "OP", "--password-file", secret], "leave --operator"),
        (["user", "add", "X", "--role", "admin", "--password-file", str(empty)], "holds no password"),
        (["user", "add", "X", "--role", "admin", "--password-file", "no/file"], "name a file"),
        (["user", "disable", "Nobody"], "no user 'Nobody' is known"),
        (["apikey", "revoke", "nosuch"], "no key 'nosuch' is known"),
        (["apikey", "create", "--role", "finance", "--name", ""], "name: '' cannot be used"),
        (["apikey", "create", "--role", "finance", "--name", "x", "--for", "key:1"], "for: 'key:1'"),
        (["apikey", "create", "--role", "finance", "--name", "x", "--expires", "2020-01-01"], "is over"),
    ]:
        said = run(*words, status=1)
        assert sentence in said.err
        assert len(said.err.splitlines()) == 1
        assert said.out == ""


def test_a_key_is_made_listed_and_revoked(run: Any, door: Door, name: str, secret: str) -> None:
    run("user", "add", name, "--role", "approver", "--password-file", secret)
    made = json.loads(
        run(
            "apikey",
            "create",
            "--role",
            "approver",
            "--name",
            "phone",
            "--for",
            name,
            "--expires",
            "2999-12-31",
            "--json",
        ).out
    )
    assert {*made} == {"id", "key", "role", "operators"}
    assert made["key"].startswith(f"wl_{made['id']}_")
    (listed,) = [each for each in json.loads(run("apikey", "list", "--json").out) if each["id"] == made["id"]]
    assert (listed["principal"], listed["expires_at"]) == (name, "2999-12-31T23:59:59.999999Z")
    assert made["key"] not in run("apikey", "list").out
    run("apikey", "revoke", made["id"])
    with door.transaction() as cursor:
        assert keys.usable(cursor, made["id"]) is None


def test_no_key_is_made_for_nobody_but_where_an_issuer_vouches_for_people(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = ["apikey", "create", "--role", "finance", "--name", "early", "--for", "Not Yet Here", "--json"]
    assert "for: no user 'Not Yet Here' is known" in run(*create, status=1).err
    monkeypatch.setenv("WATTLEDGER_OIDC_ISSUER", "https://issuer.example")
    monkeypatch.setenv("WATTLEDGER_OIDC_CLIENT_ID", "wattledger")
    said = run(*create)
    assert "no user 'Not Yet Here' is known by now" in said.err
    assert json.loads(said.out)["role"] == "finance"


def test_a_key_of_somebody_may_do_no_more_than_she_may(run: Any, name: str, secret: str) -> None:
    run("user", "add", name, "--role", "finance", "--password-file", secret)
    run("user", "add", f"{name} of OP-1", "--role", "operator", "--operator", "OP-1", "--password-file", secret)
    create = ["apikey", "create", "--name", "phone", "--for"]
    said = run(*create, name, "--role", "approver", status=1).err
    assert f"role: {name} is finance, and a key of hers may do no more; approver does" in said
    run(*create, name.upper(), "--role", "finance")
    of_op_1 = [*create, f"{name} of OP-1", "--role", "operator", "--operator"]
    assert "does not see OP-2" in run(*of_op_1, "OP-2", status=1).err
    run(*of_op_1, "OP-1")
