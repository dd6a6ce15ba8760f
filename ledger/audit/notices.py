"""What people are to be told of payouts and operators: what waits, what is unanswered, and who is below zero."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ledger.audit.amounts import Money
from ledger.audit.bank_days import first_clearing_day
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import Body

_ONE_DAY, _LONGEST_CLOSURE = timedelta(days=1), timedelta(days=14)
_BANK_DAYS = 2

# Each payout as it was made, its last status, since when each of the two findings is open, and how far the clock has
# certainly been for its operator. What was made before there were notices waits for the clock's first look.
_PAYOUTS = """
WITH said AS MATERIALIZED (
    SELECT originator_id, originator_version AS version, topic, convert_from(state, 'UTF8')::jsonb AS body
    FROM event_store.stored_events
    WHERE topic IN ('PayoutCreated', 'PayoutHandedOff', 'PayoutStatusChanged', 'FindingOpened', 'FindingEnded')
), gone AS (
    SELECT originator_id, jsonb_build_object('execution_date', body -> 'execution_date') AS planned
    FROM said WHERE topic = 'PayoutHandedOff'
), status AS (
    SELECT DISTINCT ON (originator_id) originator_id, body ->> 'status' AS status
    FROM said WHERE topic IN ('PayoutCreated', 'PayoutStatusChanged') ORDER BY originator_id, version DESC
), told AS (
    SELECT DISTINCT ON (originator_id, body #>> '{finding,key}')
           originator_id, topic, body #>> '{finding,kind}' AS kind, body #>> '{finding,since}' AS since
    FROM said WHERE body #>> '{finding,kind}' IN ('PAYOUT_AWAITS_APPROVAL', 'PAYOUT_UNANSWERED')
    ORDER BY originator_id, body #>> '{finding,key}', version DESC
), open AS (
    SELECT originator_id, bool_or(kind = 'PAYOUT_AWAITS_APPROVAL') AS awaits,
           max(since::timestamptz) FILTER (WHERE kind = 'PAYOUT_UNANSWERED') AS unanswered
    FROM told WHERE topic = 'FindingOpened' GROUP BY originator_id
)
SELECT made.body || coalesce(gone.planned, '{}'), status.status, coalesce(open.awaits, false), open.unanswered,
       run.closed_through
FROM said AS made JOIN status USING (originator_id) LEFT JOIN open USING (originator_id)
LEFT JOIN gone USING (originator_id)
LEFT JOIN intake.run ON run.operator_id = made.body ->> 'operator_id'
LEFT JOIN intake.open_payout AS known ON known.payout_id = made.body ->> 'payout_id'
WHERE made.topic = 'PayoutCreated' AND known.due_at IS DISTINCT FROM '1970-01-01T00:00:00Z'
ORDER BY made.body ->> 'payout_id'
"""

# What each operator has available before its last run fired, by all that is known and by what was recorded when it
# fired, less what is set aside for approval; the same by the lines that were due then; and whether it is told.
_BELOW_ZERO = """
WITH last AS (
    SELECT operator_id, closed_through, fired_at, recorded_at FROM intake.run
    WHERE fired_at IS NOT NULL AND recorded_at IS NOT NULL
), available AS (
    SELECT operator_id, posting.currency, -sum(amount_minor) AS by_now,
           -coalesce(sum(amount_minor) FILTER (WHERE entry.recorded_at < last.recorded_at), 0) AS by_then
    FROM last JOIN book.posting ON posting.account = '2010/' || operator_id JOIN book.entry USING (entry_id)
    WHERE entry.effective_at < last.fired_at
    GROUP BY operator_id, posting.currency
), due AS (
    SELECT operator_id, line.currency, sum(amount) AS amount
    FROM last JOIN intake.line USING (operator_id) JOIN book.entry USING (entry_id)
    WHERE line.payout_id IS NULL AND released_at < fired_at AND available_on <= closed_through
      AND entry.recorded_at < last.recorded_at
    GROUP BY operator_id, line.currency
), aside AS (
    SELECT operator_id, currency, sum(amount) AS amount FROM intake.open_payout WHERE awaits
    GROUP BY operator_id, currency
), said AS (
    SELECT DISTINCT ON (body ->> 'stream', body #>> '{finding,key}') topic, body -> 'finding' AS finding
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic IN ('FindingOpened', 'FindingEnded') AND body #>> '{finding,kind}' = 'NEGATIVE_BALANCE'
    ORDER BY body ->> 'stream', body #>> '{finding,key}', notification_id DESC
), told AS (
    SELECT finding ->> 'operator_id' AS operator_id, finding ->> 'currency' AS currency, count(*) AS times
    FROM said WHERE topic = 'FindingOpened' GROUP BY 1, 2
)
SELECT operator_id, currency, coalesce(by_now, 0)::bigint, coalesce(by_then, 0)::bigint,
       coalesce(aside.amount, 0)::bigint, coalesce(due.amount, 0)::bigint, coalesce(times, 0)::int
FROM available FULL JOIN due USING (operator_id, currency) FULL JOIN told USING (operator_id, currency)
LEFT JOIN aside USING (operator_id, currency)
WHERE operator_id IN (SELECT operator_id FROM last)
ORDER BY operator_id, currency
"""


def check_payouts_told(snapshot: Snapshot, tally: Tally) -> None:
    """It is open of each payout that it waits for approval, or is unanswered for too long, just where it is so."""
    for body, status, awaits, unanswered, closed_through in snapshot.rows(_PAYOUTS):
        tally.examined += 1
        where = f"payout {body['payout_id']}"
        tally.compare(where, status == "AWAITING_APPROVAL", awaits, "whether people are told that it awaits approval")
        due = _answer_due(body)
        if unanswered is not None and status != "IN_TRANSIT":
            tally.note(where, "nothing", "unanswered", f"{where} is {status}, and people are told it is unanswered")
        elif unanswered is not None and due is not None and _goes_by_target(body):
            wanted = datetime.combine(due, time(), ZoneInfo(body["time_zone"]))
            tally.compare(where, wanted, unanswered, "the moment from which it is unanswered")
        elif (
            status == "IN_TRANSIT" and unanswered is None and due is not None and (closed_through or date.min) >= due
        ):
            sentence = f"{where} should be answered by {due}, the clock has been beyond that, and nobody is told"
            tally.note(where, "a finding PAYOUT_UNANSWERED", "none", sentence)


def _answer_due(body: Body) -> date | None:
    """The day on which a payout is unanswered for certain; None for one made before there were calendars."""
    if body.get("execution_date") is None:
        return None
    day = date.fromisoformat(body["execution_date"])
    for _ in range(_BANK_DAYS):
        day = first_clearing_day(day + _ONE_DAY) if _goes_by_target(body) else day + _LONGEST_CLOSURE
    return day


def _goes_by_target(body: Body) -> bool:
    corrected = any(", file " in version for version in body["calendar_versions"])
    return body["calendars"] == ["TARGET"] and not corrected


def check_below_zero(snapshot: Snapshot, tally: Tally) -> None:
    """People are told of each operator that its last run found below zero, and of no other.

    What came to the book since is not held against that run: accounts and lines have to agree on it.
    """
    for operator_id, currency, now, then, aside, due, told in snapshot.rows(_BELOW_ZERO):
        tally.examined += 1
        where = f"operator {operator_id} in {currency}"
        there = Money(due, currency)
        if max(now, then, due) < 0 and not told:
            sentence = f"{where} has {there} due since its last run, and nobody is told"
            tally.note(where, "a finding NEGATIVE_BALANCE", "none", sentence)
        elif min(now - aside, then - aside, due) >= 0 and told:
            sentence = f"{where} has {there} due since its last run, and people are told that it is below zero"
            tally.note(where, "nothing", "a finding NEGATIVE_BALANCE", sentence)
        elif told > 1:
            tally.note(where, 1, told, f"{where}: people are told {told} times that it is below zero")
