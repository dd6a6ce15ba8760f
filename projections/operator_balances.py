"""The balances of operators: pending, available, reserved, disputed, in transit, to be fixed, paid out."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.movements import BOOK_TOPICS, movements

# Adds a set of movements; the arrays come sorted by operator and currency.
_ADD = """
INSERT INTO projection.operator_balance_row AS kept (generation, operator_id, currency, pending, available, reserved,
                                                     disputed, in_transit, to_fix, paid_out, standing)
SELECT %s, moved.*
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bigint[], %s::bigint[]) AS moved
ON CONFLICT (generation, operator_id, currency) DO UPDATE
SET pending = kept.pending + excluded.pending, available = kept.available + excluded.available,
    reserved = kept.reserved + excluded.reserved, disputed = kept.disputed + excluded.disputed,
    in_transit = kept.in_transit + excluded.in_transit, to_fix = kept.to_fix + excluded.to_fix,
    paid_out = kept.paid_out + excluded.paid_out, standing = kept.standing + excluded.standing
"""


@dataclass(frozen=True, slots=True)
class OperatorBalances:
    """Adds up the postings of bookings by the posting rules, and takes away those of retracted ones."""

    topics: frozenset[str] = BOOK_TOPICS
    table: str = "operator_balance_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Add what the set moves in total, by operator and currency."""
        moved = movements(events).operators
        if moved:
            keys = sorted(moved)
            columns = [list(column) for column in zip(*(moved[key] for key in keys), strict=True)]
            cursor.execute(_ADD, (generation, [key[0] for key in keys], [key[1] for key in keys], *columns))
