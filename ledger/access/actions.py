"""Actions over HTTP by their Idempotency-Keys: what is published for each, who has it in hand, and its answer.

A row is there before anything is published, and its bytes never change: whoever has to do it again publishes the same
event, which the intake knows apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import NAMESPACE_URL, UUID, uuid5

from psycopg.rows import class_row
from psycopg.sql import SQL, Composed, Literal

from ledger.access.door import Door
from ledger.locks import Lock, hold

# The answer to a key is given again for at least 7 days (HTTP surface, section 2).
KEPT_DAYS = 30
# Longer than an action takes by itself: whoever has not finished by then never will.
HELD_S = 20
# So many that are too old go with each new one, so that no action waits for the end of many.
_FORGOTTEN_AT_ONCE = 20

_COLUMNS: LiteralString = """
action_id, principal, idempotency_key, asked_sha256, type, subject, operator_id, source, event_id, topic, record_key,
record_value, letters, reason, begun_at, published_at, status, answer
"""
_FIND: LiteralString = f"SELECT {_COLUMNS} FROM access.action WHERE principal = %s AND idempotency_key = %s"  # noqa: S608
_BY_ID: LiteralString = f"SELECT {_COLUMNS} FROM access.action WHERE action_id = %s"  # noqa: S608
_BEGIN = SQL("""
INSERT INTO access.action (action_id, principal, idempotency_key, asked_sha256, type, subject, operator_id, source,
    event_id, topic, record_key, record_value, letters, reason, held_until)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp() + interval {})
ON CONFLICT DO NOTHING
""").format(Literal(f"{HELD_S} s"))
# An action that was begun and not answered, and that nobody has in hand.
_HOLD = SQL("""
UPDATE access.action SET held_until = clock_timestamp() + interval {}
WHERE action_id = %s AND status IS NULL AND (held_until IS NULL OR held_until < clock_timestamp())
""").format(Literal(f"{HELD_S} s"))
_IS_KEPT: LiteralString = "SELECT FROM access.action WHERE principal = %s AND idempotency_key = %s"
_PUBLISHED: LiteralString = "UPDATE access.action SET published_at = clock_timestamp() WHERE action_id = %s"
_LET_GO: LiteralString = "UPDATE access.action SET held_until = NULL WHERE action_id = %s"
_ANSWER: LiteralString = """
UPDATE access.action
SET held_until = NULL, published_at = coalesce(published_at, clock_timestamp()), status = %s, answer = %s
WHERE action_id = %s
"""
# What was or is being published about a thing, or an operator's terms, by whom.
_ABOUT = """
SELECT type, subject, principal, source, event_id, record_value, begun_at FROM access.action
WHERE type = ANY(%s) AND (subject = %s OR operator_id = %s) AND begun_at > clock_timestamp() - %s::interval
  AND (published_at IS NOT NULL OR held_until > clock_timestamp())
ORDER BY begun_at
"""
_FORGET = SQL("""
DELETE FROM access.action WHERE action_id IN (
    SELECT action_id FROM access.action WHERE begun_at < clock_timestamp() - interval {} AND letters IS NULL
    ORDER BY begun_at LIMIT {} FOR UPDATE SKIP LOCKED
)
""").format(Literal(f"{KEPT_DAYS} days"), Literal(_FORGOTTEN_AT_ONCE))
_MARK_REPLAYED: LiteralString = """
UPDATE intake.deadletter SET replayed_at = CASE WHEN %s THEN clock_timestamp() END
WHERE deadletter_id = ANY(%s) AND (replayed_at IS NULL) = %s
"""


@dataclass(frozen=True, slots=True)
class Deed:
    """What an action does: the event, or where there are `letters` the refused records, that it publishes.

    `subject` is the thing that is decided about, `operator_id` the operator whose terms or money it concerns.
    `source` and `event_id` tell the event apart in the store.
    """

    type: str
    subject: str
    source: str
    event_id: str
    operator_id: str | None = None
    topic: str | None = None
    record_key: bytes | None = None
    record_value: bytes | None = field(default=None, repr=False)
    letters: Sequence[UUID] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """An action as it is kept; `status` and `answer` are of its first answer, `None` until there is one."""

    action_id: UUID
    principal: str
    idempotency_key: str
    asked_sha256: bytes
    type: str
    subject: str
    operator_id: str | None
    source: str
    event_id: str
    topic: str | None
    record_key: bytes | None
    record_value: bytes | None = field(repr=False)
    letters: list[UUID] | None
    reason: str | None
    begun_at: datetime
    published_at: datetime | None
    status: int | None
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was published about a thing, or about its operator, before."""

    type: str
    subject: str
    principal: str
    source: str
    event_id: str
    record_value: bytes | None
    begun_at: datetime


