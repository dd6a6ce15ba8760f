"""What an operator was owed when a run fired and the run did not pay, line by line, as the run knew it.

What a run knew is what stands up to a position of the event store: before the event that made its payout, or before
the next payout of the operator in the currency where it made none.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString

from domain.book.posting import entry_id
from domain.payout.booked import INITIATED_KEY, RESERVE_KEY, RESERVE_RELEASE_KEY, RETAINED_KEY, RETAINED_RELEASE_KEY
from domain.payout.events import payout_stream
from projections.payout_steps import OF_PAYOUTS

EVERYTHING = 2**62
# What was due and was not paid, without a reason that is known to be true.
UNEXPLAINED = "UNEXPLAINED"

# What the operator was owed when the run fired, as the run knew it.
PAYABLE = """
WITH paying AS (SELECT entry_ids FROM surface.payouts WHERE payout_id = %(payout_id)s)
SELECT -coalesce(sum(amount), 0)::bigint FROM projection.account_lines
WHERE account = ANY (%(accounts)s) AND currency = %(currency)s AND effective_at <= %(fired_at)s
  AND (position <= %(position)s OR entry_id = ANY (%(given_back)s)
       OR kind IN ('J34', 'J41') AND entry_id IN (SELECT unnest(entry_ids) FROM paying))
"""
# What acts by the moment of the run and was stored later; maturing changes nothing of the sum.
LATE = """
SELECT entry_id, min(kind) AS kind, min(effective_at) AS effective_at, min(position) AS position,
       -sum(amount)::bigint AS amount
FROM projection.account_lines
WHERE account = ANY (%(accounts)s) AND currency = %(currency)s AND effective_at <= %(fired_at)s
  AND position > %(position)s AND position <= %(known)s AND entry_id <> ALL (%(own)s)
  AND entry_id <> ALL (SELECT unnest(entry_ids) FROM surface.payouts WHERE payout_id = %(payout_id)s)
