"""Requests to be paid at once, as stored: they are kept until the clock comes to them, and answered then."""

import logging
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.book.refusals import DecisionRefused
from domain.calendar import ONE_DAY
from domain.payout.instant import InstantRequested, OfDay, PaidAtOnce, instant_requested
from engine.work import Unfolded, Work
from ledger.events.codec import decode
from ledger.events.heads import lock_streams

_log = logging.getLogger(__name__)

_TYPE = "payout.instant_requested"
_KEEP = """
INSERT INTO intake.instant_request (source, id, at, operator_id, currency, amount, reason, requested_by)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_OPEN = """
SELECT source, id FROM intake.instant_request WHERE operator_id = %s AND NOT answered AND at <= %s
"""
# What was asked for, by those who asked: the rows above say what is not answered yet, and no more.
_ASKED = "SELECT topic, state FROM event_store.stored_events WHERE originator_id = %s AND topic = %s"
# Open requests that say just what another says that was paid, or comes first.
_REPEATED = """
SELECT asked.source, asked.id FROM intake.instant_request AS asked
WHERE asked.operator_id = %(operator_id)s AND NOT asked.answered AND asked.at <= %(until)s AND (
    EXISTS (SELECT FROM intake.instant_request AS other
            WHERE other.operator_id = asked.operator_id AND NOT other.answered AND other.at = asked.at
              AND (other.currency, coalesce(other.amount, -1), other.reason, other.requested_by)
                = (asked.currency, coalesce(asked.amount, -1), asked.reason, asked.requested_by)
              AND (other.source, other.id) < (asked.source, asked.id))
    OR EXISTS (SELECT FROM intake.instant_request AS other
               WHERE other.operator_id = asked.operator_id AND other.payout_id IS NOT NULL
                 AND other.business_date >= asked.at::date - 2 AND other.at = asked.at
                 AND (other.currency, coalesce(other.amount, -1), other.reason, other.requested_by)
                   = (asked.currency, coalesce(asked.amount, -1), asked.reason, asked.requested_by)))
"""
_ASKED_FOR = "SELECT DISTINCT operator_id FROM intake.instant_request WHERE NOT answered AND at <= %s"
_MOMENTS = """
SELECT operator_id, at FROM intake.instant_request WHERE NOT answered AND at <= %s AND operator_id = ANY(%s)
ORDER BY at, operator_id
"""
# What was paid at once of business dates that are open.
_OF_DAYS = """
SELECT currency, business_date, max(number), sum(paid)::bigint FROM intake.instant_request
WHERE operator_id = %s AND payout_id IS NOT NULL AND business_date >= %s GROUP BY currency, business_date
"""
_ANSWER = """
UPDATE intake.instant_request SET answered = true, payout_id = %s, business_date = %s, number = %s, paid = %s
WHERE source = %s AND id = %s
"""


def keep_request(cursor: Cursor[TupleRow], request: InstantRequested) -> None:
    """Keep a request for the clock."""
    head = (request.source, request.id, request.at, request.operator_id, request.currency)
    cursor.execute(_KEEP, (*head, request.amount, request.reason, request.by))


def open_requests(cursor: Cursor[TupleRow], operator_id: str, until: datetime) -> list[InstantRequested]:
    """Requests of an operator up to a moment that nobody answered yet, as their stored events have them.

    A row without an event counts for nothing, and is told in the log.
    """
    waiting = set(cursor.execute(_OPEN, (operator_id, until)).fetchall())
    if not waiting:
        return []
    facts = [
        decode(topic, state)
        for topic, state in cursor.execute(_ASKED, (stream_of(_TYPE, {"operator_id": operator_id}), _TYPE))
    ]
    asked = {(fact.source, fact.id): instant_requested(fact.data, fact.source, fact.id) for fact in facts}
    for source, id_ in sorted(waiting - asked.keys()):
        _log.error(
            "nothing is paid at once to %s by the row %s of %s in intake.instant_request: no stored event asked for "
            "it, so it was made by hand; find out who has the rights of wattledger_writer",
            operator_id,
            id_,
            source,
        )
    found = [asked[key] for key in waiting & asked.keys() if asked[key].at <= until]
    return sorted(found, key=lambda each: (each.at, each.source, each.id))


def without_repeated(
    cursor: Cursor[TupleRow], operator_id: str, until: datetime, requests: Sequence[InstantRequested]
) -> tuple[list[InstantRequested], list[PaidAtOnce]]:
    """Requests that are new, and the answers to those that only say again, in another message, what was asked for."""
    again = set(cursor.execute(_REPEATED, {"operator_id": operator_id, "until": until}).fetchall())
    new = [each for each in requests if (each.source, each.id) not in again]
    sentence = "that was asked for by another message, and is paid once: ask anew, at a time of its own, for more"
    return new, [PaidAtOnce(each, refusal=sentence) for each in requests if (each.source, each.id) in again]


def operators_asked_for(cursor: Cursor[TupleRow], until: datetime) -> frozenset[str]:
    """The operators that are asked to be paid at once by a moment."""
    return frozenset(operator_id for (operator_id,) in cursor.execute(_ASKED_FOR, (until,)))


def moments_asked_for(
    cursor: Cursor[TupleRow], operator_ids: Sequence[str], until: datetime
) -> list[tuple[str, datetime]]:
    """When each of these operators is to be paid at once."""
    return [(operator_id, at) for operator_id, at in cursor.execute(_MOMENTS, (until, list(operator_ids))).fetchall()]


def paid_at_once(cursor: Cursor[TupleRow], operator_id: str, closed: date | None) -> dict[tuple[str, date], OfDay]:
    """What was paid at once of an operator's business dates that are open."""
    since = closed + ONE_DAY if closed else date.min
    rows = cursor.execute(_OF_DAYS, (operator_id, since)).fetchall()
    return {(currency, day): OfDay(number, paid) for currency, day, number, paid in rows}


def answer_requests(cursor: Cursor[TupleRow], work: Work, operator_id: str, answered: Iterable[PaidAtOnce]) -> None:
    """Keep what became of requests; that one was refused is told in its operator's stream."""
    refused = []
    for each in answered:
        request = each.request
        made = (each.payout_id or None, each.business_date, each.number or None, each.amount or None)
        cursor.execute(_ANSWER, (*made, request.source, request.id))
        if each.refusal:
            refused.append(DecisionRefused(request.source, request.id, _TYPE, operator_id, request.at, each.refusal))
    if refused:
        stream_id = stream_of(_TYPE, {"operator_id": operator_id})
        versions = lock_streams(cursor, [stream_id])
        stream = work.stream(stream_id, work.streams.get(stream_id) or Unfolded(versions[stream_id]))
        for each_refused in refused:
            stream.append(each_refused)
