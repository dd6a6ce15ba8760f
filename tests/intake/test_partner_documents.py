"""Invoices to partners and disputes of CDRs, by messages: kept, found, booked, exported, the same in any order.

Each session is of 20 kWh: 12.10, of which commission and its VAT are 1.21.
"""

from pathlib import Path
from random import Random
from typing import Any

import orjson
import psycopg

from projections.export import export
from tests.audit.forgery import unguarded
from tests.projections.builders import PLATFORM
from tests.support import aftermath
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import TOKEN, cdr_answer, ended, money, operator, partner, started, tariff
from tests.support.partner_documents import cdr_dispute_closed, cdr_disputed, cdr_received, invoice_issued

UNTIL = "2026-04-20T00:00:00Z"
NAMES = ("S-1", "S-2", "S-3", "S-4", "S-5", "S-6")
CDR = {name: aftermath.cdr_id(name) for name in NAMES}


def told() -> list[dict[str, Any]]:
    """Six sessions: invoiced, disputed and won, lost, lost in part, decided again; and what comes to nothing."""
    found = [operator(payout_delay_days=4), tariff(), partner()]
    for number, name in enumerate(NAMES):
        day = f"2026-03-0{number + 2}"
        found += [
            started(name, f"{day}T10:00:00Z", token=TOKEN),
            ended(name, f"{day}T11:00:00Z"),
            cdr_answer(name, f"{day}T12:00:00Z", accepted=True),
        ]
    found += [
        invoice_issued("I-1", "2026-03-09T08:00:00Z", [CDR["S-1"], CDR["S-2"], CDR["S-3"], CDR["S-4"]], "48.40"),
        invoice_issued("I-2", "2026-03-09T09:00:00Z", [CDR["S-1"], aftermath.cdr_id("S-99")], "24.20"),
        invoice_issued("I-3", "2026-03-09T10:00:00Z", [CDR["S-5"]], partner="DE-XYZ"),
        cdr_disputed("D-2", "2026-03-04T08:00:00Z", CDR["S-2"]),
        cdr_dispute_closed("D-2", "2026-03-20T08:00:00Z", CDR["S-2"], "WON"),
        cdr_disputed("D-3", "2026-03-05T08:00:00Z", CDR["S-3"]),
        cdr_dispute_closed("D-3", "2026-03-21T08:00:00Z", CDR["S-3"], "LOST"),
        cdr_disputed("D-4", "2026-03-15T08:00:00Z", CDR["S-4"], "4.00"),
        cdr_dispute_closed("D-4", "2026-03-22T08:00:00Z", CDR["S-4"], "LOST"),
        cdr_answer("S-4", "2026-03-22T09:00:00Z", accepted=True, number=2),
        cdr_disputed("D-5", "2026-03-15T08:00:00Z", CDR["S-5"]),
        cdr_dispute_closed("D-5", "2026-03-22T08:00:00Z", CDR["S-5"], "LOST"),
        cdr_dispute_closed("D-5", "2026-03-25T08:00:00Z", CDR["S-5"], "WON"),
        cdr_answer("S-5", "2026-03-25T09:00:00Z", accepted=True, number=2),
        cdr_disputed("D-6", "2026-03-15T08:00:00Z", CDR["S-6"], "99.00"),
        cdr_disputed("D-9", "2026-03-15T09:00:00Z", aftermath.cdr_id("S-99")),
        cdr_dispute_closed("D-8", "2026-03-15T10:00:00Z", CDR["S-6"], "LOST"),
        cdr_received("R-1", "2026-03-06T09:00:00Z"),
        cdr_received("R-1", "2026-03-07T09:00:00Z", net="11.00"),
        cdr_received("R-2", "2026-03-06T09:00:00Z", payee_id="OP-1"),
        cdr_received("R-3", "2026-03-06T09:00:00Z", payee_id="OP-9"),
        aftermath.invoice_paid("I-1", "DE-ABC", "2026-04-10T09:00:00Z", [CDR["S-1"], CDR["S-2"]], money("24.20")),
    ]
    return found


def balances(engine: Engine, *accounts: str) -> list[int]:
    query = "SELECT account, sum(amount_minor)::bigint FROM book.posting GROUP BY account"
    found = dict(engine.rows(query))
    return [found.get(account, 0) for account in accounts]


def files(engine: Engine, folder: Path) -> dict[str, bytes]:
    export(engine.dsn, folder, PLATFORM)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    del found["summary.json"]
    return found


