"""Clocks that are wrong, as users meet them: a message from another century, a clock moved too far, and the cure."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import orjson
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer

from tests.end_to_end.running import Home, Inside, documents
from tests.intake.test_far_ahead import status
from tests.intake.test_reopened_days import OTHER, of_second, reopened
from tests.support.decisions import settings_of_keys
from tests.support.events import lines, operator, session, tariff
from tests.support.waiting import wait_until
from wattledger.embedded import Services, services

REOPEN = ("payouts", "reopen", "--reason", "a gateway's clock was wrong", "--from")
FAR = "2062-05-01T00:00:00Z"
NETWORK = [
    operator(),
    tariff(),
    operator("OP-2", bank_account=OTHER),
    tariff("OP-2", "T-2"),
    *session("S-1", "2026-03-02"),
    *of_second("S-2", "2026-03-02"),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A data directory, whose decisions are signed as those of the tests are."""
    return Inside(tmp_path, **settings_of_keys(tmp_path)).made_ahead()


@pytest.fixture(autouse=True)
def running(home: Home) -> Iterator[Services]:
    """Its services, which run as long as the test does."""
    with services(home.settings, home.data_dir) as running:
        yield running


def settle(home: Home, name: str, events: list[dict[str, Any]], *options: str) -> dict[str, Any]:
    path = home.folder / f"{name}.jsonl"
    path.write_bytes(b"\n".join(lines(events)) + b"\n")
    return home.settle(home.folder / "out", path, options=options)


def paid(home: Home) -> list[tuple[str, str]]:
    """Operator and business date of each payout."""
    payouts = documents(home.folder / "out/payouts.jsonl")
    return sorted((each["operator_id"], each["business_date"]) for each in payouts)


def found(home: Home) -> set[str]:
    return {each["kind"] for each in documents(home.folder / "out/findings.jsonl")}


def test_a_message_from_another_century_closes_nobodys_days_and_is_told(home: Home, running: Services) -> None:
    summary = settle(home, "first", [*NETWORK, status(FAR), *session("S-3", "2026-03-04")])
    assert (summary["ahead"], summary["accepted"], summary["dead_lettered"]) == (1, 20, 0)
    assert paid(home) == [("OP-1", "2026-03-02"), ("OP-2", "2026-03-02")]
    summary = settle(home, "second", [*session("S-4", "2026-03-06"), status("2063-01-01T00:00:00Z"), *_clocks_on()])
    assert summary["ahead"] == 1
    assert paid(home) == [
        *(("OP-1", f"2026-03-0{day}") for day in (2, 4, 6)),
        ("OP-2", "2026-03-02"),
    ]
    assert "PAYOUT_DAYS_CLOSED" not in found(home)
    told = [each["data"] for each in asyncio.run(_told(running)) if each["data"]["kind"] == "SOURCE_AHEAD"]
    assert [each["subject"] for each in told] == ["urn:test"]
    home.run("verify")


def _clocks_on() -> list[dict[str, Any]]:
    """A status that is heard a day later, so that runs up to then are due."""
    return [status("2026-03-07T12:00:00Z", "urn:good")]


def test_sessions_of_which_every_message_is_far_ahead_are_judged(home: Home) -> None:
    """The clock is moved nowhere by them."""
    events = [operator(time=FAR), tariff(time=FAR), *session("S-1", "2062-05-02")]
    summary = settle(home, "first", events)
    assert (summary["ahead"], summary["sessions_rated"]) == (len(events), 1)
    assert [each["state"] for each in documents(home.folder / "out/sessions.jsonl")] == ["RATED"]
    home.run("verify")


