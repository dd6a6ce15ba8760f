"""One store to which everything happened, for all tests that ask it over HTTP."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from api.access.principal import ROLES
from ledger.access import keys
from ledger.access.duties import Duty
from tests.api.known import known_values
from tests.support.settled import settled_network
from tests.support.surface import Client, guarded, serving


@pytest.fixture(scope="package")
def told_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the store's files are."""
    return tmp_path_factory.mktemp("told")


@pytest.fixture(scope="package")
def told_dsn(postgres_dsn: str, told_folder: Path) -> Iterator[str]:
    """The store."""
    with settled_network(postgres_dsn, "told_over_http", told_folder) as dsn:
        yield dsn


@pytest.fixture(scope="package")
def told(told_dsn: str) -> Iterator[Client]:
    """A client of it."""
    with serving(told_dsn, roles=ROLES) as client:
        yield client


@pytest.fixture(scope="package")
def gated(told_dsn: str) -> Iterator[tuple[Client, Mapping[str, str]]]:
    """A client of it by its gate, without a credential, and keys by duty; `nobody` is an operator of nothing."""
    with guarded(told_dsn) as (client, gate):
        made = {}
        for name in (*Duty, "nobody"):
            duty = Duty.OPERATOR if name == "nobody" else Duty(name)
            operators = {"operator": ["OP-1", "OP-2"], "nobody": ["OP-0"]}.get(name, [])
            with gate.door.transaction() as cursor:
                _, key = keys.create(cursor, name, duty, operators, created_by="tests")
            made[str(name)] = str(key)
        yield client, made


@pytest.fixture(scope="package")
def known(told_dsn: str) -> Mapping[str, list[str]]:
    """Values that it has, by the names of parameters."""
    return known_values(told_dsn)
