"""The PostgreSQL of a run, started when a row first asks for a store, and an empty store for each block that does."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from projections.schema import migrate
from wattledger.embedded import EmbeddedPostgres


class Servers:
    """Lends stores of one server; it ends with the block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened = ExitStack()
        self._dsn: str | None = None
        self._numbers = itertools.count(1)

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @contextmanager
    def store(self) -> Iterator[str]:
        """The DSN of an empty store, migrated; dropped after the block."""
        dsn, name = self._server(), f"soak_{next(self._numbers)}"
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE empty_store".encode())
        try:
            yield _beside(dsn, name)
        finally:
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def _server(self) -> str:
        if self._dsn is None:
            self._dsn = self._opened.enter_context(EmbeddedPostgres(self._folder)).dsn
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                connection.execute("CREATE DATABASE empty_store")
            migrate(_beside(self._dsn, "empty_store"))
        return self._dsn


def _beside(dsn: str, database: str) -> str:
    return f"{dsn.rpartition('/')[0]}/{database}"