async def _told(running: Services) -> list[dict[str, Any]]:
    """All that was sent to people so far."""
    topic = "settlement.notifications"
    consumer = AIOKafkaConsumer(topic, **running.kafka_options, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        return [orjson.loads((await consumer.getone()).value or b"") for _ in range(sum(ends.values()))]
    finally:
        await consumer.stop()


def test_a_moment_far_ahead_is_refused_unless_it_is_meant(home: Home) -> None:
    settle(home, "first", NETWORK)
    out, events = home.folder / "out", home.folder / "first.jsonl"
    for words in (("settle", events, "--out", out), ("payouts", "run")):
        said = home.run(*words, "--until", FAR, status=1).decode()
        assert f"--until {FAR} is more than 24 hours ahead" in said
        assert "--ahead" in said
        assert "--until names" in home.run(*words, "--ahead", status=2).decode()
    home.run("payouts", "run", "--until", FAR, "--ahead")
    home.run("export", out)
    assert "PAYOUT_DAYS_CLOSED" in found(home)


def test_days_that_were_closed_too_far_are_opened_again_and_paid_on_their_own_dates(home: Home) -> None:
    settle(home, "first", [*NETWORK, status(FAR)], "--ahead", "--until", FAR)
    assert "PAYOUT_DAYS_CLOSED" in found(home)
    settle(home, "second", [*session("S-3", "2026-03-04"), *of_second("S-4", "2026-03-04"), *_clocks_on()])
    assert paid(home) == [("OP-1", "2026-03-02"), ("OP-2", "2026-03-02")]
    by_anna = ("--key-file", key_of(home, "anna", "approver"))
    _reopening_needs_a_person_who_may(home)
    done = home.json(*REOPEN, "2026-03-03", "--operator", "OP-1", *by_anna)
    assert done["operators"] == [{"operator_id": "OP-1", "were_closed_through": "2062-04-30"}]
    # The second operator's by a file that has the decision.
    settle(home, "third", [*session("S-5", "2026-03-06"), reopened("2026-03-03", "OP-2")])
    assert paid(home) == [
        *(("OP-1", f"2026-03-0{day}") for day in (2, 4, 6)),
        *(("OP-2", f"2026-03-0{day}") for day in (2, 4)),
    ]
    assert "PAYOUT_DAYS_CLOSED" not in found(home)
    home.run("verify")
    _nothing_is_left_to_reopen(home, by_anna)


def test_what_waits_to_be_taken_in_is_judged_with_the_decision(home: Home, running: Services) -> None:
    settle(home, "first", NETWORK, "--ahead", "--until", FAR)
    key = key_of(home, "anna", "approver")
    news = home.folder / "second.jsonl"
    news.write_bytes(b"\n".join(lines(session("S-3", "2026-03-04"))) + b"\n")
    home.run("publish", news)
    home.run(*REOPEN, "2026-03-03", "--key-file", key)
    assert {each["session_id"]: each["state"] for each in home.json("sessions", "list")} == dict.fromkeys(
        ("S-1", "S-2", "S-3"), "RATED"
    )
    assert _count(running, "intake.session_head WHERE stale") == 0
    home.run("verify")


def test_in_a_live_system_days_that_are_open_again_are_paid_at_once(home: Home, running: Services) -> None:
    """The wall clock is far behind the day to which somebody moved this store's, and ahead of all sessions."""
    settle(home, "first", NETWORK, "--ahead", "--until", FAR)
    key = key_of(home, "anna", "approver")
    news = home.folder / "second.jsonl"
    news.write_bytes(b"\n".join(lines(session("S-3", "2026-03-04"))) + b"\n")
    home.log.touch()
    process = home.start("up")
    try:
        wait_until(lambda: "WattLedger is up" in home.log.read_text())
        home.run("publish", news)
        wait_until(lambda: _count(running, "intake.line WHERE released_at IS NOT NULL AND payout_id IS NULL") == 2)
        assert _count(running, _PAYOUTS) == 2
        home.run(*REOPEN, "2026-03-03", "--key-file", key)
        wait_until(lambda: _count(running, _PAYOUTS) == 3)
        (paid_now,) = (each for each in home.json("payouts", "list") if each["business_date"] == "2026-03-04")
        assert (paid_now["operator_id"], paid_now["amount"]) == ("OP-1", "10.89")
        process.terminate()
        assert process.wait(180) == 0, home.log.read_text()
    finally:
        process.kill()
        process.wait()
    home.run("verify")


_PAYOUTS = "event_store.stored_events WHERE topic = 'PayoutCreated'"


def _count(running: Services, rows: LiteralString) -> int:
    with psycopg.connect(running.dsn) as connection:
        row = connection.execute(f"SELECT count(*) FROM {rows}").fetchone()
    return row[0] if row else 0


def key_of(home: Home, name: str, role: str) -> Path:
    """The file of a key that was made for somebody who is added."""
    path, password = home.folder / f"{name}.key", home.folder / "password"
    password.write_text("correct horse battery staple")
    home.run("user", "add", name, "--role", role, "--password-file", password)
    path.write_text(home.json("apikey", "create", "--role", role, "--name", "tests", "--for", name)["key"])
    return path


def _reopening_needs_a_person_who_may(home: Home) -> None:
    reopen, program = (*REOPEN, "2026-03-03", "--key-file"), home.folder / "program.key"
    assert "--key-file" in home.run(*reopen[:-1], status=1).decode()
    by_fred = home.run(*reopen, key_of(home, "fred", "finance"), status=1).decode()
    assert "fred is finance and may not resume all payouts" in by_fred
    program.write_text(home.json("apikey", "create", "--role", "approver", "--name", "a program")["key"])
    assert "people decide this" in home.run(*reopen, program, status=1).decode()


def _nothing_is_left_to_reopen(home: Home, by_anna: tuple[str, Path]) -> None:
    said = home.run(*REOPEN, "2040-01-01", *by_anna, status=1).decode()
    assert "no payout day from 2040-01-01 on is closed" in said
    said = home.run(*REOPEN, "2026-03-03", *by_anna, "--operator", "OP-9", status=1).decode()
    assert "no operator 'OP-9' is known" in said
    assert "is not a day" in home.run(*REOPEN, "soon", *by_anna, status=2).decode()
