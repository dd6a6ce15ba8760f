"""What runs left out: no line that was due and free, and no date on which the sum was enough.

Only what a run is known to have known is held against it. It locks the lines that it reads, all of its operator at
once, and writes its payouts in the same transaction: a line that still bears that lock was read as it stands, and one
that the same transaction paid later was read before. Of all others nothing is said: what came late looks the same.
"""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any, LiteralString, NamedTuple

from ledger.audit.amounts import Money, exact, half_up, minor
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Payouts that runs made, with the transaction that wrote each, of operators whose dates nobody opened again and who
# are paid ahead of drivers without a limit. A date is taken to be over at its local midnight, before any cut-off.
_MADE: LiteralString = """
WITH reopened AS MATERIALIZED (
    SELECT DISTINCT convert_from(state, 'UTF8')::jsonb #>> '{data,operator_id}' AS operator_id
    FROM event_store.stored_events WHERE topic = 'payouts.reopened'
), terms AS MATERIALIZED (
    SELECT data ->> 'operator_id' AS operator_id, count(*) AS versions, jsonb_agg(data) -> 0 AS data,
           bool_or(data ->> 'advance_limit' IS NOT NULL) AS is_limited
    FROM event_store.stored_events,
         LATERAL (SELECT convert_from(state, 'UTF8')::jsonb -> 'data' AS data) AS parsed
    WHERE topic IN ('operator.registered', 'operator.changed') GROUP BY 1
), created AS MATERIALIZED (
    SELECT tx, body ->> 'payout_id' AS payout_id, body ->> 'operator_id' AS operator_id,
           body ->> 'currency' AS currency, (body ->> 'business_date')::date AS day,
           (body ->> 'fired_at')::timestamptz AS fired_at, (body ->> 'attempt')::int AS attempt,
           nullif(body ->> 'time_zone', '') AS zone, body -> 'bank_account' AS account
    FROM (
        SELECT xmin::text AS tx, convert_from(state, 'UTF8')::jsonb - 'entry_ids' AS body
        FROM event_store.stored_events WHERE topic = 'PayoutCreated'
    ) AS parsed
    WHERE body ->> 'reissue_of' IS NULL
), run AS MATERIALIZED (
    SELECT * FROM created
    WHERE attempt = 1 AND zone IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM reopened WHERE reopened.operator_id IS NULL OR reopened.operator_id = created.operator_id)
      AND EXISTS (SELECT FROM terms WHERE terms.operator_id = created.operator_id AND NOT is_limited)
)
"""
_COUNT: LiteralString = "SELECT count(*) FROM run"
# Lines that a run read as due and left: for the next run that the same transaction made, or, of the last of them, for
# later. What gives something back (J32) the transaction may have written itself; what was rejected is free later.
_LEFT_OUT: LiteralString = """
, bound AS MATERIALIZED (
    SELECT run.*, least(fired_at, (day + 1)::timestamp AT TIME ZONE zone) AS over_at,
           lead(payout_id) OVER together AS next_id, lead(fired_at) OVER together AS next_at
    FROM run WINDOW together AS (PARTITION BY operator_id, currency, tx ORDER BY fired_at, day)
), line AS (
    SELECT entry_id, operator_id, currency, amount, payout_id, available_on, released_at, xmax::text AS locked_by
    FROM intake.line
    WHERE released_at IS NOT NULL AND free_from IS NULL AND kind NOT IN ('J31', 'J32', 'J34', 'J41') AND amount <> 0
), left_out AS (
    SELECT bound.payout_id, bound.day, line.currency, line.amount, line.entry_id
    FROM bound JOIN line ON line.payout_id = bound.next_id AND line.currency = bound.currency
    WHERE bound.next_at > bound.fired_at AND line.available_on <= bound.day AND line.released_at < bound.over_at
    UNION ALL
    SELECT bound.payout_id, bound.day, line.currency, line.amount, line.entry_id
    FROM bound JOIN line ON line.locked_by = bound.tx AND line.operator_id = bound.operator_id
                        AND line.currency = bound.currency
    WHERE bound.next_id IS NULL AND line.payout_id IS NULL
      AND line.available_on <= bound.day AND line.released_at < bound.over_at
)
SELECT payout_id, day, currency, count(*), sum(amount)::bigint, min(entry_id::text)
FROM left_out GROUP BY payout_id, day, currency ORDER BY payout_id
"""
# Dates between two payouts that one transaction made to one account, with what the later one pays that was due on
# them, where nothing ever changed: terms, holds, stops, payouts at once, what people decided about its money.
_CARRIED: LiteralString = """
, following AS MATERIALIZED (
    SELECT run.*, lag(day) OVER earlier AS before, lag(tx) OVER earlier AS tx_before,
           lag(account) OVER earlier AS account_before
    FROM run WINDOW earlier AS (PARTITION BY operator_id, currency ORDER BY fired_at, day)
), gap AS MATERIALIZED (
    SELECT following.*, terms.data FROM following JOIN terms USING (operator_id)
    WHERE tx = tx_before AND account = account_before AND before < day - 1 AND versions = 1
      AND following.currency = data ->> 'currency'
      AND NOT EXISTS (SELECT FROM created WHERE created.operator_id = following.operator_id AND attempt > 1000)
      AND NOT EXISTS (SELECT FROM event_store.stored_events
                      WHERE topic IN ('operator.payouts_held', 'payouts.stopped'))
      AND NOT EXISTS (SELECT FROM intake.matter WHERE matter.operator_id = following.operator_id)
)
SELECT gap.payout_id, closed::date, gap.currency, gap.data, sum(amount)::bigint,
       coalesce(sum(amount) FILTER (WHERE kind <> 'J32'), 0)::bigint,
       coalesce(sum(abs(amount)) FILTER (WHERE kind <> 'J32'), 0)::bigint,
       min(available_on) FILTER (WHERE share <> 'retained-release')
FROM gap CROSS JOIN generate_series(gap.before + 1, gap.day - 1, interval '1 day') AS closed
JOIN intake.line ON line.payout_id = gap.payout_id
WHERE kind NOT IN ('J31', 'J34', 'J41') AND available_on <= closed::date
GROUP BY gap.payout_id, closed, gap.currency, gap.data, gap.zone
HAVING bool_and(free_from IS NULL AND released_at < (closed::date + 1)::timestamp AT TIME ZONE gap.zone)
ORDER BY gap.payout_id, closed
"""


