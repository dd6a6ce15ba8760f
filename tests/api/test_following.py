"""Entries, events, sessions, CDRs and search over HTTP: what the files of export say, and each opens the next."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from ledger.events.store import event_id
from tests.support.surface import Client


@pytest.fixture(scope="module")
def folder(told_folder: Path, told_dsn: str) -> Path:
    assert told_dsn
    return told_folder


@pytest.fixture(scope="module")
def dsn(told_dsn: str) -> str:
    return told_dsn


@pytest.fixture(scope="module")
def client(told: Client) -> Client:
    return told


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """The documents of a file, numbers as the texts that they are written in."""
    text = (folder / name).read_text(encoding="utf-8")
    return [json.loads(line, parse_float=str, parse_int=str) for line in text.splitlines()]


def exact(client: Client, path: str, **parameters: Any) -> Any:
    """A document with numbers as the texts that they are written in."""
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=str, parse_int=str)


def walk(client: Client, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = exact(client, path, **parameters, **cursor)
        yield from page["data"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def operators(folder: Path) -> list[str]:
    return sorted({line["operator_id"] for line in lines(folder, "sessions.jsonl") if line["operator_id"]})


def test_entries_are_those_of_the_journal_newest_first(client: Client, folder: Path) -> None:
    journal = lines(folder, "journal.jsonl")
    listed = [*walk(client, "/v1/entries", limit=200)]
    more = {"recorded_at", "period", "reversed_by", "cause"}
    assert [{name: told for name, told in each.items() if name not in more} for each in reversed(listed)] == journal
    assert all(more <= each.keys() for each in listed)
    one = exact(client, f"/v1/entries/{listed[0]['entry_id'].upper()}")
    assert {name: told for name, told in one.items() if name != "as_of"} == listed[0]


def test_sessions_and_cdrs_are_those_of_the_files(client: Client, folder: Path) -> None:
    assert [*walk(client, "/v1/sessions", limit=17)] == lines(folder, "sessions.jsonl")
    cdrs = lines(folder, "cdrs.jsonl")
    listed = [*walk(client, "/v1/cdrs", limit=17)]
    assert sorted(listed, key=str) == sorted(cdrs, key=str)
    assert [each["last_updated"] for each in listed] == sorted((c["last_updated"] for c in cdrs), reverse=True)
    for cdr in cdrs[:3]:
        found = exact(client, f"/v1/cdrs/{cdr['id']}")
        assert found.pop("as_of")
        assert found == cdr
        assert list(found) == list(cdr)
    newer = exact(client, f"/v1/cdrs/{cdrs[0]['id']}", version="2.3.0")
    assert newer["total_cost"].keys() >= {"before_taxes"}
    assert exact(client, "/v1/cdrs", version="2.3.0", limit=3)["data"]


def test_a_session_is_the_document_of_the_command(
    client: Client, dsn: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from wattledger.cli import main

    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", dsn)
    monkeypatch.setenv("WATTLEDGER_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    for line in lines(folder, "sessions.jsonl")[:4]:
        assert main(["session", line["session_id"], "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        found = client.document(f"/v1/sessions/{line['session_id']}")
        assert {name: found[name] for name in document} == document
        assert found["state"] == line["state"]


def test_an_entry_leads_to_its_event_its_message_and_what_the_message_said(client: Client) -> None:
    seen = 0
    for entry in client.document("/v1/entries", limit=60)["data"]:
        event = client.document(f"/v1/events/{entry['cause']}")
        assert entry["entry_id"] in event["entry_ids"]
        assert event["event_id"] == entry["cause"]
        if (message := event["message"]) and message["event_id"]:
            told = client.document(f"/v1/events/{message['event_id']}")
            assert (told["body"]["source"], told["body"]["id"]) == (message["source"], message["id"])
            assert told["message"]["id"] == message["id"]
            seen += 1
            if message["is_whole"]:
                assert told["body"]["data"] == message["data"]
                assert event["event_id"] in {each["event_id"] for each in told["decisions"]}
    assert seen
    expanded = client.document(f"/v1/entries/{entry['entry_id']}", expand="entry.cause")
    assert expanded["cause"] == {name: told for name, told in event.items() if name != "as_of"}
    assert client.document(f"/v1/entries/{entry['entry_id']}", 400, expand="nothing")["errors"]


def test_a_timeline_goes_from_the_register_to_the_bank(client: Client, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        paid = connection.execute(
            "SELECT line.payout_id, min(session_id) FROM book.entry JOIN intake.line USING (entry_id) "
            "WHERE line.payout_id IS NOT NULL AND session_id IN (SELECT session_id FROM projection.cdrs) "
            "GROUP BY line.payout_id"
        ).fetchall()
    answered = [client.document("/v1/search", q=f"REF-{number}")["data"] for number in range(1, 9)]
    payouts = {each["href"].rpartition("/")[2] for hits in answered for each in hits}
    session_id = next(session_id for payout_id, session_id in paid if payout_id in payouts)
    document = client.document(f"/v1/sessions/{quote(session_id, safe='')}/timeline")
    moments = document["data"]
    times = [each["at"] for each in moments]
    assert [*map(plain, times)] == sorted(map(plain, times))
    assert {each["kind"] for each in moments} == {"message", "decision", "entry", "cdr", "payout"}
    types = [each["type"] for each in moments]
    register = types.index("charging.session.started")
    assert register < types.index("charging.session.ended") < types.index("payout.paid")
    assert types.index("J35") < types.index("J36")
    assert any(
        each["type"] == "payout.paid" and str(each["data"].get("bank_reference")).startswith("REF-")
        for each in moments
    )
    assert all(each["recorded_at"] for each in moments)
    for kind in ("message", "entry", "cdr", "payout"):
        each = next(each for each in moments if each["kind"] == kind)
        if kind != "payout":
            assert client.get(f"/v1{each['href']}").status_code == 200
    parts = [*client.walk(f"/v1/sessions/{session_id}/timeline", limit=3)]
    assert parts == moments
    end = moments[len(moments) // 2]["at"]
    early = client.document(f"/v1/sessions/{session_id}/timeline", effective_at=end)["data"]
    assert early == [each for each in moments if plain(each["at"]) <= plain(end)]


def test_no_event_shows_a_bank_account_whole(client: Client, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT operator_id, bank_account ->> 'iban', payout_id FROM projection.payouts")
        operator, iban, payout_id = next(row for row in rows.fetchall() if row[1] and len(row[1]) > 14)
        registered = connection.execute(
            "SELECT id FROM intake.catalogue WHERE type = 'operator.registered' LIMIT 1"
        ).fetchone()
        created = connection.execute(
            "SELECT originator_id, originator_version FROM event_store.stored_events "
            "WHERE topic = 'PayoutCreated' AND convert_from(state, 'UTF8')::jsonb ->> 'payout_id' = %s",
            (payout_id,),
        ).fetchone()
    assert registered is not None
    assert created is not None
    hits = client.document("/v1/search", q=registered[0])["data"]
    message = next(each["href"] for each in hits if each["kind"] == "message")
    assert client.document(message)["body"]["data"]["bank_account"].keys() == {"holder", "account"}
    for asker in (client, client.as_(f"operator:{operator}")):
        answer = asker.get(f"/v1/events/{event_id(*created)}")
        assert answer.status_code == 200
        assert iban not in answer.text
        account = answer.json()["body"]["bank_account"]["account"]
        assert account == f"{iban[:2]}** **** **** ..{iban[-2:]}"


def plain(moment: str) -> str:
    return moment.removesuffix("Z") + ("" if "." in moment else ".000000")


def test_there_is_no_proof_of_an_entry_yet(client: Client) -> None:
    entry = client.document("/v1/entries", limit=1)["data"][0]
    told = client.document(f"/v1/entries/{entry['entry_id']}/proof", 404)
    assert told["type"] == "/problems/proofs_unavailable"
    unknown = client.document("/v1/entries/00000000-0000-5000-8000-000000000000/proof", 404)
    assert unknown["type"] == "/problems/not_found"


def test_each_list_gives_what_its_filters_ask_for(client: Client, folder: Path) -> None:
    journal = [*client.walk("/v1/entries", limit=200)]
    operator = operators(folder)[0]
    middle = journal[len(journal) // 2]["effective_at"]
    account = f"2010/{operator}"
    assert [*client.walk("/v1/entries", account=account, limit=3)] == [
        each for each in journal if account in {line["account"] for line in each["postings"]}
    ]
    since = {"effective_at.gte": middle}
    assert [*client.walk("/v1/entries", limit=200, **since)] == [
        each for each in journal if plain(each["effective_at"]) >= plain(middle)
    ]
    assert [*client.walk("/v1/entries", limit=200, effective_at=middle)] == [
        each for each in journal if plain(each["effective_at"]) <= plain(middle)
    ]
    sessions = [*client.walk("/v1/sessions", limit=200)]
    for name in ("operator_id", "state", "reason", "currency"):
        told = next(each[name] for each in sessions if each[name])
        if name == "currency":
            found = [each for each in client.walk("/v1/sessions", currency=told) if each["state"] == "RATED"]
        else:
            found = [*client.walk("/v1/sessions", **{name: told}, limit=7)]
        assert found == [each for each in sessions if each[name] == told]
    credits = [*client.walk("/v1/cdrs", credit="true", limit=1)]
    assert credits
    assert all(each["credit"] for each in credits)


@pytest.mark.parametrize(
    ("path", "parameter", "value"),
    [
        ("/v1/entries", "effective_at.gte", "yesterday"),
        ("/v1/entries", "recorded_at.lt", "2026-03-01"),
        ("/v1/entries", "limit", "0"),
        ("/v1/entries", "known_at", "2999-01-01T00:00:00Z"),
        ("/v1/entries", "account", "\0"),
        ("/v1/entries", "colour", "red"),
        ("/v1/cdrs", "version", "2.1"),
        ("/v1/cdrs", "credit", "perhaps"),
        ("/v1/sessions/S/timeline", "cursor", "WyJ4Il0"),
        ("/v1/search", "q", "x" * 301),
    ],
)
def test_what_cannot_be_asked_is_said(client: Client, path: str, parameter: str, value: str) -> None:
    problem = client.document(path, 400, **{parameter: value})
    assert problem["errors"][0]["parameter"] == parameter


def test_search_leads_to_what_is_found(client: Client, folder: Path) -> None:
    entry = lines(folder, "journal.jsonl")[0]["entry_id"]
    payout = lines(folder, "payouts.jsonl")[0]["payout_id"]
    session = lines(folder, "sessions.jsonl")[0]["session_id"]
    cdr = lines(folder, "cdrs.jsonl")[0]["id"]
    for kind, id_, asked in (
        ("entry", entry, entry.upper()),
        ("payout", payout, payout.replace("-", "")),
        ("session", session, f" {session} "),
        ("cdr", cdr, cdr[:12]),
    ):
        hits = client.document("/v1/search", q=asked)["data"]
        assert (kind, id_) in {(each["kind"], each["id"]) for each in hits}
        [href] = [each["href"] for each in hits if (each["kind"], each["id"]) == (kind, id_)]
        if kind != "payout":
            assert client.get(href).status_code == 200, href
    assert client.document("/v1/search", q="nothing has this")["data"] == []
    assert client.document("/v1/search", q="%_'\";\\")["data"] == []


def test_an_operator_lists_its_own_and_its_own_lines(client: Client, folder: Path) -> None:
    first, second = operators(folder)[:2]
    own = client.as_(f"operator:{first}")
    sessions = lines(folder, "sessions.jsonl")
    assert [each["session_id"] for each in own.walk("/v1/sessions")] == [
        each["session_id"] for each in sessions if each["operator_id"] == first
    ]
    cdrs = {each["id"] for each in lines(folder, "cdrs.jsonl")}
    mine = {each["id"] for each in own.walk("/v1/cdrs")}
    theirs = {each["id"] for each in client.as_(f"operator:{second}").walk("/v1/cdrs")}
    assert mine
    assert not mine & theirs
    assert mine | theirs <= cdrs

    entries = [*own.walk("/v1/entries", limit=200)]
    assert entries
    accounts = {line["account"] for each in entries for line in each["postings"]}
    assert {account[:4] for account in accounts} <= {"2010", "2011", "2020", "2030", "2050", "2060"}
    assert not [account for account in accounts if account.endswith(f"/{second}")]
    assert all(each["postings"] for each in entries)
    whole = [*client.walk("/v1/entries", operator_id=first, limit=200)]
    assert [each["entry_id"] for each in entries] == [each["entry_id"] for each in whole]
    assert [*own.walk("/v1/entries", operator_id=second)] == []
    assert [*own.walk("/v1/entries", account="1010")] == []
    assert [*own.walk("/v1/entries", code="2010")]


def test_anothers_object_is_as_one_that_does_not_exist(client: Client, folder: Path) -> None:
    first, second = operators(folder)[:2]
    own, others = client.as_(f"operator:{first}"), client.as_(f"operator:{second}")
    sessions = lines(folder, "sessions.jsonl")
    other = next(each["session_id"] for each in sessions if each["operator_id"] == second)
    mine = {each["entry_id"] for each in own.walk("/v1/entries", limit=200)}
    entry = next(each for each in others.walk("/v1/entries") if each["entry_id"] not in mine)
    nothing = "00000000-0000-5000-8000-000000000000"
    foreign = {
        f"/v1/sessions/{other}": "/v1/sessions/unknown",
        f"/v1/sessions/{other}/timeline": "/v1/sessions/unknown/timeline",
        f"/v1/cdrs/{next(others.walk('/v1/cdrs'))['id']}": "/v1/cdrs/unknown",
        f"/v1/entries/{entry['entry_id']}": f"/v1/entries/{nothing}",
        f"/v1/events/{entry['cause']}": f"/v1/events/{nothing}",
    }
    for path, unknown in foreign.items():
        answers = [own.document(each, 404) for each in (path, unknown)]
        without_ids = [re.sub(r"'[^']*'", "ID", answer["detail"]) for answer in answers]
        assert without_ids[0] == without_ids[1]
        assert others.get(path).status_code == 200
    assert own.document("/v1/search", q=other)["data"] == []


def test_an_operators_sessions_tell_nothing_of_others(client: Client, folder: Path) -> None:
    first, second = operators(folder)[:2]
    own = client.as_(f"operator:{first}")
    sessions = lines(folder, "sessions.jsonl")
    hers = [each["session_id"] for each in sessions if each["operator_id"] == first]
    assert own.document("/v1/search", q=hers[0])["data"][0]["operator_id"] == first
    documents = [own.document(f"/v1/sessions/{session_id}") for session_id in hers]
    documents += [own.document(f"/v1/sessions/{session_id}/timeline") for session_id in hers]
    assert all(each.get("messages") or each.get("data") for each in documents)
    story = json.dumps(documents)
    others = [each["session_id"] for each in sessions if each["operator_id"] == second]
    assert not [session_id for session_id in others if f'"{session_id}"' in story]
    accounts = set(re.findall(r'"account": "(\d{4})', story))
    assert accounts <= {"2010", "2011", "2020", "2030", "2050", "2060"}


def test_tables_leave_as_files(client: Client, folder: Path) -> None:
    answer = client.get("/v1/entries", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    postings = sum(len(each["postings"]) for each in lines(folder, "journal.jsonl"))
    assert len(answer.text.splitlines()) == postings + 1
    for path in ("/v1/sessions", "/v1/cdrs"):
        rows = client.get(path, params={"format": "csv"}).text.splitlines()
        assert len(rows) == len(lines(folder, f"{path[4:]}.jsonl")) + 1
    session = lines(folder, "sessions.jsonl")[0]["session_id"]
    assert client.get(f"/v1/sessions/{session}/timeline", params={"format": "csv"}).status_code == 200
