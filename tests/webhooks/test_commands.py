"""`wattledger webhooks`, as somebody types it."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.access import webhooks
from tests.support.receiver import receiving
from tests.webhooks.conftest import PAID, Post
from wattledger.cli import main
from wattledger.serving import webhook_seal
from wattledger.settings import load_settings


@pytest.fixture
def run(
    webhooks_dsn: str, post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", webhooks_dsn)
    monkeypatch.setenv("WATTLEDGER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("WATTLEDGER_ALLOW_PRIVATE_TARGETS", "true")
    post.seal = webhook_seal(load_settings())

    def ran(*words: str, status: int = 0) -> Any:
        capsys.readouterr()
        found = main(["webhooks", *words])
        said = capsys.readouterr()
        assert found == status, said.err
        return said

    return ran


def test_an_endpoint_is_added_listed_sent_to_rotated_and_removed(run: Any, post: Post) -> None:
    with receiving() as receiver:
        made = json.loads(run("add", receiver.url, "--type", PAID, "--type", "cdr.issued", "--json").out)
        post.secrets[made["id"]] = made["secret"]
        assert (made["types"], made["state"], made["created_by"]) == ([PAID, "cdr.issued"], "ENABLED", "command line")
        (listed,) = json.loads(run("list", "--json").out)
        assert listed["id"] == made["id"]
        assert "secret" not in listed
        assert PAID in run("list").out
        post.tell(2)
        assert post.send() == 2
        assert post.verified(receiver.received[0], made["id"])["type"] == PAID
        sent = json.loads(run("deliveries", made["id"], "--json").out)
        assert [(each["status"], each["attempts"], each["answer"]) for each in sent] == [("DELIVERED", 1, 204)] * 2
        assert json.loads(run("deliveries", made["id"], "--status", "FAILED", "--json").out) == []
        assert run("resend", sent[0]["id"]).out == f"{PAID} {sent[0]['id']} is sent again\n"
        post.later(seconds=30)
        assert post.send() == 1
        assert receiver.ids[2] in receiver.ids[:2]
        said = run("rotate", made["id"])
        assert said.out.startswith("whsec_")
        assert said.out.strip() != made["secret"]
        with post.door.transaction() as cursor:
            webhooks.disable(cursor, made["id"], "it answered 410 Gone")
        assert "410 Gone" in run("list", "--csv").out
        run("enable", made["id"])
        assert post.endpoint(made["id"]).is_enabled
        run("remove", made["id"])
    assert json.loads(run("list", "--json").out) == []


def test_what_is_wrong_is_one_line_that_says_what_to_do(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLEDGER_ALLOW_PRIVATE_TARGETS", "false")
    for words, sentence in [
        (["add", "http://example.com/", "--type", PAID], "is not https"),
        (["add", "https://127.0.0.1/", "--type", PAID], "is not a public address"),
        (["add", "https://localhost/", "--type", PAID], "is not a public address"),
        (["add", "https://8.8.8.8/", "--type", "payout.gone"], "name some of payout.created"),
        (["remove", "nosuch"], "no endpoint 'nosuch' is known"),
        (["rotate", "nosuch"], "no endpoint 'nosuch' is known"),
        (["deliveries", "nosuch"], "no endpoint 'nosuch' is known"),
        (["resend", "msg_no"], "no delivery 'msg_no' is known"),
    ]:
        said = run(*words, status=1)
        assert sentence in said.err
        assert len(said.err.splitlines()) == 1
        assert said.out == ""
    monkeypatch.setenv("WATTLEDGER_WEBHOOK_KEY", "short")
    said = run("add", "https://8.8.8.8/", "--type", PAID, status=1)
    assert said.err.startswith(
        "wattledger: WATTLEDGER_WEBHOOK_KEY is no key: it has 32 bytes in base64; make one by "
    )
    assert len(said.err.splitlines()) == 1
