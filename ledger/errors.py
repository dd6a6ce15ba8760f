"""The one exception tree of the ledger, and the one fault of the machinery that everything above it shares.

LedgerError
├── AccessRefused         a person, a key or a role that cannot be as it was asked for
├── AskedOtherwise        an Idempotency-Key was used before, for something else
├── ConcurrencyConflict   another writer stored this version of the stream first
├── EntryRefused          the book does not take these entries
│   └── EntryExists       an entry with this id, or another reversal of the same entry, is in the book already
├── GroupCommitClosed     an entry came after the group committer was closed: it was not taken
├── MigrationFailed       the database does not take the text of a migration
├── MigrationRefused      the schema in the database and the migrations of this version do not fit together
├── NoStore               what was to be read or carried on was never made
├── RoleRefused           the login is no member of the role that the work takes
└── UnsafeDatabase        the server is set up so that a commit may be lost

MachineryFault            the database, the brokers or the network do not answer: the same work is tried again
└── NeedsHelp             it does not pass by itself: somebody has to free room, or to let us in

A fault of the machinery refuses nothing and says nothing about the work: it is waited out (`ledger.patience`), and
nothing is judged or quarantined for it. What psycopg and aiokafka raise becomes one where they are called. One that
needs help ends a command at once, with what to do; what runs for ever waits until that is done.
"""


class LedgerError(Exception):
    """Something the ledger refuses; the message says what, where and what to do."""


class AccessRefused(LedgerError):
    """A person, key, name or role that cannot be as asked; the message begins with the field it is about."""


class AskedOtherwise(LedgerError):
    """Somebody asked for something else under the same Idempotency-Key before; nothing was done now."""


class ConcurrencyConflict(LedgerError):
    """A (stream, version) is stored already: roll back, read the stream again and decide anew."""


class EntryRefused(LedgerError):
    """Entries that the book does not take; the transaction they were written in must be rolled back."""


class EntryExists(EntryRefused):
    """An entry is in the book already, or what it reverses has been reversed already."""


class GroupCommitClosed(LedgerError):
    """The group committer takes no more entries; this one was not taken and is not in the book."""


class MigrationRefused(LedgerError):
    """A released migration was changed or is missing, or a file in the migrations folder is misnamed."""


class NoStore(LedgerError):
    """There is no store where one was named; nothing was made there."""


class RoleRefused(LedgerError):
    """The login may not act in a role of the ledger; the message says who may, and how it is allowed."""


class MigrationFailed(LedgerError):
    """The database does not take the text of a migration; nothing of this run is left in it."""


class UnsafeDatabase(LedgerError):
    """fsync, full_page_writes or synchronous_commit is off: committed money could vanish in a crash."""


class MachineryFault(Exception):
    """The database, the brokers or the network do not answer; the same work can be tried again, unchanged."""


class NeedsHelp(MachineryFault):
    """A fault that lasts until somebody does something, which the message says; nothing was lost meanwhile."""
