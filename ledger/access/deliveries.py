"""Messages for endpoints of webhooks: what is due, what came of each attempt, and what is forgotten when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.named_ids import named_id
from ledger.access.outcomes import Outcomes
from ledger.access.webhooks import TEST_TYPE, Endpoint
from ledger.errors import AccessRefused

# After an attempt that failed, when the next one is made: ten attempts in three days and some hours, as the
# specification of Standard Webhooks suggests ("Deliverability and reliability").
SCHEDULE = (
    *(timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5)),
    *(timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24)),
)
# An endpoint that took nothing for so long is disabled.
GIVEN_UP_AFTER = timedelta(days=3)
# How long what is over is listed, and how long anything waits.
DONE_KEPT, WAITING_KEPT = timedelta(days=7), timedelta(days=30)
_PRUNED_AT_ONCE = 5_000

_OUTCOMES = Outcomes("access.webhook_delivery", "access.webhook_endpoint", "endpoint_id")
delivered, failed = _OUTCOMES.delivered, _OUTCOMES.failed

# Endpoints that hear of anything; the lock lets nobody remove one before its deliveries are written.
_HEARING = """
SELECT id, types, since FROM access.webhook_endpoint WHERE state = 'ENABLED' ORDER BY id FOR KEY SHARE
"""
_PUT_MESSAGES = """
INSERT INTO access.webhook_message (event_id, type, body, created_at)
SELECT event_id, type, body, %s FROM unnest(%s::uuid[], %s::text[], %s::bytea[]) AS told (event_id, type, body)
ON CONFLICT (event_id, type) DO NOTHING
"""
_PUT = """
INSERT INTO access.webhook_delivery (id, endpoint_id, event_id, type, next_at, created_at)
SELECT id, endpoint_id, event_id, type, %(now)s, %(now)s
FROM unnest(%(ids)s::text[], %(endpoints)s::text[], %(events)s::uuid[], %(types)s::text[])
    AS told (id, endpoint_id, event_id, type)
ON CONFLICT (id) DO NOTHING
"""
# The next deliveries of each endpoint, as many as it may be sent at once, without those that others are taking.
# Whoever takes them has until `lease` to say what came of them. Endpoints take turns: who was not
# served of late comes first, so that many to one endpoint keep no other from its turn.
_CLAIM = """
WITH due AS (
    SELECT picked.id FROM access.webhook_endpoint AS endpoint
    CROSS JOIN LATERAL (
        SELECT id, next_at FROM access.webhook_delivery
        WHERE endpoint_id = endpoint.id AND status = 'PENDING' AND next_at <= %(now)s
        ORDER BY next_at, id LIMIT %(each)s FOR UPDATE SKIP LOCKED
    ) AS picked
    WHERE endpoint.state = 'ENABLED' AND (endpoint.failures > 0) = %(failing)s
        AND (endpoint.not_before IS NULL OR endpoint.not_before <= %(now)s) AND endpoint.id <> ALL (%(without)s)
    ORDER BY row_number() OVER (PARTITION BY endpoint.id ORDER BY picked.next_at, picked.id),
        coalesce(array_position(%(served)s::text[], endpoint.id COLLATE "default"), 0), picked.next_at, picked.id
    LIMIT %(limit)s
), taken AS (
    UPDATE access.webhook_delivery AS delivery SET next_at = %(lease)s
    FROM due WHERE delivery.id = due.id RETURNING delivery.*
)
SELECT taken.id, taken.endpoint_id, endpoint.url, message.body, taken.step, endpoint.failures, endpoint.failing_since,
    endpoint.secret, CASE WHEN endpoint.previous_until > %(now)s THEN endpoint.previous_secret END AS previous_secret
