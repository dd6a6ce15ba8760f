"""`wattledger trace`: any id, from outside, to all that it touched; and back from there."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.posting import entries_of
from domain.book.standing import Booked
from domain.fact import RecordedFact
from domain.payout.events import payout_stream
from domain.session.session import session_stream
from ledger.database import Role, connect
from ledger.events.codec import read_body
from projections.freshness import ON_DEMAND
from projections.mentions import Kind
from projections.runner import catch_up
from projections.trace import find, follow
from projections.tracing.nodes import Node, Trace
from tests.projections.builders import Recorder, assessed, created, payout_key, rated_booking
from tests.support.events import SOURCE
from tests.support.settled import SEED, WAITING_CDR, ids_by_kind
from wattledger.cli import main

ALL = 1_000_000
Ask = Callable[..., Any]


@pytest.fixture
def cursor(settled: str) -> Iterator[Cursor[TupleRow]]:
    with connect(settled, Role.AUDITOR) as connection, connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def ask(settled: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs the command; what it prints, or the document of it."""
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", settled)
    monkeypatch.setenv("WATTLEDGER_KAFKA_BOOTSTRAP", "127.0.0.1:9")

    def run(*words: str, status: int = 0) -> Any:
        assert main(["trace", *words]) == status
        said = capsys.readouterr()
        if status:
            return said.err
        return json.loads(said.out) if "--json" in words else said.out

    return run


def of_kind(cursor: Cursor[TupleRow], kind: Kind, id_: str) -> Node:
    """The first that has an id, of a kind."""
    return next(node for node in find(cursor, id_) if node.kind is kind)


def linked(trace: Trace) -> set[tuple[Kind, str, str]]:
    return {node.key for links in trace.links for node in links.nodes}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_id_of_every_kind_is_found_and_followed_by_the_command(
    kind: Kind, cursor: Cursor[TupleRow], ask: Ask
) -> None:
    ids = ids_by_kind(cursor)[kind]
    assert ids, f"the store has no {kind}: tell it one"
    for id_ in (ids[0], ids[-1]):
        documents = [each for each in ask(id_, "--json", "--kind", kind)["found"] if each["kind"] == kind]
        assert documents
        shown = ask(id_, "--kind", kind.replace("_", " "))
        for document in documents:
            assert f"{kind.replace('_', ' ')} {document['id']}" in shown
            for links in document["links"].values():
                assert links["total"] >= len(links["shown"]) > 0


def test_whatever_names_another_thing_is_named_by_it(cursor: Cursor[TupleRow]) -> None:
    random = Random(SEED)
    traces: dict[tuple[Kind, str, str], Trace] = {}

    def traced(node: Node) -> Trace:
        if node.key not in traces:
            assert node.key in {each.key for each in find(cursor, node.id)}, f"{node.key} is named and not found"
            traces[node.key] = follow(cursor, node, ALL)
        return traces[node.key]

    ids = ids_by_kind(cursor)
    starts = [of_kind(cursor, kind, id_) for kind in Kind for id_ in random.sample(ids[kind], min(4, len(ids[kind])))]
    compared: Counter[tuple[Kind, Kind]] = Counter()
    for node in starts:
        for links in traced(node).links:
            for other in random.sample(links.nodes, min(3, len(links.nodes))):
                assert node.key in linked(traced(other)), f"{node.key} names {other.key} among {links.name}"
                compared[node.kind, other.kind] += 1
    assert len({kind for kind, _ in compared}) == len(Kind) - (Kind.DEAD_LETTER not in {k for k, _ in compared})
    assert len(compared) >= 40


def further(trace: Trace, name: str) -> set[str]:
    return {node.id for links in trace.further if links.name == name for node in links.nodes}


