"""Targets of notices: subscriptions as their version in effect says, whether they can be reached, their secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from domain.calendar import zone
from domain.notice.subscription import Subscription, Told, latest
from ledger.errors import AccessRefused

# While a secret is replaced, the one before it signs too, for so long.
BOTH_SIGN = timedelta(days=1)
SWITCHED_OFF = "its operator switched it off"

_COLUMNS = """
id, operator_id, subscription_id, since, since_position, version_at, version_source, version_id, data, operator_name,
zone, country, state, reason, disabled_at, failures, failing_since, not_before, delivered_at, digested_at,
digested_position, secret IS NOT NULL AS has_secret, previous_until
"""
_FIND = f"SELECT {_COLUMNS} FROM access.notice_target WHERE id = %s"  # noqa: S608 - columns of ours
_OF_OPERATORS = f"""
SELECT {_COLUMNS} FROM access.notice_target
WHERE %(operators)s::text[] IS NULL OR operator_id = ANY (%(operators)s)
ORDER BY operator_id, subscription_id
"""  # noqa: S608 - columns of ours
_LIST = f"""
SELECT {_COLUMNS} FROM access.notice_target
WHERE (%(operators)s::text[] IS NULL OR operator_id = ANY (%(operators)s))
    AND (%(after)s::text IS NULL OR (operator_id, subscription_id) > (%(after_operator)s, %(after)s))
ORDER BY operator_id, subscription_id LIMIT %(limit)s
"""  # noqa: S608 - columns of ours
_ANY = "SELECT EXISTS (SELECT FROM access.notice_target)"
_PUT_VERSION = """
INSERT INTO access.notice_version (target_id, at, source, id, position, data)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
# One that comes late and is earlier than all that were known.
_BEGAN_EARLIER = "UPDATE access.notice_target SET since = %s WHERE id = %s AND since > %s"
_VERSIONS = """
SELECT target_id, at, source, id, position FROM access.notice_version WHERE target_id = ANY (%s) ORDER BY target_id
"""
# Those of which a version has come into effect that is later than the one that rules.
_CHANGED = """
SELECT DISTINCT version.target_id, version.data->>'operator_id'
FROM access.notice_version AS version LEFT JOIN access.notice_target AS target ON target.id = version.target_id
WHERE version.at <= %s AND (target.id IS NULL OR (version.at, version.source, version.id)
    > (target.version_at, target.version_source, target.version_id))
"""
_RULES = """
INSERT INTO access.notice_target AS target (
    id, operator_id, subscription_id, since, since_position, version_at, version_source, version_id, data, channel,
    target, digest, operator_name, zone, country, state, reason, disabled_at, digested_at, digested_position)
SELECT target_id, data->>'operator_id', data->>'subscription_id', %(since)s, %(position)s, at, source, id, data,
    data->>'channel', data->>'target', coalesce(data->>'digest', 'NONE'), data->>'operator_id', 'UTC', NULL,
    CASE WHEN (data->>'enabled')::boolean THEN 'ENABLED' ELSE 'DISABLED' END,
    CASE WHEN NOT (data->>'enabled')::boolean THEN %(off)s END,
    CASE WHEN NOT (data->>'enabled')::boolean THEN %(now)s::timestamptz END, %(now)s, %(position)s
FROM access.notice_version WHERE (target_id, at, source, id) = (%(target)s, %(at)s, %(source)s, %(id)s)
ON CONFLICT (id) DO UPDATE SET
    since = excluded.since, since_position = excluded.since_position, version_at = excluded.version_at,
    version_source = excluded.version_source, version_id = excluded.version_id, data = excluded.data,
    channel = excluded.channel, target = excluded.target, digest = excluded.digest, state = excluded.state,
    reason = excluded.reason, disabled_at = excluded.disabled_at, failures = 0, failing_since = NULL,
    not_before = NULL
"""
# What waits goes where the new version says, or nowhere.
_REDIRECT = """
UPDATE access.notice_delivery AS delivery
SET channel = target.channel, target = target.target,
    status = CASE WHEN target.state = 'ENABLED' THEN delivery.status ELSE 'FAILED' END,
    next_at = CASE WHEN target.state = 'ENABLED' THEN delivery.next_at END,
    error = CASE WHEN target.state = 'ENABLED' THEN delivery.error ELSE target.reason END
FROM access.notice_target AS target
WHERE target.id = delivery.target_id AND target.id = %s
    AND (delivery.status IN ('HELD', 'PENDING') OR delivery.status = 'BUNDLED' AND delivery.next_at IS NOT NULL)
"""
_DISABLE = """
UPDATE access.notice_target SET state = 'DISABLED', reason = %(reason)s, disabled_at = %(now)s
WHERE id = %(id)s AND state = 'ENABLED' RETURNING id
"""
_DESCRIBE = """
UPDATE access.notice_target AS target SET operator_name = told.name, zone = told.zone, country = told.country
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS told (operator_id, name, zone, country)
WHERE target.operator_id = told.operator_id
    AND (target.operator_name, target.zone, target.country) IS DISTINCT FROM (told.name, told.zone, told.country)
"""
_DIGESTED = "UPDATE access.notice_target SET digested_at = %s, digested_position = %s WHERE id = %s"
_ENSURE = "UPDATE access.notice_target SET secret = coalesce(secret, %s) WHERE id = %s RETURNING secret"
# The secret that signs now goes on signing beside the new one for a while; one that did already is forgotten.
_ROTATE = """
UPDATE access.notice_target
SET previous_secret = secret, previous_until = CASE WHEN secret IS NOT NULL THEN %(until)s::timestamptz END,
    secret = %(secret)s
WHERE id = %(id)s
"""


