"""One migrated store for all tests of this folder; people and keys of a test have names of their own."""

from collections.abc import Iterator
from itertools import count

import pytest

from api.access.gate import Gate
from ledger.access.door import Door
from tests.conftest import Stores
from tests.support.sealed import SEALS
from tests.support.surface import Client, guarded

_numbers = count(1)


@pytest.fixture(scope="session")
def store_dsn(stores: Stores) -> Iterator[str]:
    """DSN of a superuser on a migrated database."""
    with stores() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def door(store_dsn: str) -> Iterator[Door]:
    """Transactions as the door's role."""
    made = Door(store_dsn, seals=SEALS)
    yield made
    made.close()


@pytest.fixture
def name() -> str:
    """A name that nobody else has."""
    return f"Person {next(_numbers)}"


@pytest.fixture(scope="session")
def guarded_application(store_dsn: str) -> Iterator[tuple[Client, Gate]]:
    """The application with people and keys, on this folder's store."""
    with guarded(store_dsn) as made:
        yield made


@pytest.fixture
def client(guarded_application: tuple[Client, Gate]) -> Iterator[Client]:
    """A client that brings nothing yet."""
    with Client(base_url=guarded_application[0].base_url, timeout=120) as fresh:
        yield fresh


@pytest.fixture
def gate(guarded_application: tuple[Client, Gate]) -> Gate:
    """The application's gate."""
    return guarded_application[1]
