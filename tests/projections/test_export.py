"""The exported files: complete, in order, to the cent, and the same bytes for the same state."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.standing import Booked, Retracted
from domain.payout.events import PayoutStatus, payout_stream
from domain.session.assessment import SessionState
from domain.session.decisions import SessionAssessed
from domain.session.session import session_stream
from ledger.database import Role, connect
from projections import export as export_module
from projections.bank_file import NAMESPACE
from projections.export import export
from projections.runner import catch_up
from tests.projections.builders import (
    NOON,
    PLATFORM,
    Recorder,
    assessed,
    created,
    credited,
    payout_history,
    payout_key,
    rated_booking,
    session_history,
)
from tests.projections.following import following, recording_during

FILES = {
    "sessions.jsonl",
    "cdrs.jsonl",
    "journal.jsonl",
    "balances.json",
    "trial_balance.json",
    "payouts.jsonl",
    "deadletter.jsonl",
    "findings.jsonl",
    "summary.json",
    "batches",
}
Refuse = Callable[..., None]


@pytest.fixture
def refuse(recorder: Recorder) -> Refuse:
    """Puts a dead letter into the store."""

    def put(number: int, value: bytes | None, **others: Any) -> None:
        row = {
            "deadletter_id": UUID(int=number),
            "topic": "charging.sessions",
            "partition": 3,
            "record_offset": 17,
            "record_headers": "{}",
            "record_value": value,
            "code": "NOT_JSON",
            "path": "$",
            "sentence": "it is not JSON; send one JSON object",
        } | others
        columns, marks = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        recorder.connection.execute(f"INSERT INTO intake.deadletter ({columns}) VALUES ({marks})".encode(), row)

    return put


def lines(path: Path) -> list[dict[str, Any]]:
    """The documents of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_empty_store_gives_every_file(store: str, tmp_path: Path) -> None:
    export(store, tmp_path / "out", PLATFORM)
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert json.loads((tmp_path / "out" / "balances.json").read_text()) == {}
    assert json.loads((tmp_path / "out" / "trial_balance.json").read_text()) == {}
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["sessions_rated"] == 0


def test_the_files_say_what_the_store_holds(store: str, recorder: Recorder, tmp_path: Path) -> None:
    recorder.record_all(session_history("S-2"))
    recorder.record_all(session_history("S-1"))
    recorder.record(session_stream("S-1"), credited("S-1"))
    recorder.record(session_stream("S-3"), SessionAssessed("S-3", "OP-2", SessionState.SUSPENSE, "NO_TARIFF"))
    recorder.record_all(payout_history(amount=2162))
    export(store, tmp_path, PLATFORM, {"events_in": 9, "accepted": 9, "wall_seconds": 0.5})

    assert [line["session_id"] for line in lines(tmp_path / "sessions.jsonl")] == ["S-1", "S-2", "S-3"]
    assert (tmp_path / "sessions.jsonl").read_text().splitlines()[0] == (
        '{"session_id":"S-1","operator_id":"OP-1","state":"RATED","reason":"","energy_wh":"14320.5","currency":"EUR",'
        '"net":"10.00","vat":"2.00","gross":"12.00","commission":"1.00","commission_vat":"0.19",'
        '"operator_share":"10.81"}'
    )
    waiting = lines(tmp_path / "sessions.jsonl")[2]
    assert waiting | {"operator_id": None, "session_id": None, "state": None, "reason": None} == dict.fromkeys(
        waiting
    )

    assert [line["id"] for line in lines(tmp_path / "cdrs.jsonl")] == ["CDR-S-1-1", "CDR-S-1-1-C", "CDR-S-2-1"]
    assert json.loads((tmp_path / "balances.json").read_text()) == {
        "OP-1": {
            "EUR": {
                "pending": "0.00",
                "available": "0.00",
                "reserved": "0.00",
                "disputed": "0.00",
                "in_transit": "0.00",
                "to_fix": "0.00",
                "paid_out": "21.62",
            }
        }
    }
    made = created(amount=2162)
    assert lines(tmp_path / "payouts.jsonl") == [
        {
            "payout_id": made.payout_id,
            "batch_id": made.batch_id,
            "operator_id": "OP-1",
            "business_date": "2026-03-02",
            "currency": "EUR",
            "amount": "21.62",
            "status": "PAID",
            "entry_ids": [str(UUID(int=1)), str(UUID(int=2))],
        }
    ]
    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "events_in": 9,
        "accepted": 9,
        "sessions_rated": 2,
        "sessions_open": 0,
        "sessions_in_suspense": 1,
        "cdrs": 3,
        "payouts": 1,
        "wall_seconds": 0.5,
    }


