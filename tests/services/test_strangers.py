"""Other users of the machine: they come in nowhere, and neither read nor write what services keep."""

import asyncio
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from consumers.rights import ready_brokers
from wattledger.embedded import EmbeddedKafka, EmbeddedPostgres, Services, account, services
from wattledger.embedded.kafka import options_of_login
from wattledger.errors import ServiceError
from wattledger.settings import KafkaLogin, Settings

# Tries each path that it is given, and prints those that it may read or write.
TRIES = 'for path; do if [ -r "$path" ] || [ -w "$path" ] || [ -x "$path" ]; then echo "$path"; fi; done'
NOBODY = 65_534

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has services run as somebody else")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine may enter."""
    with TemporaryDirectory(prefix="wattledger-open-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def write(options: dict[str, Any], topic: str) -> None:
    producer = AIOKafkaProducer(**options, retry_backoff_ms=20)
    try:
        await producer.start()
        await producer.send_and_wait(topic, b"a record")
    finally:
        await producer.stop()


async def seen(options: dict[str, Any]) -> set[str]:
    """The topics of which a user may know."""
    async with AIOKafkaConsumer(**options) as consumer:
        return set(await consumer.topics())


async def read(options: dict[str, Any], topic: str) -> int:
    """How many records of ours stand there."""
    async with AIOKafkaConsumer(**options) as consumer:
        homes = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or range(6)]
        consumer.assign(homes)
        return sum((await consumer.end_offsets(homes)).values())


async def test_kafka_lets_nobody_in_without_the_right_password(kafka: EmbeddedKafka) -> None:
    wrong = KafkaLogin("wattledger", "a guess")
    for options in ({"bootstrap_servers": kafka.bootstrap}, options_of_login(kafka.bootstrap, wrong)):
        with pytest.raises(KafkaConnectionError):
            await write(options, "payout.results")


async def test_each_user_of_kafka_writes_and_reads_what_its_role_may_and_no_more(kafka: EmbeddedKafka) -> None:
    await ready_brokers(kafka.client_options, embedded=True)
    as_ = {name: options_of_login(kafka.bootstrap, login) for name, login in kafka.logins().items()}
    before = await read(kafka.client_options, "payout.results")
    await write(as_["gateway"], "charging.sessions")
    await write(as_["processor"], "payout.results")
    for name, topic in (
        ("gateway", "payout.results"),
        ("gateway", "catalogue"),
        ("provider", "decisions"),
        ("processor", "settlement.batches"),
        ("finance", "payout.results"),
    ):
        with pytest.raises(TopicAuthorizationFailedError):
            await write(as_[name], topic)
    assert await seen(as_["processor"]) == {"payout.results", "settlement.batches"}
    assert await seen(as_["provider"]) == {"payments"}
    assert await read(kafka.client_options, "payout.results") == before + 1


def permitted_to_nobody(folder: Path) -> list[str]:
    """What an account that owns nothing may do something with, of all that is in a folder."""
    paths = [folder, *folder.rglob("*")]
    assert len(paths) > 100
    tried = subprocess.run(
        ["/bin/sh", "-c", TRIES, "sh", *map(str, paths)],
        cwd="/",
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=True,
    )
    return tried.stdout.splitlines()


def left_by_an_older_version(folder: Path) -> None:
    """PostgreSQL's files are the account nobody's, Kafka's are root's, and there is no password for Kafka."""
    shutil.copy(folder / "postgresql" / "pg_hba.conf", folder / "postgresql" / "data" / "pg_hba.conf")
    for service, user_id in (("postgresql", NOBODY), ("kafka", 0)):
        for path in (folder / service).rglob("*"):
            os.chown(path, user_id, user_id, follow_symlinks=False)
        (folder / service).chmod(0o711)
    (folder / "kafka" / "secret.json").unlink()


def users_of(running: Services) -> set[int]:
    assert running.postgres is not None
    assert running.kafka is not None
    found = [psutil.Process(each) for each in (running.postgres.pid, running.kafka.pid) if each is not None]
    return {process.uids().real for process in (*found, *found[0].children())}


@only_root
def test_nobody_reads_or_writes_what_services_keep_and_folders_of_before_are_taken_over(open_folder: Path) -> None:
    folder = open_folder / "data"
    its_own = {pwd.getpwnam("wattledger").pw_uid}
    assert not its_own & {0, NOBODY}
    with services(Settings(), folder) as running:
        with psycopg.connect(running.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")
        asyncio.run(ready_brokers(running.kafka_options, embedded=True))
        asyncio.run(write(running.kafka_options, "payments"))
        assert users_of(running) == its_own
        assert permitted_to_nobody(folder) == []
    for look in (EmbeddedPostgres(folder).exists, EmbeddedKafka(folder).offered, EmbeddedKafka(folder).logins):
        os.seteuid(NOBODY)
        try:
            with pytest.raises(ServiceError, match="is another user's: run the command as that user"):
                look()
        finally:
            os.seteuid(0)
    left_by_an_older_version(folder)
    with services(Settings(), folder) as running:
        with psycopg.connect(running.dsn) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
        assert asyncio.run(read(running.kafka_options, "payments")) == 1
        assert users_of(running) == its_own
        assert permitted_to_nobody(folder) == []


@only_root
def test_where_no_account_can_be_made_postgresql_runs_as_a_number_that_nobody_has(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = account._known
    monkeypatch.setattr(account, "_known", lambda name: None if name == account.NAME else known(name))
    monkeypatch.setattr(account, "_PROGRAM_FOLDERS", ())
    with EmbeddedPostgres(open_folder / "data") as server:
        assert server.pid is not None
        number = psutil.Process(server.pid).uids().real
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert permitted_to_nobody(open_folder / "data") == []
    with pytest.raises(KeyError):
        pwd.getpwuid(number)
