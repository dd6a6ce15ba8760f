"""Endpoints of webhooks: where they are, what they are told, whether they take it, and their sealed secrets."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from ledger.errors import AccessRefused

ID_BYTES = 8
# While a secret is replaced, the one before it signs too, for so long.
BOTH_SIGN = timedelta(days=1)


class MessageType(StrEnum):
    """What endpoints may be told."""

    PAYOUT_CREATED = "payout.created"
    PAYOUT_AWAITING_APPROVAL = "payout.awaiting_approval"
    PAYOUT_PAID = "payout.paid"
    PAYOUT_FAILED = "payout.failed"
    PAYOUT_RETURNED = "payout.returned"
    CDR_ISSUED = "cdr.issued"
    DEAD_LETTER_CREATED = "dead_letter.created"


# What an endpoint is sent when somebody tries it, whatever it is told otherwise.
TEST_TYPE = "webhook.test"


class EndpointState(StrEnum):
    """Whether anything is sent there."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


_COLUMNS = """
id, url, types, state, reason, created_at, created_by, failures, failing_since, not_before, delivered_at,
previous_until
"""
# It hears of what is stored behind the position that the read models have come to.
_ADD = """
INSERT INTO access.webhook_endpoint (id, url, types, created_by, secret, since)
SELECT %(id)s, %(url)s, %(types)s, %(created_by)s, %(secret)s, coalesce(max(position), 0)
FROM projection.generation WHERE live
"""
_FIND = f"SELECT {_COLUMNS} FROM access.webhook_endpoint WHERE id = %s"  # noqa: S608 - columns of ours
# Newest first, from behind one that was listed.
_LIST = f"""
SELECT {_COLUMNS} FROM access.webhook_endpoint
WHERE %(time)s::timestamptz IS NULL OR (created_at, id) < (%(time)s::timestamptz, %(id)s)
ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""  # noqa: S608 - columns of ours
_REMOVE = "DELETE FROM access.webhook_endpoint WHERE id = %s"
# The secret that signs now goes on signing beside the new one for a while; one that did already is forgotten.
_ROTATE = """
UPDATE access.webhook_endpoint SET previous_secret = secret, previous_until = %(until)s, secret = %(secret)s
WHERE id = %(id)s
"""
_ENABLE = """
UPDATE access.webhook_endpoint
SET state = 'ENABLED', reason = NULL, failures = 0, failing_since = NULL, not_before = NULL
WHERE id = %s
"""
_DISABLE = """
UPDATE access.webhook_endpoint SET state = 'DISABLED', reason = %s WHERE id = %s AND state = 'ENABLED'
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint without its secrets; `previous_until` is until when the secret before this one signs too."""

    id: str
    url: str
    types: list[str]
    state: str
    reason: str | None
    created_at: datetime
    created_by: str
    failures: int
    failing_since: datetime | None
    not_before: datetime | None
    delivered_at: datetime | None
    previous_until: datetime | None

    @property
    def is_enabled(self) -> bool:
        """Whether it is sent anything."""
        return self.state == EndpointState.ENABLED


def checked_types(types: Sequence[str]) -> list[str]:
    """The types of messages, each once and in order; raises AccessRefused for none, and for one that there is not."""
    unknown = sorted(set(types) - set(MessageType))
    if unknown or not types:
        said = f"{unknown[0][:60]!r} is none" if unknown else "none is named"
        raise AccessRefused(f"types: {said}; name some of {', '.join(MessageType)}")
    return [each.value for each in MessageType if each in types]


def add(cursor: Cursor[TupleRow], url: str, types: Sequence[str], sealed: bytes, *, created_by: str) -> Endpoint:
    """A new endpoint, which hears of what happens from now on; `sealed` is its secret, `url` one that was checked.

    Raises AccessRefused for types that there are not.
    """
    endpoint_id = secrets.token_hex(ID_BYTES)
    row = {"id": endpoint_id, "url": url, "types": checked_types(types), "secret": sealed, "created_by": created_by}
    cursor.execute(_ADD, row)
    return present(cursor, endpoint_id)


def newest(cursor: Cursor[TupleRow], limit: int, behind: tuple[datetime, str] | None = None) -> list[Endpoint]:
    """Endpoints, newest first; `behind` is the time and id of the last one that was listed."""
    time, endpoint_id = behind or (None, None)
    with cursor.connection.cursor(row_factory=class_row(Endpoint)) as rows:
        return rows.execute(_LIST, {"time": time, "id": endpoint_id, "limit": limit}).fetchall()


def find(cursor: Cursor[TupleRow], endpoint_id: str) -> Endpoint | None:
    """The endpoint of that id."""
    if not (endpoint_id.isascii() and endpoint_id.isalnum()):
        return None
    with cursor.connection.cursor(row_factory=class_row(Endpoint)) as rows:
        return rows.execute(_FIND, (endpoint_id,)).fetchone()


def remove(cursor: Cursor[TupleRow], endpoint_id: str) -> None:
    """Forget an endpoint with all that was to be sent there."""
    present(cursor, endpoint_id)
    cursor.execute(_REMOVE, (endpoint_id,))


def rotate(cursor: Cursor[TupleRow], endpoint_id: str, sealed: bytes, previous_until: datetime) -> Endpoint:
    """Give it another secret; the one before signs too until then."""
    present(cursor, endpoint_id)
    cursor.execute(_ROTATE, {"id": endpoint_id, "secret": sealed, "until": previous_until})
    return present(cursor, endpoint_id)


def enable(cursor: Cursor[TupleRow], endpoint_id: str) -> Endpoint:
    """Send there again, at once; one that is enabled forgets that it failed."""
    present(cursor, endpoint_id)
    cursor.execute(_ENABLE, (endpoint_id,))
    return present(cursor, endpoint_id)


def disable(cursor: Cursor[TupleRow], endpoint_id: str, reason: str) -> None:
    """Send nothing there any more; one that is disabled keeps its reason."""
    cursor.execute(_DISABLE, (reason, endpoint_id))


def present(cursor: Cursor[TupleRow], endpoint_id: str) -> Endpoint:
    """The endpoint of that id; raises AccessRefused where there is none."""
    found = find(cursor, endpoint_id)
    if found is None:
        raise AccessRefused(f"id: no endpoint {endpoint_id[:64]!r} is known; see `wattledger webhooks list`")
    return found
