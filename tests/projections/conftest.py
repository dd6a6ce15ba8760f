"""A migrated database for each test, a recorder of histories, and a projector's connection."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.database import Role, connect
from projections.schema import migrate
from tests.projections.builders import Recorder
from tests.support.settled import settled_network


@pytest.fixture
def store(database_url: str) -> str:
    """DSN of a migrated, empty store."""
    migrate(database_url)
    return database_url


@pytest.fixture
def recorder(store: str) -> Iterator[Recorder]:
    """Records histories as the writer does."""
    with connect(store, Role.WRITER, autocommit=True) as connection:
        yield Recorder(connection)


@pytest.fixture
def projector(store: str) -> Iterator[Connection[TupleRow]]:
    """A connection of the projector with no transaction open."""
    with connect(store, Role.PROJECTOR, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def settled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of the store `settled` are."""
    return tmp_path_factory.mktemp("settled")


@pytest.fixture(scope="session")
def settled(postgres_dsn: str, settled_folder: Path) -> Iterator[str]:
    """DSN of a store of a small network to which everything happened: it is only read."""
    with settled_network(postgres_dsn, "settled", settled_folder) as dsn:
        yield dsn