def test_the_journal_adds_up_to_the_trial_balance(store: str, recorder: Recorder, tmp_path: Path) -> None:
    recorder.record_all(session_history("S-1"))
    booking = rated_booking("S-2")
    recorder.record(session_stream("S-2"), Booked(booking, 1), Retracted(booking, 1))
    recorder.record_all(payout_history(amount=1081))
    export(store, tmp_path, PLATFORM)

    entries = lines(tmp_path / "journal.jsonl")
    assert [(entry["effective_at"], entry["entry_id"]) for entry in entries] == sorted(
        (entry["effective_at"], entry["entry_id"]) for entry in entries
    )
    assert sum("reverses" in entry for entry in entries) == 2
    sums: dict[str, list[int]] = {}
    for entry in entries:
        cents = [(line["account"], int(line["amount"].replace(".", ""))) for line in entry["postings"]]
        assert sum(amount for _, amount in cents) == 0
        for account, amount in cents:
            sums.setdefault(account, [0, 0])[amount < 0] += abs(amount)
    trial = json.loads((tmp_path / "trial_balance.json").read_text())
    assert list(trial) == ["EUR"]
    # An account that only mirrored entries ever touched is not listed: another order of arrival would not know it.
    assert sums.pop("1105/S-2") == [1_200, 1_200]
    assert list(trial["EUR"]) == sorted(sums)
    for account, (debits, credits) in sums.items():
        shown = [int(trial["EUR"][account][name].replace(".", "")) for name in ("debits", "credits", "balance")]
        assert shown == [debits, credits, debits - credits]
    first = next(entry for entry in entries if entry["kind"] == "J02" and entry["session_id"] == "S-1")
    assert first["effective_at"] == "2026-03-01T12:00:00Z"
    assert first["payout_id"] is None
    assert first["postings"] == [
        {"account": "2011/OP-1", "amount": "1.19"},
        {"account": "4010", "amount": "-1.00"},
        {"account": "2110", "amount": "-0.19"},
    ]


def test_each_payout_that_was_handed_off_has_its_bank_file(store: str, recorder: Recorder, tmp_path: Path) -> None:
    first, second, third = payout_key("OP-1"), payout_key("OP-1", attempt=2), payout_key("OP-2")
    recorder.record_all(payout_history(first))
    recorder.record(payout_stream(second.payout_id), created(second, reissue_of=first.payout_id))
    recorder.record(payout_stream(third.payout_id), created(third, status=PayoutStatus.AWAITING_APPROVAL))
    batches = tmp_path / "batches"
    batches.mkdir()
    (batches / "of-another-run.xml").write_text("<old/>")
    (batches / "notes.txt").write_text("mine")
    (tmp_path / "elsewhere.xml").write_text("<mine/>")
    export(store, tmp_path, PLATFORM)
    (file,) = batches.glob("*.xml")
    assert {path.name for path in batches.iterdir()} == {file.name, "notes.txt"}
    ids = {each.text for each in ElementTree.parse(file).iter(f"{{{NAMESPACE}}}EndToEndId")}
    assert ids == {key.payout_id.replace("-", "") for key in (first, second)}
    assert (tmp_path / "elsewhere.xml").exists()
    assert [line["status"] for line in lines(tmp_path / "payouts.jsonl")] == [
        "PAID",
        "IN_TRANSIT",
        "AWAITING_APPROVAL",
    ]