def test_what_a_payment_a_cdr_and_a_bank_reference_came_to_is_further_along(cursor: Cursor[TupleRow]) -> None:
    """The capture's entries, what the bank's answer booked, and the payouts of the session."""
    row = cursor.execute(
        "SELECT entry.session_id, line.payout_id FROM book.entry JOIN intake.line USING (entry_id) "
        "JOIN intake.bank_file_payout AS file ON file.payout_id = line.payout_id "
        "JOIN book.entry AS captured ON captured.session_id = entry.session_id AND captured.kind = 'J01c' "
        "WHERE entry.kind = 'J01' ORDER BY 1, 2 LIMIT 1"
    ).fetchone()
    assert row is not None
    session_id, payout_id = row
    messages = [body["data"] for body in bodies(cursor, session_stream(session_id), "payment.captured")]
    captured = {kind: node for node, kind in entries_of_session(cursor, session_id)}["J01c"]
    payment = follow(cursor, of_kind(cursor, Kind.PAYMENT, messages[0]["payment_id"]), ALL)
    assert captured in further(payment, "entries")
    assert payout_id in further(payment, "payouts")

    cdr = cursor.execute("SELECT cdr_id FROM projection.cdrs WHERE session_id = %s", (session_id,)).fetchone()
    assert cdr is not None
    assert payout_id in further(follow(cursor, of_kind(cursor, Kind.CDR, cdr[0]), ALL), "payouts")

    kinds: dict[str, str] = dict(cursor.execute("SELECT entry_id::text, kind FROM book.entry").fetchall())
    names = ids_by_kind(cursor)[Kind.BANK_REFERENCE]
    booked = [further(follow(cursor, of_kind(cursor, Kind.BANK_REFERENCE, name), ALL), "entries") for name in names]
    of_answers = {kinds[entry_id] for entry_ids in booked for entry_id in entry_ids}
    assert of_answers
    assert of_answers <= {"J36", "J38", "J39"}


def bodies(cursor: Cursor[TupleRow], stream: UUID, topic: str) -> list[dict[str, Any]]:
    """The messages of a type in a stream, in its order."""
    query = (
        "SELECT state FROM event_store.stored_events WHERE originator_id = %s AND topic = %s "
        "ORDER BY originator_version"
    )
    return [read_body(topic, bytes(state)) for (state,) in cursor.execute(query, (stream, topic)).fetchall()]


def entries_of_session(cursor: Cursor[TupleRow], session_id: str) -> list[tuple[str, str]]:
    query = "SELECT entry_id::text, kind FROM book.entry WHERE session_id = %s ORDER BY 1"
    return cursor.execute(query, (session_id,)).fetchall()


def test_a_message_leads_to_events_entries_payouts_and_the_bank_file(cursor: Cursor[TupleRow], ask: Ask) -> None:
    cursor.execute(
        "SELECT entry.session_id FROM book.entry JOIN intake.line USING (entry_id) "
        "JOIN intake.bank_file_payout AS file ON file.payout_id = line.payout_id WHERE entry.kind = 'J01' ORDER BY 1"
    )
    session_id = (cursor.fetchone() or ("",))[0]
    ended = next(
        id_ for id_ in ids_by_kind(cursor)[Kind.MESSAGE] if id_.startswith(f"charging.session.ended:{session_id}:")
    )
    [document] = ask(ended, "--json")["found"]
    assert document["of"] == SOURCE
    assert "J01" in {each["says"][:3] for each in document["links"]["entries"]["shown"]}
    assert "Booked.SessionRated" in {each["says"] for each in document["links"]["events"]["shown"]}
    assert [each["id"] for each in document["links"]["sessions"]["shown"]] == [session_id]
    assert {"payouts", "bank_files", "cdrs"} <= set(document["further"])


def test_an_entry_leads_to_the_message_that_caused_it_and_the_payout_that_pays_it(
    cursor: Cursor[TupleRow], ask: Ask
) -> None:
    cursor.execute(
        "SELECT entry_id::text, entry.session_id, line.payout_id FROM book.entry JOIN intake.line USING (entry_id) "
        "WHERE entry.kind = 'J01' AND line.payout_id IS NOT NULL AND reverses IS NULL ORDER BY 1"
    )
    for entry_id, session_id, payout_id in cursor.fetchmany(5):
        [document] = ask(entry_id, "--json")["found"]
        causes = {each["says"] for each in document["links"]["messages"]["shown"]}
        assert causes & {"charging.session.ended", "charging.session.meter_corrected", "charging.session.reviewed"}
        assert [each["id"] for each in document["links"]["sessions"]["shown"]] == [session_id]
        assert payout_id in {each["id"] for each in document["links"]["paid_by"]["shown"]}


