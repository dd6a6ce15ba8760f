"""One live system for all tests of this folder: a broker of its own, a store, the application and an intake."""

from collections.abc import Iterator

import psycopg
import pytest

from projections.schema import migrate
from tests.support.live import Live, live
from tests.support.made_ahead import with_kafka
from wattledger.embedded import EmbeddedKafka
from wattledger.settings import default_cache_dir


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker that these tests may kill; its log has nothing but what they publish."""
    with EmbeddedKafka(with_kafka(tmp_path_factory.mktemp("broker")), default_cache_dir()) as server:
        yield server


@pytest.fixture(scope="package")
def system(postgres_dsn: str, broker: EmbeddedKafka) -> Iterator[Live]:
    """The system, with nothing told yet; what a test tells has ids of its own."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE acted_on")
    dsn = f"{postgres_dsn.rpartition('/')[0]}/acted_on"
    migrate(dsn)
    with live(dsn, broker, "acted on") as made:
        yield made
