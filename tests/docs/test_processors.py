"""docs/processors.md: its program is run between the engine and real brokers, and its tables are the program's."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from confluent_kafka import Producer

from consumers.relay import drain
from contracts.decode import Message, decode
from projections.runner import catch_up
from tests.docs.kafka import Arrivals, arrivals, make_topics
from tests.docs.pages import ROOT, block, table
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.kafka_clients import librdkafka
from wattledger.embedded import EmbeddedKafka
from wattledger.processor.behaviour import Behaviour, Manner, Outcome
from wattledger.processor.orders import order_of

PAGE = ROOT / "docs" / "processors.md"
TEXT = PAGE.read_text(encoding="utf-8")
GOLDEN = ROOT / "contracts/golden/settlement.batch.created/v1-second-attempt.json"


def test_the_hash_of_the_example_is_that_of_its_text_and_of_the_released_message() -> None:
    (text,) = re.findall(r"```json\n(.+)\n```", TEXT)
    digest = sha256(text.encode()).hexdigest()
    assert f"gives `{digest}`" in TEXT
    event = json.loads(GOLDEN.read_text(encoding="utf-8"))
    data = event["data"]
    assert data["content_hash"] == digest
    assert json.loads(text) == {
        "amount": data["amount"]["amount"],
        **{name: data[name] for name in ("creditor", "currency", "execution_date", "operator_id", "payout_id")},
        "entry_ids": sorted(data["entry_ids"]),
    }
    assert order_of({**data, "ordered_at": event["time"]}).content_hash == digest


def test_every_conduct_is_listed_and_defaults_are_those_of_the_program() -> None:
    assert {row[0].strip("`") for row in table(PAGE, "| outcome | what the bank does |")} == set(Outcome)
    assert {row[0].strip("`") for row in table(PAGE, "| manner | how it tells of it |")} == set(Manner)
    behaviour = Behaviour()
    assert [int(each.total_seconds()) for each in behaviour.after.values()] == [0, 1, 1, 3]
    assert behaviour.charges == Decimal("5.00")
    wishes = [wish for wish in re.findall(r"--behaviour (\S+=\S+)", TEXT) if "VALUE" not in wish]
    assert wishes
    assert Behaviour.parse(wishes).operators


def test_the_program_of_the_page_pays_each_order_once_and_its_answers_are_taken(
    engine: Engine, database_url: str, kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    kafka_options = kafka.client_options
    make_topics(kafka_options)
    program = tmp_path / "processor.py"
    program.write_text("\n".join(block(PAGE, "python")), "utf-8")
    engine.feed([operator(time_zone="UTC"), tariff(), *session("S-1"), *session("S-2", "2026-03-03")])
    engine.advance("2026-03-04T00:00:00Z")
    with (
        arrivals(kafka_options, "settlement.batches") as orders,
        arrivals(kafka_options, "payout.results") as results,
    ):
        drain(kafka_options, database_url)
        told = [each.value() or b"" for each in orders.wait_for(2)]
        ours = {json.loads(value)["subject"] for value in told}
        assert len(ours) == 2
        with running(program, kafka):
            first = answers(results, ours)
        # All of it comes once more, to a process that was killed and started again.
        producer = Producer(librdkafka(kafka_options))
        for value in told:
            producer.produce("settlement.batches", value, "OP-1")
        producer.flush(30)
        results.records.clear()
        with running(program, kafka):
            assert answers(results, ours) == first
    assert all(isinstance(decode(answer), Message) for answer in first.values())
    engine.feed(first.values())
    catch_up(database_url)
    assert engine.rows("SELECT DISTINCT status FROM projection.payouts") == [("PAID",)]
    with sqlite3.connect(tmp_path / "payments.sqlite") as file:
        paid = [row[0] for row in file.execute("SELECT payout_id FROM payment")]
    assert set(paid) >= ours
    assert len(paid) == len(set(paid))


@contextmanager
def running(program: Path, kafka: EmbeddedKafka) -> Iterator[None]:
    """The program at work, and killed."""
    environment = os.environ | {"KAFKA_PASSWORD": kafka.logins()["processor"].password}
    process = subprocess.Popen([sys.executable, program, kafka.bootstrap], cwd=program.parent, env=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def answers(results: Arrivals, payout_ids: set[str]) -> dict[str, bytes]:
    """What is answered about these payouts; others' payouts are on the topic as well."""
    told: dict[str, bytes] = {}
    number = 0
    while payout_ids - set(told):
        value = results.wait_for(number + 1)[number].value() or b""
        told[json.loads(value)["subject"]] = value
        number += 1
    return {payout_id: told[payout_id] for payout_id in sorted(payout_ids)}
