"""The part of `network` that keeps what operators declared to have on their bank accounts."""

from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.money import parse_minor
from ledger.arrays import columns
from projections.network.batch import Batch

_DECLARED = "operator.cash_declared"
_PUT = """
INSERT INTO projection.declared_cash_row (generation, operator_id, at, source, id, currency, amount)
SELECT %s, told.* FROM unnest(%s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::bigint[]) AS told
ON CONFLICT (generation, operator_id, at, source, id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class DeclaredCashPart:
    """Keeps each declaration; the one of the latest moment counts, whenever it came."""

    topics: frozenset[str] = frozenset({_DECLARED})
    tables: tuple[str, ...] = ("declared_cash_row",)

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Put what a set declares."""
        rows = []
        for event in batch.of(_DECLARED):
            data = event.body["data"]
            amount, currency = data["amount"]["amount"], data["amount"]["currency"]
            key = (data["operator_id"], data["at"], event.body["source"], event.body["id"])
            rows.append((*key, currency, parse_minor(str(amount), currency)))
        if rows:
            cursor.execute(_PUT, (generation, *columns(sorted(rows))))