def action_id(principal: str, key: str) -> UUID:
    """The id of an action and of its event: UUIDv5 of principal and Idempotency-Key."""
    return uuid5(NAMESPACE_URL, f"wattledger:decision:{principal}:{key}")


@dataclass(frozen=True, slots=True)
class Guard:
    """What is looked at while nobody else can act on the same thing: `refuse` raises where it must not be done.

    It is given what was published, or is being, of these `types` about the thing, or about its operator, `within` so
    long.
    """

    types: Sequence[str]
    within: timedelta
    refuse: Callable[[Sequence[Earlier]], None]


class ActionStore:
    """Actions as the door's role keeps them; any thread may use it."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def find(self, principal: str, key: str) -> Action | None:
        """What somebody asked for by that key."""
        return self._one(_FIND, (principal, key))

    def by_id(self, id_: UUID) -> Action | None:
        """The action of that id."""
        return self._one(_BY_ID, (id_,))

    def begin(
        self, principal: str, key: str, asked_sha256: bytes, deed: Deed, guard: Guard | None = None
    ) -> Action | None:
        """Keep what is going to be published, in hand for HELD_S; None where the same key was faster.

        What the guard raises leaves nothing behind.
        """
        row = (
            *(action_id(principal, key), principal, key, asked_sha256),
            *(deed.type, deed.subject, deed.operator_id, deed.source, deed.event_id, deed.topic),
            *(deed.record_key, deed.record_value, None if deed.letters is None else list(deed.letters)),
            deed.reason,
        )
        with self._door.transaction() as cursor:
            cursor.execute(_FORGET)
            if cursor.execute(_IS_KEPT, row[1:3]).fetchone() is not None:
                return None
            if guard is not None:
                # One at a time, so that two requests at once see each other.
                hold(cursor, Lock.ACTION)
                with cursor.connection.cursor(row_factory=class_row(Earlier)) as rows:
                    about = (list(guard.types), deed.subject, deed.operator_id, guard.within)
                    guard.refuse(rows.execute(_ABOUT, about).fetchall())
            if cursor.execute(_BEGIN, row).rowcount == 0:
                return None
        return self.find(principal, key)

    def hold(self, id_: UUID) -> bool:
        """Take in hand what was begun and not answered; False where somebody has it, or it is answered."""
        return self._change(_HOLD, (id_,)) == 1

    def let_go(self, id_: UUID) -> None:
        """Leave an action to whoever asks again: it is not known to be published."""
        self._change(_LET_GO, (id_,))

    def published(self, id_: UUID) -> None:
        """Note that it is published, while it is still in hand."""
        self._change(_PUBLISHED, (id_,))

    def answered(self, id_: UUID, status: int, answer: bytes) -> None:
        """Keep the answer of an action that was published."""
        self._change(_ANSWER, (status, answer, id_))

    def mark_replayed(self, letters: Sequence[UUID], *, replayed: bool = True) -> None:
        """Note that refused records were published again, or were not after all."""
        self._change(_MARK_REPLAYED, (replayed, list(letters), replayed))

    def _one(self, query: LiteralString, parameters: tuple[Any, ...]) -> Action | None:
        with (
            self._door.transaction() as cursor,
            cursor.connection.cursor(row_factory=class_row(Action)) as rows,
        ):
            return rows.execute(query, parameters).fetchone()

    def _change(self, query: LiteralString | Composed, parameters: tuple[Any, ...]) -> int:
        with self._door.transaction() as cursor:
            return cursor.execute(query, parameters).rowcount
