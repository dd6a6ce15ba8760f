"""How an operator stands at the end of a day: what came in, what goes out tomorrow, what waits, what is down."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import ONE_DAY, utc_text
from domain.catalogue.parties import Operator
from domain.money import format_minor
from domain.network.moments import microsecond_of, moment_of
from domain.payout.amounts import Due, NothingPaid, Past, amount_of
from domain.payout.cut_offs import fires_at
from domain.payout.events import PayoutStatus
from ledger.access.notice_targets import NoticeTarget
from projections.cash import Span, cash_movements
from projections.network.horizon import network_horizon
from projections.operators import OperatorTerms, operator
from projections.payout_list import PayoutFilter, list_payouts

_ENOUGH = 10
_LATE = timedelta(days=35)
_MOVED = ("earned", "captured", "settled", "paid")

# Payouts that the bank is asked to pay by tomorrow and has not paid.
_ON_THEIR_WAY = """
SELECT payout_id, currency, amount, execution_date FROM surface.payouts
WHERE operator_id = %s AND status = 'IN_TRANSIT' AND execution_date <= %s
ORDER BY execution_date, payout_id LIMIT %s
"""
# What is released and may be paid by the run of tomorrow, or of a day before that has not fired.
_RELEASED = """
SELECT currency, count(*), sum(amount)::bigint FROM surface.payable_lines
WHERE operator_id = %s AND payout_id IS NULL AND released_at IS NOT NULL AND available_on <= %s
GROUP BY currency ORDER BY currency
"""
_CLOSED = "SELECT closed_through FROM surface.runs WHERE operator_id = %s AND closed_through > '0001-01-01'"
# Failed or returned, and not paid again.
_TO_FIX = """
SELECT payout_id, currency, amount, status, reason FROM surface.payouts AS payout
WHERE operator_id = %s AND status IN ('FAILED', 'RETURNED') AND NOT EXISTS (
    SELECT FROM surface.payouts AS again
    WHERE again.operator_id = payout.operator_id AND again.currency = payout.currency
      AND again.business_date = payout.business_date AND again.attempt = payout.attempt + 1
)
ORDER BY status_at, payout_id LIMIT %s
"""
_SUSPENDED = """
SELECT split_part(reason, ':', 1), count(*) FROM projection.sessions
WHERE operator_id = %s AND state = 'SUSPENSE' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s
"""
_DOWN = """
SELECT evse_uid, location_id, status, least(status_us, last_us), count(*) OVER () FROM projection.evses
WHERE operator_id = %(operator)s AND (
    status IN ('INOPERATIVE', 'OUTOFORDER', 'UNKNOWN')
    OR interval_s IS NOT NULL AND last_us + 3000000 * interval_s::bigint < %(horizon)s
       AND status IS DISTINCT FROM 'PLANNED' AND status IS DISTINCT FROM 'REMOVED'
)
ORDER BY location_id, evse_uid LIMIT %(limit)s
"""


def day_report(
    cursor: Cursor[TupleRow], target: NoticeTarget, until: datetime, position: int, now: datetime
) -> dict[str, Any]:
    """What the digest of a day says of the operator of a subscription, as JSON.

    `came_in` is what acts before `until` and is known at `position`, less what the digest before knew of it. The
    cursor may read everything. Amounts are {amount, currency}; `waits` says for whom something waits.
    """
    tomorrow = (until.astimezone(target.time_zone) + ONE_DAY).date()
    of = operator(cursor, target.operator_id)
    return {
        "came_in": list(_came_in(cursor, target, until, position)),
        "goes_out": {
            "by": tomorrow.isoformat(),
            "payouts": [*_on_their_way(cursor, target.operator_id, tomorrow), *_released(cursor, of, tomorrow)],
        },
        "waits": list(_waits(cursor, target.operator_id)),
        "evses_down": _down(cursor, target.operator_id, network_horizon(cursor, now=now) or now),
    }


def _came_in(
    cursor: Cursor[TupleRow], target: NoticeTarget, until: datetime, position: int
) -> Iterator[dict[str, Any]]:
    """By currency what sessions earned, what drivers paid of it, and what arrived at the operator's bank.

    What comes late is in the next digest, up to _LATE after it acts.
    """
    since = until - _LATE
    known = _moved(cursor, Span(since, until, position, target.operator_id))
    before = _moved(cursor, Span(since, max(since, target.digested_at), target.digested_position, target.operator_id))
    for currency, amounts in known.items():
        told = before.get(currency, (0,) * len(amounts))
        news = [amount - of for amount, of in zip(amounts, told, strict=True)]
        if any(news):
            yield {"currency": currency, **dict(zip(_MOVED, [format_minor(n, currency) for n in news], strict=True))}


def _moved(cursor: Cursor[TupleRow], span: Span) -> dict[str, tuple[int, ...]]:
    found = cash_movements(cursor, span)
    return {each.currency: (each.earned, each.captured, each.settled, each.paid) for each in found}


def _on_their_way(cursor: Cursor[TupleRow], operator_id: str, by: date) -> Iterator[dict[str, Any]]:
    for payout_id, currency, amount, day in cursor.execute(_ON_THEIR_WAY, (operator_id, by, _ENOUGH)).fetchall():
        yield {
            "payout_id": payout_id,
            "amount": _money(amount, currency),
            "due_on": day.isoformat(),
            "why": "ON_ITS_WAY",
            "sentence": f"payout {payout_id} is with the bank, to be paid on {day}",
        }


def _released(cursor: Cursor[TupleRow], of: OperatorTerms | None, by: date) -> Iterator[dict[str, Any]]:
    """What the runs up to then are to pay, or why they pay nothing of it."""
    if of is None:
        return
    row = cursor.execute(_CLOSED, (of.operator_id,)).fetchone()
    day = max(row[0] + ONE_DAY, by - ONE_DAY) if row else by - ONE_DAY
    fires = fires_at(of.contract(), day)
    for currency, lines, amount in cursor.execute(_RELEASED, (of.operator_id, day)).fetchall():
        why, sentence = _why(of, currency, amount, day, fires)
        yield {"amount": _money(amount, currency), "lines": lines, "due_on": day.isoformat(), "why": why} | {
            "sentence": sentence
        }


def _why(
    of: OperatorTerms, currency: str, amount: int, day: date, fires: tuple[datetime, Operator] | None
) -> tuple[str, str]:
    text = f"{format_minor(amount, currency)} {currency}"
    if of.held_because is not None:
        return "HELD", f"{text} is released, and payouts are held: {of.held_because}"
    if fires is None:
        return "NO_CONTRACT", f"{text} is released, and no contract is in effect"
    at, terms = fires
    found = amount_of(Due(currency, amount, amount, 0, 0, None), day, at, terms, Past())
    if isinstance(found, NothingPaid):
        return str(found.reason), f"{text} is released, and less than a run pays: it is carried on"
    if terms.asks_for_approval:
        return "TO_APPROVE", f"{text} is released; the run of {day} makes a payout of it, which waits for approval"
    return "RELEASED", f"{text} is released; the run of {day} pays it"


def _waits(cursor: Cursor[TupleRow], operator_id: str) -> Iterator[dict[str, Any]]:
    """What waits, and for whom: approvers, whoever mends a payout, whoever reports on sessions."""
    waiting = PayoutFilter(operator_id, status=PayoutStatus.AWAITING_APPROVAL)
    for each in list_payouts(cursor, waiting, _ENOUGH):
        yield {
            "for": "APPROVERS",
            "payout_id": each.payout_id,
            "amount": _money(each.amount, each.currency),
            "sentence": f"payout {each.payout_id} waits for approval: {len(each.approvals)} of "
            f"{each.approvals_needed or 1}",
        }
    for payout_id, currency, amount, status, reason in cursor.execute(_TO_FIX, (operator_id, _ENOUGH)).fetchall():
        yield {
            "for": "FINANCE",
            "payout_id": payout_id,
            "amount": _money(amount, currency),
            "sentence": f"payout {payout_id} is {status}{f' ({reason})' if reason else ''} and was not paid again",
        }
    for reason, count in cursor.execute(_SUSPENDED, (operator_id, _ENOUGH)).fetchall():
        yield {
            "for": "OPERATOR",
            "reason": reason,
            "sessions": count,
            "sentence": f"{count} sessions are not billed before this is mended: {reason}",
        }


def _down(cursor: Cursor[TupleRow], operator_id: str, horizon: datetime) -> dict[str, Any]:
    asked = {"operator": operator_id, "horizon": microsecond_of(horizon), "limit": _ENOUGH}
    rows = cursor.execute(_DOWN, asked).fetchall()
    evses = [
        {"evse_uid": uid, "location_id": location_id, "status": status or "SILENT", "since": utc_text(moment_of(at))}
        for uid, location_id, status, at, _ in rows
    ]
    return {"count": rows[0][4] if rows else 0, "evses": evses}


def _money(amount: int, currency: str) -> dict[str, str]:
    return {"amount": format_minor(amount, currency), "currency": currency}