def test_a_network_of_disputes_is_sound_and_every_vain_word_is_a_finding(engine: Engine, tmp_path: Path) -> None:
    engine.feed(told())
    engine.advance(UNTIL)
    failed = verify(engine.dsn).failed
    assert [f"{check.name}: {each.sentence}" for check in failed for each in check.findings] == []
    # S-1 and S-2 are paid; of S-4 8.10 is accepted anew, S-5 is billed anew, and S-6 is not invoiced.
    accounts = ("1200/DE-ABC", "1210/DE-ABC", "1220/DE-ABC", "2030/OP-1")
    assert balances(engine, *accounts) == [810 + 1210 + 1210, 0, 0, 0]
    # What drivers of ours took stands as it was told first; the home of OP-1 has matured and was paid, OP-9 waits.
    others = ("5030", "1310/FR-20", "2220/FR-CPO", "1210/FR-CPO", "2011/OP-1", "2011/OP-9")
    assert balances(engine, *others) == [1000, 200, -1200, 2400, 0, -1200]
    found = [orjson.loads(line) for line in files(engine, tmp_path)["findings.jsonl"].splitlines()]
    unknown = aftermath.cdr_id("S-99")
    wanted = [
        ("CDR_DISPUTE_WITHOUT_EFFECT", "D-6"),
        ("CDR_DISPUTE_WITHOUT_EFFECT", "D-8"),
        ("CDR_DOCUMENT_TOLD_OTHERWISE", "R-1"),
        ("CDR_INVOICE_WITHOUT_EFFECT", CDR["S-1"]),
        ("CDR_INVOICE_WITHOUT_EFFECT", CDR["S-5"]),
        ("CDR_NOT_KNOWN", unknown),
        ("CDR_NOT_KNOWN", unknown),
    ]
    kinds = [(each["kind"], each["subject"]) for each in found if each["kind"].startswith("CDR_")]
    assert sorted(kinds) == sorted(wanted)
    cdrs = [orjson.loads(line) for line in files(engine, tmp_path / "again")["cdrs.jsonl"].splitlines()]
    of_part = {each["id"]: each["total_cost"]["incl_vat"] for each in cdrs if each["session_id"] == "S-4"}
    assert of_part == {CDR["S-4"]: 12.1, f"{CDR['S-4']}-C": -12.1, aftermath.cdr_id("S-4", 2): 8.1}


def test_what_is_booked_otherwise_is_found(engine: Engine) -> None:
    engine.feed(told())
    engine.advance(UNTIL)
    for topic, path, value, check in (
        ("roaming.cdr_disputed.item", "{data,amount,amount}", '"3.00"', "partner_cdrs"),
        ("roaming.invoice_issued.item", "{data,issued_at}", '"2026-03-10T08:00:00Z"', "partner_cdrs"),
        ("roaming.dispute_closed.item", "{data,outcome}", '"LOST"', "partner_cdrs"),
        ("roaming.cdr_received", "{data,net,amount}", '"7.00"', "matters"),
    ):
        before = change(engine, topic, path, value)
        assert check in {each.name for each in verify(engine.dsn).failed}, topic
        restore(engine, *before)
    assert not verify(engine.dsn).failed


def change(engine: Engine, topic: str, path: str, value: str) -> tuple[int, bytes]:
    """Change one stored event; its position and how it was."""
    asked = "body #>> %s::text[] IS NOT NULL AND body #> %s::text[] <> %s::jsonb"
    # Of what was received what was told once.
    asked += " AND coalesce(body #>> '{data,cdr_id}', '') <> 'R-1'"
    query = f"""SELECT notification_id, state FROM event_store.stored_events,
        LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
        WHERE topic = %s AND {asked} ORDER BY notification_id LIMIT 1"""
    ((position, state),) = engine.rows(query, topic, path, path, value)
    made = "convert_to(jsonb_set(convert_from(state, 'UTF8')::jsonb, %s::text[], %s::jsonb)::text, 'UTF8')"
    with psycopg.connect(engine.dsn) as connection, unguarded(connection, "event_store.stored_events"):
        connection.execute(
            f"UPDATE event_store.stored_events SET state = {made} WHERE notification_id = %s".encode(),
            (path, value, position),
        )
    return position, state


def restore(engine: Engine, position: int, state: bytes) -> None:
    """Put a stored event back as it was."""
    with psycopg.connect(engine.dsn) as connection, unguarded(connection, "event_store.stored_events"):
        connection.execute(
            "UPDATE event_store.stored_events SET state = %s WHERE notification_id = %s", (state, position)
        )


def test_shuffled_and_doubled_it_ends_in_the_same_files(stores: Any, tmp_path: Path) -> None:
    made, random = [], Random(7)
    for number in range(2):
        events = told()
        if number:
            events = [*events, *random.sample(events, 10)]
            random.shuffle(events)
        with stores() as dsn:
            engine = Engine(dsn, before_clock=True)
            engine.feed(events, batch=7 if number else 500)
            engine.advance(UNTIL)
            made.append(files(engine, tmp_path / str(number)))
            engine.close()
    assert made[0] == made[1]


def test_a_dispute_before_its_cdr_waits_as_a_finding_and_acts_when_it_comes(engine: Engine) -> None:
    engine.feed([operator(), tariff(), partner(), cdr_disputed("D-1", "2026-03-02T11:30:00Z", CDR["S-1"])])
    engine.advance("2026-03-03T00:00:00Z")
    kind = "convert_from(state, 'UTF8')::jsonb #>> '{finding,kind}'"
    opened = f"SELECT {kind} FROM event_store.stored_events WHERE topic = %s"
    assert engine.rows(opened, "FindingOpened") == [("CDR_NOT_KNOWN",)]
    engine.feed([started("S-1", token=TOKEN), ended("S-1"), cdr_answer("S-1", "2026-03-02T12:00:00Z", accepted=True)])
    engine.advance("2026-03-03T00:00:00Z")
    assert ("CDR_NOT_KNOWN",) in engine.rows(opened, "FindingEnded")
    assert balances(engine, "1220/DE-ABC", "2030/OP-1") == [1210, -1210]
