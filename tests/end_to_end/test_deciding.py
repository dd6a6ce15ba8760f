"""People decide at the command line, each by her key; what they decided, settled anew, gives the same files."""

import asyncio
import os
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from consumers.publisher import Outgoing, publish
from tests.bank.files import pain002
from tests.end_to_end.running import Home, Inside
from tests.intake.test_bank import line
from tests.support.events import lines, operator, partner, session, started, tariff
from tests.support.live import topic_values
from wattledger.embedded import Services, services

QUICK = operator("OP-QUICK", instant_fee={"percent": "1", "fixed": "0.50", "vat_percent": "21"})
NETWORK = [operator(payout_requires_approval=True), tariff(), *session("S-1", "2026-03-02"), partner(), line(), QUICK]
EURO, WHY, HASH = "--amount 1.00 --currency EUR", "--reason late", 64 * "0"
NO_OPERATOR = "no operator 'OP-NOPE' is known"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Inside(tmp_path_factory.mktemp("deciding")).made_ahead()


@pytest.fixture(scope="module", autouse=True)
def running(home: Home) -> Iterator[Services]:
    """Its services, and a payout that waits for somebody."""
    with services(home.settings, home.data_dir) as running:
        path = home.folder / "network.jsonl"
        path.write_bytes(b"\n".join(lines(NETWORK)) + b"\n")
        home.settle(home.folder / "out", path, options=["--until", "2026-03-04T00:00:00Z"])
        yield running


@pytest.fixture(scope="module")
def people(home: Home, running: Services) -> dict[str, Path]:
    """The files of their keys, by name; a program's has none."""
    found, password = {}, home.folder / "password"
    for name, role in (("fred", "finance"), ("anna", "approver"), ("olga", "operator"), ("", "approver")):
        as_role = ["--role", role, *(["--operator", "OP-1"] if role == "operator" else [])]
        words = ["apikey", "create", "--name", f"key of {name or 'a program'}", *as_role]
        if name:
            password.write_text("correct horse battery staple")
            home.run("user", "add", name, *as_role, "--password-file", password)
            words += ["--for", name]
        path = home.folder / f"{name or 'program'}.key"
        path.write_text(home.json(*words)["key"])
        found[name] = path
    return found


def listed(home: Home) -> dict[str, Any]:
    """The only payout."""
    (payout,) = home.json("payouts", "list")
    return dict(payout)


def test_an_adjustment_is_proposed_by_one_and_approved_by_another(home: Home, people: dict[str, Path]) -> None:
    words = ["adjust", "propose", "--operator", "OP-1", "--amount", "5.00", "--currency", "EUR", "--direction"]
    words += ["CREDIT", "--reason-code", "GOODWILL", "--note", "two days out of order", "--id", "A-1"]
    assert home.json(*words, "--key-file", str(people["fred"]))["state"] == "TAKEN"
    said = home.run("adjust", "approve", "A-1", "--key-file", str(people["fred"]), status=1).decode()
    assert "fred is finance and may not" in said
    assert "people decide this" in home.run("adjust", "approve", "A-1", "--key-file", people[""], status=1).decode()
    assert b"adjustment A-1 is approved, by anna" in home.run(
        "adjust", "approve", "A-1", "--key-file", people["anna"]
    )
    said = home.run("adjust", "reject", "A-1", "--reason", "no", "--key-file", people["anna"], status=1).decode()
    assert "adjustment A-1 is APPROVED: nothing is to be decided of it" in said
    # The share of the session that waits, and the adjustment.
    assert [each["balance"] for each in home.json("balance", "2010/OP-1")] == ["-15.89"]
    words = ["write-off", "propose", "--account", "2010/OP-1", "--amount", "1.00", "--currency", "EUR"]
    words += ["--reason-code", "SMALL", "--note", "it is little"]
    said = home.run(*words, "--key-file", people["fred"], status=1).decode()
    assert "1.00 EUR is more than is left on 2010/OP-1, which is -15.89 EUR" in said


def test_a_balance_is_made_up_and_money_that_is_nobodys_allocated(home: Home, people: dict[str, Path]) -> None:
    by_fred: list[str | Path] = [
        "--amount",
        "30.00",
        "--currency",
        "EUR",
        "--reason",
        "agreed",
        "--key-file",
        people["fred"],
    ]
    for verb in ("fund", "collect"):
        words: list[str | Path] = ["negative", verb, "--operator", "OP-1", "--reference", f"{verb}-1", *by_fred]
        assert home.json(*words)["state"] == "TAKEN"
        assert "was told before" in home.run(*words, status=1).decode()
    allocate: list[str | Path] = ["bank", "allocate", "BE-1", "--invoice", "I-1", "--partner", "DE-ABC", *by_fred]
    assert home.json(*allocate)["state"] == "TAKEN"
    (left,) = home.json("findings", "--kind", "RECEIPT_UNALLOCATED")
    assert (left["subject"], left["amount"]["amount"]) == ("BE-1", "-70.00")


