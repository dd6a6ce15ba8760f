"""Digests: what was bundled, grouped by what it is about with counts, and once a day how an operator stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.calendar import utc_text
from domain.notice.digests import last_due
from domain.notice.kinds import NoticeType
from domain.notice.plan import by_itself
from domain.notice.subscription import Digest, Severity
from ledger.access.notice_targets import NoticeTarget, note_digest
from ledger.access.notices import Notice, put_planned
from ledger.database import Role, acting_as
from projections.feed import read_by
from projections.notices.day_report import day_report

# As many of one type are named one by one, fewer where a digest would get too long for one message.
_NAMED = (20, 10, 5, 2, 0)
_BYTES_MAX = 17_000
# As many are made in one transaction.
_AT_ONCE = 100
_SENTENCE_MAX = 300

# What waits for a digest: all of before one that is due, and what should have gone by now.
_BUNDLED = """
SELECT notice.id, notice.target_id, notice.type, notice.severity, notice.occurred_at, notice.is_end, delivery.next_at,
    notice.data->>'subject' AS subject, notice.data->>'sentence' AS sentence
FROM unnest(%s::text[], %s::timestamptz[]) AS due (target_id, at)
JOIN access.notice_delivery AS delivery ON delivery.target_id = due.target_id
    AND delivery.status = 'BUNDLED' AND delivery.next_at IS NOT NULL
    AND (delivery.next_at <= %s OR delivery.created_at < due.at)
JOIN access.notice AS notice ON notice.id = delivery.notice_id
ORDER BY notice.target_id, notice.type, notice.occurred_at, notice.id
"""
# What a day's digest says of money is made of these.
_MADE_OF = ("account_lines", "cash_steps", "operator_balances", "payouts")
_BOUND = """
WITH bound AS (
    UPDATE access.notice SET digest_id = %(digest)s WHERE id = ANY (%(ids)s) RETURNING id
)
UPDATE access.notice_delivery SET next_at = NULL FROM bound WHERE notice_id = bound.id
"""


@dataclass(frozen=True, slots=True)
class _Bundled:
    id: UUID
    target_id: str
    type: str
    severity: str
    occurred_at: datetime
    is_end: bool
    next_at: datetime
    subject: str | None
    sentence: str | None


def make_digests(cursor: Cursor[TupleRow], heard_by: Sequence[NoticeTarget], now: datetime) -> bool:
    """Queue the digests of these subscriptions that are due, of several that were missed one; whether more are due.

    The cursor may read everything. A day's digest comes when nothing was bundled, too; an hour's does not.
    """
    due_at = {each.id: _due(each, now) for each in heard_by}
    with acting_as(cursor, Role.DOOR):
        bundled = _bundled(cursor, due_at, now)
    position = read_by(cursor, _MADE_OF)
    wanted = [each for each in heard_by if due_at[each.id] is not None or each.id in bundled]
    for target in wanted[:_AT_ONCE]:
        members = bundled.get(target.id, [])
        due = due_at[target.id] or max(each.next_at for each in members)
        is_daily = target.subscription.digest is Digest.DAILY
        report = day_report(cursor, target, due, position, now) if is_daily else None
        with acting_as(cursor, Role.DOOR):
            if members or is_daily:
                _put(cursor, target, members, report, due, now)
            note_digest(cursor, target.id, due, position)
    return len(wanted) > _AT_ONCE


def _due(target: NoticeTarget, now: datetime) -> datetime | None:
    """The moment up to which a digest is due by its clock; None where none is."""
    if target.subscription.digest is Digest.NONE:
        return None
    due = last_due(target.subscription.digest, now, target.time_zone)
    return due if due > target.digested_at else None


def _bundled(
    cursor: Cursor[TupleRow], due_at: Mapping[str, datetime | None], now: datetime
) -> Mapping[str, list[_Bundled]]:
    found: dict[str, list[_Bundled]] = {}
    with cursor.connection.cursor(row_factory=class_row(_Bundled)) as rows:
        for each in rows.execute(_BUNDLED, (list(due_at), list(due_at.values()), now)):
            found.setdefault(each.target_id, []).append(each)
    return found


def _put(
    cursor: Cursor[TupleRow],
    target: NoticeTarget,
    members: Sequence[_Bundled],
    report: Mapping[str, Any] | None,
    due: datetime,
    now: datetime,
) -> None:
    data = _content(target.subscription.digest, members, report, target.digested_at, due)
    urgency = max((Severity(each.severity) for each in members), key=list(Severity).index, default=Severity.INFO)
    notice = Notice(target, NoticeType.DIGEST, urgency, target.subscription.digest, due, data)
    is_put = put_planned(cursor, [(notice, by_itself(target.subscription, urgency, now, target.time_zone))], now)
    # What came too late for a digest that was made already is in the next one.
    if members and is_put:
        cursor.execute(_BOUND, {"digest": notice.id, "ids": [each.id for each in members]})


def _content(
    digest: Digest, members: Sequence[_Bundled], report: Mapping[str, Any] | None, since: datetime, due: datetime
) -> dict[str, Any]:
    """What a digest says: each type with how often it began or happened and was over, and the first ones by name."""
    by_type: dict[str, list[_Bundled]] = {}
    for each in members:
        by_type.setdefault(each.type, []).append(each)
    count = len(members)
    data: dict[str, Any] = {
        "digest": digest.value,
        "sentence": f"{count} {'notice' if count == 1 else 'notices'} from {utc_text(since)} to {utc_text(due)}",
        "since": utc_text(since),
        "until": utc_text(due),
        "notices": count,
    }
    if report is not None:
        data["report"] = report
    for named in _NAMED:
        data["causes"] = [_group(type_, found, named) for type_, found in sorted(by_type.items())]
        if len(orjson.dumps(data)) < _BYTES_MAX:
            break
    return data


def _group(type_: str, found: Sequence[_Bundled], named: int) -> dict[str, Any]:
    ended = sum(each.is_end for each in found)
    return {
        "type": type_,
        "count": len(found) - ended,
        "ended": ended,
        "items": [_item(each) for each in found[:named]],
        "more": max(len(found) - named, 0),
    }


def _item(each: _Bundled) -> dict[str, Any]:
    return {
        "subject": (each.subject or "")[:100],
        "sentence": (each.sentence or "")[:_SENTENCE_MAX],
        "at": utc_text(each.occurred_at),
        "resolved": each.is_end,
    }
