"""Days sales are outstanding: what drivers, providers and partners owe, over what was sold in the last 30 days.

It is of the platform by currency, since accounts of providers and partners do not say for whom their money comes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.network.horizon import network_horizon

DAYS = 30

# What is owed by currency: open items of 1105, 1110 and 1210, CDRs that are not invoiced (1200), and disputed ones
# (1220).
_OWED = """
SELECT currency, sum(amount)::bigint FROM (
    SELECT currency, amount FROM projection.open_items WHERE left(account, 5) IN ('1105/', '1110/', '1210/')
    UNION ALL
    SELECT currency, debits - credits FROM projection.account_days
    WHERE account >= '1200/' AND account < '12000' OR account >= '1220/' AND account < '12200'
) AS owed
GROUP BY currency
"""
# What sessions were priced in a span by currency, corrections included.
_SOLD = """
SELECT currency, sum(step.gross)::bigint
FROM (SELECT DISTINCT operator_id, currency FROM projection.operator_balances) AS sold
JOIN projection.cash_steps AS step USING (operator_id, currency)
WHERE step.at > %(since)s AND step.at <= %(until)s
GROUP BY currency
"""


@dataclass(frozen=True, slots=True)
class SalesOutstanding:
    """What is owed and what was sold in 30 days up to a moment, in minor units of a currency."""

    currency: str
    until: datetime
    receivable: int
    gross: int

    @property
    def days(self) -> Fraction | None:
        """Receivable / gross x 30; None where nothing was sold."""
        return Fraction(self.receivable * DAYS, self.gross) if self.gross > 0 else None


def sales_outstanding(cursor: Cursor[TupleRow]) -> list[SalesOutstanding]:
    """By currency, of what is owed now and of the 30 days up to the latest event."""
    until = network_horizon(cursor)
    if until is None:
        return []
    owed: dict[str, int] = dict(cursor.execute(_OWED).fetchall())
    span = {"since": until - timedelta(days=DAYS), "until": until}
    sold: dict[str, int] = dict(cursor.execute(_SOLD, span).fetchall())
    return [
        SalesOutstanding(currency, until, owed.get(currency, 0), sold.get(currency, 0))
        for currency in sorted(owed.keys() | sold.keys())
    ]
