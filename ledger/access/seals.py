"""Seals of people, keys and sessions: HMAC-SHA256 over what each row says, by a key that is not in the database.

Who may write to the schema `access` could else make herself an approver. A row whose seal is another's, or of another
content, is as one that is not there.
"""

import hmac
import logging
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

import orjson
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from ledger.errors import AccessRefused

AnyConnection: TypeAlias = Connection[TupleRow]

_log = logging.getLogger(__name__)

_KEY_BYTES = 32
# The key seals other things elsewhere, in other ways: what it does here, it does by a key of its own.
_PURPOSE = b"wattledger: people, keys and sessions"

# Columns of a person, in the order of SealedPerson.
PERSON_COLUMNS = """
name, folded, role, operators, password_hash, issuer, subject, disabled_at IS NOT NULL, version, seal
"""
# Everybody, and whether this is a row from before seals, as it was then: who changes one makes its version grow.
_PEOPLE_BEFORE = f"""
SELECT {PERSON_COLUMNS}, unsealed.id IS NOT NULL AND version = 1 AND seal IS NULL
FROM access.person LEFT JOIN access.unsealed ON kind = 'person' AND id = name
FOR UPDATE OF person
"""  # noqa: S608 - columns of ours
_KEYS_BEFORE = """
SELECT api_key.id, secret_sha256, name, role, operators, acts_for, created_by, expires_at
FROM access.api_key JOIN access.unsealed ON kind = 'key' AND unsealed.id = api_key.id
WHERE seal IS NULL FOR UPDATE OF api_key
"""
_PEOPLE = f"SELECT {PERSON_COLUMNS} FROM access.person FOR UPDATE"  # noqa: S608 - columns of ours
_KEYS = """
SELECT id, secret_sha256, name, role, operators, acts_for, created_by, expires_at, seal
FROM access.api_key WHERE revoked_at IS NULL FOR UPDATE
"""
_SEAL_PERSON = "UPDATE access.person SET version = %s, seal = %s WHERE name = %s"
_SEAL_KEY = "UPDATE access.api_key SET seal = %s WHERE id = %s"
_ANY_BEFORE = "SELECT EXISTS (SELECT FROM access.unsealed)"
_NONE_BEFORE = "DELETE FROM access.unsealed"


def keys_in(text: str) -> list[bytes]:
    """Keys in base64, separated by commas, as they are given; raises ValueError for what is none."""
    keys = []
    for each in text.split(","):
        try:
            keys.append(urlsafe_b64decode(each.strip().replace("+", "-").replace("/", "_")))
        except ValueError:
            keys.append(b"")
    if any(len(key) != _KEY_BYTES for key in keys):
        raise ValueError("a key has 32 bytes in base64; openssl rand -base64 32 makes one")
    return keys


class SealedPerson(NamedTuple):
    """A person as far as it is sealed, and the seal that the row has."""

    name: str
    folded: str
    role: str
    operators: Sequence[str]
    password_hash: str | None
    issuer: str | None
    subject: str | None
    disabled: bool
    version: int
    seal: bytes | None


class SealedKey(NamedTuple):
    """A key as far as it is sealed; that it was revoked is guarded by the database."""

    id: str
    secret_sha256: bytes
    name: str
    role: str
    operators: Sequence[str]
    acts_for: str | None
    created_by: str
    expires_at: datetime | None


class Seals:
    """The keys, of which the first seals and each is believed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` have 32 bytes each."""
        self._keys = [hmac.digest(key, _PURPOSE, "sha256") for key in keys]

    @classmethod
    def of(cls, text: str) -> "Seals":
        """Keys in base64, separated by commas. Raises ValueError for what is none."""
        return cls(keys_in(text))

    def of_person(self, person: SealedPerson) -> bytes:
        """The seal of a person as the row says."""
        return self._seal(_person_text(person), self._keys[0])

    def of_key(self, key: SealedKey) -> bytes:
        """The seal of a key as the row says."""
        return self._seal(_key_text(key), self._keys[0])

    def of_session(self, cookie_sha256: bytes, person: str, created_at: datetime) -> bytes:
        """The seal of a session: by which cookie, whose, since when."""
        return self._seal(_session_text(cookie_sha256, person, created_at), self._keys[0])

    def believes_person(self, person: SealedPerson) -> bool:
        """Whether a person's row is as it was sealed."""
        return self._is_right(_person_text(person), person.seal)

    def believes_key(self, key: SealedKey, seal: bytes | None) -> bool:
        """Whether a key's row is as it was sealed."""
        return self._is_right(_key_text(key), seal)

    def believes_session(self, cookie_sha256: bytes, person: str, created_at: datetime, seal: bytes) -> bool:
        """Whether a session's row is as it was sealed."""
        return self._is_right(_session_text(cookie_sha256, person, created_at), seal)

    def _is_right(self, text: bytes, seal: bytes | None) -> bool:
        return seal is not None and any(hmac.compare_digest(self._seal(text, key), bytes(seal)) for key in self._keys)

    @staticmethod
    def _seal(text: bytes, key: bytes) -> bytes:
        return hmac.digest(key, text, "sha256")