class TargetState(StrEnum):
    """Whether anything is sent there."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


@dataclass(frozen=True, slots=True)
class NoticeTarget:
    """A subscription as its version in effect says (`data` is that of `operator.notify_set`), without its secrets."""

    id: str
    operator_id: str
    subscription_id: str
    since: datetime
    since_position: int
    version_at: datetime
    version_source: str
    version_id: str
    data: Mapping[str, Any]
    operator_name: str
    zone: str
    country: str | None
    state: str
    reason: str | None
    disabled_at: datetime | None
    failures: int
    failing_since: datetime | None
    not_before: datetime | None
    delivered_at: datetime | None
    digested_at: datetime
    digested_position: int
    has_secret: bool
    previous_until: datetime | None

    @property
    def is_enabled(self) -> bool:
        """Whether it is sent anything."""
        return self.state == TargetState.ENABLED

    @property
    def why_not(self) -> str:
        """The sentence for whoever wants something sent there although it is disabled."""
        return f"subscription {self.id} is disabled ({self.reason}); set it anew first"

    @property
    def subscription(self) -> Subscription:
        """What it wants to be told."""
        return Subscription.from_data(self.data)

    @property
    def time_zone(self) -> ZoneInfo:
        """That of its operator."""
        return zone(self.zone)


class NewVersion(NamedTuple):
    """A version of a subscription as it was stored: `data` is that of the message."""

    told: Told
    position: int
    data: Mapping[str, Any]


class Described(NamedTuple):
    """What readers of notices have to know of an operator."""

    operator_id: str
    name: str
    zone: str
    country: str | None


def target_id(operator_id: str, subscription_id: str) -> str:
    """What a subscription is called here: OPERATOR/SUBSCRIPTION, with %2F and %25 for a slash and a percent sign."""
    return "/".join(each.replace("%", "%25").replace("/", "%2F") for each in (operator_id, subscription_id))


def put_versions(cursor: Cursor[TupleRow], versions: Sequence[NewVersion]) -> None:
    """Keep versions; they rule once `bring_into_effect` finds them in effect. Again is the same."""
    for told, position, data in versions:
        name = target_id(data["operator_id"], data["subscription_id"])
        cursor.execute(_PUT_VERSION, (name, *told, position, Jsonb(data)))
        cursor.execute(_BEGAN_EARLIER, (told.at, name, told.at))


def bring_into_effect(cursor: Cursor[TupleRow], now: datetime) -> list[str]:
    """Let the latest version of each subscription rule that is in effect now; the operators of those that changed.

    A later version sends again to what could not be reached; what still waits follows it.
    """
    rows = cursor.execute(_CHANGED, (now,)).fetchall()
    if not rows:
        return []
    changed = sorted(row[0] for row in rows)
    known: dict[str, list[tuple[Told, int]]] = {}
    for name, at, source, id_, position in cursor.execute(_VERSIONS, (changed,)).fetchall():
        known.setdefault(name, []).append((Told(at, source, id_), position))
    for name in changed:
        rules = latest((told for told, _ in known[name]), now)
        assert rules is not None
        row = {
            "target": name,
            **rules._asdict(),
            "since": min(told.at for told, _ in known[name]),
            "position": min(position for _, position in known[name]),
            "now": now,
            "off": SWITCHED_OFF,
        }
        cursor.execute(_RULES, row)
        cursor.execute(_REDIRECT, (name,))
    return sorted({row[1] for row in rows})


def describe(cursor: Cursor[TupleRow], operators: Sequence[Described]) -> None:
    """Keep what readers have to know of operators that have subscriptions."""
    if operators:
        cursor.execute(_DESCRIBE, [list(column) for column in zip(*operators, strict=True)])


def any_targets(cursor: Cursor[TupleRow]) -> bool:
    """Whether there was ever a subscription."""
    row = cursor.execute(_ANY).fetchone()
    return row == (True,)


def targets(cursor: Cursor[TupleRow], operators: Sequence[str] | None = None) -> list[NoticeTarget]:
    """Subscriptions of these operators, or of all, by operator and id; those that are disabled, too."""
    asked = {"operators": None if operators is None else list(operators)}
    with cursor.connection.cursor(row_factory=class_row(NoticeTarget)) as rows:
        return rows.execute(_OF_OPERATORS, asked).fetchall()


def listed(
    cursor: Cursor[TupleRow],
    limit: int,
    *,
    operators: Sequence[str] | None = None,
    after: tuple[str, str] | None = None,
) -> list[NoticeTarget]:
    """So many subscriptions by operator and id; `after` is the operator and subscription of the last one listed."""
    operator, subscription = after or (None, None)
    asked = {
        "operators": None if operators is None else list(operators),
        "after_operator": operator,
        "after": subscription,
        "limit": limit,
    }
    with cursor.connection.cursor(row_factory=class_row(NoticeTarget)) as rows:
        return rows.execute(_LIST, asked).fetchall()


def find(cursor: Cursor[TupleRow], id_: str) -> NoticeTarget | None:
    """The subscription OPERATOR/SUBSCRIPTION."""
    with cursor.connection.cursor(row_factory=class_row(NoticeTarget)) as rows:
        return rows.execute(_FIND, (id_,)).fetchone()


def present(cursor: Cursor[TupleRow], id_: str) -> NoticeTarget:
    """The subscription of that id; raises AccessRefused where there is none."""
    found = find(cursor, id_)
    if found is None:
        raise AccessRefused(
            f"subscription: no {id_[:150]!r} is known; name OPERATOR/SUBSCRIPTION of an operator.notify_set"
        )
    return found


def switch_off(cursor: Cursor[TupleRow], id_: str, reason: str, now: datetime) -> bool:
    """Send nothing there any more, until a later version; whether it was sent to before. It keeps its reason."""
    return cursor.execute(_DISABLE, {"id": id_, "reason": reason[:300], "now": now}).fetchone() is not None


def note_digest(cursor: Cursor[TupleRow], id_: str, until: datetime, position: int) -> None:
    """Its digests are made up to then, of what was stored up to a position."""
    cursor.execute(_DIGESTED, (until, position, id_))


def ensure_secret(cursor: Cursor[TupleRow], id_: str, sealed: bytes) -> bytes:
    """The sealed secret that signs: the one that is there, or else this one from now on."""
    row = cursor.execute(_ENSURE, (sealed, id_)).fetchone()
    if row is None:
        present(cursor, id_)
        raise AssertionError
    return bytes(row[0])


def rotate(cursor: Cursor[TupleRow], id_: str, sealed: bytes, previous_until: datetime) -> NoticeTarget:
    """Give it another secret; the one before signs too until then."""
    cursor.execute(_ROTATE, {"id": id_, "secret": sealed, "until": previous_until})
    return present(cursor, id_)
