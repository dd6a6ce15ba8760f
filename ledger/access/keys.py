"""Keys of programs: of each secret its SHA-256, whom it acts for, until when, and when it was last used."""

import hmac
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from ledger.access import people
from ledger.access.duties import KEY_PREFIX, Duty, checked_name, checked_operators, checked_person
from ledger.access.seals import PERSON_COLUMNS, SealedKey, SealedPerson, not_as_sealed, seals_of
from ledger.errors import AccessRefused, AskedOtherwise

_log = logging.getLogger(__name__)

ID_BYTES, SECRET_BYTES = 8, 32
_FORM = re.compile(rf"wl_([0-9a-f]{{{2 * ID_BYTES}}})_([0-9a-f]{{{2 * SECRET_BYTES}}})")

_COLUMNS = """
id, name, role, operators, acts_for, created_at, created_by, expires_at, last_used_at, revoked_at
"""
_ADD = """
INSERT INTO access.api_key (id, secret_sha256, name, role, operators, acts_for, created_by, expires_at, seal)
VALUES (%(id)s, %(secret_sha256)s, %(name)s, %(role)s, %(operators)s, %(acts_for)s, %(created_by)s, %(expires_at)s,
    %(seal)s)
"""
# Once for each Idempotency-Key of somebody.
_ADD_ASKED = """
INSERT INTO access.api_key (id, secret_sha256, name, role, operators, acts_for, created_by, expires_at, seal,
    asked_by_key, asked_sha256)
VALUES (%(id)s, %(secret_sha256)s, %(name)s, %(role)s, %(operators)s, %(acts_for)s, %(created_by)s, %(expires_at)s,
    %(seal)s, %(asked_by_key)s, %(asked_sha256)s)
ON CONFLICT (created_by, asked_by_key) DO NOTHING
"""
# What was made for an Idempotency-Key, and of what.
_ASKED = "SELECT id, asked_sha256 FROM access.api_key WHERE created_by = %s AND asked_by_key = %s"
_FIND = f"SELECT {_COLUMNS} FROM access.api_key WHERE id = %s"  # noqa: S608 - columns of ours
# Newest first, from behind a key that was listed.
_LIST = f"""
SELECT {_COLUMNS} FROM access.api_key
WHERE %(time)s::timestamptz IS NULL OR (created_at, id) < (%(time)s::timestamptz, %(id)s)
ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""  # noqa: S608 - columns of ours
_REVOKE = """
UPDATE access.api_key SET revoked_at = clock_timestamp() WHERE id = %s AND revoked_at IS NULL
"""
# A key that may be used now: neither ended nor of somebody who was disabled, who is believed beside it.
_USABLE = """
SELECT id, secret_sha256, name, role, operators, acts_for, created_by, expires_at, seal,
    extract(epoch FROM expires_at - clock_timestamp())::float8
