"""The locks of a store by name: what each holds back, and who may take it.

Each is an empty table of the schema `lock`, and taken as PostgreSQL locks tables: for a transaction, alone or shared.
A role may take those that its work needs, by the right to delete from a table that never has a row; whoever only
reads may take none, so that it can hold nobody up (decision 78). Advisory locks are anybody's: what they guard here
is how fast something is, never whether it is done.
"""

from enum import StrEnum

from psycopg import Connection, Cursor
from psycopg.errors import LockNotAvailable
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow


class Lock(StrEnum):
    """A lock, by its table."""

    # Who publishes to the catalogue holds it alone, who judges by it shares it.
    CATALOGUE = "lock.catalogue"
    # One clock at a time fires payout runs.
    CLOCK = "lock.clock"
    # One relay at a time empties the outbox.
    RELAY = "lock.relay"
    # One transaction at a time compares lines of bank accounts with what was told of them.
    BANK_LINES = "lock.bank_lines"
    # One transaction at a time judges what depends on other streams of the treasury, or changes that.
    TREASURY = "lock.treasury"
    # One process at a time makes bank files.
    BANK_FILES = "lock.bank_files"
    # One transaction at a time lets the tree over the entries grow, and signs an anchor of it.
    ANCHORS = "lock.anchors"
    # One process at a time issues statements.
    STATEMENTS = "lock.statements"
    # Who appends events holds it from the moment by which they are known to its end, by a trigger; who asks for what
    # was known by a moment that is just over waits for it.
    KNOWN = "lock.known"
    # Who makes objects visible to roaming partners holds it from the moment by which they are; who reads a page waits
    # for it, so that nothing is added later that has a moment before.
    ROAMING = "lock.roaming"
    # One process at a time sends partners what changed, for as long as it leads.
    PUSHING = "lock.pushing"
    # Sign-ins are counted one after the other.
    SIGN_IN = "lock.sign_in"
    # Of what people do to one thing, one at a time is looked at.
    ACTION = "lock.action"
    # One process at a time makes the login of the HTTP server.
    LOGIN = "lock.login"


# One migration at a time makes the first tables of a store, before there are locks. It reads WATTLEDG in ASCII.
FIRST_MIGRATION = 0x574154544C454447

# With a second number, the slot of balances that a connection would like to have for itself, for as long as it lives.
SHARD = 7402


def hold(session: Cursor[TupleRow] | Connection[TupleRow], lock: Lock) -> None:
    """Take a lock alone, to the end of the transaction; waits for whoever has it."""
    session.execute(f"LOCK TABLE {lock} IN EXCLUSIVE MODE".encode())


def share(cursor: Cursor[TupleRow], lock: Lock) -> None:
    """Take a lock with others who share it, to the end of the transaction; waits for who holds it alone."""
    cursor.execute(f"LOCK TABLE {lock} IN SHARE MODE".encode())


def try_to_hold(connection: Connection[TupleRow], table: str) -> bool:
    """Take a lock alone, to the end of the transaction that is open or begins with this, unless somebody has it.

    The connection is none in autocommit, or is in a transaction.
    """
    if connection.info.transaction_status == TransactionStatus.IDLE:
        # What follows is a part of a transaction then, and not one that ends with its lock.
        connection.execute("SELECT 1")
    try:
        with connection.transaction():
            connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE NOWAIT".encode())
    except LockNotAvailable:
        return False
    return True


def of_rebuild(name: str) -> str:
    """The table that who rebuilds a projection holds; each projection's migration makes its own."""
    return f"lock.rebuild_{name}"
