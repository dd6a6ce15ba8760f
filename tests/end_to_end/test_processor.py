"""The reference processor as a process of its own, between real brokers: what it pays, and what the book says."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.end_to_end.running import Home, documents
from tests.processor.orders import end_to_end_id, payout_id, records
from tests.support.aftermath import settled
from tests.support.events import captured, ended, operator, started, tariff
from tests.support.kafka_clients import from_variables, librdkafka, variables
from tests.support.made_ahead import with_servers
from tests.support.waiting import wait_until
from wattledger.embedded import EmbeddedKafka, EmbeddedPostgres
from wattledger.processor.bank import Bank, Booking
from wattledger.processor.behaviour import Behaviour
from wattledger.settings import default_cache_dir

DAY = "2026-03-02"
# Whose payouts end how, by the conduct of the bank: of the first attempt, or of those that follow it too.
CONDUCTS = {
    "pay": {1: "PAID"},
    "accept": {1: "IN_TRANSIT"},
    "silent": {1: "IN_TRANSIT"},
    "reject:AM04,pay": {1: "FAILED", 2: "PAID"},
    "reject:AC04,pay": {1: "FAILED"},
    "return:AC06,pay": {1: "RETURNED"},
    "partial": {1: "RETURNED"},
    "twice": {1: "PAID"},
    "return+shuffled+twice": {1: "RETURNED"},
    "unknown": {1: "PAID"},
    "duplicate": {1: "PAID"},
    "reject:DU01,pay": {1: "FAILED", 2: "PAID"},
}


def network(operators: int, prefix: str = "", hour: int = 20) -> list[dict[str, Any]]:
    """So many operators, each with a session that was paid and, at an hour, settled."""
    told, captures = [], []
    for number in range(1, operators + 1):
        id_, tariff_id, session_id = f"{prefix}OP-{number}", f"{prefix}T-{number}", f"{prefix}S-{number}"
        told += [operator(id_, time_zone="UTC"), tariff(id_, tariff_id)]
        told += [started(session_id, operator_id=id_, tariff_id=tariff_id), ended(session_id)]
        captures.append(captured(session_id))
    data = [each["data"] for each in captures]
    return [*told, *captures, settled(f"{prefix}ST-1", f"2026-03-02T{hour}:00:00Z", "acme-psp", data)]


# Operators whose banks take no XML: the profile, and an account that it reaches.
ABROAD = {
    "USD": ("NACHA_CCD", {"account_number": "9876543", "routing_code": "121000358", "scheme": "ACH"}),
    "INR": ("NEFT_CSV", {"account_number": "50100", "routing_code": "HDFC0000001", "scheme": "NEFT"}),
}
PLATFORM_ACCOUNTS = {
    "USD": {"account_number": "000123456789", "routing_code": "021000021"},
    "INR": {"account_number": "000987654321", "routing_code": "HDFC0000002"},
}


def abroad(prefix: str) -> Iterator[dict[str, Any]]:
    """An operator of each with a session that was paid."""
    for currency, (profile, account) in ABROAD.items():
        id_, tariff_id, session_id = f"{prefix}OP-{currency}", f"{prefix}T-{currency}", f"{prefix}S-{currency}"
        held = account | {"holder": "Volt"}
        yield operator(id_, time_zone="UTC", currency=currency, bank_profile=profile, bank_account=held)
        yield tariff(id_, tariff_id, currency=currency)
        yield started(session_id, operator_id=id_, tariff_id=tariff_id)
        yield ended(session_id)
        yield captured(session_id, currency=currency)


def write(path: Path, events: list[dict[str, Any]]) -> Path:
    """The events as JSON lines."""
    path.write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in events))
    return path


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings of a database and a broker that are this module's own."""
    data = with_servers(tmp_path_factory.mktemp("servers"))
    with EmbeddedPostgres(data) as postgres, EmbeddedKafka(data, default_cache_dir()) as kafka:
        yield {"DATABASE_URL": postgres.dsn, **variables(kafka.client_options)}


def bookings(home: Home) -> list[Booking]:
    """The bank's own ledger."""
    bank = Bank(home.data_dir / "processor" / "bank.sqlite", Behaviour())
    try:
        return bank.bookings()
    finally:
        bank.close()