def test_dead_letters_show_the_record_and_not_where_it_stood(store: str, refuse: Refuse, tmp_path: Path) -> None:
    large = "é".encode() * 200_000
    refuse(4, None)
    refuse(3, b"x" + large)
    refuse(2, b"\xff\x00")
    refuse(1, b"{oops", event_type="charging.session.started", event_id="e-1", event_source="gw")
    export(store, tmp_path, PLATFORM)
    first, second, third, fourth = lines(tmp_path / "deadletter.jsonl")
    assert first == {
        "deadletter_id": str(UUID(int=1)),
        "topic": "charging.sessions",
        "code": "NOT_JSON",
        "path": "$",
        "sentence": "it is not JSON; send one JSON object",
        "event_source": "gw",
        "event_id": "e-1",
        "event_type": "charging.session.started",
        "replayed": False,
        "record": {"text": "{oops"},
    }
    assert second["record"] == {"base64": "/wA="}
    assert third["record"]["sha256"] == sha256(b"x" + large).hexdigest()
    assert third["record"]["bytes"] == 400_001
    # The excerpt ends before the character that it would have cut.
    assert third["record"]["excerpt"] == {"text": "x" + "é" * 2047}
    assert fourth["record"] is None


def test_equal_states_give_equal_bytes_whatever_the_order(
    store: str, recorder: Recorder, refuse: Refuse, tmp_path: Path
) -> None:
    for number in (3, 1, 2):
        recorder.record_all(session_history(f"S-{number}", f"OP-{number % 2}"))
    recorder.record_all(payout_history(payout_key("OP-1")))
    refuse(1, b"{")
    export(store, tmp_path / "first", PLATFORM)
    export(store, tmp_path / "second", PLATFORM, every_bank_file=True)
    assert tree(tmp_path / "first") == tree(tmp_path / "second")
    export(store, tmp_path / "first", PLATFORM)
    assert tree(tmp_path / "first") == tree(tmp_path / "second")


def test_a_failed_export_leaves_the_earlier_files(
    store: str, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.record_all(session_history("S-1"))
    export(store, tmp_path, PLATFORM)
    before = tree(tmp_path)
    recorder.record_all(session_history("S-2"))

    def broken(_: object) -> Any:
        yield b"half a li"
        raise OSError("the disk is full")

    monkeypatch.setitem(export_module._FILES, "sessions.jsonl", broken)
    with pytest.raises(OSError, match="disk is full"):
        export(store, tmp_path, PLATFORM)
    assert tree(tmp_path) == before


def test_files_agree_with_each_other_while_events_come_in(
    store: str, recorder: Recorder, projector: Connection[TupleRow], tmp_path: Path
) -> None:
    def export_thrice() -> None:
        for number in range(3):
            export(store, tmp_path / str(number), PLATFORM)

    with following(store):
        number = recording_during(export_thrice, lambda n: recorder.record_all(session_history(f"S-{n}")))
    for folder in (tmp_path / "0", tmp_path / "1", tmp_path / "2"):
        journal = lines(folder / "journal.jsonl")
        sessions = {entry["session_id"] for entry in journal}
        assert {line["session_id"] for line in lines(folder / "sessions.jsonl")} == sessions
        balance = json.loads((folder / "balances.json").read_text()).get("OP-1", {"EUR": {"available": "0.00"}})
        assert balance["EUR"]["available"] == f"{len(sessions) * 1081 / 100:.2f}"
    catch_up(projector)
    assert number > 0


def test_times_with_fractions_keep_them(store: str, recorder: Recorder, tmp_path: Path) -> None:
    booking = rated_booking()
    precise = type(booking)(
        key="rated",
        effective_at=datetime(2026, 3, 1, 12, 0, 0, 120_000, tzinfo=UTC),
        currency="JPY",
        operator_id="OP-1",
        session_id="S-1",
        gross=1200,
        commission=0,
        commission_vat=0,
    )
    recorder.record(session_stream("S-1"), assessed(currency="JPY"), Booked(precise, 1))
    export(store, tmp_path, PLATFORM)
    (entry,) = lines(tmp_path / "journal.jsonl")
    assert entry["effective_at"] == "2026-03-01T12:00:00.120000Z"
    assert [line["amount"] for line in entry["postings"]] == ["1200", "-1200"]
    assert datetime.fromisoformat(entry["effective_at"]) > NOON


def test_a_reader_sees_the_read_models_and_changes_none(store: str, recorder: Recorder) -> None:
    recorder.record_all(session_history("S-1"))
    catch_up(store)
    with connect(store, Role.READER, autocommit=True) as reader:
        assert reader.execute("SELECT count(*) FROM projection.sessions").fetchone() == (1,)
        with pytest.raises(Exception, match="permission denied"):
            reader.execute("DELETE FROM projection.session_row")
