"""Notices and their deliveries: what is put once, what is due, what came of each attempt, what is forgotten when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, UUID

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.calendar import utc_text
from domain.named_ids import named_id
from domain.notice.plan import Plan, by_itself, plan
from domain.notice.subscription import Channel, Severity
from ledger.access.notice_targets import NoticeTarget, present, switch_off, targets
from ledger.access.outcomes import ERROR_MAX, Outcomes
from ledger.errors import AccessRefused

DISABLED_TYPE, TEST_TYPE, DIGEST_TYPE = "delivery.disabled", "notify.test", "digest"
# How long what is over is listed, and how long anything waits.
DONE_KEPT, WAITING_KEPT = timedelta(days=90), timedelta(days=30)
_PRUNED_AT_ONCE = 5_000

_OUTCOMES = Outcomes("access.notice_delivery", "access.notice_target", "target_id")
delivered, failed = _OUTCOMES.delivered, _OUTCOMES.failed

# Beside it a message names who is told, and is below 20 kB.
DATA_BYTES_MAX = 18_500
# So long texts may be where a notice is too long, tried one after another; and so many fields where that is no help.
_TEXTS_MAX = (None, 4_000, 1_000, 200, 100)
_PLAIN_MAX = 20

# A beginning that is told again is the same one; of an end the beginning is noted to be over.
_PUT = """
WITH told AS (
    SELECT * FROM unnest(
        %(ids)s::uuid[], %(targets)s::text[], %(types)s::text[], %(severities)s::text[], %(causes)s::text[],
        %(occurred)s::timestamptz[], %(ends)s::bool[], %(have_end)s::bool[], %(bodies)s::jsonb[],
        %(statuses)s::text[], %(nexts)s::timestamptz[]
    ) AS told (id, target_id, type, severity, cause, occurred_at, is_end, has_end, data, status, next_at)
), put AS (
    INSERT INTO access.notice (
        id, target_id, operator_id, subscription_id, type, severity, cause, occurred_at, created_at, is_end, has_end,
        data)
    SELECT told.id, target.id, target.operator_id, target.subscription_id, type, severity, cause, occurred_at,
        %(now)s, is_end, has_end, told.data
    FROM told JOIN access.notice_target AS target ON target.id = told.target_id
    ON CONFLICT (id) DO NOTHING RETURNING id
)
INSERT INTO access.notice_delivery (id, notice_id, target_id, channel, target, status, next_at, created_at)
SELECT 'msg_' || replace(put.id::text, '-', ''), put.id, target.id, target.channel, target.target, told.status,
    told.next_at, %(now)s
FROM put JOIN told USING (id) JOIN access.notice_target AS target ON target.id = told.target_id
"""
# Who was told that something began, and not yet that it is over.
_OPEN = """
SELECT notice.target_id, notice.id, notice.type, notice.cause, notice.occurred_at
FROM access.notice AS notice
JOIN unnest(%s::text[], %s::text[], %s::text[]) AS over (operator_id, type, cause)
    USING (operator_id, type, cause)
WHERE has_end AND ended_at IS NULL
"""
_OVER = """
UPDATE access.notice SET ended_at = told.at FROM unnest(%s::uuid[], %s::timestamptz[]) AS told (id, at)
WHERE notice.id = told.id
"""
# Deliveries that were taken, with all that it takes to send them.
_TAKEN = """
SELECT taken.id, notice.id AS notice_id, target.id AS target_id, target.operator_id, target.subscription_id,
    target.channel, target.target, notice.type, notice.severity, notice.occurred_at, notice.is_end, notice.data,
    target.operator_name, target.zone, target.country, target.data->>'language' AS language, taken.step,
    target.failures, target.failing_since, target.secret,
    CASE WHEN target.previous_until > %(now)s THEN target.previous_secret END AS previous_secret
