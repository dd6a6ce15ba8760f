"""Gateways ask over Kafka whether a driver may charge, and are answered within 2 s, always the same."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from api.ocpi.charge_tokens.answering import Answering, Asked
from api.ocpi.charge_tokens.partners import Partners
from consumers.sender import Sender
from consumers.topics import ensure_topics
from contracts.authorizations import ANSWERS_TOPIC, QUESTIONS_TOPIC
from contracts.outgoing import OUTBOUND_MODEL_OF
from tests.ocpi.conftest import Platform
from tests.ocpi.test_authorizing import knows, placed, source
from tests.ocpi.test_tokens import token
from tests.support.token_source import TokenSource
from tests.support.waiting import wait_until
from wattledger.charge_tokens import charge_tokens_kept

__all__ = ["placed", "source"]

_ids = itertools.count(1)
ME = "urn:test:gateway"


def question(uid: str = "CARD-1", id_: str | None = None, **more: Any) -> dict[str, Any]:
    data = {"uid": uid, "operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": "LOC-1-E1"} | more
    return {
        "specversion": "1.0",
        "id": id_ or f"{time.time_ns()}-{next(_ids)}",
        "source": ME,
        "type": "roaming.authorization_requested",
        "subject": str(data["evse_uid"]),
        "time": "2026-03-01T10:00:00Z",
        "data": data,
    }


class Answers:
    """What came on the topic of answers since this was begun, and when, by the id of its question."""

    def __init__(self, brokers: dict[str, Any]) -> None:
        self._brokers = brokers
        self.came: dict[str, list[tuple[float, bytes]]] = {}
        self._stop, self._ready = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._read()), name="answers")

    def __enter__(self) -> "Answers":
        self._thread.start()
        assert self._ready.wait(180)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(**self._brokers, fetch_max_wait_ms=20)
        await consumer.start()
        try:
            homes = [TopicPartition(ANSWERS_TOPIC, number) for number in range(6)]
            consumer.assign(homes)
            await consumer.seek_to_end(*homes)
            for home in homes:
                await consumer.position(home)
            self._ready.set()
            while not self._stop.is_set():
                for records in (await consumer.getmany(timeout_ms=50)).values():
                    for record in records:
                        event = json.loads(record.value)
                        OUTBOUND_MODEL_OF[event["type"]].model_validate(event)
                        assert record.key.decode() == event["subject"]
                        said = (time.monotonic(), record.value)
                        self.came.setdefault(event["data"]["request_id"], []).append(said)
        finally:
            await consumer.stop()

    def to(self, event: dict[str, Any], number: int = 1) -> dict[str, Any]:
        """The data of an answer, once it has come."""
        wait_until(lambda: len(self.came.get(event["id"], ())) >= number)
        data: dict[str, Any] = json.loads(self.came[event["id"]][number - 1][1])["data"]
        return data


@pytest.fixture(scope="module")
def sender(kafka_options: dict[str, Any]) -> Iterator[Sender]:
    asyncio.run(ensure_topics(kafka_options))
    made = Sender(lambda: kafka_options)
    made.start()
    yield made
    made.close()


def send(sender: Sender, *events: dict[str, Any] | bytes) -> float:
    """Publish; when the brokers had all of it."""
    values = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in events]
    sender.publish([(QUESTIONS_TOPIC, None, value, ()) for value in values]).result(180)
    return time.monotonic()


@contextmanager
def answered(platform: Platform, sender: Sender, options: dict[str, Any]) -> Iterator[Answers]:
    """Questions are answered for as long as the block runs."""
    group = f"tokens-{next(_ids)}-{time.time_ns()}"
    with Answers(options) as found, charge_tokens_kept(group, platform.surface, sender, lambda: options):
        warm = question("WARM-UP")
        send(sender, warm)
        found.to(warm)
        yield found


@pytest.mark.alone
def test_each_is_answered_within_two_seconds_and_a_slow_partner_delays_nobody(
    platform: Platform, source: TokenSource, sender: Sender, kafka_options: dict[str, Any]
) -> None:
    knows(platform, source, uid="LISTED")
    knows(platform, source, uid="SLOW", whitelist="ALLOWED_OFFLINE")
    app = token("APP", type="APP_USER", whitelist="NEVER")
    answer = platform.ask("PUT", "/2.3.0/tokens/DE/ABC/APP?type=APP_USER", source.token_c, json=app)
    assert answer.status_code == 201
    source.says["APP"] = {"allowed": "ALLOWED", "authorization_reference": "REF-9", "info": {"text": "Hi"}}
    with answered(platform, sender, kafka_options) as answers:
        asked = question("app", type="app_user")
        sent_at = {asked["id"]: send(sender, asked)}
        answers.to(asked)
        source.holds = threading.Event()
        slow, unknown, nobody = question("SLOW"), question("WHO"), question("LISTED", operator_id="OP-9")
        listed = [question("LISTED", evse_uid=None) for _ in range(20)]
        rest = [*(question("SLOW") for _ in range(20)), slow, unknown, nobody, *listed]
        at = send(sender, *rest)
        sent_at |= {each["id"]: at for each in rest}
        for each in rest:
            answers.to(each)
        waited = {id_: answers.came[id_][0][0] - at for id_, at in sent_at.items()}
        assert max(waited.values()) < 2
        assert max(waited[each["id"]] for each in (unknown, nobody, *listed)) < 1
        assert answers.to(asked) == {
            "request_id": asked["id"],
            "request_source": ME,
            "location_id": "LOC-1",
            "evse_uid": "LOC-1-E1",
            "allowed": "ALLOWED",
            "auth_method": "AUTH_REQUEST",
            "partner": "DE-ABC",
            "token": {name: app[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")},
            "authorization_reference": "REF-9",
            "info": "Hi",
        }
        assert [
            (answers.to(each)["allowed"], answers.to(each).get("reason")) for each in (slow, unknown, nobody)
        ] == [
            ("ALLOWED", "NOT_REACHED"),
            ("NOT_ALLOWED", "UNKNOWN_TOKEN"),
            ("NOT_ALLOWED", "UNKNOWN_OPERATOR"),
        ]
        assert answers.to(listed[0])["auth_method"] == "WHITELIST"
        assert "token" not in answers.to(unknown)


def test_who_asks_again_has_the_same_answer_and_what_is_no_question_is_a_dead_letter(
    platform: Platform, source: TokenSource, sender: Sender, kafka_options: dict[str, Any], placed: str
) -> None:
    knows(platform, source, whitelist="NEVER")
    source.says["CARD-1"] = {"allowed": "ALLOWED"}
    with answered(platform, sender, kafka_options) as answers:
        first = question()
        send(sender, first, first)
        assert answers.to(first, 2)["allowed"] == "ALLOWED"
        source.says["CARD-1"] = {"allowed": "BLOCKED"}
        other = {**first, "data": first["data"] | {"uid": "CARD-2"}}
        garbage = [b"no json", b"{}", json.dumps({**question(), "type": "payment.captured"}).encode()]
        no_uid = question(id_=f"no-uid-{time.time_ns()}")
        del no_uid["data"]["uid"]
        send(sender, first, other, *garbage, no_uid)
        assert answers.to(first, 3)["allowed"] == "ALLOWED"
        assert len({value for _, value in answers.came[first["id"]]}) == 1
        assert len(source.heard) == 1
        last = question()
        send(sender, last)
        assert answers.to(last)["allowed"] == "BLOCKED"
        letters = (
            "SELECT code FROM intake.deadletter JOIN intake.outbox USING (deadletter_id) "
            "WHERE deadletter.topic = 'roaming.authorizations' AND outbox.topic = 'settlement.deadletter' "
            "ORDER BY code"
        )
        with psycopg.connect(placed, autocommit=True) as connection:
            wait_until(lambda: len(connection.execute(letters).fetchall()) == 5)
            codes = [code for (code,) in connection.execute(letters)]
        assert codes == ["CONFLICT", "MISSING_FIELD", "NOT_CLOUDEVENT", "NOT_JSON", "UNKNOWN_TYPE"]


def test_an_answer_that_was_kept_and_not_sent_is_sent_by_who_comes_next(
    platform: Platform, source: TokenSource, sender: Sender, kafka_options: dict[str, Any]
) -> None:
    knows(platform, source, whitelist="NEVER")
    source.says["CARD-1"] = {"allowed": "ALLOWED", "authorization_reference": "REF-1"}
    event = question()
    away = Sender(lambda: None)
    away.start()

    def asked(written_at: datetime) -> Asked:
        return Asked(0, 0, None, (), json.dumps(event).encode(), written_at)

    def kept() -> bool:
        with platform.surface.door.transaction() as cursor:
            return (
                cursor.execute("SELECT FROM access.charge_answer WHERE id = %s", (event["id"],)).fetchone()
                is not None
            )

    async def dies() -> None:
        async with Partners(platform.surface) as partners:
            task = asyncio.create_task(Answering(platform.surface, partners, away).take([asked(datetime.now(UTC))]))
            await asyncio.to_thread(wait_until, kept, 20)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def goes_on(written_at: datetime) -> None:
        async with Partners(platform.surface) as partners:
            await Answering(platform.surface, partners, sender).take([asked(written_at)])

    with Answers(kafka_options) as answers:
        asyncio.run(dies())
        away.close()
        assert answers.came == {}
        source.says["CARD-1"] = {"allowed": "BLOCKED"}
        asyncio.run(goes_on(datetime.now(UTC) - timedelta(hours=1)))
        assert answers.to(event)["authorization_reference"] == "REF-1"
        assert len(source.heard) == 1
        # One that nobody has answered in time is not asked about any more.
        event = question()
        asyncio.run(goes_on(datetime.now(UTC) - timedelta(minutes=1)))
        assert (answers.to(event)["allowed"], answers.to(event)["reason"]) == ("NOT_ALLOWED", "TOO_LATE")
        assert len(source.heard) == 1


def test_one_that_breaks_us_is_a_dead_letter_and_the_others_are_answered(
    platform: Platform, source: TokenSource, sender: Sender, kafka_options: dict[str, Any], placed: str
) -> None:
    for uid in ("CARD-1", "BROKEN"):
        knows(platform, source, uid=uid)
    with platform.surface.door.transaction() as cursor:
        cursor.execute("UPDATE access.charge_token SET document = '{}' WHERE uid = 'broken'")
    broken, sound = question("BROKEN"), question()
    now = datetime.now(UTC)
    records = [
        Asked(0, 900_000 + number, None, (), json.dumps(each).encode(), now)
        for number, each in enumerate((broken, sound))
    ]

    async def work() -> None:
        async with Partners(platform.surface) as partners:
            await Answering(platform.surface, partners, sender).take(records)

    with Answers(kafka_options) as answers:
        asyncio.run(work())
        assert answers.to(sound)["allowed"] == "ALLOWED"
    with psycopg.connect(placed) as connection:
        letters = "SELECT code FROM intake.deadletter WHERE event_id = %s"
        assert connection.execute(letters, (broken["id"],)).fetchall() == [("PROCESSING_FAILED",)]