FROM taken JOIN access.webhook_endpoint AS endpoint ON endpoint.id = taken.endpoint_id
JOIN access.webhook_message AS message USING (event_id, type)
ORDER BY taken.created_at, taken.id
"""
_COLUMNS = "id, endpoint_id, type, status, attempts, next_at, created_at, attempted_at, answer, error"
_ONE = f"SELECT {_COLUMNS} FROM access.webhook_delivery WHERE id = %s"  # noqa: S608 - columns of ours
_LIST = f"""
SELECT {_COLUMNS} FROM access.webhook_delivery
WHERE endpoint_id = %(endpoint)s AND (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(time)s::timestamptz IS NULL OR (created_at, id) < (%(time)s::timestamptz, %(id)s))
ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""  # noqa: S608 - columns of ours
_RESEND = "UPDATE access.webhook_delivery SET status = 'PENDING', step = 0, next_at = %s WHERE id = %s"
# What waits for an endpoint that is sent to again begins its schedule anew.
_BEGIN_ANEW = """
UPDATE access.webhook_delivery SET step = 0, next_at = %s WHERE endpoint_id = %s AND status = 'PENDING'
"""
# What has waited for too long, most often for an endpoint that is disabled.
_GIVE_UP = """
UPDATE access.webhook_delivery SET status = 'FAILED', next_at = NULL, error = 'it was taken by nobody for 30 days'
WHERE id IN (
    SELECT id FROM access.webhook_delivery WHERE status = 'PENDING' AND created_at < %s
    ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED
)
"""
_PRUNE = """
DELETE FROM access.webhook_delivery WHERE id IN (
    SELECT id FROM access.webhook_delivery WHERE status <> 'PENDING' AND created_at < %s
    ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED
)
"""
# Messages that no delivery names any more; a younger one may get some yet.
_PRUNE_MESSAGES = """
DELETE FROM access.webhook_message WHERE (event_id, type) IN (
    SELECT event_id, type FROM access.webhook_message AS message
    WHERE created_at < %s AND NOT EXISTS (
        SELECT FROM access.webhook_delivery AS delivery
        WHERE (delivery.event_id, delivery.type) = (message.event_id, message.type)
    )
    ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED
)
"""


