"""Every store of a test here has its payouts, and its days without one, explained when the test ends."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.support.engine import Engine
from tests.support.explained import unexplained
from tests.support.explained_days import told_days


@pytest.fixture(autouse=True)
def _payouts_are_explained(request: pytest.FixtureRequest) -> Iterator[None]:
    """The identities of each payout and of each day without one hold, whatever the test did."""
    dsn = request.getfixturevalue("database_url") if "database_url" in request.fixturenames else None
    yield
    if dsn is not None:
        assert unexplained(dsn)[1] == []
        assert told_days(dsn, 5)[1] == []


@pytest.fixture(scope="module")
def engines(postgres_dsn: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Engine]]:
    """Makes engines on databases of their own, as many as a module wants; takes what Engine does beside the DSN."""
    made: list[tuple[str, Engine]] = []

    def make(**given: Any) -> Engine:
        name = f"{request.module.__name__.rpartition('.')[2]}_{len(made)}"
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        made.append((name, Engine(f"{postgres_dsn.rpartition('/')[0]}/{name}", **given)))
        return made[-1][1]

    yield make
    for _, engine in made:
        engine.close()
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        for name, _ in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
