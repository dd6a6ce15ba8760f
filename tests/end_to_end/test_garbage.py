"""What is refused is set aside with its reason, and everything else is settled as if it had not been there."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from consumers.run import consume_until_caught_up
from engine.intake import Intake
from engine.ports import Record
from ledger.intake.positions import Partition
from tests.end_to_end.comparing import BYTE_EQUAL, difference
from tests.end_to_end.conftest import Settled, settled
from tests.end_to_end.running import Home, Inside, counts_add_up, documents
from tests.support.events import captured, ended, event, lines, money, operator, session, started, tariff
from wattledger.embedded import Services, services
from wattledger.opening import prepare
from wattledger.store import Store
from wattledger.verbs import publish_files

SESSIONS = 30
CLEAN = [operator(), tariff(), *(e for n in range(SESSIONS) for e in session(f"S-{n}", f"2026-03-{n % 9 + 1:02d}"))]


def one(event: dict[str, Any]) -> bytes:
    """A message as a line."""
    return orjson.dumps(event)


HUGE = orjson.dumps(event("charging.session.started", "S-1", "2026-03-02T10:00:00Z", {"note": "x" * 10_000_000}))
NEGATIVE = started("N-1") | {"data": started("N-1")["data"] | {"meter_start_wh": -1}}
SPENT = captured("S-1", amount="1.00") | {"id": "spent"}
NOT_A_NUMBER = orjson.dumps(ended("S-1") | {"id": "nan"}).replace(b"20000", b"NaN")
CONFLICTING = ended("S-1", "2026-03-02T11:00:00Z", 77)

# Each bad line with the code under which it is refused and the part of the document that is named.
BAD: Sequence[tuple[bytes, str, str]] = [
    (b"charging session S-1 started at ten", "NOT_JSON", "$"),
    (b'{"specversion":"1.0","id":"cut', "NOT_JSON", "$"),
    (b"\xff\xfe\x00", "NOT_JSON", "$"),
    (b'{"hello":"world"}', "NOT_CLOUDEVENT", "specversion"),
    (b"[1,2,3]", "NOT_CLOUDEVENT", "$"),
    (b"42", "NOT_CLOUDEVENT", "$"),
    (one(event("charging.session.teleported", "S-1", "2026-03-02T10:00:00Z", {})), "UNKNOWN_TYPE", "type"),
    (one(NEGATIVE), "BAD_VALUE", "data.meter_start_wh"),
    (one(captured("S-2", currency="JPY") | {"id": "yen"}), "BAD_VALUE", "data.amount.amount"),
    (one(captured("S-2", currency="USD") | {"id": "usd"}), "CURRENCY_MISMATCH", "data.amount.currency"),
    (
        one(SPENT | {"data": SPENT["data"] | {"fee": money("0.10", "USD")}}),
        "CURRENCY_MISMATCH",
        "data.fee.currency",
    ),
    (
        one(SPENT | {"data": SPENT["data"] | {"amount": {"amount": 1.0, "currency": "EUR"}}}),
        "WRONG_TYPE",
        "data.amount.amount",
    ),
    (one({key: value for key, value in started("M-1").items() if key != "source"}), "MISSING_FIELD", "source"),
    (NOT_A_NUMBER, "NOT_JSON", "data.meter_stop_wh"),
    (HUGE, "TOO_LARGE", "$"),
]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """The good lines alone, settled."""
    folder = tmp_path_factory.mktemp("clean")
    events = folder / "events.jsonl"
    events.write_bytes(b"\n".join(lines(CLEAN)))
    return settled(events, folder / "home")


def test_bad_lines_are_refused_each_with_its_reason_and_all_others_settled(clean: Settled, tmp_path: Path) -> None:
    dirty, good = tmp_path / "dirty.jsonl", lines(CLEAN)
    mixed = [*good]
    for number, (line, _, _) in enumerate(BAD):
        mixed.insert(number * 10, line)
    dirty.write_bytes(b"\n".join([*mixed, b"", b"   ", *good[:7]]) + b"\n")

    home = Inside(tmp_path / "dirty").made_ahead()
    with services(home.settings, home.data_dir):
        summary = home.settle(home.folder / "out", dirty)
        assert counts_add_up(summary)
        counts = {
            name: summary[name] for name in ("events_in", "accepted", "duplicates", "conflicts", "dead_lettered")
        }
        assert counts == {
            "events_in": len(good) + len(BAD) + 7,
            "accepted": len(good),
            "duplicates": 7,
            "conflicts": 0,
            "dead_lettered": len(BAD),
        }
        letters = documents(home.folder / "out" / "deadletter.jsonl")
        assert Counter((letter["code"], letter["path"]) for letter in letters) == Counter(
            (code, path) for _, code, path in BAD
        )
        assert all(letter["sentence"] for letter in letters)
        _settled_as_if_there_had_been_nothing_else(clean, home, summary)
        _deadletters_are_listed_and_shown(home, letters)
        _of_two_contents_under_one_id_the_first_stands(home)
        # The same file again: every line is known, the bad ones too.
        again = home.settle(home.folder / "again", dirty, options=("--bank-files", "all"))
        assert (again["duplicates"], again["accepted"], again["dead_lettered"]) == (again["events_in"], 0, 0)
        assert difference(home.folder / "out", home.folder / "again", BYTE_EQUAL) == ""
        assert home.json("verify")["passed"] is True


def _settled_as_if_there_had_been_nothing_else(clean: Settled, home: Home, summary: dict[str, Any]) -> None:
    totals = ("sessions_rated", "sessions_open", "sessions_in_suspense", "cdrs", "payouts")
    assert [summary[name] for name in totals] == [clean.summary[name] for name in totals]
    assert difference(clean.out, home.folder / "out", BYTE_EQUAL) == ""


def _of_two_contents_under_one_id_the_first_stands(home: Home) -> None:
    conflicting = home.folder / "conflicting.jsonl"
    conflicting.write_bytes(one(CONFLICTING))
    summary = home.settle(home.folder / "conflict", conflicting, options=("--bank-files", "all"))
    assert (summary["events_in"], summary["conflicts"], summary["dead_lettered"]) == (1, 1, 0)
    codes = [letter["code"] for letter in documents(home.folder / "conflict" / "deadletter.jsonl")]
    assert codes.count("CONFLICT") == 1
    assert difference(home.folder / "out", home.folder / "conflict", BYTE_EQUAL) == ""


def _deadletters_are_listed_and_shown(home: Home, letters: list[dict[str, Any]]) -> None:
    listed = home.json("deadletter", "list")
    assert {each["id"]: each["code"] for each in listed} == {each["deadletter_id"]: each["code"] for each in letters}
    assert [each["code"] for each in home.json("deadletter", "list", "--code", "UNKNOWN_TYPE")] == ["UNKNOWN_TYPE"]
    (unknown,) = (each for each in letters if each["code"] == "UNKNOWN_TYPE")
    shown = home.json("deadletter", "show", unknown["deadletter_id"][:13])
    assert orjson.loads(shown["value"])["type"] == shown["type"] == "charging.session.teleported"
    assert b"teleported" in home.run("deadletter", "show", unknown["deadletter_id"])
    assert b"no dead letter" in home.run("deadletter", "show", "ffffffff-ffff", status=1)
    # A record that was never sent cannot be sent again, and the answer says so.
    (huge,) = (each for each in letters if each["code"] == "TOO_LARGE")
    refusal = home.run("deadletter", "replay", huge["deadletter_id"], status=1)
    assert refusal.count(b"\n") == 1


class IntakeWithAFault(Intake):
    """The intake as it might be with a mistake in it, which shows with one session."""

    def process(self, records: Sequence[Record], epochs: Mapping[Partition, int]) -> None:
        """As the real one, unless the session is among the records."""
        if any(b'"S-13"' in (record.value or b"") for record in records):
            raise ZeroDivisionError("the mistake")
        super().process(records, epochs)


def take_in_with_a_fault(home: Home, running: Services, events: Path) -> None:
    store = Store(running.dsn, running.kafka_options, home.settings)
    prepare(store)
    publish_files(store, [str(events)], lambda *_: None)
    intake = IntakeWithAFault(store.dsn)
    asyncio.run(consume_until_caught_up(store.kafka, intake, group_id=store.settings.group_id))
    intake.close()


def test_records_that_broke_the_engine_are_replayed_after_the_fix(clean: Settled, tmp_path: Path) -> None:
    home = Inside(tmp_path).made_ahead()
    with services(home.settings, home.data_dir) as running:
        take_in_with_a_fault(home, running, clean.events)
        stuck = home.json("deadletter", "list", "--code", "PROCESSING_FAILED")
        assert len(stuck) == len(session())
        assert all("ZeroDivisionError" in letter["sentence"] for letter in stuck)
        first, *_ = stuck
        assert home.json("deadletter", "replay", first["id"]) == {"replayed": 1}
        assert home.json("deadletter", "replay", "--code", "PROCESSING_FAILED") == {"replayed": len(stuck) - 1}
        assert home.json("deadletter", "list") == []
        # The replayed records lie in Kafka and are taken in first; the file holds nothing new.
        summary = home.settle(tmp_path / "out", clean.events)
        assert summary["duplicates"] == summary["events_in"] == len(CLEAN)
        assert difference(clean.out, tmp_path / "out", BYTE_EQUAL) == ""
        assert all(letter["replayed"] for letter in documents(tmp_path / "out" / "deadletter.jsonl"))