def seal_people_anew(cursor: Cursor[TupleRow], seals: Seals) -> int:
    """Seal with the first key each person and key that another one seals; how many were.

    Sessions that another key sealed end when it is gone: whoever is signed in signs in once more.
    """
    people = [SealedPerson(*row) for row in cursor.execute(_PEOPLE).fetchall()]
    # What no key believes stays what nobody believes.
    old = [each for each in people if seals.believes_person(each) and each.seal != seals.of_person(each)]
    for person in old:
        newer = person._replace(version=person.version + 1)
        cursor.execute(_SEAL_PERSON, (newer.version, seals.of_person(newer), newer.name))
    kept = [(SealedKey(*said), seal) for *said, seal in cursor.execute(_KEYS).fetchall()]
    keys = [key for key, seal in kept if seals.believes_key(key, seal) and seal != seals.of_key(key)]
    for key in keys:
        cursor.execute(_SEAL_KEY, (seals.of_key(key), key.id))
    return len(old) + len(keys)


def _person_text(person: SealedPerson) -> bytes:
    return orjson.dumps(["person", *person[:-1]])


def _key_text(key: SealedKey) -> bytes:
    ends = key.expires_at.astimezone(UTC).isoformat() if key.expires_at else None
    return orjson.dumps(["key", key.id, bytes(key.secret_sha256).hex(), *key[2:-1], ends])


def _session_text(cookie_sha256: bytes, person: str, created_at: datetime) -> bytes:
    return orjson.dumps(["session", bytes(cookie_sha256).hex(), person, created_at.astimezone(UTC).isoformat()])


class SealingCursor(Cursor[TupleRow]):
    """A cursor of the door's role, of somebody who has the key of the seals."""

    def __init__(self, connection: Connection[Any], seals: Seals) -> None:
        super().__init__(connection)
        self.seals = seals


def door_cursor(connection: AnyConnection, seals: Seals | None) -> Cursor[TupleRow]:
    """A cursor that has the seals, if there are any: without them nobody is let in by it, and nobody is added."""
    return connection.cursor() if seals is None else SealingCursor(connection, seals)


def seals_of(cursor: Cursor[TupleRow]) -> Seals:
    """What people and keys are sealed with; raises AccessRefused where this process has no key."""
    if isinstance(cursor, SealingCursor):
        return cursor.seals
    raise AccessRefused(
        "key: people and keys are sealed with a key that this process was not given; set WATTLEDGER_SECRET_KEY, or "
        "name the data directory that holds it"
    )


def not_as_sealed(seal: bytes | None) -> str:
    """Why a person or a key with this seal is not believed, and what to do, as the end of a sentence."""
    if seal is None:
        return (
            "has no seal: an older version left it, and `wattledger migrate` seals it, or it was written or changed "
            "by hand; if migrating changes nothing, have a superuser delete the row, and add it anew"
        )
    return (
        "was not sealed as it stands: it was written or changed by hand, or sealed with another "
        "WATTLEDGER_SECRET_KEY; give this process that key, or have a superuser delete the row, and add it anew"
    )


def any_unsealed(connection: AnyConnection) -> bool:
    """Whether there are people or keys from before seals that are still to be sealed. `connection` is the owner's."""
    return connection.execute(_ANY_BEFORE).fetchone() == (True,)


def seal_what_was_before(connection: AnyConnection, seals: Seals) -> int:
    """Seal the people and keys that there were before seals; how many. `connection` acts as the owner.

    Done once: what is written later without a seal is never believed. Where somebody was written or changed since the
    migration, another may stand where a person was: then nobody is sealed, and the log says whom to look at.
    """
    if not any_unsealed(connection):
        return 0
    with connection.transaction():
        people: list[SealedPerson] = []
        others: list[SealedPerson] = []
        for *said, as_before in connection.execute(_PEOPLE_BEFORE):
            (people if as_before else others).append(SealedPerson(*said))
        if by_hand := [each.name for each in others if not seals.believes_person(each)]:
            _log.error(
                "nobody is sealed, since somebody wrote or changed %s by hand, or sealed it with another "
                "WATTLEDGER_SECRET_KEY: give this process that key, or have a superuser look at all of access.person "
                "and delete what nobody here made; then run `wattledger migrate`",
                ", ".join(map(repr, by_hand)),
            )
            return 0
        for person in people:
            newer = person._replace(version=person.version + 1)
            connection.execute(_SEAL_PERSON, (newer.version, seals.of_person(newer), newer.name))
        keys = [SealedKey(*row) for row in connection.execute(_KEYS_BEFORE)]
        for key in keys:
            connection.execute(_SEAL_KEY, (seals.of_key(key), key.id))
        connection.execute(_NONE_BEFORE)
    return len(people) + len(keys)
