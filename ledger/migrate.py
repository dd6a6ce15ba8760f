"""Brings the database to the schema of this version: numbered SQL files, each run once, in order, all or none."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection, Error
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import TupleRow

from ledger import locks
from ledger.database import Role, database_faults, refuse_unsafe_settings
from ledger.errors import MigrationFailed, MigrationRefused, NoStore, RoleRefused
from ledger.limits import client_parameters, session_options

LEDGER_MIGRATIONS = Path(__file__).parent / "migrations"
_ROLES = Path(__file__).parent / "roles.sql"
_FILE_NAME = re.compile(r"(\d{3})_([a-z0-9_]+)\.sql")

# One migration at a time, by a lock on the record that only the owner may take; a store that has none is made by one
# at a time, too.
_LOCK = "LOCK TABLE wattledger.migration IN EXCLUSIVE MODE"
_LOCK_FIRST = f"SELECT pg_advisory_xact_lock({locks.FIRST_MIGRATION})"

# The record of what was run, with the checksum of the text that was run.
_CREATE_RECORD = """
CREATE SCHEMA IF NOT EXISTS wattledger;
CREATE TABLE IF NOT EXISTS wattledger.migration (
    number smallint PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
# Of the catalogue, which everybody may read, whether or not the schema is theirs.
_RECORD_EXISTS = """
SELECT EXISTS (
    SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'wattledger' AND relname = 'migration'
)
"""
# Whether this login may read the record; no row where there is none.
_MAY_READ_RECORD = """
SELECT has_schema_privilege(relnamespace, 'USAGE') AND has_table_privilege(pg_class.oid, 'SELECT')
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'wattledger' AND relname = 'migration'
"""
# Whether this login may take a role; no row where there is none.
_MAY_TAKE = "SELECT pg_has_role(session_user, oid, 'SET') FROM pg_roles WHERE rolname = %s"
_READ_RECORD = "SELECT number, name, sha256 FROM wattledger.migration"
_ADD_RECORD = "INSERT INTO wattledger.migration (number, name, sha256) VALUES (%s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file NNN_name.sql: its number, its name, its text. It is run as the owner, inside a transaction."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Checksum in hex of the text, which has the same line ends on every platform."""
        return hashlib.sha256(self.text.encode()).hexdigest()


# What else a transaction of migrations does at its end, with its connection, which acts as the owner.
Finish = Callable[[Connection[TupleRow]], object]


def nothing_more(_connection: Connection[TupleRow]) -> None:
    """The end of migrations that need nothing but their own texts."""


def run_migrations(
    database: str | Connection[TupleRow],
    folders: Sequence[Path],
    *,
    creates: bool = True,
    finish: Finish = nothing_more,
) -> None:
    """Run the migrations that this database has not seen yet, and `finish` behind them, as one transaction.

    May be called again and by several processes at once: the others wait for the first and find nothing to do.
    `database` is a DSN or an open connection, of a superuser or of a role that may create roles and owns the
    database; where there is nothing to do, any member of the ledger's roles will do. One in which no migration was
    ever run holds no store: unless `creates`, that raises NoStore and nothing is made. Raises MigrationRefused when a
    migration that was run is changed or missing, RoleRefused when the login may not migrate, UnsafeDatabase when the
    server may lose commits, MigrationFailed when the database does not take a migration's text, MachineryFault when
    it cannot be reached, and what `finish` raises: nothing was changed then.
    """
    migrations = read_migrations(folders)
    with database_faults():
        if isinstance(database, str):
            given = conninfo_to_dict(database)
            options = session_options(str(given.get("options") or ""))
            with Connection.connect(database, options=options, **client_parameters(given)) as connection:
                _migrate(connection, migrations, creates=creates, finish=finish)
        else:
            _migrate(database, migrations, creates=creates, finish=finish)


def read_migrations(folders: Sequence[Path]) -> tuple[Migration, ...]:
    """The migrations in folders by number; raises MigrationRefused for a misnamed file or a number used twice."""
    found: dict[int, Migration] = {}
    for path in sorted(path for folder in folders for path in folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationRefused(f"{path} is not named NNN_name.sql: rename it")
        number = int(match[1])
        if number in found:
            raise MigrationRefused(f"{path} has the number of {found[number].name}: give one of them another number")
        found[number] = Migration(number, match[2], path.read_text(encoding="utf-8"))
    return tuple(found[number] for number in sorted(found))


def _migrate(
    connection: Connection[TupleRow], migrations: Sequence[Migration], *, creates: bool, finish: Finish
) -> None:
    with connection.transaction():
        refuse_unsafe_settings(connection)
        if _is_up_to_date(connection, migrations):
            return
        exists = connection.execute(_RECORD_EXISTS).fetchone() == (True,)
        if not exists:
            connection.execute(_LOCK_FIRST)
        if not creates and connection.execute(_RECORD_EXISTS).fetchone() == (False,):
            where = connection.info
            raise NoStore(
                f"no store at {where.host}:{where.port}, database {where.dbname}; `wattledger migrate` makes one"
            )
        _make_roles(connection)
        done = _read_record(connection)
        _refuse_changed(migrations, done)
        for migration in migrations:
            if migration.number not in done:
                _apply(connection, migration)
        finish(connection)
        connection.execute("RESET ROLE")


def _is_up_to_date(connection: Connection[TupleRow], migrations: Sequence[Migration]) -> bool:
    """Whether this login sees, by itself or as the auditor, that these migrations were run, and no others."""
    may_read = connection.execute(_MAY_READ_RECORD).fetchone()
    if may_read is None:
        return False
    with connection.transaction(force_rollback=True):
        if may_read != (True,):
            if connection.execute(_MAY_TAKE, (Role.AUDITOR.value,)).fetchone() != (True,):
                return False
            connection.execute(f"SET LOCAL ROLE {Role.AUDITOR.value}")
        done = {number: (name, sha256) for number, name, sha256 in connection.execute(_READ_RECORD)}
    return done == {each.number: (each.name, each.sha256) for each in migrations}


def _make_roles(connection: Connection[TupleRow]) -> None:
    try:
        _run(connection, _ROLES.read_text(encoding="utf-8"))
    except InsufficientPrivilege as error:
        where = connection.info
        raise RoleRefused(
            f"{where.user} may not bring database {where.dbname} up to date: run `wattledger migrate` as a "
            f"superuser, or as a role that may create roles and owns the database ({error.diag.message_primary})"
        ) from error


def _read_record(connection: Connection[TupleRow]) -> dict[int, tuple[str, str]]:
    """Name and checksum of what was run, by number; makes the empty record in a new database."""
    connection.execute(f"SET LOCAL ROLE {Role.OWNER.value}")
    exists = connection.execute(_RECORD_EXISTS).fetchone()
    if exists == (False,):
        _run(connection, _CREATE_RECORD)
    connection.execute(_LOCK)
    return {number: (name, sha256) for number, name, sha256 in connection.execute(_READ_RECORD)}


def _refuse_changed(migrations: Sequence[Migration], done: Mapping[int, tuple[str, str]]) -> None:
    present = {migration.number: migration for migration in migrations}
    for number, (name, sha256) in sorted(done.items()):
        migration = present.get(number)
        if migration is None:
            raise MigrationRefused(
                f"the database has migration {number:03}_{name}, which this version does not know: "
                "run the version that made it, or a later one"
            )
        if migration.sha256 != sha256:
            raise MigrationRefused(
                f"migration {number:03}_{name} was changed after it had been run on this database: "
                "restore its text and put the change into a new migration"
            )


def _apply(connection: Connection[TupleRow], migration: Migration) -> None:
    # A migration may RESET ROLE to do what only an administrator may, so each starts as the owner again.
    connection.execute(f"SET LOCAL ROLE {Role.OWNER.value}")
    try:
        # A fault of the machinery is not the migration's.
        with database_faults():
            _run(connection, migration.text)
    except Error as error:
        raise MigrationFailed(
            f"migration {migration.number:03}_{migration.name} failed and nothing was changed: {error}"
        ) from error
    connection.execute(f"SET LOCAL ROLE {Role.OWNER.value}")
    connection.execute(_ADD_RECORD, (migration.number, migration.name, migration.sha256))


def _run(connection: Connection[TupleRow], text: str) -> None:
    connection.execute(text)