def test_nobody_decides_without_a_key_that_may(home: Home, people: dict[str, Path]) -> None:
    hold = ["payouts", "hold", "OP-1", "--reason", "papers are missing"]
    assert "--key-file" in home.run(*hold, status=1).decode()
    assert "olga is operator" in home.run(*hold, "--key-file", people["olga"], status=1).decode()
    wrong = home.folder / "wrong.key"
    wrong.write_text("wl_0123456789abcdef_" + 64 * "0")
    assert "is unknown" in home.run(*hold, "--key-file", wrong, status=1).decode()
    wrong.write_text("hello")
    assert "that is no key" in home.run(*hold, "--key-file", wrong, status=1).decode()


@pytest.mark.parametrize(
    ("who", "words", "sentence"),
    [
        ("anna", f"payouts approve nope --hash {HASH}", "no payout 'nope' is known"),
        ("anna", f"payouts reject nope --hash {HASH} {WHY}", "no payout 'nope' is known"),
        ("fred", f"payouts retry nope {WHY}", "no payout 'nope' is known"),
        ("fred", f"payouts hold OP-NOPE {WHY}", NO_OPERATOR),
        ("fred", f"payouts release OP-NOPE {WHY}", NO_OPERATOR),
        ("fred", "payouts instant OP-NOPE --currency EUR", NO_OPERATOR),
        ("fred", "payouts instant OP-1 --currency EUR", "the terms of OP-1 have no instant payouts"),
        ("fred", "payouts instant OP-QUICK --currency SEK", "OP-QUICK is paid at once in EUR, and in no other"),
        (
            "fred",
            f"adjust propose --operator OP-NOPE --direction CREDIT --reason-code X --note Y {EURO}",
            NO_OPERATOR,
        ),
        ("anna", "adjust approve nope", "no adjustment 'nope' is known"),
        ("anna", "write-off approve nope", "no write-off 'nope' is known"),
        ("anna", f"write-off reject nope {WHY}", "no write-off 'nope' is known"),
        ("fred", f"reserve hold --operator OP-NOPE {EURO} {WHY}", NO_OPERATOR),
        ("fred", f"reserve hold --operator OP-1 {EURO} {WHY} --until 2020-01-01", "is over: name a time to come"),
        ("fred", f"negative fund --operator OP-NOPE --reference R {EURO} {WHY}", NO_OPERATOR),
        ("fred", "account propose --operator OP-NOPE --holder H --iban NL91ABNA0417164300", NO_OPERATOR),
        ("fred", f"bank allocate nope --invoice I --partner DE-ABC {EURO} {WHY}", "no unallocated line of the bank"),
        ("fred", f"bank allocate BE-1 --invoice I --partner DE-NOP {EURO} {WHY}", "no partner 'DE-NOP'"),
    ],
)
def test_nothing_is_decided_of_what_is_not_there(
    home: Home, people: dict[str, Path], running: Services, who: str, words: str, sentence: str
) -> None:
    before = len(_decisions(running.kafka_options))
    said = home.run(*words.split(), "--key-file", people[who], status=1).decode()
    assert sentence in said
    assert "nothing is decided" in said
    assert len(_decisions(running.kafka_options)) == before


def test_what_is_published_and_waits_to_be_taken_in_can_be_decided_about(
    home: Home, people: dict[str, Path], running: Services
) -> None:
    told = [Outgoing.of_event(operator("OP-NEW"))]
    asyncio.run(publish(running.kafka_options, told))
    hold = f"payouts hold OP-NEW {WHY} --key-file".split()
    assert home.json(*hold, people["fred"])["state"] == "TAKEN"


def test_a_payout_that_waits_goes_out_once_somebody_approves_what_she_saw(
    home: Home, people: dict[str, Path], tmp_path: Path, running: Services
) -> None:
    payout = home.json("payouts", "show", listed(home)["payout_id"])
    approve = ["payouts", "approve", payout["payout_id"], "--key-file", people["anna"], "--hash"]
    assert "has another content" in home.run(*approve, 64 * "0", status=1).decode()
    retry = ["payouts", "retry", payout["payout_id"], *WHY.split(), "--key-file", people["fred"]]
    assert "is AWAITING_APPROVAL: only one that failed" in home.run(*retry, status=1).decode()
    assert listed(home)["status"] == "AWAITING_APPROVAL"
    once = [*approve, payout["content_hash"], "--once", "the first"]
    first = home.json(*once)
    assert first["state"] == "TAKEN"
    assert home.json(*once)["decision_id"] == first["decision_id"]
    assert listed(home)["status"] == "IN_TRANSIT"
    home.run("export", home.folder / "exported")
    assert list((home.folder / "exported/batches").glob("*.xml"))
    _same_on_a_fresh_store(home, tmp_path, running)