FROM taken JOIN access.notice_target AS target ON target.id = taken.target_id
JOIN access.notice AS notice ON notice.id = taken.notice_id
ORDER BY taken.created_at, taken.id
"""
# The next deliveries of each target, as many as it may be sent at once, without those that others are taking. Whoever
# takes them has until `lease` to say what came of them. Targets take turns: who
# was not served of late comes first, so that many to one target keep no other from its turn.
_CLAIM = f"""
WITH due AS (
    SELECT picked.id FROM access.notice_target AS target
    CROSS JOIN LATERAL (
        SELECT id, next_at FROM access.notice_delivery
        WHERE target_id = target.id AND status IN ('HELD', 'PENDING') AND next_at <= %(now)s
        ORDER BY next_at, id LIMIT %(each)s FOR UPDATE SKIP LOCKED
    ) AS picked
    WHERE target.state = 'ENABLED' AND target.channel = %(channel)s AND (target.failures > 0) = %(failing)s
        AND (target.not_before IS NULL OR target.not_before <= %(now)s) AND target.id <> ALL (%(without)s)
    ORDER BY row_number() OVER (PARTITION BY target.id ORDER BY picked.next_at, picked.id),
        coalesce(array_position(%(served)s::text[], target.id COLLATE "default"), 0), picked.next_at, picked.id
    LIMIT %(limit)s
), taken AS (
    UPDATE access.notice_delivery AS delivery SET status = 'PENDING', next_at = %(lease)s
    FROM due WHERE delivery.id = due.id RETURNING delivery.*
)
{_TAKEN}"""  # noqa: S608 - rows of ours
# One that is sent by hand, whatever else waits for its target.
_TAKE = f"""
WITH taken AS (
    UPDATE access.notice_delivery SET status = 'PENDING', next_at = %(lease)s WHERE id = %(id)s RETURNING *
)
{_TAKEN}"""  # noqa: S608 - rows of ours
_POSTPONE = "UPDATE access.notice_delivery SET next_at = %s WHERE id = %s AND status = 'PENDING'"
_LISTED = """
delivery.id, notice.id AS notice_id, notice.target_id, notice.operator_id, notice.subscription_id, notice.type,
notice.severity, notice.cause, notice.occurred_at, notice.created_at, notice.is_end, notice.has_end, notice.ended_at,
notice.data, delivery.channel, delivery.target, delivery.status, delivery.attempts, delivery.next_at,
delivery.attempted_at, delivery.answer, delivery.error, notice.digest_id
FROM access.notice AS notice JOIN access.notice_delivery AS delivery ON delivery.notice_id = notice.id
"""
_ONE = f"SELECT {_LISTED} WHERE delivery.id = %s"
_LIST = f"""
SELECT {_LISTED}
WHERE (%(operators)s::text[] IS NULL OR notice.operator_id = ANY (%(operators)s))
    AND (%(subscription)s::text IS NULL OR notice.subscription_id = %(subscription)s)
    AND (%(type)s::text IS NULL OR notice.type = %(type)s)
    AND (%(severity)s::text IS NULL OR notice.severity = %(severity)s)
    AND (%(status)s::text IS NULL OR delivery.status = %(status)s)
    AND (%(channel)s::text IS NULL OR delivery.channel = %(channel)s)
    AND (%(open)s::bool IS NULL OR (notice.has_end AND notice.ended_at IS NULL) = %(open)s)
    AND (%(since)s::timestamptz IS NULL OR notice.created_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR notice.created_at < %(until)s)
    AND (%(time)s::timestamptz IS NULL OR (notice.created_at, notice.id) < (%(time)s::timestamptz, %(id)s::uuid))
ORDER BY notice.created_at DESC, notice.id DESC LIMIT %(limit)s
"""
_RESEND = """
UPDATE access.notice_delivery AS delivery
SET status = 'PENDING', step = 0, next_at = %s, channel = target.channel, target = target.target
FROM access.notice_target AS target WHERE target.id = delivery.target_id AND delivery.id = %s
"""
# What has waited for too long, most often for a target that is disabled.
_GIVE_UP = """
UPDATE access.notice_delivery SET status = 'FAILED', next_at = NULL, error = 'it was taken by nobody for 30 days'
WHERE id IN (
    SELECT id FROM access.notice_delivery WHERE next_at IS NOT NULL AND created_at < %s
    ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED
)
"""
# What is over and was told, or could not be; what is open stays.
_PRUNE = """
DELETE FROM access.notice WHERE id IN (
    SELECT notice.id FROM access.notice AS notice JOIN access.notice_delivery AS delivery ON notice_id = notice.id
    WHERE notice.created_at < %s AND delivery.next_at IS NULL AND (NOT has_end OR ended_at IS NOT NULL)
    ORDER BY notice.created_at LIMIT %s FOR UPDATE OF notice SKIP LOCKED
)
"""


class NoticeStatus(StrEnum):
    """What became of a notice: HELD by quiet hours, BUNDLED in a digest, or as deliveries of webhooks."""

    HELD = "HELD"
    BUNDLED = "BUNDLED"
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a subscription is told: `cause` names what it is about, `occurred_at` when that began or happened.

    `is_end` says that it is over, `has_end` that its end will be told. `data` is plain JSON, without secrets.
    """

    target: NoticeTarget
    type: str
    severity: Severity
    cause: str
    occurred_at: datetime
    data: Mapping[str, Any]
    is_end: bool = False
    has_end: bool = False

    @property
    def id(self) -> UUID:
        """The same for whoever makes it again."""
        return notice_id(self.target.id, self.type, self.cause, self.occurred_at, is_end=self.is_end)


