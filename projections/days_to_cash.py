"""From plug-out to cash: how long the operator's share of a session takes from its end to the operator's bank.

Of each session whose share a paid payout pays: the time from the session's end to what the bank booked (J36), and
what it waited for meanwhile, one after another: its captures, their settlement, what released it, the run, the bank.
What came after the release was not waited for. The parts add up for each session.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from projections.cash import ASKED, Span

PARTS = ("to_capture", "to_settlement", "to_release", "to_run", "to_bank")

# Sessions by the payout that paid them, with the moments that they went through. Payouts that came back are none that
# paid. A session is paid with its first price: what a correction adds later is not a second way to cash. Its end is
# what the meter says; of what a driver pays it is when the price acts.
_SESSIONS: LiteralString = f"""{ASKED}, paid AS MATERIALIZED (
    SELECT payout.payout_id, payout.operator_id, payout.currency, payout.fired_at, payout.entry_ids,
           booked.effective_at AS paid_at
    FROM asked JOIN surface.payouts AS payout USING (operator_id, currency)
    CROSS JOIN LATERAL (
        SELECT line.effective_at FROM projection.account_lines AS line
        WHERE line.account = '2050/' || payout.payout_id AND line.currency = payout.currency AND line.kind = 'J36'
          AND line.position <= %(position)s
        GROUP BY line.effective_at HAVING sum(line.amount) > 0
    ) AS booked
    WHERE payout.status_at >= %(since)s AND payout.fired_at < %(before)s
      AND booked.effective_at >= %(since)s AND booked.effective_at < %(before)s
      AND NOT EXISTS (
          SELECT FROM projection.account_lines AS back JOIN surface.entries AS entry USING (entry_id)
          WHERE back.account = '2060/' || payout.operator_id AND back.currency = payout.currency
            AND back.kind = 'J39' AND back.position <= %(position)s AND back.effective_at <= %(effective_at)s
            AND entry.payout_id = payout.payout_id
          HAVING sum(back.amount) <> 0
      )
), share AS MATERIALIZED (
    SELECT paid.payout_id, paid.operator_id, paid.currency, paid.fired_at, paid.paid_at, line.stream_id,
           min(line.effective_at) AS first_at, min(line.released_at) AS released_at,
           bool_or(line.kind = 'J13') AS roams,
           (array_agg(line.entry_id))[1] AS entry_id
    FROM paid CROSS JOIN unnest(paid.entry_ids) AS pays (entry_id)
    JOIN surface.payable_lines AS line USING (entry_id)
    WHERE line.kind IN ('J01', 'J13')
    GROUP BY paid.payout_id, paid.operator_id, paid.currency, paid.fired_at, paid.paid_at, line.stream_id
    HAVING sum(line.amount) > 0
), found AS MATERIALIZED (
    SELECT share.payout_id, share.operator_id, share.currency, share.entry_id, share.fired_at, share.paid_at,
           share.released_at, reached.captured_at, reached.settled_at,
           CASE WHEN share.roams THEN coalesce((
               SELECT (session.metered -> 0 ->> 0)::timestamptz FROM projection.sessions AS session
               WHERE session.session_id = (
                   SELECT entry.session_id FROM surface.entries AS entry WHERE entry.entry_id = share.entry_id
               )
           ), share.first_at) ELSE share.first_at END AS ended_at
    FROM share
    CROSS JOIN LATERAL (
        SELECT min(at) FILTER (WHERE gross > 0) AS rated_at,
               min(at) FILTER (WHERE gross_then > 0 AND captured_then >= gross_then) AS captured_at,
               min(at) FILTER (WHERE gross_then > 0 AND least(settled_then, captured_then) >= gross_then)
                   AS settled_at
        FROM (
            SELECT step.at, step.gross, sum(step.gross) OVER so_far AS gross_then,
                   sum(step.captured) OVER so_far AS captured_then, sum(step.settled) OVER so_far AS settled_then
            FROM projection.cash_steps AS step
            WHERE step.stream_id = share.stream_id AND step.currency = share.currency
              AND step.position <= %(position)s
            WINDOW so_far AS (ORDER BY step.at)
        ) AS walked
    ) AS reached
    WHERE share.roams OR share.first_at = reached.rated_at
), waited AS (
    SELECT found.*, greatest(ended_at, least(captured_at, released_at)) AS capture_at FROM found
), milestones AS (
    SELECT waited.*, greatest(capture_at, least(settled_at, released_at)) AS settlement_at,
           greatest(capture_at, released_at) AS release_at
    FROM waited
)
"""  # noqa: S608 (constants)
_PARTS: LiteralString = """
    extract(epoch FROM paid_at - ended_at)::float8 AS seconds,
    extract(epoch FROM capture_at - ended_at)::float8 AS to_capture,
    extract(epoch FROM settlement_at - capture_at)::float8 AS to_settlement,
    extract(epoch FROM release_at - settlement_at)::float8 AS to_release,
    extract(epoch FROM fired_at - release_at)::float8 AS to_run,
    extract(epoch FROM paid_at - fired_at)::float8 AS to_bank