def test_a_file_that_the_bank_never_carried_out_is_found_and_set_right_at_once(
    home: Home, people: dict[str, Path]
) -> None:
    """Refused as a duplicate (DU01), the file says nothing of its payouts; somebody asks the bank, and says it."""
    home.run("export", home.folder / "exported")
    (file,) = (home.folder / "exported/batches").glob("*.xml")
    id_ = file.stem[-36:].replace("-", "")
    why = "<GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Cd>DU01</Cd></Rsn></StsRsnInf>"
    answer = home.folder / "duplicate.xml"
    answer.write_text(pain002(group=why).replace("M-0", id_))
    assert home.json("bank", "import", answer)["files"][0]["notices"] == 1
    (finding,) = home.json("findings", "--kind", "BANK_ORDER_DUPLICATE")
    assert finding["subject"] == id_
    assert "wattledger bank failed" in finding["cure"]
    payout_id = listed(home)["payout_id"]
    for name in (id_, file.name):
        found = home.json("bank", "failed", name, "--dry-run")
        assert [(each["payout_id"], each["status"]) for each in found["payouts"]] == [(payout_id, "IN_TRANSIT")]
    tell = ["bank", "failed", id_, "--key-file"]
    assert "fred is finance and may not" in home.run(*tell, people["fred"], status=1).decode()
    assert "people decide this" in home.run(*tell, people[""], status=1).decode()
    assert home.json(*tell, people["anna"])["failed"] == [payout_id]
    assert listed(home)["status"] == "FAILED"
    assert home.json(*tell, people["anna"])["failed"] == []
    assert "no bank file or block" in home.run("bank", "failed", "X", "--dry-run", status=1).decode()
    assert home.json("verify")["passed"] is True


def test_a_refused_record_is_mended_with_a_reason_and_kept_as_it_was_refused(
    home: Home, people: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = started("S-mended") | {"id": "mended"}
    wrong = right | {"data": right["data"] | {"started_at": "yesterday"}}
    path = home.folder / "wrong.jsonl"
    path.write_bytes(orjson.dumps(wrong) + b"\n")
    assert b"deadletter list tells why" in home.run("settle", path, "--out", home.folder / "refused", status=1)
    refused = home.json("deadletter", "list")
    (letter,) = (each for each in refused if each["event_id"] == "mended")
    replay: list[str | Path] = ["deadletter", "replay", letter["id"]]
    assert b"--reason" in home.run(*replay, "--value", path, status=1)
    assert b"no other" in home.run("deadletter", "replay", "--code", "X", "--value", path, "--reason", "x", status=1)
    why = ["--reason", "the clock was wrong"]
    said = home.run(*replay, "--value", path, *why, status=1)
    assert b"would be refused, too" in said
    assert b"started_at" in said
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(orjson.dumps(right))))
    by_fred: list[str | Path] = ["--key-file", people["fred"]]
    assert b"may not" in home.run(*replay, *why, "--key-file", people["anna"], status=1)
    assert home.json("deadletter", "list") == refused
    assert home.json(*replay, "--value", "-", *why, *by_fred) == {"replayed": 1}
    assert letter["id"] not in [each["id"] for each in home.json("deadletter", "list")]
    # The record lies in Kafka and is taken in first; the file holds nothing new.
    home.run("settle", home.folder / "network.jsonl", "--out", home.folder / "mended")
    (session,) = (each for each in home.json("sessions", "list") if each["session_id"] == "S-mended")
    assert session["operator_id"] == "OP-1"
    assert orjson.loads(home.json("deadletter", "show", letter["id"])["value"]) == wrong
    dsn = home.dsn()
    assert dsn is not None
    with psycopg.connect(dsn) as connection:
        kept = connection.execute("SELECT principal, reason, record_value FROM access.action WHERE status = 202")
        assert kept.fetchall() == [("fred", "the clock was wrong", orjson.dumps(right))]
        noted = connection.execute("SELECT principal, method, path, edited_by FROM access.audit_log")
        assert noted.fetchall() == [("fred", "COMMAND", "deadletter replay", "fred")]


def _same_on_a_fresh_store(home: Home, folder: Path, running: Services) -> None:
    """All messages of the topic as a file, settled with the public keys elsewhere."""
    recorded = folder / "recorded.jsonl"
    recorded.write_bytes(b"\n".join([*lines(NETWORK), *_decisions(running.kafka_options)]) + b"\n")
    fresh = Inside(folder / "fresh", DECISION_KEYS=str(home.data_dir / "decision-keys" / "public.jwks"))
    fresh.run("settle", recorded, "--out", folder / "again", "--until", "2026-03-04T00:00:00Z")
    same = ("sessions.jsonl", "payouts.jsonl", "balances.json", "trial_balance.json", "journal.jsonl")
    for name in same:
        same_bytes = [(each / name).read_bytes() for each in (folder / "again", home.folder / "exported")]
        assert same_bytes[0] == same_bytes[1], name
    assert os.listdir(folder / "again/batches") == os.listdir(home.folder / "exported/batches")


def _decisions(options: dict[str, Any]) -> list[bytes]:
    return [orjson.dumps(orjson.loads(each)) for each in topic_values(options, "decisions")]
