"""`wattledger notify`, as somebody types it."""

import json
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from domain.notice.subscription import Severity
from tests.notifying.conftest import SENDER, Office
from tests.support.mail_server import mail_server
from tests.support.receiver import receiving
from wattledger.cli import main
from wattledger.serving import webhook_seal
from wattledger.settings import load_settings

# A password that stands nowhere else.
PASSWORD = "k7VerySecret"


@pytest.fixture
def run(
    notices_dsn: str,
    office: Office,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Any:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", notices_dsn)
    monkeypatch.setenv("WATTLEDGER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("WATTLEDGER_ALLOW_PRIVATE_TARGETS", "true")
    office.seal = webhook_seal(load_settings())

    def ran(*words: str, status: int = 0) -> Any:
        capsys.readouterr()
        found = main(["notify", *words])
        said = capsys.readouterr()
        assert found == status, said.err
        return said

    return ran


def test_a_webhook_is_tried_and_what_it_was_told_is_listed_and_replayed(run: Any, office: Office) -> None:
    with receiving() as receiver:
        target = office.subscribe(receiver.url, name="Ladepark")
        secret = run("secret", target.id).out.strip()
        assert secret.startswith("whsec_")
        said = run("test", target.id)
        assert "was taken: 204" in said.out
        (received,) = receiver.received
        assert Webhook(secret).verify(received.body, dict(received.headers))["type"] == "notify.test"
        office.tell(target, type_="charger.down", severity=Severity.WARNING, data={"evse_uid": "E-1"})
        assert office.send() == 1
        (listed,) = json.loads(run("list", "--operator", "OP-1", "--type", "charger.down", "--json").out)
        assert (listed["status"], listed["answer"], listed["severity"]) == ("DELIVERED", 204, "WARNING")
        assert len(json.loads(run("list", "--json").out)) == 2
        assert json.loads(run("list", "--operator", "OP-2", "--json").out) == []
        assert json.loads(run("list", "--status", "FAILED", "--json").out) == []
        assert json.loads(run("list", "--open", "--json").out) == []
        assert "charger.down" in run("list").out
        assert listed["id"] in run("list", "--csv").out
        assert listed["id"] in run("replay", listed["id"]).out
        office.later(minutes=1)
        assert office.send() == 1
        assert receiver.ids[1:] == [listed["id"]] * 2
        # It is shown once; another one signs beside it for a day.
        assert "is shown once" in run("secret", target.id, status=1).err
        another = json.loads(run("secret", target.id, "--rotate", "--json").out)["secret"]
        assert another != secret
        run("test", target.id)
        last = receiver.received[-1]
        for each in (secret, another):
            Webhook(each).verify(last.body, dict(last.headers))
        said = run("list", "--json")
        assert secret not in said.out + said.err
        receiver.status = 500
        assert "was not taken: 500" in run("test", target.id, status=1).err
        office.later(minutes=1)
        office.subscribe(receiver.url, subscription_id=target.subscription_id, enabled=False)
        assert "is disabled" in run("replay", listed["id"], status=1).err


def test_mail_is_tried_through_the_server_that_is_set(
    run: Any, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = office.subscribe("desk@example.org", language="fr")
    assert "WATTLEDGER_SMTP_URL is not set" in run("test", target.id, status=1).err
    assert office.listed(target) == []
    monkeypatch.setenv("WATTLEDGER_MAIL_FROM", SENDER)
    monkeypatch.setenv("WATTLEDGER_PUBLIC_URL", "https://ledger.example.com")
    with mail_server() as server:
        monkeypatch.setenv("WATTLEDGER_SMTP_URL", f"smtp://{server.host}:{server.port}")
        assert "was taken: 250" in run("test", target.id).out
        (mail,) = server.mails
        assert "Un essai" in str(mail.message["subject"])
        assert "Se désabonner" in mail.text
    said = run("test", target.id, status=1)
    assert "was not taken: no server took it" in said.err
    monkeypatch.setenv("WATTLEDGER_SMTP_URL", f"smtps://user:{PASSWORD}@localhost:{server.port}")
    said = run("test", target.id, status=1)
    assert PASSWORD not in said.err + said.out + run("list", "--json").out
    assert "is told by mail" in run("secret", target.id, status=1).err


def test_what_is_wrong_is_one_line_that_says_what_to_do(
    run: Any, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = office.subscribe("https://hooks.example.org/x?key=k7Key", enabled=False)
    for words, sentence in [
        (["test", "OP-1/none"], "no 'OP-1/none' is known"),
        (["secret", "none"], "no 'none' is known"),
        (["replay", "msg_no"], "no notice 'msg_no' is known"),
        (["list", "--status", "GONE"], "name one of HELD"),
        (["test", off.id], "is disabled (its operator switched it off)"),
    ]:
        said = run(*words, status=1)
        assert sentence in said.err
        assert len(said.err.splitlines()) == 1
        assert said.out == ""
    for url, sentence in [
        (f"smtp://u:{PASSWORD}@mail.example.org", "in clear text"),
        (f"http://u:{PASSWORD}@mail.example.org", "is no address of a mail server"),
        (f"smtps://u:{PASSWORD}@mail.example.org", "WATTLEDGER_MAIL_FROM is not set"),
        (f"smtps://u:{PASSWORD}@mail.example.org:0x", "is no address of a mail server"),
        ("smtps://user@mail.example.org", "without a password"),
    ]:
        monkeypatch.setenv("WATTLEDGER_SMTP_URL", url)
        said = run("list", status=1)
        assert sentence in said.err
        assert PASSWORD not in said.err
        assert len(said.err.splitlines()) == 1