def test_the_end_to_end_id_of_a_payout_and_ids_in_capitals_are_found(cursor: Cursor[TupleRow], ask: Ask) -> None:
    ids = ids_by_kind(cursor)
    for kind in (Kind.PAYOUT, Kind.ENTRY, Kind.CDR, Kind.BATCH, Kind.EVENT, Kind.DEAD_LETTER):
        id_ = next((each for each in ids[kind] if each.endswith("-C")), ids[kind][0])
        for spelled in (id_.upper(), id_.replace("-", "").lower(), id_.replace("-", "").upper()):
            assert [each["id"] for each in ask(spelled, "--kind", kind, "--json")["found"]] == [id_]


def test_what_is_found_says_whom_it_concerns(cursor: Cursor[TupleRow]) -> None:
    ids = ids_by_kind(cursor)
    concern_one = (Kind.ENTRY, Kind.CDR, Kind.PAYOUT, Kind.BATCH, Kind.BANK_REFERENCE, Kind.SESSION, Kind.EVSE)
    for kind in concern_one:
        found = [of_kind(cursor, kind, id_).operator_id for id_ in ids[kind][:20]]
        assert set(found) & {"OP-1", "OP-2"}, kind
    cursor.execute("SELECT session_id, ref FROM intake.reference WHERE kind = 'payment' ORDER BY 1")
    for session_id, ref in cursor.fetchall()[:10]:
        session = of_kind(cursor, Kind.SESSION, session_id)
        assert session.operator_id in {node.operator_id for node in find(cursor, ref.partition("\t")[2])}


@pytest.mark.parametrize("id_", ["", "\ud800", "a\nb", "%", "'; --", "x" * 300])
def test_what_can_be_no_id_is_not_found(cursor: Cursor[TupleRow], id_: str) -> None:
    assert find(cursor, id_) == []


def test_what_waits_for_a_cdr_is_found_by_its_id_and_by_the_cdr(ask: Ask) -> None:
    [waited_for] = ask(WAITING_CDR, "--json")["found"]
    [waiting] = waited_for["links"]["messages"]["shown"]
    [message] = ask(waiting["id"], "--json")["found"]
    assert message["facts"]["waits_for"] == f"CDR {WAITING_CDR}, which no session has sent yet"


def test_a_conflict_is_linked_to_the_message_that_stands(cursor: Cursor[TupleRow], ask: Ask) -> None:
    cursor.execute("SELECT deadletter_id::text, event_id FROM intake.deadletter WHERE code = 'CONFLICT' ORDER BY 1")
    letter, message = cursor.fetchall()[0]
    by_message = {each["kind"]: each for each in ask(message, "--json")["found"]}
    assert letter in {each["id"] for each in by_message["message"]["links"]["dead_letters"]["shown"]}
    assert by_message["dead_letter"]["facts"]["code"] == "CONFLICT"


def test_nothing_found_says_what_was_looked_for(ask: Ask) -> None:
    told = ask("no-such-id", status=1)
    assert told.startswith("wattledger: nothing has the id 'no-such-id'; it was looked for as that of a message, ")
    assert all(kind.replace("_", " ") in told for kind in Kind)
    assert "choose among message, event" in ask("x", "--kind", "thing", status=1)


def test_an_id_that_is_known_as_something_else_says_as_what(cursor: Cursor[TupleRow], ask: Ask) -> None:
    session_id = ids_by_kind(cursor)[Kind.SESSION][0]
    assert "is known, but not as that: it is session" in ask(session_id, "--kind", "payout", status=1)


class Explaining(psycopg.Cursor[TupleRow]):
    """A cursor that has each statement explained before it is run."""

    plans: list[str]

    def execute(self, query: Any, params: Any = None, **others: Any) -> Any:
        text = query if isinstance(query, bytes) else str(query).encode()
        super().execute(b"EXPLAIN " + text, params)
        self.plans += [row[0] for row in self.fetchall()]
        return super().execute(query, params, **others)


