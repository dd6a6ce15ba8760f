"""Servers made ahead: a test that is not about how a server is made begins with the files of one that was.

Making PostgreSQL's files, migrating a store and formatting Kafka's log take two seconds of a processor each time;
copying what that gives takes a tenth of one. All copies know the same passwords and name the same cluster.
"""

import atexit
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier, Literal

from projections.schema import migrate
from wattledger.embedded import EmbeddedKafka, EmbeddedPostgres, make_data_dir
from wattledger.embedded.account import services_account
from wattledger.settings import default_cache_dir

_NO_PORTS = {"broker": 1, "controller": 2}


def with_servers(data_dir: Path) -> Path:
    """A data directory with a PostgreSQL whose store is migrated and empty, and a Kafka without a record."""
    return with_kafka(with_postgres(data_dir))


def with_postgres(data_dir: Path) -> Path:
    """A data directory with a PostgreSQL whose store, its database, is migrated and empty."""
    return _given(_postgres(), data_dir, ("secret.json", "data"))


def with_kafka(data_dir: Path) -> Path:
    """A data directory with a Kafka without a record."""
    return _given(_kafka(), data_dir, ("secret.json", "log"))


@cache
def _postgres() -> Path:
    folder = _new_folder()
    with EmbeddedPostgres(folder) as server:
        migrate(server.dsn)
        _let_in_soon(server.dsn)
    return folder / "postgresql"


def _let_in_soon(dsn: str) -> None:
    """Has the superuser's password checked by one round of hashing, not 4,096: half of what a connection costs.

    Tests make very many, and nobody guesses a password of theirs.
    """
    known = conninfo_to_dict(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET scram_iterations = 1")
        changed = SQL("ALTER ROLE {} PASSWORD {}")
        connection.execute(changed.format(Identifier(str(known["user"])), Literal(str(known["password"]))))


@cache
def _kafka() -> Path:
    server = _Formatted(_new_folder(), default_cache_dir())
    return server.format()


class _Formatted(EmbeddedKafka):
    """A broker whose log is made and that never starts."""

    def format(self) -> Path:
        """Makes the log; the folder of it and of its passwords."""
        self._folder.prepare(services_account())
        self._prepare(_NO_PORTS)
        return self._folder.path


def _new_folder() -> Path:
    made = TemporaryDirectory(prefix="wattledger-made-ahead-")
    atexit.register(made.cleanup)
    folder = Path(made.name)
    # The account of the server has to come through.
    folder.chmod(0o755)
    return folder


def _given(made: Path, data_dir: Path, names: tuple[str, ...]) -> Path:
    """What was made, each file with its owner and its rights, and without the ports of before."""
    make_data_dir(data_dir)
    target = data_dir / made.name
    make_data_dir(target)
    subprocess.run(["cp", "-a", *(str(made / name) for name in names), str(target)], check=True)
    return data_dir
