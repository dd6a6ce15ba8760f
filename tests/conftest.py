"""Shared fixtures: one real PostgreSQL and one real Kafka a session, an empty store a test."""

import gc
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import psutil
import psycopg
import pytest
from hypothesis import HealthCheck, settings

from projections.export import export
from tests.projections.builders import PLATFORM
from tests.support.engine import Engine
from tests.support.examples import examples
from tests.support.made_ahead import with_kafka, with_postgres
from tests.support.stores import settle_network
from wattledger.embedded import EmbeddedKafka, EmbeddedPostgres
from wattledger.settings import default_cache_dir

_TESTS = Path(__file__).resolve().parent
PROJECT_ROOT = _TESTS.parent
_database_numbers = itertools.count(1)

Stores: TypeAlias = Callable[[], AbstractContextManager[str]]

# By the clock on the wall a machine with much to do would be at fault.
settings.register_profile(
    "unhurried", deadline=None, max_examples=examples(100), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

# Folders of which single tests take seconds, most of them waiting: for processes, for brokers, for a browser.
_LONG = frozenset({"end_to_end", "services", "monitoring", "pages", "kafka", "processor", "blackbox", "foreign"})

_MEMORY = Path("/dev/shm")
_EMPTY_STORE = "migrated_store"
# What a server's log of changes is held to; a hundred megabytes are usual. After each checkpoint, of which every new
# database makes two, whole pages are logged: to make them smaller takes a processor longer than to copy them.
_SETTINGS = {"max_wal_size": "1024MB", "wal_compression": "off", "scram_iterations": "1"}
# What a server takes with its log and its stores.
_MEMORY_BYTES = 2 << 30


@pytest.fixture(scope="session", autouse=True)
def _no_process_left_behind() -> Iterator[None]:
    """Whatever a test starts has ended with the session."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    after = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    _, left = psutil.wait_procs(after, timeout=120)
    names = [" ".join(child.cmdline()[:3]) for child in left]
    assert not names, f"processes left behind by the tests: {names}"


def pytest_configure(config: pytest.Config) -> None:
    """Each of several processes begins to collect in another folder, so that none compiles what another one has."""
    place = getattr(config, "workerinput", {}).get("workerid", "")
    if place and [Path(each).absolute() for each in config.args] == [_TESTS]:
        folders = sorted({str(file.parent) for file in _TESTS.glob("*/test_*.py")})
        first = int(place.removeprefix("gw")) * len(folders) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        config.args[:] = folders[first:] + folders[:first]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folders whose tests take long come first: whoever is left with one at the end keeps all others waiting."""
    items.sort(key=lambda item: (item.path.parent.name not in _LONG, item.path))


def pytest_collection_finish() -> None:
    """What is there before the first test stays to the end, and is not looked through again: half a million objects.

    With them each collection, of which there is one after each module, takes a third of a second of a processor.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _no_connection_left_open() -> Iterator[None]:
    """What a module forgot to close is told where it was forgotten, not where it happens to be collected."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where this session's server has its files: in memory where there is plenty, since it makes very many databases.

    What has to outlast a server or a machine is tested on servers that a test starts on a disk.
    """
    if not _has_plenty(_MEMORY):
        yield tmp_path_factory.mktemp("postgres")
        return
    # A run that was killed could not give its memory back.
    for left in _MEMORY.glob("wattledger-tests-*-*"):
        if not psutil.pid_exists(int(left.name.split("-")[2])):
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=f"wattledger-tests-{os.getpid()}-", dir=_MEMORY) as folder:
        # The account of the server has to come through.
        Path(folder).chmod(0o755)
        yield Path(folder)


def _has_plenty(place: Path) -> bool:
    """Whether each process that runs tests may take as much there as its server can come to."""
    if not os.access(place, os.W_OK):
        return False
    needed = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) * _MEMORY_BYTES
    return min(shutil.disk_usage(place).free, psutil.virtual_memory().available) > needed


@pytest.fixture(scope="session")
def postgres_dsn(server_folder: Path) -> Iterator[str]:
    """The DSN of a server of this session's own, as its superuser; its own database is an empty store, migrated."""
    with EmbeddedPostgres(with_postgres(server_folder)) as server:
        base, _, name = server.dsn.rpartition("/")
        with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
            for setting, value in _SETTINGS.items():
                connection.execute(f"ALTER SYSTEM SET {setting} = '{value}'".encode())
            connection.execute("SELECT pg_reload_conf()")
            # Before anybody connects to that store, since only one that nobody uses can be copied.
            connection.execute(f"CREATE DATABASE {_EMPTY_STORE} TEMPLATE {name}".encode())
        # What the first who connects finds out of its catalogue is kept in a file, and copied with it.
        psycopg.connect(f"{base}/{_EMPTY_STORE}").close()
        yield server.dsn


@pytest.fixture(scope="session")
def copying(server_folder: Path) -> str:
    """How a database is copied soonest: as files, which have to be on a disk then, or as changes, which need not."""
    return f"STRATEGY {'FILE_COPY' if _MEMORY in server_folder.parents else 'WAL_LOG'}"


@pytest.fixture(scope="session")
def empty_store(postgres_dsn: str) -> str:
    """The name of an empty store, migrated, which is copied for each test."""
    return _EMPTY_STORE


def _made(postgres_dsn: str, how: str = "") -> Iterator[str]:
    """The DSN of a new database, which is dropped afterwards."""
    name = f"test_{next(_database_numbers)}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {how}".encode())
        # The URI ends with its database's name, which is replaced.
        yield f"{postgres_dsn.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def bare_database_url(postgres_dsn: str) -> Iterator[str]:
    """The DSN of a database in which nothing is, and which nobody migrated; dropped after the test."""
    yield from _made(postgres_dsn)


@pytest.fixture
def database_url(postgres_dsn: str, empty_store: str, copying: str) -> Iterator[str]:
    """The DSN of a fresh, empty store, migrated; dropped after the test."""
    yield from _made(postgres_dsn, f"TEMPLATE {empty_store} {copying}")


@pytest.fixture(scope="session")
def stores(postgres_dsn: str, empty_store: str, copying: str) -> Stores:
    """Lends an empty store for as long as a block runs; for tests that need many."""

    @contextmanager
    def lend() -> Iterator[str]:
        yield from _made(postgres_dsn, f"TEMPLATE {empty_store} {copying}")

    return lend


@pytest.fixture(scope="session")
def network_url(postgres_dsn: str) -> str:
    """A database with the demo's network on it, settled once a session; for tests that only look."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE settled_network")
    dsn = f"{postgres_dsn.rpartition('/')[0]}/settled_network"
    settle_network(dsn)
    return dsn


@pytest.fixture(scope="session")
def network_files(network_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the demo's network, written from that database."""
    folder = tmp_path_factory.mktemp("network")
    export(network_url, folder, PLATFORM)
    return folder


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The intake and the clock on an empty store."""
    made = Engine(database_url)
    yield made
    made.close()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker of this session's own."""
    with EmbeddedKafka(with_kafka(tmp_path_factory.mktemp("kafka")), default_cache_dir()) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_options(kafka: EmbeddedKafka) -> dict[str, Any]:
    """How aiokafka's clients reach that broker as the engine, which may do everything."""
    return kafka.client_options


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of reference material beside the project, for tests that read data of it."""
    folder = PROJECT_ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"there is no folder {folder.name} beside the project")
    return folder
