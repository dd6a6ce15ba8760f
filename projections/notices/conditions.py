"""What goes on at operators as of a moment that no event says: found for all of them by a query each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import utc_text
from domain.money import format_minor
from domain.network.moments import microsecond_of, moment_of
from domain.network.uptime import NEVI_DAYS
from domain.notice.subscription import Severity
from projections.network.asked import Asked
from projections.network.runways import runway_of
from projections.network.uptime import uptimes

# Less than this is worth a notice, and less than that does not wait for the morning.
RUNWAY_SHORT_DAYS, RUNWAY_CRITICAL_DAYS = 30, 7
# 23 CFR 680.116(b): each port more than 97 % over the last twelve months. A new one is not judged by its first week.
UPTIME_LEAST, _JUDGED_AFTER = Fraction(97, 100), timedelta(days=7)
# What somebody else owes, and did not pay for so long, is old.
OLD_AFTER = timedelta(days=30)
_WAITED_FOR = ("NOT_CAPTURED", "PAYMENT_FAILED", "NOT_SETTLED", "ROAMING_UNPAID", "RETURNED")

# More than three intervals without any message, as for uptime; what is out of service need not say anything.
_SILENT = """
SELECT operator_id, evse_key, evse_uid, location_id, last_us, interval_s FROM projection.evses
WHERE operator_id = ANY (%s) AND interval_s IS NOT NULL AND last_us + 3000000 * interval_s::bigint < %s
  AND status IS DISTINCT FROM 'PLANNED' AND status IS DISTINCT FROM 'REMOVED'
"""
# Where nothing stands, nothing is old: subjects are looked at where something does.
_OLD = """
SELECT standing.operator_id, standing.currency, standing.place, old.subjects, old.amount, old.since
FROM (
    SELECT operator_id, currency, place FROM projection.cash_cause_days
    WHERE operator_id = ANY (%(operators)s) AND place = ANY (%(places)s)
    GROUP BY operator_id, currency, place HAVING sum(amount) > 0
) AS standing
CROSS JOIN LATERAL (
    SELECT count(*) AS subjects, sum(amount)::bigint AS amount, min(since) AS since FROM (
        SELECT subject, sum(amount) AS amount, min(at) AS since FROM projection.cash_causes AS cause
        WHERE cause.operator_id = standing.operator_id AND cause.currency = standing.currency
          AND cause.place = standing.place
        GROUP BY subject HAVING sum(amount) > 0 AND min(at) < %(before)s
    ) AS subject
) AS old
WHERE old.subjects > 0
"""


@dataclass(frozen=True, slots=True)
class Goes:
    """Something that goes on at an operator since a moment, and what a notice says of it."""

    operator_id: str
    cause: str
    since: datetime
    data: Mapping[str, Any]
    severity: Severity | None = None


def silent_evses(cursor: Cursor[TupleRow], operators: Sequence[str], horizon: datetime) -> list[Goes]:
    """EVSEs with heartbeats that say nothing any more, each since its last sign of life."""
    found = []
    for operator_id, evse_key, uid, location_id, last_us, interval_s in cursor.execute(
        _SILENT, (list(operators), microsecond_of(horizon))
    ):
        since = moment_of(last_us)
        sentence = (
            f"EVSE {uid} at {location_id} has said nothing since {utc_text(since)}: more than three times its "
            f"interval of {interval_s} s"
        )
        data: dict[str, Any] = {"subject": uid, "sentence": sentence, "evse_uid": uid, "location_id": location_id}
        data |= {"since": utc_text(since), "interval_s": interval_s}
        # It is silent since then, and that is known three intervals later: to whoever subscribed in between, too.
        found.append(Goes(operator_id, evse_key, since + 3 * timedelta(seconds=interval_s), data))
    return found


def runways_short(cursor: Cursor[TupleRow], operators: Sequence[str], horizon: datetime) -> list[Goes]:
    """Operators whose cash lasts for a short time, by what they declared (`docs/network.md`)."""
    found = []
    for each in operators:
        of = runway_of(cursor, each)
        if of is None or of.declared is None or of.runway.runway_days is None:
            continue
        days = of.runway.runway_days - (horizon - of.declared.at) // timedelta(days=1)
        if days >= RUNWAY_SHORT_DAYS:
            continue
        below = of.runway.days[of.runway.runway_days]
        when = f"in {days} days" if days > 0 else "by now"
        data = {
            "subject": each,
            "sentence": f"by what {each} declared, its cash is below zero {when}, on {below.day}",
            "runway_days": days,
            "below_zero_on": below.day.isoformat(),
            "lowest": format_minor(below.left, of.currency),
            "currency": of.currency,
            "declared_at": utc_text(of.declared.at),
        }
        is_near = days < RUNWAY_CRITICAL_DAYS
        found.append(Goes(each, each, horizon, data, Severity.CRITICAL if is_near else Severity.WARNING))
    return found


def uptimes_below(cursor: Cursor[TupleRow], operators: Sequence[str], horizon: datetime) -> list[Goes]:
    """EVSEs below 97 % over the last 365 days, or since their first message where that is later."""
    found = []
    for operator_id in operators:
        asked = Asked(operator_id, since=horizon - timedelta(days=NEVI_DAYS), until=horizon)
        for each in uptimes(cursor, asked, horizon):
            share = each.uptime.uptime
            seen_for = timedelta(microseconds=each.uptime.end - each.uptime.begin)
            if share is None or share >= UPTIME_LEAST or seen_for < _JUDGED_AFTER:
                continue
            hundredths = int(share * 10_000)
            percent = f"{hundredths // 100}.{hundredths % 100:02}"
            sentence = (
                f"EVSE {each.evse_uid} at {each.location_id} was up {percent} % of its last 365 days, below 97 %"
            )
            data: dict[str, Any] = {"subject": each.evse_uid, "sentence": sentence, "evse_uid": each.evse_uid}
            data |= {"location_id": each.location_id, "uptime_percent": percent}
            data |= {
                "outage_s": each.uptime.outage_us // 1_000_000,
                "excluded_s": each.uptime.excluded_us // 1_000_000,
            }
            found.append(Goes(operator_id, each.evse_uid.casefold(), horizon, data))
    return found


def not_collected_old(cursor: Cursor[TupleRow], operators: Sequence[str], horizon: datetime) -> list[Goes]:
    """What operators earned and others have not paid for 30 days, by cause (`docs/network.md`)."""
    asked = {"operators": list(operators), "places": list(_WAITED_FOR), "before": horizon - OLD_AFTER}
    found = []
    for operator_id, currency, place, subjects, amount, since in cursor.execute(_OLD, asked):
        text = format_minor(amount, currency)
        sentence = f"{text} {currency} of {subjects} sessions or payouts is {place} for more than 30 days"
        data = {
            "subject": place,
            "sentence": sentence,
            "cause": place,
            "amount": {"amount": text, "currency": currency},
            "subjects": subjects,
            "oldest_at": utc_text(since),
        }
        found.append(Goes(operator_id, f"{place}:{currency}", horizon, data))
    return found