def paid_out(found: list[Booking]) -> Decimal:
    """What left the platform's account in euro and did not come back, as the bank has it."""
    booked = [each for each in found if each.currency == "EUR"]
    return sum((each.amount if each.direction == "DBIT" else -each.amount for each in booked), Decimal(0))


def test_what_the_bank_does_is_what_the_book_says_whatever_it_does(tmp_path: Path, services: dict[str, str]) -> None:
    home = Home(tmp_path, **services)
    events = write(tmp_path / "events.jsonl", network(len(CONDUCTS)))
    until = ["--until", "2026-03-05T12:00:00Z"]
    home.settle(tmp_path / "out", events, options=["--until", "2026-03-03T12:00:00Z"])
    wishes = [word for n, conduct in enumerate(CONDUCTS, 1) for word in ("--behaviour", f"operator:OP-{n}={conduct}")]
    processor = ["processor", "--once", "--clock", "events", *wishes]
    nothing = tmp_path / "nothing.jsonl"
    nothing.touch()
    for _ in range(2):
        home.run(*processor)
        home.settle(tmp_path / "out", nothing, options=until)

    payouts = documents(tmp_path / "out" / "payouts.jsonl")
    expected = {
        payout_id(f"OP-{number}", attempt): status
        for number, statuses in enumerate(CONDUCTS.values(), 1)
        for attempt, status in statuses.items()
    }
    assert {each["payout_id"]: each["status"] for each in payouts} == expected

    found = bookings(home)
    entries: Counter[str] = Counter()
    entries_of = {each["payout_id"].replace("-", ""): each["entry_ids"] for each in payouts}
    for each in found:
        for entry_id in entries_of[each.end_to_end_id]:
            entries[entry_id] += 1 if each.direction == "DBIT" else -1
    assert set(entries.values()) == {0, 1}

    trial = orjson.loads((tmp_path / "out" / "trial_balance.json").read_bytes())["EUR"]
    came_in = Decimal("11.80") * len(CONDUCTS)
    assert Decimal(trial["1010"]["balance"]) == came_in - paid_out(found)
    assert sum(Decimal(account["balance"]) for account in trial.values()) == 0
    assert home.json("verify")["passed"] is True


def test_the_bank_that_answers_by_its_files_alone_is_understood(tmp_path: Path, services: dict[str, str]) -> None:
    home = Home(tmp_path, **services, PLATFORM_ACCOUNTS=orjson.dumps(PLATFORM_ACCOUNTS).decode())
    conducts = ["pay+twice", "return+shuffled", "partial", "reject:AC04", "duplicate", "accept"]
    events = write(tmp_path / "events.jsonl", [*network(len(conducts), "FILES-", hour=21), *abroad("FILES-")])
    home.settle(tmp_path / "out", events, options=["--until", "2026-03-03T12:00:00Z"])
    wishes = [word for n, each in enumerate(conducts, 1) for word in ("--behaviour", f"operator:FILES-OP-{n}={each}")]
    wishes += ["--behaviour", "operator:FILES-OP-USD=return"]
    batches = tmp_path / "out" / "batches"
    assert {path.suffix for path in batches.iterdir()} == {".xml", ".ach", ".csv"}
    home.run("processor", "--once", "--clock", "events", "--files", batches, "--answers", "files", *wishes)
    files = sorted((batches / "from-bank").iterdir())
    assert {path.name.partition(".")[2] for path in files} == {"pain.002.xml", "camt.054.xml", "camt.053.xml"}
    imported = home.json("bank", "import", *files)["files"]
    assert not [each for each in imported if each["refusal"] or each["refused_lines"]]
    home.run("export", tmp_path / "after")
    statuses = {
        each["operator_id"]: each["status"]
        for each in documents(tmp_path / "after" / "payouts.jsonl")
        if each["operator_id"].startswith("FILES-")
    }
    assert statuses == {
        "FILES-OP-1": "PAID",
        "FILES-OP-2": "RETURNED",
        "FILES-OP-3": "RETURNED",
        "FILES-OP-4": "FAILED",
        "FILES-OP-5": "PAID",
        "FILES-OP-6": "IN_TRANSIT",
        "FILES-OP-USD": "RETURNED",
        "FILES-OP-INR": "PAID",
    }
    trial = orjson.loads((tmp_path / "after" / "trial_balance.json").read_bytes())["EUR"]
    # What the first test left at its bank is another bank's; here what came in, less what this bank has sent.
    before = orjson.loads((tmp_path / "out" / "trial_balance.json").read_bytes())["EUR"]
    assert Decimal(trial["1010"]["balance"]) == Decimal(before["1010"]["balance"]) - paid_out(bookings(home))
    assert home.json("verify")["passed"] is True


