"""What operators earned, and how much of it was captured, settled, available and paid, in a span of effective time.

Minor units, positive in the operator's favour. Each movement acts at its own time, corrections and mirrors included:

- earned: what rating gives the operator (J01, J02, J04; J13, J14), and what corrections take and give (J59, J21);
- captured: the share of a session when its captures reach its price, or its CDR is accepted; from then on each change
  of the share; the same of what is settled, or paid by the partner;
- available: what matured (J08); paid: what the bank booked (J36), less what came back (J39).

A span is from `since` (inclusive) to `before` (exclusive), as known at a position of the event store.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

# Operators and currencies that are asked for, in their order.
ASKED: LiteralString = """
WITH asked AS MATERIALIZED (
    SELECT operator_id, currency FROM projection.operator_balances
    WHERE (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
      AND (%(currency)s::text IS NULL OR currency = %(currency)s)
      AND (%(after)s::text IS NULL OR (operator_id, currency) > (%(after)s, %(after_currency)s))
    ORDER BY operator_id, currency LIMIT %(limit)s
)
"""
# What the bank booked of payouts, less what came back of them, each with its time. Whatever moved a payout in the
# span was before its last change, and after its run.
_BOOKED: LiteralString = """
    SELECT asked.operator_id, asked.currency, line.effective_at, line.amount
    FROM asked
    JOIN surface.payouts AS payout USING (operator_id, currency)
    JOIN projection.account_lines AS line ON line.account = '2050/' || payout.payout_id
        AND line.currency = payout.currency
    WHERE payout.status_at >= %(since)s AND payout.fired_at < %(before)s
      AND line.kind = 'J36' AND line.effective_at >= %(since)s AND line.effective_at < %(before)s
      AND line.position <= %(position)s
    UNION ALL
    SELECT asked.operator_id, asked.currency, line.effective_at, line.amount
    FROM asked
    JOIN projection.account_lines AS line ON line.account = '2060/' || asked.operator_id
        AND line.currency = asked.currency
    WHERE line.kind = 'J39' AND line.effective_at >= %(since)s AND line.effective_at < %(before)s
      AND line.position <= %(position)s
"""
# Sessions that moved in the span, each as it stood before the span and at its end.
_MOVEMENTS: LiteralString = f"""{ASKED}, touched AS (
    SELECT DISTINCT asked.operator_id, asked.currency, step.stream_id
    FROM asked JOIN projection.cash_steps AS step USING (operator_id, currency)
    WHERE step.at >= %(since)s AND step.at < %(before)s AND step.position <= %(position)s
), stood AS (
    SELECT touched.operator_id, touched.currency, touched.stream_id,
           coalesce(sum(share) FILTER (WHERE at < %(since)s), 0) AS share_0,
           coalesce(sum(gross) FILTER (WHERE at < %(since)s), 0) AS gross_0,
           coalesce(sum(captured) FILTER (WHERE at < %(since)s), 0) AS captured_0,
           coalesce(sum(settled) FILTER (WHERE at < %(since)s), 0) AS settled_0,
           coalesce(sum(share), 0) AS share, coalesce(sum(gross), 0) AS gross,
           coalesce(sum(captured), 0) AS captured, coalesce(sum(settled), 0) AS settled
    FROM touched JOIN projection.cash_steps AS step USING (stream_id, currency)
    WHERE step.at < %(before)s AND step.position <= %(position)s
    GROUP BY touched.operator_id, touched.currency, touched.stream_id
), moved AS (
    SELECT operator_id, currency, sum(share - share_0) AS earned,
           sum(CASE WHEN captured > 0 AND captured >= gross THEN share ELSE 0 END
               - CASE WHEN captured_0 > 0 AND captured_0 >= gross_0 THEN share_0 ELSE 0 END) AS captured,
           sum(CASE WHEN settled > 0 AND least(settled, captured) >= gross THEN share ELSE 0 END
               - CASE WHEN settled_0 > 0 AND least(settled_0, captured_0) >= gross_0 THEN share_0 ELSE 0 END)
               AS settled
    FROM stood GROUP BY operator_id, currency
), matured AS (
    SELECT asked.operator_id, asked.currency, -sum(line.amount) AS available
    FROM asked
    JOIN projection.account_lines AS line ON line.account = '2010/' || asked.operator_id
        AND line.currency = asked.currency
    WHERE line.kind = 'J08' AND line.effective_at >= %(since)s AND line.effective_at < %(before)s
      AND line.position <= %(position)s
    GROUP BY asked.operator_id, asked.currency
), booked AS ({_BOOKED}
)
SELECT operator_id, currency, sum(earned)::bigint AS earned, sum(captured)::bigint AS captured,
       sum(settled)::bigint AS settled, sum(available)::bigint AS available, sum(paid)::bigint AS paid
FROM (
    SELECT operator_id, currency, 0 AS earned, 0 AS captured, 0 AS settled, 0 AS available, 0 AS paid FROM asked
    UNION ALL
    SELECT operator_id, currency, earned, captured, settled, 0, 0 FROM moved
    UNION ALL
    SELECT operator_id, currency, 0, 0, 0, available, 0 FROM matured
    UNION ALL
    SELECT operator_id, currency, 0, 0, 0, 0, amount FROM booked
) AS each_one
GROUP BY operator_id, currency
ORDER BY operator_id, currency
"""  # noqa: S608 (constants)
# What was earned and paid by local day and currency.
_BY_DAY: LiteralString = f"""{ASKED}, booked AS ({_BOOKED}
), moved AS (
    SELECT asked.currency, (step.at AT TIME ZONE %(zone)s)::date AS day, step.share AS earned, 0 AS paid
    FROM asked JOIN projection.cash_steps AS step USING (operator_id, currency)
    WHERE step.at >= %(since)s AND step.at < %(before)s AND step.position <= %(position)s
    UNION ALL
    SELECT currency, (effective_at AT TIME ZONE %(zone)s)::date, 0, amount FROM booked
)
SELECT currency, day, sum(earned)::bigint AS earned, sum(paid)::bigint AS paid
FROM moved GROUP BY currency, day ORDER BY currency, day
"""  # noqa: S608 (constants)


class Span(NamedTuple):
    """A span of effective time, from `since` to before `before` (None: without an end), as known at `position`.

    Of one operator and one currency where they are named; of so many operators and currencies behind one of them.
    """

    since: datetime | None
    before: datetime | None
    position: int
    operator_id: str | None = None
    currency: str | None = None
    limit: int | None = None
    after: tuple[str, str] | None = None

    @property
    def question(self) -> dict[str, Any]:
        """The parameters of the queries."""
        return {
            "since": self.since or "-infinity",
            "before": self.before or "infinity",
            "position": self.position,
            "operator_id": self.operator_id,
            "currency": self.currency,
            "limit": self.limit,
            "after": self.after[0] if self.after else None,
            "after_currency": self.after[1] if self.after else None,
        }


@dataclass(frozen=True, slots=True)
class CashMovement:
    """What moved of an operator's share in a currency."""

    operator_id: str
    currency: str
    earned: int
    captured: int
    settled: int
    available: int
    paid: int


@dataclass(frozen=True, slots=True)
class DayOfCash:
    """What was earned, and what was paid at the bank, on a local day in a currency."""

    currency: str
    day: date
    earned: int
    paid: int


def cash_movements(cursor: Cursor[TupleRow], span: Span) -> list[CashMovement]:
    """What moved, by operator and currency; operators that have no balance are left out."""
    with cursor.connection.cursor(row_factory=class_row(CashMovement)) as rows:
        return rows.execute(_MOVEMENTS, span.question).fetchall()


def cash_by_day(cursor: Cursor[TupleRow], span: Span, time_zone: str) -> list[DayOfCash]:
    """What was earned and paid by currency and day of a zone; days on which nothing moved are left out."""
    with cursor.connection.cursor(row_factory=class_row(DayOfCash)) as rows:
        return rows.execute(_BY_DAY, span.question | {"zone": time_zone}).fetchall()
