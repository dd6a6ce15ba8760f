"""Snapshots for threads: a connection serves whoever comes next, whatever became of the read before."""

from collections.abc import Iterator

import pytest

from ledger.database import Role
from projections.reading import Readers, Scope, Snapshot
from projections.schema import migrate

SCOPE = Scope(Role.AUDITOR)
# So often that psycopg prepares a statement of its own.
OFTEN = 12


@pytest.fixture
def readers(database_url: str) -> Iterator[Readers]:
    migrate(database_url)
    readers = Readers(database_url, (Role.AUDITOR,), size=1)
    readers.open()
    yield readers
    readers.close()


def some(snapshot: Snapshot) -> int:
    row = snapshot.cursor.execute("SELECT count(*) FROM projection.payouts WHERE payout_id = %s", ("P",)).fetchone()
    return int(row[0]) if row else -1


def test_what_fails_leaves_its_connection_to_the_next(readers: Readers) -> None:
    def fails(snapshot: Snapshot) -> None:
        some(snapshot)
        raise LookupError

    for _ in range(OFTEN):
        with pytest.raises(LookupError):
            readers.read(SCOPE, fails)
        assert readers.read(SCOPE, some) == 0


@pytest.mark.parametrize("statement", ["ROLLBACK", "DEALLOCATE ALL"])
def test_a_connection_that_lost_what_was_prepared_prepares_it_again(readers: Readers, statement: str) -> None:
    for _ in range(OFTEN):
        assert readers.read(SCOPE, some) == 0

    def lose(snapshot: Snapshot) -> None:
        snapshot.cursor.execute(statement.encode())

    readers.read(SCOPE, lose)
    assert readers.read(SCOPE, some) == 0