# Lines of others, so many that whoever reads all of them for one is seen; they are rolled back.
FILL = """
INSERT INTO intake.line (entry_id, stream_id, share, operator_id, currency, amount, payout_id)
SELECT gen_random_uuid(), gen_random_uuid(), 'driver', 'OP-' || n % 50, 'EUR', n,
       CASE WHEN n % 9 > 0 THEN 'P' || n END
FROM generate_series(1, 20000) AS n;
INSERT INTO intake.deadletter (deadletter_id, topic, record_headers, code, path, sentence, event_id)
SELECT gen_random_uuid(), 'payments', '[]', 'INVALID', '', 'a sentence', 'M' || n FROM generate_series(1, 20000) AS n
"""


def test_every_look_up_has_an_index(settled: str, cursor: Cursor[TupleRow]) -> None:
    ids = ids_by_kind(cursor)
    with psycopg.connect(settled) as connection, connection.transaction(force_rollback=True):
        connection.execute(FILL)
        connection.execute("ANALYZE intake.line, intake.deadletter")
        connection.execute("SET LOCAL enable_seqscan = off")
        explaining = Explaining(connection)
        explaining.plans = []
        for kind in Kind:
            for node in find(explaining, ids[kind][0]):
                follow(explaining, node)
    plan = explaining.plans
    scans = {line.strip() for line in plan if "Seq Scan" in line}
    # An index that is read from end to end is no look-up either.
    scans |= {
        line.strip()
        for line, below in zip(plan, [*plan[1:], ""], strict=True)
        if "Index" in line and "Scan" in line and "Index Cond" not in below
    }
    assert len(plan) > len(Kind)
    # Which generation of a read model is live stands in a table of a row each.
    assert {scan for scan in scans if " generation " not in scan} == set()


def test_a_large_payout_is_bounded_and_says_how_much_there_is_and_how_to_see_it(
    store: str, recorder: Recorder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", store)
    monkeypatch.setenv("WATTLEDGER_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    entry_ids: list[str] = []
    for number in range(60):
        stream, booking = session_stream(f"S-{number}"), rated_booking(f"S-{number}")
        recorder.record(stream, assessed(f"S-{number}"), Booked(booking, 1))
        entry_ids += [str(entry.entry_id) for entry in entries_of(booking, stream, 1, stream)]
    payout = created(payout_key(), entry_ids=tuple(entry_ids))
    recorder.record(payout_stream(payout.payout_id), payout)
    catch_up(store, ON_DEMAND)

    assert main(["trace", payout.payout_id]) == 0
    shown = capsys.readouterr().out
    assert f"pays ({len(entry_ids)}, the first 20 of them; --all shows all)" in shown
    assert "sessions (60, the first 20 of them; --all shows all)" in shown
    assert sum(entry_id in shown for entry_id in entry_ids) == 20

    assert main(["trace", payout.payout_id, "--all", "--json"]) == 0
    pays = json.loads(capsys.readouterr().out)["found"][0]["links"]["pays"]
    assert pays["total"] == len(pays["shown"]) == len(entry_ids)


def test_one_id_of_several_things_lists_each(store: str, recorder: Recorder) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    for source, provider in (("urn:a", "acme"), ("urn:b", "other")):
        data = {"payment_id": "1", "session_id": "1", "provider": provider, "captured_at": "2026-03-01T00:00:00Z"}
        amounts = {"amount": {"amount": "1.00", "currency": "EUR"}, "fee": {"amount": "0.00", "currency": "EUR"}}
        recorder.record(session_stream("1"), RecordedFact("payment.captured", source, "1", now, data | amounts))
    catch_up(store, ON_DEMAND)
    with connect(store, Role.AUDITOR) as connection, connection.cursor() as cursor:
        assert [node.key for node in find(cursor, "1")] == [
            (Kind.MESSAGE, "1", "urn:a"),
            (Kind.MESSAGE, "1", "urn:b"),
            (Kind.PAYMENT, "1", "acme"),
            (Kind.PAYMENT, "1", "other"),
            (Kind.SESSION, "1", ""),
        ]