"""
_STATISTICS: LiteralString = f"""{_SESSIONS}, timed AS (SELECT operator_id, currency, {_PARTS} FROM milestones)
SELECT operator_id, currency, count(*) AS count,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) AS p90,
       avg(seconds) AS mean, avg(to_capture) AS to_capture, avg(to_settlement) AS to_settlement,
       avg(to_release) AS to_release, avg(to_run) AS to_run, avg(to_bank) AS to_bank
FROM timed GROUP BY operator_id, currency ORDER BY operator_id, currency
"""  # noqa: S608 (constants)
_ONE_BY_ONE: LiteralString = f"""{_SESSIONS}
SELECT entry.session_id, operator_id, milestones.currency, milestones.payout_id, ended_at, paid_at, {_PARTS}
FROM milestones JOIN surface.entries AS entry USING (entry_id)
ORDER BY paid_at, entry.session_id
"""  # noqa: S608 (constants)


@dataclass(frozen=True, slots=True)
class DaysToCash:
    """How long sessions of an operator took to cash, in seconds: how many there are, and what the middle one took.

    Median and 90th percentile by linear interpolation; `mean` is the sum of the mean parts that follow it.
    """

    operator_id: str
    currency: str
    count: int
    median: float
    p90: float
    mean: float
    to_capture: float
    to_settlement: float
    to_release: float
    to_run: float
    to_bank: float


@dataclass(frozen=True, slots=True)
class SessionToCash:
    """A session on its way to cash, in seconds; the parts add up to `seconds`."""

    session_id: str
    operator_id: str
    currency: str
    payout_id: str
    ended_at: datetime
    paid_at: datetime
    seconds: float
    to_capture: float
    to_settlement: float
    to_release: float
    to_run: float
    to_bank: float


def days_to_cash(cursor: Cursor[TupleRow], span: Span, effective_at: datetime | None = None) -> list[DaysToCash]:
    """Of sessions paid in a span, by operator and currency; what came back by `effective_at` does not count."""
    with cursor.connection.cursor(row_factory=class_row(DaysToCash)) as rows:
        return rows.execute(_STATISTICS, _question(span, effective_at)).fetchall()


def sessions_to_cash(
    cursor: Cursor[TupleRow], span: Span, effective_at: datetime | None = None
) -> list[SessionToCash]:
    """The sessions behind those figures, in the order in which they were paid."""
    with cursor.connection.cursor(row_factory=class_row(SessionToCash)) as rows:
        return rows.execute(_ONE_BY_ONE, _question(span, effective_at)).fetchall()


def _question(span: Span, effective_at: datetime | None) -> dict[str, object]:
    return span.question | {"effective_at": effective_at or "infinity"}
