"""What came of deliveries, in the table of them and in that of the receivers that they are for."""

from datetime import datetime
from typing import LiteralString, Protocol

from psycopg import Cursor
from psycopg.rows import TupleRow

# A receiver that failed so often in a row was away: once it takes a delivery, all that wait for it are due.
AWAY_FAILURES = 3
# Of what is said of a failure, so much is kept.
ERROR_MAX = 300


class Attempted(Protocol):
    """A delivery that was attempted, the receiver that it is for, and how often that had failed in a row before."""

    @property
    def id(self) -> str:
        """The delivery."""

    @property
    def target_id(self) -> str:
        """Its receiver."""

    @property
    def failures(self) -> int:
        """Attempts in a row that its receiver did not take."""


class Outcomes:
    """Notes outcomes in a table of deliveries, which names receivers by `key`, and in the table of these."""

    def __init__(self, deliveries: LiteralString, receivers: LiteralString, key: LiteralString) -> None:
        self._delivered: LiteralString = f"""
UPDATE {deliveries}
SET status = 'DELIVERED', attempts = attempts + 1, next_at = NULL, attempted_at = %(now)s, answer = %(answer)s,
    error = NULL
WHERE id = %(id)s AND status = 'PENDING'
"""  # noqa: S608 - tables of ours
        # Written when it says something new, so that one row is not written for each delivery.
        self._works: LiteralString = f"""
UPDATE {receivers} SET failures = 0, failing_since = NULL, not_before = NULL, delivered_at = %(now)s
WHERE id = %(receiver)s
    AND (failures > 0 OR delivered_at IS NULL OR delivered_at < %(now)s - interval '1 minute')
"""  # noqa: S608 - tables of ours
        # What waits for one that was away is due now, and this attempt counts for none of its schedule.
        self._bring_forward: LiteralString = f"""
UPDATE {deliveries} SET next_at = %(now)s, step = greatest(step - 1, 0)
WHERE {key} = %(receiver)s AND status = 'PENDING' AND next_at > %(now)s + interval '10 minutes'
    AND attempted_at < %(now)s - interval '1 minute'
"""  # noqa: S608 - tables of ours
        self._failed: LiteralString = f"""
UPDATE {deliveries}
SET status = CASE WHEN %(next)s::timestamptz IS NULL THEN 'FAILED' ELSE 'PENDING' END, attempts = attempts + 1,
    step = step + 1, next_at = %(next)s, attempted_at = %(now)s, answer = %(answer)s, error = %(error)s
WHERE id = %(id)s AND status = 'PENDING'
"""  # noqa: S608 - tables of ours
        self._fails: LiteralString = f"""
UPDATE {receivers}
SET failures = failures + 1, failing_since = coalesce(failing_since, %(now)s),
    not_before = greatest(not_before, %(not_before)s)
WHERE id = %(receiver)s
"""  # noqa: S608 - tables of ours

    def delivered(self, cursor: Cursor[TupleRow], due: Attempted, answer: int, now: datetime) -> None:
        """It was taken: its receiver works, and after an outage all that waits for it is due."""
        row = {"id": due.id, "receiver": due.target_id, "answer": answer, "now": now}
        cursor.execute(self._delivered, row)
        cursor.execute(self._works, row)
        if due.failures >= AWAY_FAILURES:
            cursor.execute(self._bring_forward, row)

    def failed(
        self,
        cursor: Cursor[TupleRow],
        due: Attempted,
        answer: int | None,
        error: str | None,
        *,
        now: datetime,
        next_at: datetime | None,
        not_before: datetime,
    ) -> None:
        """It was not taken: tried again at `next_at` (None: never), and nothing is sent there before `not_before`."""
        row = {
            "id": due.id,
            "receiver": due.target_id,
            "answer": answer,
            "error": error[:ERROR_MAX] if error else None,
            "now": now,
            "next": next_at,
            "not_before": not_before,
        }
        cursor.execute(self._failed, row)
        cursor.execute(self._fails, row)
