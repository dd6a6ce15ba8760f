"""Notices by mail, to a real server: text, one Message-ID, in the reader's language, nothing lost or forged."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.outward.letters import Letter, NoMailbox, mailbox, plain, written
from api.outward.phrases import PHRASES, language_of, phrase
from domain.notice.kinds import NoticeType
from domain.notice.subscription import Severity
from tests.notifying.conftest import PUBLIC_URL, Office
from tests.support.certificates import certificate
from tests.support.examples import examples
from tests.support.mail_server import mail_server

HOSTILE = (
    "Bcc: all@example.org",
    "x\r\nBcc: all@example.org\r\n\r\nGive me your password",
    "<script>alert(1)</script>",
    "name\u202egpj.exe",
    ".\r\nQUIT",
    "=?utf-8?q?=0ABcc=3A_x?=",
    "{operator}{0}%s",
    "\x1b[31m\u2028end",
)
AT = datetime(2026, 3, 22, 9, 30, tzinfo=UTC)


def test_a_mail_has_what_mailboxes_want_of_one_that_a_machine_sends(office: Office) -> None:
    with mail_server() as server:
        target = office.subscribe("Desk <desk@example.org>", name="Ladepark Süd", country="DE")
        office.now = AT
        data = {"payout_id": "P-7", "amount": "1234.50", "currency": "EUR", "due_on": "2026-03-23"}
        (id_,) = office.tell(target, type_="payout.failed", severity=Severity.CRITICAL, data=data)
        assert office.mail(server) == 1
        assert office.mail(server) == 0
    (mail,) = server.mails
    assert (mail.sender, mail.recipient) == ("notices@ledger.example.com", "desk@example.org")
    message = mail.message
    assert message["from"] == "WattLedger <notices@ledger.example.com>"
    assert message["to"] == "Desk <desk@example.org>"
    assert message["subject"] == "Eine Auszahlung ist fehlgeschlagen · P-7 · Ladepark Süd"
    assert message["auto-submitted"] == "auto-generated"
    assert message["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(rf"<{PUBLIC_URL}/unsubscribe\?token=[\w.-]+>", message["list-unsubscribe"])
    assert message["content-language"] == "de"
    assert message.get_content_type() == "text/plain"
    assert mail.id.replace("-", "") == id_.removeprefix("msg_")
    assert "Betrag: 1.234,50 EUR" in mail.text
    assert "Fällig am: 23. März 2026" in mail.text
    assert "Wann: 22. März 2026 10:30 (Europe/Berlin)" in mail.text
    assert "Dringlichkeit: Kritisch" in mail.text
    assert f"{PUBLIC_URL}/payouts/P-7" in mail.text
    assert message["list-unsubscribe"].strip("<>") in mail.text
    sent = office.one(target)
    assert (sent.status, sent.attempts, sent.answer) == ("DELIVERED", 1, 250)


def test_a_server_that_is_away_is_waited_for_and_no_attempt_is_counted(office: Office) -> None:
    with mail_server() as server:
        pass  # It has a port, at which nobody listens now.
    target = office.subscribe("desk@example.org")
    office.tell(target)
    sender = office.by_mail(server)
    for _ in range(20):
        assert office.send(sender) == 0
        office.later(minutes=10)
        sender = office.by_mail(server)
    waits = office.one(target)
    assert (waits.status, waits.attempts) == ("PENDING", 0)
    assert office.target(target).failing_since is None
    with mail_server(server.port, server=server) as back:
        assert office.mail(back) == 1


def test_while_the_server_is_away_it_is_asked_by_few(office: Office) -> None:
    with mail_server() as server:
        pass
    targets = [office.subscribe(f"desk-{number}@example.org") for number in range(20)]
    office.tell(*targets)
    assert office.mail(server) == 0
    due = [office.one(each).next_at for each in targets]
    assert all(each is not None for each in due)
    assert sum(each is not None and each > office.now for each in due) <= 8
    with mail_server(server.port, server=server) as back:
        office.later(minutes=1)
        assert office.mail(back) == 20
    assert len(set(back.ids)) == 20


def test_a_host_in_other_letters_is_handed_in_as_names_of_hosts_are(office: Office) -> None:
    with mail_server() as server:
        office.tell(office.subscribe("Schalter <desk@münchen.example>"), office.subscribe("other@example.org"))
        assert office.mail(server) == 2
    assert {each.recipient for each in server.mails} == {"desk@xn--mnchen-3ya.example", "other@example.org"}


def test_what_is_refused_for_now_is_tried_again_by_the_schedule(office: Office) -> None:
    with mail_server() as server:
        target = office.subscribe("desk@example.org")
        server.recipients["desk@example.org"] = "450 4.2.1 The mailbox is busy"
        office.tell(target)
        office.mail(server)
        tried = office.one(target)
        assert (tried.status, tried.attempts, tried.answer) == ("PENDING", 1, 450)
        assert "The mailbox is busy" in str(tried.error)
        assert tried.next_at is not None
        assert timedelta(seconds=4) <= tried.next_at - office.now <= timedelta(seconds=6)
        server.recipients.clear()
        office.later(seconds=30)
        assert office.mail(server) == 1
    assert len(server.mails) == 1


def test_an_address_that_is_refused_for_good_is_disabled_and_others_are_told(office: Office) -> None:
    with mail_server() as server:
        gone = office.subscribe("gone@example.org")
        other = office.subscribe("other@example.org", events=["charger.*"])
        server.recipients["gone@example.org"] = "550 5.1.1 No such user"
        office.tell(gone)
        office.mail(server)
        assert office.one(gone).status == "FAILED"
        disabled = office.target(gone)
        assert disabled.state == "DISABLED"
        assert "No such user" in str(disabled.reason)
        office.mail(server)
    assert [each.recipient for each in server.mails] == ["other@example.org"]
    assert office.one(other).type == "delivery.disabled"


def test_a_mail_that_is_refused_for_good_is_given_up_alone(office: Office) -> None:
    with mail_server() as server:
        target = office.subscribe("desk@example.org")
        server.content = "554 5.6.0 This looks like spam"
        office.tell(target)
        office.mail(server)
        server.content = "250 OK"
        office.tell(target)
        office.later(minutes=1)
        assert office.mail(server) == 1
    assert sorted(each.status for each in office.listed(target)) == ["DELIVERED", "FAILED"]
    assert office.target(target).is_enabled


def test_one_at_which_the_server_breaks_off_delays_no_other(office: Office) -> None:
    with mail_server() as server:
        poison, fine = office.subscribe("poison@example.org"), office.subscribe("fine@example.org")
        server.breaks_off.add("poison@example.org")
        office.tell(poison, fine)
        assert office.mail(server) == 1
    assert [each.recipient for each in server.mails] == ["fine@example.org"]
    tried = office.one(poison)
    assert (tried.status, tried.attempts) == ("PENDING", 1)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_the_login_is_used_and_a_wrong_one_tells_no_password(office: Office) -> None:
    with mail_server(login=("sender", "s3kret pass")) as server:
        target = office.subscribe("desk@example.org")
        office.tell(target)
        assert office.mail(server, user="sender", password="another s3kret") == 0
        assert office.one(target).attempts == 0
        office.later(minutes=1)
        sender = office.by_mail(server, user="sender", password="s3kret pass")
        assert office.send(sender) == 1
    assert "s3kret" not in repr(office.post(server, user="sender", password="s3kret pass"))
    assert "s3kret" not in str(office.listed(target))


def test_a_server_that_has_no_tls_gets_nothing_where_tls_is_asked_for(office: Office) -> None:
    with mail_server() as server:
        target = office.subscribe("desk@example.org")
        office.tell(target)
        for scheme in ("starttls", "smtps"):
            assert office.mail(server, scheme=scheme) == 0
            office.later(minutes=10)
        assert server.mails == []
    assert office.one(target).attempts == 0


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_are_text(office: Office, hostile: str) -> None:
    with mail_server() as server:
        target = office.subscribe("desk@example.org", name=hostile, language="en")
        office.tell(target, data={"location_id": hostile, "reason": hostile, "note": [hostile, hostile]})
        assert office.mail(server) == 1
    (mail,) = server.mails
    assert mail.recipient == "desk@example.org"
    names = [name.lower() for name in mail.message]
    assert sorted(names) == sorted(set(names)), "no header twice"
    assert "bcc" not in names
    assert not mail.message.is_multipart()
    assert mail.text.count("\n-- \n") == 1
    for line in mail.text.splitlines():
        assert not re.match(r"(bcc:|give me|quit|\.$)", line, re.IGNORECASE)
        assert "\u202e" not in line


@settings(max_examples=examples(60))
@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(sorted(PHRASES)))
def test_whatever_a_name_is_the_mail_has_its_headers_and_one_body(name: str, subject: str, language: str) -> None:
    letter = Letter("id", "desk@example.org", f"{subject} {name}", plain(name), language, f"{PUBLIC_URL}/x")
    read = message_from_bytes(written(letter, mailbox("a@example.org"), AT), policy=SMTP)
    assert [each.lower() for each in read] == [
        *("list-unsubscribe", "from", "to", "subject", "date", "message-id", "auto-submitted"),
        *("list-unsubscribe-post", "content-type", "content-transfer-encoding", "mime-version", "content-language"),
    ]
    assert str(read.get_content()).replace("\r\n", "\n") == f"{plain(name)}\n"


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "@b", "a@", "a@b,c@d", "a b@c", "a@b\r\nBcc: c@d", "a@b\x00", '"a b"@c', "a@[10.0.0.1]", "a@b..c"),
        *("a;b@c", "a@b>", "<a@b", "a@b <c"),
    ],
)
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(NoMailbox):
        mailbox(text)


def test_all_languages_have_all_phrases_with_the_same_parts() -> None:
    def parts(phrases: Mapping[str, str]) -> dict[str, list[str]]:
        return {name: sorted(re.findall(r"\{\w+\}", text)) for name, text in phrases.items()}

    assert set(PHRASES) == {"en", "de", "fr", "nl"}
    assert {f"type:{each}" for each in NoticeType} <= PHRASES["en"].keys()
    for language, phrases in PHRASES.items():
        assert parts(phrases) == parts(PHRASES["en"]), language


def test_the_language_is_the_subscription_s_else_the_country_s_else_english(office: Office) -> None:
    asked = [("nl", "DE"), (None, "DE"), (None, "FR"), (None, "BE"), (None, None)]
    assert [language_of(*each) for each in asked] == ["nl", "de", "fr", "en", "en"]
    with mail_server() as server:
        for number, language in enumerate(PHRASES):
            target = office.subscribe(f"{language}@example.org", f"OP-{number}", language=language)
            office.tell(target, type_="charger.down", data={"evse_uid": "E-1"}, is_end=True)
        assert office.mail(server) == 4
    for language in PHRASES:
        (mail,) = server.to(f"{language}@example.org")
        over = phrase(language, "resolved", what=phrase(language, "type:charger.down"))
        assert mail.message["subject"] == f"{over} · E-1 · OP-{list(PHRASES).index(language)}"


def test_a_digest_says_what_happened_by_cause_and_what_the_day_brought(office: Office) -> None:
    items = [{"subject": "E-1", "sentence": "EVSE E-1 is down", "at": "2026-03-22T08:00:00Z", "resolved": False}]
    report = {
        "came_in": [{"currency": "EUR", "earned": "1234.50", "paid": "7.00"}],
        "goes_out": {"payouts": [{"amount": {"amount": "99.10", "currency": "EUR"}, "why": "RELEASED"}]},
        "evses_down": {"count": 1, "evses": [{"evse_uid": "E-1", "location_id": "L-1"}]},
    }
    causes = [{"type": "charger.down", "count": 3, "ended": 2, "items": items, "more": 0}]
    data = {"digest": "DAILY", "notices": 3, "causes": causes, "report": report}
    with mail_server() as server:
        office.tell(office.subscribe("desk@example.org", name="Ladepark", country="DE"), type_="digest", data=data)
        assert office.mail(server) == 1
    (mail,) = server.mails
    assert mail.message["subject"] == "Was geschehen ist: 3 Benachrichtigungen · Ladepark"
    lines = {line.strip() for line in mail.text.splitlines()}
    assert {
        "Was eingegangen ist:",
        "- Betrag: 99,10 EUR, Warum: RELEASED",
        "- Ladepunkt: E-1, Standort: L-1",
    } <= lines
    (cause,) = (line for line in lines if line.startswith("- Was: Ein Ladepunkt ist außer Betrieb"))
    assert {"Wie oft: 3", "Davon vorbei: 2"} <= set(cause.split(", "))
    (item,) = (line for line in lines if "In Worten: EVSE E-1 is down" in line)
    assert "Wann: 22. März 2026 09:00" in item
    (came_in,) = (line for line in lines if "Verdient: 1.234,50 EUR" in line)
    assert "Ausgezahlt: 7,00 EUR" in came_in


def test_what_has_no_phrase_is_shown_by_its_own_name(office: Office) -> None:
    deep = {"a": {"b": {"c": {"d": {"e": 1}}}}}
    data = {"strange_field": "x", "rows": [{"count": 3, "evse_uid": "E"}], "within": deep}
    with mail_server() as server:
        office.tell(office.subscribe("desk@example.org", name="Operator"), type_="some.thing", data=data)
        assert office.mail(server) == 1
    (mail,) = server.mails
    assert mail.message["subject"] == "some.thing · Operator"
    assert "strange_field: x" in mail.text
    assert "- Charger: E, How often: 3" in mail.text
    assert "…" in mail.text


@pytest.mark.parametrize("scheme", ["starttls", "smtps"])
def test_over_tls_the_certificate_has_to_be_of_the_server_s_name(office: Office, tmp_path: Path, scheme: str) -> None:
    ours, believes = certificate("localhost", tmp_path)
    tls, starttls = (ours, None) if scheme == "smtps" else (None, ours)
    with mail_server(tls=tls, starttls=starttls) as server:
        server.host = "localhost"
        target = office.subscribe("desk@example.org")
        office.tell(target)
        assert office.mail(server, scheme=scheme) == 0, "nobody believes this certificate"
        assert office.one(target).attempts == 0
        office.later(minutes=1)
        assert office.mail(server, scheme=scheme, trusted=believes) == 1
