"""Kafka's classes loaded ahead: an archive is used where there is one, and one that is none keeps no broker down."""

from pathlib import Path

from wattledger.embedded import EmbeddedKafka
from wattledger.embedded.ahead import archive_of, options_of
from wattledger.embedded.jars import cached_jars
from wattledger.settings import default_cache_dir


def test_an_archive_is_named_to_java_only_where_there_is_one(tmp_path: Path) -> None:
    jars = [tmp_path / "kafka.jar"]
    assert options_of(jars) == []
    archive_of(jars).touch()
    assert options_of(jars) == [f"-XX:AOTCache={tmp_path / 'broker-2.aot'}"]


def test_a_broker_starts_whatever_stands_in_the_archive(tmp_path: Path) -> None:
    jars = cached_jars(default_cache_dir())
    cache = tmp_path / jars[0].parent.name
    cache.mkdir()
    for jar in jars:
        (cache / jar.name).symlink_to(jar)
    archive_of([cache / jars[0].name]).write_bytes(b"no archive" * 1_000)
    with EmbeddedKafka(tmp_path / "data", tmp_path) as broker:
        assert any("broker-2.aot" in word for word in broker.java_command())
        assert broker.offered() == broker.bootstrap
