"""A record batch that cannot be read is told once, listed while reading stands still there, and over once passed."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from aiokafka import AIOKafkaProducer

from consumers.errors import UnreadBatch
from consumers.outgoing import outgoing
from consumers.run import consume_until_caught_up
from contracts.messages import TOPIC_OF
from contracts.outgoing import OUTBOUND_MODEL_OF
from engine.errors import PartitionLost
from engine.intake import Intake
from ledger.audit import verify
from ledger.intake import positions
from ledger.intake.outbox import PendingEvent, PendingLetter, pending
from ledger.intake.positions import Tally
from projections.all_findings import all_findings
from projections.documents.findings import finding_document
from projections.runner import catch_up
from projections.schema import migrate
from tests.kafka.store import Store
from tests.kafka.test_record_batches import OTHER, STILL, TOPIC, emptied, send_one_that_no_client_reads
from tests.support.events import session
from tests.support.kafka_clients import variables
from wattledger.cli import main

__all__ = ["emptied"]
HOME = (TOPIC, STILL)


@pytest.fixture
def intake(database_url: str, store: Store) -> Iterator[Intake]:
    """The intake on a database that has read all that earlier tests published."""
    migrate(database_url)
    made = Intake(database_url)
    made.claim(list(store.positions))
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        positions.advance(cursor, {home: (end, None) for home, end in store.positions.items()})
    yield made
    made.close()


def told(dsn: str) -> list[dict[str, Any]]:
    """What people are told of record batches, checked against the contract."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        rows = [row for row in pending(cursor, 1000) if row.topic == "settlement.notifications"]
    events = [orjson.loads(outgoing(row).value or b"") for row in rows if isinstance(row, PendingEvent)]
    for each in events:
        OUTBOUND_MODEL_OF[each["type"]].model_validate(each)
    return [each for each in events if each["data"]["kind"].startswith("UNREAD_BATCH")]


def listed(dsn: str) -> list[dict[str, Any]]:
    """What the command and the file list."""
    catch_up(dsn)
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        return [finding_document(row) for row in all_findings(cursor)]


def charging(session_id: str) -> list[dict[str, Any]]:
    """What gateways tell of a session, which is what counts on their topic."""
    return [each for each in session(session_id) if TOPIC_OF[each["type"]] == TOPIC]


async def send(client_options: dict[str, Any], partition: int, codec: str | None = None, name: str = "S-1") -> None:
    """A session's messages, as one batch."""
    async with AIOKafkaProducer(**client_options, compression_type=codec, linger_ms=200) as producer:
        sent = [await producer.send(TOPIC, orjson.dumps(each), partition=partition) for each in charging(name)]
        await asyncio.gather(*sent)


async def consume(client_options: dict[str, Any], intake: Intake, offset: int | None = None) -> None:
    """Take everything in; up to a batch that cannot be read where an offset is named."""
    if offset is None:
        await consume_until_caught_up(client_options, intake, group_id="unread")
        return
    with pytest.raises(UnreadBatch, match=f"at offset {offset} cannot be read"):
        await consume_until_caught_up(client_options, intake, group_id="unread")


@pytest.mark.usefixtures("emptied")
async def test_it_is_told_once_with_its_place_and_listed_and_over_once_the_position_is_moved_behind_it(
    client_options: dict[str, Any], intake: Intake, database_url: str
) -> None:
    await send(client_options, STILL)
    offset = await send_one_that_no_client_reads(client_options, STILL)
    await send(client_options, OTHER, name="S-2")
    for _ in range(2):
        await consume(client_options, intake, offset)
    (notice,) = told(database_url)
    subject = f"{TOPIC}:{STILL}:{offset}"
    assert (notice["data"]["kind"], notice["subject"], notice["time"]) == (
        "UNREAD_BATCH", subject, "2026-03-02T11:00:00Z",
    )  # fmt: skip
    assert f"topic {TOPIC}, partition {STILL}: the record batch at offset {offset} " in notice["data"]["sentence"]
    assert "pass it" in notice["data"]["cure"]
    (finding,) = [each for each in listed(database_url) if each["kind"] == "UNREAD_BATCH"]
    assert (finding["subject"], finding["operator_id"], finding["amount"]) == (subject, None, None)
    assert verify(database_url).passed

    with psycopg.connect(database_url) as connection:
        moved = "UPDATE intake.position SET next_offset = %s WHERE (topic, partition) = (%s, %s)"
        connection.execute(moved, (offset + 1, *HOME))
    await consume(client_options, intake)
    assert [each["data"]["kind"] for each in told(database_url)] == ["UNREAD_BATCH", "UNREAD_BATCH_ENDED"]
    assert not [each for each in listed(database_url) if each["kind"] == "UNREAD_BATCH"]
    assert verify(database_url).passed


