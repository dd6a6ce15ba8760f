"""Payouts that the clock has to look at: people decided about them, or they were let go and wait for client money."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.arrays import columns

_TO_LOOK_AT = "SELECT payout_id FROM intake.open_payout WHERE look ORDER BY payout_id LIMIT %s"
_LOOK = "UPDATE intake.open_payout SET look = true WHERE payout_id = ANY(%s) AND NOT look"
_LOOK_AT_OPERATORS = "UPDATE intake.open_payout SET look = true WHERE operator_id = ANY(%s) AND awaits AND NOT look"
_LOOK_AT_ALL = "UPDATE intake.open_payout SET look = true WHERE awaits AND NOT look"
_LOOKED = """
UPDATE intake.open_payout AS known
SET look = false, ready_at = new.ready_at, short = short AND new.ready_at IS NOT NULL,
    due_at = coalesce(new.due_at, known.due_at)
FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS new (payout_id, ready_at, due_at)
WHERE known.payout_id = new.payout_id
"""
_READY = """
SELECT payout_id, operator_id, currency, amount, ready_at, short FROM intake.open_payout
WHERE awaits AND ready_at <= %s ORDER BY ready_at, operator_id, payout_id
"""
_SHORT = "UPDATE intake.open_payout SET short = true WHERE payout_id = %s"
# When money in a currency left after a moment.
_LEFT_AFTER = "SELECT DISTINCT sent_at FROM intake.open_payout WHERE currency = %s AND sent_at > %s AND left_at > %s"


class Ready(NamedTuple):
    """A payout that people have let go, and that may leave from a moment on; minor units.

    `short`: client money did not reach for it then.
    """

    payout_id: str
    operator_id: str
    currency: str
    amount: int
    ready_at: datetime
    short: bool


def to_look_at(cursor: Cursor[TupleRow], at_most: int) -> list[str]:
    """Payouts about which something is to be decided by the clock."""
    return [payout_id for (payout_id,) in cursor.execute(_TO_LOOK_AT, (at_most,)).fetchall()]


def look(cursor: Cursor[TupleRow], payout_ids: Collection[str]) -> None:
    """Have the clock look at payouts."""
    if payout_ids:
        cursor.execute(_LOOK, (sorted(payout_ids),))


def have_looked_at(cursor: Cursor[TupleRow], operator_ids: Iterable[str] | None) -> None:
    """Have the clock look again at payouts that wait for approval: those of some operators, or all."""
    if operator_ids is None:
        cursor.execute(_LOOK_AT_ALL)
    elif ids := sorted(operator_ids):
        cursor.execute(_LOOK_AT_OPERATORS, (ids,))


def looked(cursor: Cursor[TupleRow], found: Sequence[tuple[str, datetime | None, datetime | None]]) -> None:
    """Note that payouts were looked at; of each since when it waits for money alone, and when to look again."""
    if found:
        cursor.execute(_LOOKED, columns(found))


def ready_by(cursor: Cursor[TupleRow], until: datetime) -> list[Ready]:
    """The payouts that may leave by a moment, in the order in which they may."""
    return [Ready(*row) for row in cursor.execute(_READY, (until,)).fetchall()]


def note_short(cursor: Cursor[TupleRow], payout_id: str) -> None:
    """Note that client money did not reach for a payout."""
    cursor.execute(_SHORT, (payout_id,))


def left_after(cursor: Cursor[TupleRow], currency: str, moment: datetime) -> list[datetime]:
    """The moments after one at which payouts left that were on their way then or later."""
    return [at for (at,) in cursor.execute(_LEFT_AFTER, (currency, moment, moment)).fetchall()]
