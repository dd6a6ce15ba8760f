"""Business dates that runs have closed, by operator: people may open them again."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import chain
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import ONE_DAY
from domain.fact import RecordedFact
from domain.payout.reopening import RUN_PARSERS, PayoutsReopened
from engine.instant_payouts import keep_request
from engine.work import Unfolded, Work
from ledger.events.heads import lock_streams

# Whoever fires runs of an operator holds its row too. Locked in the order of the keys, so that no two wait for each
# other.
_LOCK_CLOSED = """
SELECT operator_id FROM intake.run
WHERE closed_through > %(closed_through)s AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
ORDER BY operator_id FOR UPDATE
"""
_CLOSED = """
SELECT operator_id, closed_through FROM intake.run
WHERE closed_through >= %s AND (%s::text IS NULL OR operator_id = %s) ORDER BY operator_id
"""
_OPEN = """
UPDATE intake.run SET closed_through = %s, fired_at = NULL, recorded_at = NULL WHERE operator_id = ANY(%s)
"""


def closed_days(cursor: Cursor[TupleRow], since: date, operator_id: str | None) -> dict[str, date]:
    """By operator, the last business date that is closed, where it is not before a day; of one operator or of all."""
    return dict(cursor.execute(_CLOSED, (since, operator_id, operator_id)).fetchall())


def take_reopenings(cursor: Cursor[TupleRow], work: Work, facts: Mapping[UUID, Sequence[RecordedFact]]) -> None:
    """Keep decisions in their streams, and open the days that they name; what is open already stays so.

    Requests to be paid at once are kept for the clock. Days first, then streams, as runs lock them.
    """
    for fact in chain.from_iterable(facts.values()):
        decided = RUN_PARSERS[fact.type](fact.data, fact.source, fact.id)
        if isinstance(decided, PayoutsReopened):
            _open(cursor, decided)
        else:
            keep_request(cursor, decided)
    versions = lock_streams(cursor, facts)
    for stream_id, found in facts.items():
        stream = work.stream(stream_id, work.streams.get(stream_id) or Unfolded(versions[stream_id]))
        for fact in found:
            stream.append(fact)
            if fact.type == "payouts.reopened":
                stream.send("settlement.notifications", str(fact.data.get("operator_id") or "payouts"))


def _open(cursor: Cursor[TupleRow], reopened: PayoutsReopened) -> None:
    closed = {"closed_through": reopened.opened_from - ONE_DAY, "operator_id": reopened.operator_id}
    operator_ids = [operator_id for (operator_id,) in cursor.execute(_LOCK_CLOSED, closed).fetchall()]
    if operator_ids:
        cursor.execute(_OPEN, (closed["closed_through"], operator_ids))