def results(brokers: dict[str, Any], since: dict[int, int]) -> list[dict[str, Any]]:
    """What stands on `payout.results` from these offsets on."""
    consumer = Consumer({**brokers, "group.id": "reader", "enable.partition.eof": True})
    consumer.assign([TopicPartition("payout.results", number, offset) for number, offset in since.items()])
    found, ended_ = [], 0
    try:
        while ended_ < len(since):
            if (record := consumer.poll(30)) is None:
                raise AssertionError("the broker does not answer")
            if record.error() is None:
                found.append(orjson.loads(record.value() or b""))
            else:
                ended_ += 1
    finally:
        consumer.close()
    return found


def ends(brokers: dict[str, Any], topic: str) -> dict[int, int]:
    """The end of each partition of a topic."""
    consumer = Consumer({**brokers, "group.id": "reader"})
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        return {each: consumer.get_watermark_offsets(TopicPartition(topic, each), 30)[1] for each in partitions}
    finally:
        consumer.close()


def test_killed_again_and_again_it_debits_nothing_twice_and_leaves_nothing_unpaid(
    tmp_path: Path, services: dict[str, str]
) -> None:
    home = Home(tmp_path, **{name: value for name, value in services.items() if name.startswith("KAFKA_")})
    Home(tmp_path / "topics", **services).run("migrate")
    brokers, random = librdkafka(from_variables(services)), Random(14)
    since = ends(brokers, "payout.results")
    producer = Producer(brokers)
    ids = [f"KILLED-{number}" for number in range(120)]
    words = [
        "processor",
        "--behaviour",
        "unknown=0.3",
        "--behaviour",
        "duplicate=0.2",
        "--behaviour",
        "paid_after=0.2",
    ]
    for some in (ids[:40], ids[40:80], ids[80:]):
        for id_ in some:
            for value in records(id_):
                producer.produce("settlement.batches", value, id_)
        process = home.start(*words)
        try:
            producer.flush(30)
            wait_until(partial(has_booked_more_than, home, len(bookings_so_far(home))))
            sleep(random.random() * 0.3)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    process = home.start(*words)
    try:
        wait_until(lambda: home.log.read_text().count("a payout processor reads") == 4)
        wait_until(lambda: len(said_of(ids, results(brokers, since))) >= 2 * len(ids))
    finally:
        process.terminate()
        assert process.wait(180) == 0, home.log.read_text()
    assert Counter(each.end_to_end_id for each in bookings_so_far(home)) == {end_to_end_id(id_): 1 for id_ in ids}
    said = said_of(ids, results(brokers, since))
    assert Counter(said.values()) == {
        (payout_id(id_), f"payout.{word}"): 1 for id_ in ids for word in ("accepted", "paid")
    }


def said_of(operators: list[str], told: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """What was said of the payouts of these operators, by the id of the answer."""
    mine = {payout_id(each) for each in operators}
    return {e["id"]: (e["data"]["payout_id"], e["type"]) for e in told if e["data"]["payout_id"] in mine}


def has_booked_more_than(home: Home, bookings: int) -> bool:
    """Whether the bank has gone on."""
    return len(bookings_so_far(home)) > bookings


def bookings_so_far(home: Home) -> list[Booking]:
    """The bank's ledger, of the killed test's orders; nothing before there is one."""
    mine = {end_to_end_id(f"KILLED-{number}") for number in range(120)}
    if not (home.data_dir / "processor" / "bank.sqlite").exists():
        return []
    return [each for each in bookings(home) if each.end_to_end_id in mine]