class _Carried(NamedTuple):
    """What was due on a date that paid nothing; minor units.

    `earned` is without what was given back, `moved` the same with every line counted as positive, `oldest` the first
    date from which a line might be paid.
    """

    payout_id: str
    day: date
    currency: str
    terms: Mapping[str, Any]
    total: int
    earned: int
    moved: int
    oldest: date | None


def check_left_out(snapshot: Snapshot, tally: Tally) -> None:
    """No run left out a line that it knew, and none paid nothing of what was enough."""
    tally.examined += next(iter(snapshot.rows(_MADE + _COUNT)))[0]
    for payout_id, day, currency, lines, amount, entry_id in snapshot.rows(_MADE + _LEFT_OUT):
        where, sum_ = f"payout {payout_id}", Money(amount, currency)
        sentence = f"{where} of {day} leaves out {lines} lines, {sum_} in all, that were due, such as {entry_id}"
        tally.note(where, "all that was due", sum_, sentence)
    for row in snapshot.rows(_MADE + _CARRIED):
        _check_carried(_Carried(*row), tally)


def _check_carried(of: _Carried, tally: Tally) -> None:
    payout = of.terms["payout"]

    def told(name: str) -> Any:
        return of.terms[name] if of.terms.get(name) is not None else payout.get(name)

    minimum, stays = minor(payout["minimum"], of.currency), minor(told("retain") or 0, of.currency)
    days = told("max_carry_days")
    if days is not None and of.oldest is not None and (of.day - of.oldest).days > days:
        minimum = 0
    # A tax is never more than its percentage of all that moved.
    percents: Fraction = sum((exact(each["percent"]) for each in told("withholding") or ()), Fraction(0))
    taxes = half_up(percents * of.moved / 100) + len(told("withholding") or ())
    left = of.total - max(0, half_up(exact(payout["reserve_percent"]) * of.earned / 100)) - stays - taxes
    if left > 0 and left >= minimum:
        where, enough = f"payout {of.payout_id}", Money(left, of.currency)
        sentence = f"{where} pays what was due on {of.day}, at least {enough}, and the run of that date paid nothing"
        tally.note(where, f"a payout of {of.day}", "none", sentence)
