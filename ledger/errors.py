"""The one exception tree of the ledger.

LedgerError
├── ConcurrencyConflict   another writer stored this version of the stream first
├── DatabaseUnavailable   the server is gone or broke off the transaction: nothing was written, try again
├── EntryRefused          the book does not take these entries
│   └── EntryExists       an entry with this id, or another reversal of the same entry, is in the book already
├── GroupCommitClosed     an entry came after the group committer was closed: it was not taken
├── MigrationFailed       the database does not take the text of a migration
├── MigrationRefused      the schema in the database and the migrations of this version do not fit together
├── RunsFailed            the payout runs of an operator break; those of the others are made
└── UnsafeDatabase        the server is set up so that a commit may be lost

Faults of the machinery (the connection, the disk) stay psycopg's own OperationalError: they are retried, not judged.
"""


class LedgerError(Exception):
    """Something the ledger refuses; the message says what, where and what to do."""


class ConcurrencyConflict(LedgerError):
    """A (stream, version) is stored already: roll back, read the stream again and decide anew."""


class DatabaseUnavailable(LedgerError):
    """The server cannot be reached or broke off the transaction; nothing was written and it can be tried again."""


class EntryRefused(LedgerError):
    """Entries that the book does not take; the transaction they were written in must be rolled back."""


class EntryExists(EntryRefused):
    """An entry is in the book already, or what it reverses has been reversed already."""


class GroupCommitClosed(LedgerError):
    """The group committer takes no more entries; this one was not taken and is not in the book."""


class MigrationRefused(LedgerError):
    """A released migration was changed or is missing, or a file in the migrations folder is misnamed."""


class MigrationFailed(LedgerError):
    """The database does not take the text of a migration; nothing of this run is left in it."""


class RunsFailed(LedgerError):
    """The payout runs of an operator break; nothing of them was written, and those of the others are made."""


class UnsafeDatabase(LedgerError):
    """fsync, full_page_writes or synchronous_commit is off: committed money could vanish in a crash."""
