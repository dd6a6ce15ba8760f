"""The schema of a whole store: the ledger's migrations and those of the read models beside this file, by number."""

from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.migrate import LEDGER_MIGRATIONS, Finish, nothing_more, run_migrations

FOLDERS = (LEDGER_MIGRATIONS, Path(__file__).parent)


def migrate(database: str | Connection[TupleRow], *, creates: bool = True, finish: Finish = nothing_more) -> None:
    """Bring a database up to date; may be called again, and raises, as `ledger.migrate.run_migrations` does."""
    run_migrations(database, FOLDERS, creates=creates, finish=finish)
