"""Shared fixtures: one real PostgreSQL and one real Kafka a session, an empty database a test."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.engine import Engine
from wattledger.embedded import EmbeddedKafka, EmbeddedPostgres
from wattledger.settings import default_cache_dir

PROJECT_ROOT = Path(__file__).resolve().parent.parent
_database_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _no_process_left_behind() -> Iterator[None]:
    """Whatever a test starts has ended with the session."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    after = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    _, left = psutil.wait_procs(after, timeout=10)
    names = [" ".join(child.cmdline()[:3]) for child in left]
    assert not names, f"processes left behind by the tests: {names}"


@pytest.fixture(scope="session")
def postgres_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a server of this session's own, as its superuser."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server.dsn


@pytest.fixture
def database_url(postgres_dsn: str) -> Iterator[str]:
    """The DSN of a fresh, empty database, dropped after the test."""
    name = f"test_{next(_database_numbers)}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        # The URI ends with its database's name, which is replaced.
        yield f"{postgres_dsn.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The intake and the clock on an empty store."""
    made = Engine(database_url)
    yield made
    made.close()


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker of this session's own."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka"), default_cache_dir()) as server:
        yield server.bootstrap


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of reference material beside the project, for tests that read data of it."""
    folder = PROJECT_ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"there is no folder {folder.name} beside the project")
    return folder
