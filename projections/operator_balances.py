"""The balances of operators: pending, available, reserved, disputed, in transit, paid out."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import Booking
from domain.book.posting import BANK, POSTING_RULES
from domain.book.standing import Booked, Retracted
from ledger.events.codec import decode

COLUMNS = ("pending", "available", "reserved", "disputed", "in_transit", "paid_out")
_PAID_OUT = COLUMNS.index("paid_out")
_STANDING = len(COLUMNS)

# Which column an account's movements belong to, by its code; what an operator is owed is a credit.
_COLUMN_OF_CODE = {
    "2011": COLUMNS.index("pending"),
    "2010": COLUMNS.index("available"),
    "2020": COLUMNS.index("reserved"),
    "2030": COLUMNS.index("disputed"),
    "2050": COLUMNS.index("in_transit"),
    "2060": COLUMNS.index("in_transit"),
}
# Paid out is what J36 takes from the bank less what J39 brings back to it.
_PAYING_KINDS = frozenset({"J36", "J39"})

# Adds a set of movements; the arrays come sorted by operator and currency.
_ADD = """
INSERT INTO projection.operator_balance_row AS kept (generation, operator_id, currency, pending, available, reserved,
                                                     disputed, in_transit, paid_out, standing)
SELECT %s, moved.*
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bigint[]) AS moved
ON CONFLICT (generation, operator_id, currency) DO UPDATE
SET pending = kept.pending + excluded.pending, available = kept.available + excluded.available,
    reserved = kept.reserved + excluded.reserved, disputed = kept.disputed + excluded.disputed,
    in_transit = kept.in_transit + excluded.in_transit, paid_out = kept.paid_out + excluded.paid_out,
    standing = kept.standing + excluded.standing
"""


def effect_of(booking: Booking) -> list[int] | None:
    """What a booking adds to the six columns, in minor units, and a seventh that is 1; None when it adds nothing."""
    effect = [0] * (_STANDING + 1)
    touched = False
    for kind, legs in POSTING_RULES[type(booking)](booking):
        for account, amount in legs:
            column = _COLUMN_OF_CODE.get(account[:4])
            if account == BANK and kind in _PAYING_KINDS:
                column = _PAID_OUT
            if column is not None and amount:
                effect[column] -= amount
                touched = True
    effect[_STANDING] = 1
    return effect if touched else None


@dataclass(frozen=True, slots=True)
class OperatorBalances:
    """Adds up the postings of bookings by the posting rules, and takes away those of retracted ones."""

    topics: frozenset[str] = frozenset(
        f"{wrapper.__name__}.{kind.__name__}" for wrapper in (Booked, Retracted) for kind in POSTING_RULES
    )
    table: str = "operator_balance_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Add what the set moves in total, by operator and currency."""
        moved: dict[tuple[str, str], list[int]] = {}
        for topic, state in events:
            decision: Booked | Retracted = decode(topic, state)
            booking = decision.booking
            effect = effect_of(booking)
            if effect is None:
                continue
            sign = 1 if type(decision) is Booked else -1
            sums = moved.setdefault((booking.operator_id, booking.currency), [0] * len(effect))
            for column, amount in enumerate(effect):
                sums[column] += sign * amount
        if moved:
            keys = sorted(moved)
            columns = [list(column) for column in zip(*(moved[key] for key in keys), strict=True)]
            cursor.execute(_ADD, (generation, [key[0] for key in keys], [key[1] for key in keys], *columns))