GROUP BY entry_id
HAVING sum(amount) <> 0
ORDER BY effective_at, entry_id
"""
# What was not paid yet when the run fired, as the run knew it: what is not paid today, what later runs paid, and what
# was set aside. A payout made before has its lines set aside for it until people have decided about it, by what the
# run knew and by the moment of that; what they reject another pays. Of two that speak of a line that one counts.
UNPAID: LiteralString = """
WITH unpaid AS MATERIALIZED (
    SELECT DISTINCT ON (entry_id) entry_id, stream_id, kind, effective_at, amount, released_at, available_on,
           share, reserve_release, set_aside_for
    FROM (
    SELECT line.entry_id, line.stream_id, line.kind, line.effective_at, line.amount, line.released_at,
           line.available_on, line.share, line.reserve_release, NULL AS set_aside_for
    FROM surface.payable_lines AS line
    WHERE line.operator_id = %(operator_id)s AND line.currency = %(currency)s AND line.payout_id IS NULL
      AND line.effective_at <= %(fired_at)s
    UNION ALL
    SELECT line.entry_id, line.stream_id, line.kind, line.effective_at, line.amount, line.released_at,
           line.available_on, line.share, line.reserve_release,
           CASE WHEN other.position < %(position)s THEN other.payout_id END
    FROM surface.payouts AS other CROSS JOIN unnest(other.entry_ids) AS paid (entry_id)
    JOIN surface.payable_lines AS line USING (entry_id, operator_id)
    WHERE other.operator_id = %(operator_id)s AND other.currency = %(currency)s AND other.reissue_of IS NULL
      AND other.payout_id <> %(payout_id)s
      AND (other.position > %(position)s OR CASE
               WHEN other.decided_at IS NULL THEN other.status = 'AWAITING_APPROVAL'
               WHEN other.decided_position > %(position)s THEN true
               WHEN other.status = 'REJECTED' THEN other.decided_at >= %(fired_at)s
               ELSE other.decided_at > %(fired_at)s END)
      AND (other.first_effective_at IS NULL OR other.first_effective_at <= %(fired_at)s)
      AND line.effective_at <= %(fired_at)s
    ) AS told
    WHERE entry_id NOT IN (SELECT unnest(entry_ids) FROM surface.payouts WHERE payout_id = %(payout_id)s)
    ORDER BY entry_id, set_aside_for NULLS LAST
), known AS (
    SELECT entry_id FROM projection.account_lines
    WHERE account = ANY (%(accounts)s) AND currency = %(currency)s AND effective_at <= %(fired_at)s
      AND effective_at >= (SELECT min(effective_at) FROM unpaid)
      AND (position <= %(position)s OR entry_id = ANY (%(given_back)s))
), told AS (
    SELECT entry_id, stream_id, kind, effective_at, released_at, available_on, amount, share, reserve_release,
           set_aside_for,
           CASE
               WHEN set_aside_for IS NOT NULL THEN 'SET_ASIDE'
               WHEN entry_id = %(retained)s THEN 'RETAINED'
               WHEN released_at IS NULL OR released_at >= %(fired_at)s THEN 'NOT_RELEASED'
               WHEN available_on > %(business_date)s THEN 'AVAILABLE_LATER'
               -- It was due by what is known today. Where its share had not matured by what the run knew, nothing had
               -- released it then. Of a second attempt those of the first count: what matured since came late.
               ELSE coalesce((
                   SELECT CASE WHEN min(line.position) > %(first_position)s THEN 'CAME_LATER' ELSE %(due)s END
                   FROM projection.account_lines AS line JOIN surface.entries AS entry USING (entry_id)
                   WHERE line.account = %(available)s AND line.currency = %(currency)s
                     AND line.effective_at <= %(fired_at)s AND line.position <= %(position)s
                     AND (line.entry_id = unpaid.entry_id OR line.kind = 'J08' AND entry.session_id = (
                         SELECT own.session_id FROM surface.entries AS own WHERE own.entry_id = unpaid.entry_id
                     ))
                   HAVING min(line.position) IS NOT NULL
               ), 'NOT_RELEASED')
           END AS reason
    FROM unpaid
    WHERE entry_id IN (SELECT entry_id FROM known)
), excluded AS (
    SELECT told.*, CASE WHEN reason = 'AVAILABLE_LATER' THEN available_on END AS comes_on FROM told
)
"""


@dataclass(frozen=True, slots=True)
class FiredRun:
    """A run of a business date in a currency: when it fired, up to which position it knew, and its payout, if any.

    `due` is the reason under which lines are told that were due and are not paid: who knows the terms says it. Of a
    second attempt `first_position` is that of the event that made the first.
    """

    operator_id: str
    currency: str
    business_date: date
    fired_at: datetime
    position: int
    payout_id: str | None = None
    due: str = UNEXPLAINED
    first_position: int = EVERYTHING


def question(run: FiredRun, known: int | None = None) -> dict[str, Any]:
    """What the queries above take; nothing that is `LATE` comes from an event behind the position `known`."""
    keys = (RESERVE_KEY, INITIATED_KEY, RETAINED_KEY, RESERVE_RELEASE_KEY, RETAINED_RELEASE_KEY)
    own = [entry_id(payout_stream(run.payout_id), key, 1, 0) for key in keys] if run.payout_id else []
    return {
        # Of a run without a payout there is none to leave out.
        "payout_id": run.payout_id or "",
        "operator_id": run.operator_id,
        "currency": run.currency,
        "business_date": run.business_date,
        "fired_at": run.fired_at,
        "position": run.position,
        "first_position": run.first_position,
        "due": run.due,
        "known": EVERYTHING if known is None else known,
        "accounts": [f"2010/{run.operator_id}", f"2011/{run.operator_id}"],
        "available": f"2010/{run.operator_id}",
        "own": own,
        # What is retained, and a reserve of no days, is given back at the moment of the run that holds it.
        "given_back": own[-2:],
        "retained": own[-1] if own else None,
        "of_payouts": list(OF_PAYOUTS),
    }
