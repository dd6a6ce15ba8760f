"""What operators declared of their costs, every version; and provider fees that are recharged, by session."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import PspFeeRecharged
from domain.book.standing import Booked, Retracted
from domain.calendar import instant
from domain.money import minor_of
from ledger.arrays import columns
from projections.network.batch import Batch

_DECLARED = "operator.cost_declared"
_RECHARGED, _NOT_RECHARGED = (f"{change.__name__}.{PspFeeRecharged.__name__}" for change in (Booked, Retracted))

# A set of versions, each once: it is named by its message.
_PUT_VERSIONS = """
INSERT INTO projection.cost_row (generation, operator_id, cost_id, source, id, told_at, effective_from, effective_to,
                                 location_id, kind, price, currency, minimum_kw, average_months, amount, every,
                                 due_day)
SELECT %s, told.*
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
            %s::text[], %s::text[], %s::numeric[], %s::text[], %s::numeric[], %s::smallint[], %s::bigint[],
            %s::text[], %s::smallint[]) AS told
ON CONFLICT DO NOTHING
"""
_ADD_FEES = """
INSERT INTO projection.session_fee_row AS kept (generation, session_id, currency, operator_id, fee)
SELECT %s, more.* FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS more
ON CONFLICT (generation, session_id, currency, operator_id) DO UPDATE SET fee = kept.fee + excluded.fee
"""


@dataclass(frozen=True, slots=True)
class Costs:
    """Keeps each version of a cost, and what of provider fees is recharged (J04) for each session."""

    topics: frozenset[str] = frozenset({_DECLARED, _RECHARGED, _NOT_RECHARGED})
    tables: tuple[str, ...] = ("cost_row", "session_fee_row")

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Put the versions of a set, and add its fees; in any order."""
        versions = {row[:4]: row for row in (_row(event.body) for event in batch.of(_DECLARED))}
        if versions:
            cursor.execute(_PUT_VERSIONS, (generation, *columns(versions[key] for key in sorted(versions))))
        fees: dict[tuple[str, str, str], int] = defaultdict(int)
        for event in batch.of(_RECHARGED, _NOT_RECHARGED):
            booking = event.body["booking"]
            if booking["session_id"] is not None:
                key = (booking["session_id"], booking["currency"], booking["operator_id"])
                fees[key] += booking["fee"] if event.topic == _RECHARGED else -booking["fee"]
        if fees:
            rows = [(*key, fees[key]) for key in sorted(fees)]
            cursor.execute(_ADD_FEES, (generation, *columns(rows)))


def _row(body: dict[str, Any]) -> tuple[Any, ...]:
    data = body["data"]
    price, amount = data.get("price"), data.get("amount")
    return (
        data["operator_id"],
        data["cost_id"],
        body["source"],
        body["id"],
        datetime.fromisoformat(body["time"]),
        instant(data["effective_from"]),
        instant(data["effective_to"]) if data.get("effective_to") is not None else None,
        data.get("location_id"),
        data["kind"],
        price["amount"] if price else None,
        (price or amount)["currency"],
        _text(data.get("minimum_kw")),
        data.get("average_months"),
        minor_of(amount) if amount else None,
        data.get("every"),
        data.get("due_day"),
    )


def _text(number: Any) -> str | None:
    return None if number is None else str(number)