FROM access.api_key
WHERE id = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
"""
_ACTED_FOR = f"SELECT {PERSON_COLUMNS} FROM access.person WHERE name = %s"  # noqa: S608 - columns of ours
# Once a minute at most, so that use costs no writes.
_USED = """
UPDATE access.api_key SET last_used_at = clock_timestamp()
WHERE id = %s AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
"""


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret."""

    id: str
    name: str
    role: str
    operators: list[str]
    acts_for: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def principal(self) -> str:
        """Under whose name it acts: the person it was made for, or its own."""
        return principal_of(self.id, self.acts_for)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a key was asked for over HTTP: the Idempotency-Key, and the SHA-256 of what was asked."""

    by_key: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class UsableKey:
    """What lets a request in: the digest to compare with, who it is, and for how many seconds more.

    `acts_for` is the person that it was made for, if any, and `name` what it was made as.
    """

    secret_sha256: bytes
    principal: str
    role: Duty
    operators: tuple[str, ...]
    acts_for: str | None
    name: str
    expires_in_s: float | None


def principal_of(key_id: str, acts_for: str | None) -> str:
    """Under whose name a key acts."""
    return acts_for or f"{KEY_PREFIX}{key_id}"


def create(
    cursor: Cursor[TupleRow],
    name: str,
    role: Duty,
    operators: Sequence[str],
    *,
    created_by: str,
    acts_for: str | None = None,
    expires_at: datetime | None = None,
    asked: Asked | None = None,
) -> tuple[Key, str | None]:
    """A new key, and the text `wl_ID_SECRET` that is shown this once.

    `acts_for` is the person it is made for, under the name that she has here where she is known. Where the same was
    `asked` before: the key that was made then, and None. Raises AccessRefused for a name, role, operators or person
    that do not go together, and for a person who was disabled; AskedOtherwise where something else was asked.
    """
    key_id, secret = secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES)
    row: dict[str, Any] = {
        "id": key_id,
        "secret_sha256": digest(secret),
        "name": checked_name(name),
        "role": str(role),
        "operators": checked_operators(role, operators),
        "acts_for": None if acts_for is None else _person(cursor, acts_for),
        "created_by": created_by,
        "expires_at": expires_at,
    }
    row["seal"] = seals_of(cursor).of_key(SealedKey(**row))
    if asked is None:
        cursor.execute(_ADD, row)
    elif not cursor.execute(_ADD_ASKED, row | {"asked_by_key": asked.by_key, "asked_sha256": asked.sha256}).rowcount:
        return _asked_before(cursor, created_by, asked), None
    return _present(cursor, key_id), f"wl_{key_id}_{secret}"


def newest(cursor: Cursor[TupleRow], limit: int, behind: tuple[datetime, str] | None = None) -> list[Key]:
    """Keys, also those that ended, newest first; `behind` is the time and id of the last one that was listed."""
    time, key_id = behind or (None, None)
    with cursor.connection.cursor(row_factory=class_row(Key)) as rows:
        return rows.execute(_LIST, {"time": time, "id": key_id, "limit": limit}).fetchall()


def find(cursor: Cursor[TupleRow], key_id: str) -> Key | None:
    """The key of that id."""
    if not (key_id.isascii() and key_id.isalnum()):
        return None
    with cursor.connection.cursor(row_factory=class_row(Key)) as rows:
        return rows.execute(_FIND, (key_id,)).fetchone()


def revoke(cursor: Cursor[TupleRow], key_id: str) -> Key:
    """End a key for good; one that was ended stays so. Raises AccessRefused where there is none."""
    if find(cursor, key_id) is None:
        raise AccessRefused(f"id: no key {key_id!r} is known; see `wattledger apikey list`")
    cursor.execute(_REVOKE, (key_id,))
    return _present(cursor, key_id)


def parsed(text: str) -> tuple[str, str] | None:
    """Id and secret of a text that has the form of a key; None for any other."""
    found = _FORM.fullmatch(text.strip())
    return (found[1], found[2]) if found else None


def proven(cursor: Cursor[TupleRow], key_id: str, secret: str) -> UsableKey | None:
    """The key of that id, if it may be used now and that is its secret; its use is noted."""
    key = usable(cursor, key_id)
    if key is None or not hmac.compare_digest(key.secret_sha256, digest(secret)):
        return None
    note_use(cursor, key_id)
    return key


def usable(cursor: Cursor[TupleRow], key_id: str) -> UsableKey | None:
    """The key of that id, if it may be used now; the secret is still to be compared."""
    row = cursor.execute(_USABLE, (key_id,)).fetchone()
    if row is None:
        return None
    *said, seal, expires_in_s = row
    key = SealedKey(*said)
    if not seals_of(cursor).believes_key(key, seal):
        _log.warning("key %s lets nobody in: it %s", key_id, not_as_sealed(seal))
        return None
    person = cursor.execute(_ACTED_FOR, (key.acts_for,)).fetchone() if key.acts_for else None
    if person is not None:
        acted_for = SealedPerson(*person)
        if acted_for.disabled or not people.is_believed(cursor, acted_for):
            return None
    operators, principal = tuple(key.operators), principal_of(key_id, key.acts_for)
    return UsableKey(
        bytes(key.secret_sha256), principal, Duty(key.role), operators, key.acts_for, key.name, expires_in_s
    )


def note_use(cursor: Cursor[TupleRow], key_id: str) -> None:
    """When a key was last used, to the minute."""
    cursor.execute(_USED, (key_id,))


def digest(secret: str) -> bytes:
    """What is kept of a secret. It has 256 random bits, so that no slow hash is needed."""
    return sha256(secret.encode()).digest()


def _asked_before(cursor: Cursor[TupleRow], created_by: str, asked: Asked) -> Key:
    key_id, sha256_before = cursor.execute(_ASKED, (created_by, asked.by_key)).fetchone() or ("", b"")
    if bytes(sha256_before) != asked.sha256:
        raise AskedOtherwise(f"a key was asked for under {asked.by_key!r} before, and otherwise")
    return _present(cursor, key_id)


def _person(cursor: Cursor[TupleRow], name: str) -> str:
    known = people.find(cursor, name)
    if known is None:
        return checked_person(name, "for")
    if known.disabled_at is not None:
        raise AccessRefused(f"for: user {known.name!r} is disabled; `wattledger user enable` lets her in again")
    return known.name


def _present(cursor: Cursor[TupleRow], key_id: str) -> Key:
    found = find(cursor, key_id)
    assert found is not None
    return found
