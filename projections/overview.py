"""What pages show besides their own: how much waits for people, and how far both axes of time reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.all_findings import Chosen, sums_of_findings

# Payouts and refused records that wait, each by its index.
_WAITING = """
SELECT (SELECT count(*) FROM projection.payouts WHERE status = 'AWAITING_APPROVAL'),
       (SELECT count(*) FROM intake.deadletter WHERE replayed_at IS NULL)
"""

# The first and the last effective time of the book, and since when something is known, each by its index.
_KNOWN_SINCE: LiteralString = "(SELECT known_at FROM surface.known ORDER BY position LIMIT 1)"
_BOOKS_SPAN: LiteralString = f"SELECT min(effective_at), max(effective_at), {_KNOWN_SINCE} FROM book.entry"  # noqa: S608
# The same for a tenant, by what its own operators are owed.
_TENANTS_SPAN: LiteralString = f"""
SELECT min(effective_at), max(effective_at), {_KNOWN_SINCE}
FROM projection.operator_balances AS owned
CROSS JOIN LATERAL (
    SELECT min(line.effective_at) AS effective_at FROM projection.account_lines AS line
    WHERE line.account = '2011/' || owned.operator_id AND line.currency = owned.currency
    UNION ALL
    SELECT max(line.effective_at) FROM projection.account_lines AS line
    WHERE line.account = '2011/' || owned.operator_id AND line.currency = owned.currency
) AS bound
"""  # noqa: S608 (constants)


class Eyes(Enum):
    """Whose entries span the effective time."""

    ALL = "all of the book"
    OWN = "a tenant's own"


_SPANS: Mapping[Eyes, LiteralString] = {Eyes.ALL: _BOOKS_SPAN, Eyes.OWN: _TENANTS_SPAN}


@dataclass(frozen=True, slots=True)
class Reach:
    """How far time reaches: the first and the last effective time, and since when anything is known."""

    earliest: datetime | None = None
    latest: datetime | None = None
    known_since: datetime | None = None


def reach(cursor: Cursor[TupleRow], eyes: Eyes) -> Reach:
    """How far time reaches for who sees all of the book, or for a tenant."""
    return Reach(*(cursor.execute(_SPANS[eyes]).fetchone() or ()))


def waiting(cursor: Cursor[TupleRow]) -> dict[str, int]:
    """How much waits for people: `approvals`, `breaks` (all findings), `dead_letters`."""
    approvals, refused = cursor.execute(_WAITING).fetchone() or (0, 0)
    breaks = sum(each.findings for each in sums_of_findings(cursor, Chosen()))
    return {"approvals": approvals, "breaks": breaks, "dead_letters": refused}