@dataclass(frozen=True, slots=True)
class OpenNotice:
    """A beginning whose end was not told yet."""

    target_id: str
    id: UUID
    type: str
    cause: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A notice to be sent now: its webhook-id, its target as it stands, and the sealed secrets that sign."""

    id: str
    notice_id: UUID
    target_id: str
    operator_id: str
    subscription_id: str
    channel: str
    target: str
    type: str
    severity: str
    occurred_at: datetime
    is_end: bool
    data: Mapping[str, Any]
    operator_name: str
    zone: str
    country: str | None
    language: str | None
    step: int
    failures: int
    failing_since: datetime | None
    secret: bytes | None
    previous_secret: bytes | None


@dataclass(frozen=True, slots=True)
class ListedNotice:
    """A notice as it is listed, with its delivery; `answer` is the last status of HTTP or SMTP, `error` why not.

    What is BUNDLED went out in the digest `digest_id`, or will at `next_at`.
    """

    id: str
    notice_id: UUID
    target_id: str
    operator_id: str
    subscription_id: str
    type: str
    severity: str
    cause: str
    occurred_at: datetime
    created_at: datetime
    is_end: bool
    has_end: bool
    ended_at: datetime | None
    data: Mapping[str, Any]
    channel: str
    target: str
    status: str
    attempts: int
    next_at: datetime | None
    attempted_at: datetime | None
    answer: int | None
    error: str | None
    digest_id: UUID | None

    @property
    def is_open(self) -> bool:
        """Whether what it tells of goes on."""
        return self.has_end and self.ended_at is None


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """Which notices are listed; None is all. `is_open` are those whose cause goes on; [since, until) is when made."""

    operators: Sequence[str] | None = None
    subscription_id: str | None = None
    type: str | None = None
    severity: str | None = None
    status: str | None = None
    channel: str | None = None
    is_open: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


ALL = NoticeFilter()


def status_named(text: str | None) -> str | None:
    """A status by its name; raises AccessRefused where there is none of it."""
    if text is not None and text not in set(NoticeStatus):
        raise AccessRefused(f"status: {text[:60]!r} is none; name one of {', '.join(NoticeStatus)}")
    return text


def notice_id(target_id: str, type_: str, cause: str, since: datetime, *, is_end: bool = False) -> UUID:
    """The UUIDv5 of a notice, by what it tells whom; its webhook-id and Message-ID are made of it."""
    ends = ":end" if is_end else ""
    return named_id(NAMESPACE_URL, f"wattledger:notice:{target_id}:{type_}:{cause}:{utc_text(since)}{ends}")


def put(cursor: Cursor[TupleRow], notices: Sequence[Notice], now: datetime) -> None:
    """Queue notices, each as its subscription wants it: at once, after quiet hours, or in a digest.

    Again is the same.
    """
    put_planned(cursor, [(each, _plan(each, now)) for each in notices], now)


def put_planned(cursor: Cursor[TupleRow], planned: Sequence[tuple[Notice, Plan]], now: datetime) -> int:
    """Queue notices that leave as it is said of each; how many of them were not queued before."""
    wanted = {notice.id: (notice, leaves) for notice, leaves in planned}
    if not wanted:
        return 0
    notices = [notice for notice, _ in wanted.values()]
    row = {
        "now": now,
        "ids": list(wanted),
        "targets": [each.target.id for each in notices],
        "types": [each.type for each in notices],
        "severities": [each.severity.value for each in notices],
        "causes": [each.cause for each in notices],
        "occurred": [each.occurred_at for each in notices],
        "ends": [each.is_end for each in notices],
        "have_end": [each.has_end for each in notices],
        "bodies": [bounded(each.data) for each in notices],
        "statuses": [leaves.leaving.value for _, leaves in wanted.values()],
        "nexts": [leaves.at for _, leaves in wanted.values()],
    }
    return cursor.execute(_PUT, row).rowcount


def bounded(data: Mapping[str, Any]) -> str:
    """Data of a notice as JSON that a message can carry: of what is too long only the beginning of its texts."""
    for longest in _TEXTS_MAX:
        text = _json(data if longest is None else _shortened(data, longest))
        # What the database writes has a space behind each comma and colon.
        if len(text.encode()) + text.count(",") + text.count(":") < DATA_BYTES_MAX:
            return text
    plain = {name: each for name, each in data.items() if isinstance(each, str | int | bool)}
    return _json(_shortened(dict(list(plain.items())[:_PLAIN_MAX]), _TEXTS_MAX[-1] or 0))


def _json(data: Any) -> str:
    # The database keeps no NUL.
    return orjson.dumps(data).decode().replace(r"\u0000", "\N{REPLACEMENT CHARACTER}")


def _shortened(data: Any, longest: int) -> Any:
    if isinstance(data, str):
        return data if len(data) <= longest else f"{data[: longest - 1]}…"
    if isinstance(data, Mapping):
        return {name: _shortened(each, longest) for name, each in data.items()}
    if isinstance(data, list | tuple):
        return [_shortened(each, longest) for each in data]
    return data


def open_notices(cursor: Cursor[TupleRow], causes: Sequence[tuple[str, str, str]]) -> list[OpenNotice]:
    """Who was told of causes (operator, type, cause) that they began, and not yet that they are over."""
    if not causes:
        return []
    with cursor.connection.cursor(row_factory=class_row(OpenNotice)) as rows:
        return rows.execute(_OPEN, [list(column) for column in zip(*causes, strict=True)]).fetchall()


def note_ends(cursor: Cursor[TupleRow], ends: Mapping[UUID, datetime]) -> None:
    """Note of beginnings when they were over."""
    if ends:
        cursor.execute(_OVER, (list(ends), list(ends.values())))


def claim(
    cursor: Cursor[TupleRow],
    now: datetime,
    lease: datetime,
    limit: int,
    *,
    channel: str,
    each: int,
    failing: bool,
    without: Sequence[str] = (),
    served: Sequence[str] = (),
) -> list[DueNotice]:
    """So many notices that are due by a channel, `each` of a target at most; ours until `lease`.

    With `failing` those of targets whose last attempt failed, else those of all others; `without` some targets, and
    last those that were `served` of late, in that order.
    """
    asked = {
        "now": now,
        "lease": lease,
        "limit": limit,
        "channel": Channel(channel).value,
        "each": each,
        "failing": failing,
        "without": list(without),
        "served": list(served),
    }
    with cursor.connection.cursor(row_factory=class_row(DueNotice)) as rows:
        return rows.execute(_CLAIM, asked).fetchall()


def take(cursor: Cursor[TupleRow], id_: str, now: datetime, lease: datetime) -> DueNotice:
    """One notice, to be sent now by who takes it, ours until `lease`. Raises AccessRefused where there is none."""
    with cursor.connection.cursor(row_factory=class_row(DueNotice)) as rows:
        taken = rows.execute(_TAKE, {"id": id_, "now": now, "lease": lease}).fetchone()
    if taken is None:
        raise AccessRefused(f"id: no notice {id_[:64]!r} is known; see `wattledger notify list`")
    return taken


def postpone(cursor: Cursor[TupleRow], due: DueNotice, until: datetime) -> None:
    """It could not be tried, by no fault of its target: due again then, and no attempt is counted."""
    cursor.execute(_POSTPONE, (until, due.id))


def disable(cursor: Cursor[TupleRow], target_id: str, reason: str, now: datetime) -> None:
    """Send nothing there any more, and tell its operator by mail; one that is disabled keeps its reason.

    `delivery.disabled` goes to the operator's others that hear it, and where none of these is MAIL, to all that are.
    """
    if not switch_off(cursor, target_id, reason, now):
        return
    off = present(cursor, target_id)
    others = [each for each in targets(cursor, [off.operator_id]) if each.is_enabled and each.id != off.id]
    mail = [each for each in others if each.subscription.channel is Channel.MAIL]
    hear = [each for each in others if each.subscription.hears(DISABLED_TYPE, Severity.WARNING)]
    data = {
        "subscription_id": off.subscription_id,
        "channel": off.data["channel"],
        "reason": reason[:ERROR_MAX],
        "sentence": f"subscription {off.subscription_id} is told nothing any more: {reason[:ERROR_MAX]}",
    }
    told = hear if any(each in mail for each in hear) else [*hear, *mail]
    put(cursor, [Notice(each, DISABLED_TYPE, Severity.WARNING, off.subscription_id, now, data) for each in told], now)


def put_test(cursor: Cursor[TupleRow], target_id: str, key: str, now: datetime) -> ListedNotice:
    """A notice that tries a subscription, at once whatever its hours; `key` tells it from others of this moment.

    Raises AccessRefused where there is none, and where nothing is sent there.
    """
    target = present(cursor, target_id)
    if not target.is_enabled:
        raise AccessRefused(f"state: {target.why_not}")
    data = {"sentence": "this is a test: what you subscribed to arrives here"}
    notice = Notice(target, TEST_TYPE, Severity.CRITICAL, key, now, data)
    put_planned(cursor, [(notice, by_itself(target.subscription, Severity.CRITICAL, now, target.time_zone))], now)
    found = find(cursor, delivery_id(notice.id))
    assert found is not None
    return found


def delivery_id(notice: UUID) -> str:
    """The webhook-id of a notice."""
    return f"msg_{notice.hex}"


def find(cursor: Cursor[TupleRow], id_: str) -> ListedNotice | None:
    """The notice whose webhook-id that is."""
    with cursor.connection.cursor(row_factory=class_row(ListedNotice)) as rows:
        return rows.execute(_ONE, (id_,)).fetchone()


def newest(
    cursor: Cursor[TupleRow],
    limit: int,
    wanted: NoticeFilter = ALL,
    behind: tuple[datetime, UUID] | None = None,
) -> list[ListedNotice]:
    """Notices, newest first; `behind` is `created_at` and `notice_id` of the last one that was listed."""
    time, id_ = behind or (None, None)
    row = {
        "operators": None if wanted.operators is None else list(wanted.operators),
        "subscription": wanted.subscription_id,
        "type": wanted.type,
        "severity": wanted.severity,
        "status": wanted.status,
        "channel": wanted.channel,
        "open": wanted.is_open,
        "since": wanted.since,
        "until": wanted.until,
        "limit": limit,
        "time": time,
        "id": id_,
    }
    with cursor.connection.cursor(row_factory=class_row(ListedNotice)) as rows:
        return rows.execute(_LIST, row).fetchall()


def replay(cursor: Cursor[TupleRow], id_: str, now: datetime) -> ListedNotice:
    """Send a notice again from the beginning of its schedule, whatever became of it, under its id.

    Raises AccessRefused where there is none of that id, and where nothing is sent to its subscription.
    """
    known = find(cursor, id_)
    if known is None:
        raise AccessRefused(f"id: no notice {id_[:64]!r} is known; see `wattledger notify list`")
    target = present(cursor, known.target_id)
    if not target.is_enabled:
        raise AccessRefused(f"state: {target.why_not}")
    cursor.execute(_RESEND, (now, id_))
    found = find(cursor, id_)
    assert found is not None
    return found


def prune(cursor: Cursor[TupleRow], now: datetime) -> None:
    """Forget what is over; to be called now and then."""
    cursor.execute(_GIVE_UP, (now - WAITING_KEPT, _PRUNED_AT_ONCE))
    cursor.execute(_PRUNE, (now - DONE_KEPT, _PRUNED_AT_ONCE))


def _plan(notice: Notice, now: datetime) -> Plan:
    return plan(notice.target.subscription, notice.severity, now, notice.target.time_zone)
