"""What an id is the id of, and everything that it touches: messages, events, entries, CDRs, payouts, bank files.

`find` says what has an id, `follow` shows one of it with what it is linked to. Links go both ways: what names another
thing is named by it. Lists are bounded and say how many there are in all.
"""

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.lookups import (
    Lookups,
)
from projections.mentions import Kind
from projections.tracing.finding import Finder
from projections.tracing.following import Follower
from projections.tracing.nodes import Node, Trace

# How many of each sort are shown unless more are asked for.
SHOWN = 20
EVERYTHING = 10_000_000


def find(cursor: Cursor[TupleRow], id_: str) -> list[Node]:
    """What has this id, of every kind; UUIDs and hex are found in either case, UUIDs without hyphens too.

    Each with the operator whom it concerns, where it concerns one: a settlement, an invoice, a bank file and a dead
    letter may concern several. Needs a role that may read everything. Reads at most `READ_MAX` events of a kind.
    """
    if not id_.isprintable():
        return []
    return Finder(Lookups(cursor)).find(id_)


def follow(cursor: Cursor[TupleRow], node: Node, limit: int = SHOWN) -> Trace:
    """Something that `find` has found, with what it is linked to, `limit` things of each sort."""
    return Follower(Lookups(cursor), limit).follow(node)


def kinds_in_words() -> str:
    """What `find` looks for, for people."""
    return ", ".join(kind.replace("_", " ") for kind in Kind)
