"""Open items: accounts that should come to zero and have not, by session, provider, invoice, payment or receipt."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.arrays import array
from projections.movements import BOOK_TOPICS, Item, movements

# An item whose moment its account's history tells.
_NO_MOMENT = "-infinity"

# Adds a set of movements, in the order of the key; gives back what has come to nothing.
_ADD = """
WITH added AS (
    INSERT INTO projection.open_item_row AS kept (generation, account, currency, document, effective_at, amount)
    SELECT %s, moved.*
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[]) AS moved
    ON CONFLICT (generation, account, currency, document, effective_at) DO UPDATE
    SET amount = kept.amount + excluded.amount
    RETURNING account, currency, document, effective_at::text, amount
)
SELECT account, currency, document, effective_at FROM added WHERE amount = 0
"""

# What came to nothing is no item any more.
_DROP = """
DELETE FROM projection.open_item_row AS kept
USING unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[])
    AS gone (account, currency, document, effective_at)
WHERE kept.generation = %s
  AND (kept.account, kept.currency, kept.document, kept.effective_at)
      = (gone.account, gone.currency, gone.document, gone.effective_at)
"""


@dataclass(frozen=True, slots=True)
class OpenItems:
    """Adds up the postings to those accounts; what rates and captures in one set writes nothing."""

    topics: frozenset[str] = BOOK_TOPICS
    table: str = "open_item_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Add what the set moves in total by item, and forget what has come to zero."""
        moved = {_key(item): amount for item, amount in movements(events).items.items() if amount}
        if not moved:
            return
        keys = sorted(moved)
        amounts = array([moved[key] for key in keys])
        columns = [array(column) for column in zip(*keys, strict=True)]
        gone = cursor.execute(_ADD, (generation, *columns, amounts)).fetchall()
        if gone:
            cursor.execute(_DROP, (*[array(column) for column in zip(*gone, strict=True)], generation))


def _key(item: Item) -> tuple[str, str, str, str]:
    moment = item.effective_at.isoformat() if item.effective_at else _NO_MOMENT
    return (item.account, item.currency, item.document, moment)