class DeliveryStatus(StrEnum):
    """What became of a message for an endpoint."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Message:
    """What is told: `body` is the text that is signed; `position` that of its event in the store, where it is one."""

    event_id: UUID
    type: str
    body: bytes
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Hearing:
    """An endpoint that is told of some types, of events behind a position."""

    id: str
    types: list[str]
    since: int

    def hears(self, message: Message) -> bool:
        """Whether it is told of this."""
        return message.type in self.types and (message.position is None or message.position > self.since)


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to be attempted now, its endpoint as it stands, and the sealed secrets that sign."""

    id: str
    endpoint_id: str
    url: str
    body: bytes
    step: int
    failures: int
    failing_since: datetime | None
    secret: bytes
    previous_secret: bytes | None

    @property
    def target_id(self) -> str:
        """Whose turn it is: the endpoint's."""
        return self.endpoint_id


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for an endpoint as it is listed; `answer` is the last status of HTTP, `error` why none came."""

    id: str
    endpoint_id: str
    type: str
    status: str
    attempts: int
    next_at: datetime | None
    created_at: datetime
    attempted_at: datetime | None
    answer: int | None
    error: str | None


def status_named(text: str | None) -> str | None:
    """A status by its name; raises AccessRefused where there is none of it."""
    if text is not None and text not in set(DeliveryStatus):
        raise AccessRefused(f"status: {text[:60]!r} is none; name one of {', '.join(DeliveryStatus)}")
    return text


def message_id(event_id: UUID, type_: str, endpoint_id: str) -> str:
    """The webhook-id: the same for each attempt, and for whoever makes it again of the same event."""
    return f"msg_{named_id(event_id, f'webhook:{type_}:{endpoint_id}').hex}"


def hearing(cursor: Cursor[TupleRow]) -> list[Hearing]:
    """Who is to be told of anything."""
    return [Hearing(*row) for row in cursor.execute(_HEARING).fetchall()]


def put(cursor: Cursor[TupleRow], messages: Sequence[Message], endpoints: Sequence[Hearing], now: datetime) -> int:
    """Note messages for each endpoint that hears of them; how many deliveries these are. Again is the same."""
    told = [(message, endpoint) for message in messages for endpoint in endpoints if endpoint.hears(message)]
    wanted = list({(message.event_id, message.type): message for message, _ in told}.values())
    if not told:
        return 0
    ids, types, bodies = zip(*((each.event_id, each.type, each.body) for each in wanted), strict=True)
    cursor.execute(_PUT_MESSAGES, (now, [*ids], [*types], [*bodies]))
    row = {
        "now": now,
        "ids": [message_id(message.event_id, message.type, endpoint.id) for message, endpoint in told],
        "endpoints": [endpoint.id for _, endpoint in told],
        "events": [message.event_id for message, _ in told],
        "types": [message.type for message, _ in told],
    }
    cursor.execute(_PUT, row)
    return len(told)


def put_test(cursor: Cursor[TupleRow], endpoint: Endpoint, event_id: UUID, body: bytes, now: datetime) -> Delivery:
    """A message that tries an endpoint; raises AccessRefused where nothing is sent there."""
    if not endpoint.is_enabled:
        raise AccessRefused(f"state: endpoint {endpoint.id} is disabled ({endpoint.reason}); enable it first")
    message = Message(event_id, TEST_TYPE, body)
    put(cursor, [message], [Hearing(endpoint.id, [TEST_TYPE], 0)], now)
    found = find(cursor, message_id(event_id, TEST_TYPE, endpoint.id))
    assert found is not None
    return found


def claim(
    cursor: Cursor[TupleRow],
    now: datetime,
    lease: datetime,
    limit: int,
    *,
    each: int,
    failing: bool,
    without: Sequence[str] = (),
    served: Sequence[str] = (),
) -> list[Due]:
    """So many deliveries that are due, `each` of an endpoint at most; ours until `lease`.

    With `failing` those of endpoints whose last attempt failed, else those of all others; `without` some endpoints,
    and last those that were `served` of late, in that order.
    """
    asked = {
        "now": now,
        "lease": lease,
        "limit": limit,
        "each": each,
        "failing": failing,
        "without": list(without),
        "served": list(served),
    }
    with cursor.connection.cursor(row_factory=class_row(Due)) as rows:
        return rows.execute(_CLAIM, asked).fetchall()


def find(cursor: Cursor[TupleRow], delivery_id: str) -> Delivery | None:
    """The delivery of that id, which is its webhook-id."""
    with cursor.connection.cursor(row_factory=class_row(Delivery)) as rows:
        return rows.execute(_ONE, (delivery_id,)).fetchone()


def newest(
    cursor: Cursor[TupleRow],
    endpoint_id: str,
    limit: int,
    *,
    status: str | None = None,
    behind: tuple[datetime, str] | None = None,
) -> list[Delivery]:
    """Deliveries to an endpoint, newest first; `behind` is the time and id of the last one that was listed."""
    time, id_ = behind or (None, None)
    row = {"endpoint": endpoint_id, "limit": limit, "status": status, "time": time, "id": id_}
    with cursor.connection.cursor(row_factory=class_row(Delivery)) as rows:
        return rows.execute(_LIST, row).fetchall()


def resend(cursor: Cursor[TupleRow], delivery_id: str, now: datetime) -> Delivery:
    """Send a message again from the beginning of its schedule, whatever became of it, under its id."""
    if find(cursor, delivery_id) is None:
        raise AccessRefused(
            f"id: no delivery {delivery_id[:64]!r} is known; see `wattledger webhooks deliveries ENDPOINT`"
        )
    cursor.execute(_RESEND, (now, delivery_id))
    found = find(cursor, delivery_id)
    assert found is not None
    return found


def begin_anew(cursor: Cursor[TupleRow], endpoint_id: str, now: datetime) -> None:
    """What waits for an endpoint is due, as if it had never been tried."""
    cursor.execute(_BEGIN_ANEW, (now, endpoint_id))


def prune(cursor: Cursor[TupleRow], now: datetime) -> None:
    """Forget what is over; to be called now and then."""
    cursor.execute(_GIVE_UP, (now - WAITING_KEPT, _PRUNED_AT_ONCE))
    cursor.execute(_PRUNE, (now - DONE_KEPT, _PRUNED_AT_ONCE))
    cursor.execute(_PRUNE_MESSAGES, (now - DONE_KEPT, _PRUNED_AT_ONCE))