async def test_it_is_over_once_it_is_read_after_all(
    client_options: dict[str, Any], intake: Intake, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        offset = positions.next_offsets(cursor)[HOME]
    await send(client_options, STILL, "zstd")
    with monkeypatch.context() as without:
        without.setattr("aiokafka.codec.cramjam", None)
        await consume(client_options, intake, offset)
    assert [each["data"]["kind"] for each in told(database_url)] == ["UNREAD_BATCH"]
    await consume(client_options, intake)
    assert [each["data"]["kind"] for each in told(database_url)] == ["UNREAD_BATCH", "UNREAD_BATCH_ENDED"]
    assert not [each for each in listed(database_url) if each["kind"] == "UNREAD_BATCH"]
    assert verify(database_url).passed


def test_who_lost_the_partition_tells_nothing(intake: Intake, database_url: str) -> None:
    lost = intake.claim([HOME])[HOME].epoch
    intake.claim([HOME])
    with pytest.raises(PartitionLost):
        intake.note_unread(HOME, lost, 7, "no codec")
    assert told(database_url) == []


@pytest.mark.usefixtures("emptied")
async def test_who_settles_ends_for_it_once_all_else_is_taken_in_and_judged(
    client_options: dict[str, Any],
    intake: Intake,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", database_url)
    for name, value in variables(client_options).items():
        monkeypatch.setenv(f"WATTLEDGER_{name}", value)
    offset = await send_one_that_no_client_reads(client_options, STILL)
    await send(client_options, OTHER, name="S-2")
    news = tmp_path / "news.jsonl"
    news.write_bytes(b"")
    status = await asyncio.to_thread(main, ["settle", str(news), "--out", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert (status, f"at offset {offset} cannot be read" in error, "Traceback" in error) == (1, True, False)
    with psycopg.connect(database_url) as connection:
        heads = connection.execute("SELECT session_id, stale FROM intake.session_head").fetchall()
    assert heads == [("S-2", False)]
    assert verify(database_url).passed


@pytest.mark.usefixtures("emptied")
async def test_a_person_passes_it_and_it_is_kept_as_a_dead_letter(
    client_options: dict[str, Any],
    intake: Intake,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", database_url)
    for name, value in variables(client_options).items():
        monkeypatch.setenv(f"WATTLEDGER_{name}", value)
    monkeypatch.setenv("WATTLEDGER_DATA_DIR", str(tmp_path))

    async def command(*words: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(main, list(words))
        return (status, *capsys.readouterr())

    def skip(offset: int, *options: str) -> tuple[str, ...]:
        return ("deadletter", "skip", TOPIC, str(STILL), str(offset), "--reason", "damaged on its disk", *options)

    offset = await send_one_that_no_client_reads(client_options, STILL)
    await send(client_options, STILL)
    status, _, error = await command(*skip(offset))
    assert (status, error.count("\n")) == (1, 1)
    assert f"no batch at offset {offset} is known that cannot be read" in error
    await consume(client_options, intake, offset)
    status, _, error = await command(*skip(offset, "--through", str(offset + 1_000)))
    assert (status, "is no offset of topic" in error) == (1, True)

    status, said, _ = await command(*skip(offset, "--json"))
    assert status == 0
    letter = orjson.loads(said)["id"]
    shown = orjson.loads((await command("deadletter", "show", letter, "--json"))[1])
    assert (shown["code"], shown["topic"], shown["partition"], shown["offset"]) == (
        "UNREAD_BATCH", TOPIC, STILL, offset,
    )  # fmt: skip
    assert shown["sentence"].endswith("passed by hand: damaged on its disk")
    status, _, error = await command("deadletter", "replay", letter)
    assert (status, "have the sender send its messages again" in error) == (1, True)
    assert [each["data"]["kind"] for each in told(database_url)] == ["UNREAD_BATCH", "UNREAD_BATCH_ENDED"]
    await consume(client_options, intake)
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        assert positions.totals(cursor) == Tally(accepted=len(charging("S-1")), dead_lettered=1)
        (sent,) = [row for row in pending(cursor, 1000) if isinstance(row, PendingLetter)]
    OUTBOUND_MODEL_OF["settlement.deadletter.recorded"].model_validate(orjson.loads(outgoing(sent).value or b""))
    assert verify(database_url).passed
