"""A settled network to audit: made once a session, copied for each test that changes it."""

import itertools
from collections.abc import Callable, Iterator
from random import Random

import psycopg
import pytest

from projections.export import export
from projections.schema import migrate
from tests.audit.banks import told_by_banks
from tests.audit.between import matters
from tests.audit.closings import settle_closings
from tests.audit.discounts import told_of_discounts
from tests.audit.forgery import unguarded
from tests.audit.network import history, settle, settle_last_words
from tests.audit.networked import told_of_networks
from tests.audit.partners import told_of_partners
from tests.audit.sales import told_of_sales
from tests.audit.splits import told_of_splits
from tests.audit.treasury import told_of_the_treasury
from tests.audit.wallets import told_of_wallets
from tests.projections.builders import PLATFORM

# This history has every posting the engine knows: `test_the_network_uses_every_posting` says so.
SEED, SESSIONS = 3, 120
_numbers = itertools.count(1)


def _beside(dsn: str, database: str) -> str:
    return f"{dsn.rpartition('/')[0]}/{database}"


@pytest.fixture(scope="session")
def settled_network(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """DSN of the settled network, whose bank files were written; it is only read."""
    name = "audit_settled"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        dsn = _beside(postgres_dsn, name)
        migrate(dsn)
        settle(dsn, history(SEED, SESSIONS))
        settle(dsn, matters(Random(SEED)), stages=1, partition=3)
        settle(dsn, told_by_banks(), stages=1, partition=4)
        settle(dsn, [*told_of_networks()], stages=1, partition=5)
        settle(dsn, [*told_of_wallets(Random(SEED)), *told_of_discounts()], stages=1, partition=6)
        settle(dsn, [*told_of_the_treasury()], stages=1, partition=7)
        settle(dsn, [*told_of_sales()], stages=1, partition=10)
        settle(dsn, [*told_of_splits()], stages=1, partition=11)
        settle(dsn, [*told_of_partners()], stages=1, partition=12)
        settle_last_words(dsn)
        settle_closings(dsn)
        export(dsn, tmp_path_factory.mktemp("settled"), PLATFORM)
        yield dsn
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def book(settled_network: str, postgres_dsn: str, copying: str) -> Iterator[str]:
    """DSN of a copy of the settled network that the test may change."""
    name = f"audit_copy_{next(_numbers)}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE audit_settled {copying}".encode())
        yield _beside(postgres_dsn, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def tamper(book: str) -> Callable[[str], int]:
    """Runs SQL as a superuser who has switched every guard off; says how many rows it changed."""

    def run(statement: str) -> int:
        guarded = ("book.entry", "book.posting", "event_store.stored_events")
        with psycopg.connect(book) as connection, unguarded(connection, *guarded):
            return connection.execute(statement.encode()).rowcount

    return run
