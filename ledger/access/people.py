"""People: those with a password of ours, and those whom an issuer of OpenID Connect knows."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow, class_row

from domain.people import folded_name
from ledger.access.duties import NAME_MAX, Duty, checked_operators, checked_person
from ledger.access.seals import PERSON_COLUMNS, SealedPerson, not_as_sealed, seals_of
from ledger.errors import AccessRefused

_log = logging.getLogger(__name__)
_COLUMNS = "name, role, operators, issuer, created_at, signed_in_at, disabled_at"

_ADD = """
INSERT INTO access.person (name, folded, role, operators, password_hash, issuer, subject, version, seal)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_ADD_UNLESS_THERE = f"{_ADD} ON CONFLICT (name) DO NOTHING"
# By name, as few people have accounts.
_LIST = f"SELECT {_COLUMNS} FROM access.person ORDER BY name"  # noqa: S608 - columns of ours
_FIND = f"SELECT {_COLUMNS} FROM access.person WHERE folded = %s"  # noqa: S608 - columns of ours
# All that is sealed of a person, who is nobody else's to change until that is done.
_OF_NAME = f"SELECT {PERSON_COLUMNS} FROM access.person WHERE folded = %s FOR UPDATE"  # noqa: S608 - columns of ours
_OF_SUBJECT = f"""
SELECT {PERSON_COLUMNS} FROM access.person WHERE issuer = %s AND subject = %s FOR UPDATE
"""  # noqa: S608 - columns of ours
_READ = f"SELECT {PERSON_COLUMNS} FROM access.person WHERE folded = %s"  # noqa: S608 - columns of ours
_CHANGE = """
UPDATE access.person
SET role = %(role)s, operators = %(operators)s, password_hash = %(password_hash)s, version = %(version)s,
    seal = %(seal)s,
    disabled_at = CASE WHEN %(disabled)s THEN coalesce(disabled_at, clock_timestamp()) END
WHERE name = %(name)s
"""
_END_SESSIONS = """
UPDATE access.session SET ended_at = clock_timestamp() WHERE person = %s AND ended_at IS NULL
"""
_SIGNED_IN = "UPDATE access.person SET signed_in_at = clock_timestamp() WHERE name = %s"
_END_DEVELOPERS = """
UPDATE access.session SET ended_at = clock_timestamp()
WHERE ended_at IS NULL
    AND person IN (SELECT name FROM access.person WHERE password_hash IS NULL AND issuer IS NULL)
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account; `issuer` is None for one with a password of ours."""

    name: str
    role: str
    operators: list[str]
    issuer: str | None
    created_at: datetime
    signed_in_at: datetime | None
    disabled_at: datetime | None


def add(cursor: Cursor[TupleRow], name: str, role: Duty, operators: Sequence[str], password_hash: str) -> Person:
    """A new person with a password; raises AccessRefused where the name is taken or cannot be used."""
    kept = checked_person(name)
    whose = checked_operators(role, operators)
    person = SealedPerson(kept, folded_name(kept), str(role), whose, password_hash, None, None, False, 1, None)
    try:
        _insert(cursor, person)
    except UniqueViolation:
        raise AccessRefused(
            f"name: a user {kept!r} is there already, in these or other capitals; `wattledger user list` shows it"
        ) from None
    return _present(cursor, kept)


def everybody(cursor: Cursor[TupleRow]) -> list[Person]:
    """All people, by name."""
    with cursor.connection.cursor(row_factory=class_row(Person)) as rows:
        return rows.execute(_LIST).fetchall()


def find(cursor: Cursor[TupleRow], name: str) -> Person | None:
    """The person of that name, whatever its capitals."""
    if not _can_be_kept(name):
        return None
    with cursor.connection.cursor(row_factory=class_row(Person)) as rows:
        return rows.execute(_FIND, (folded_name(name),)).fetchone()


def disable(cursor: Cursor[TupleRow], name: str) -> Person:
    """End a person's account and sessions; what was done under the name stays. Raises AccessRefused for nobody's."""
    kept = _change(cursor, _known(cursor, name), disabled=True)
    cursor.execute(_END_SESSIONS, (kept,))
    return _present(cursor, kept)


def enable(cursor: Cursor[TupleRow], name: str) -> Person:
    """Let a person in again that was disabled; raises AccessRefused for nobody's name."""
    return _present(cursor, _change(cursor, _known(cursor, name), disabled=False))


def set_password(cursor: Cursor[TupleRow], name: str, password_hash: str) -> Person:
    """A new password, which ends all sessions; raises AccessRefused for nobody's name and for an issuer's people."""
    kept = _change(cursor, _known(cursor, name, with_password=True), password_hash=password_hash)
    cursor.execute(_END_SESSIONS, (kept,))
    return _present(cursor, kept)


def password_of(cursor: Cursor[TupleRow], name: str) -> tuple[str, str] | None:
    """Name and hash of who may sign in by a password under this name, whatever its capitals."""
    row = cursor.execute(_READ, (folded_name(name),)).fetchone() if _can_be_kept(name) else None
    person = SealedPerson(*row) if row else None
    if person is None or person.disabled or person.password_hash is None or not is_believed(cursor, person):
        return None
    return person.name, person.password_hash


def is_believed(cursor: Cursor[TupleRow], person: SealedPerson) -> bool:
    """Whether a person's row is as it was sealed; one that is not is told of in the log."""
    believed = seals_of(cursor).believes_person(person)
    if not believed:
        _log.warning("user %r is let in by nothing: the row %s", person.name, not_as_sealed(person.seal))
    return believed


def note_sign_in(cursor: Cursor[TupleRow], name: str) -> None:
    """When a person signed in last."""
    cursor.execute(_SIGNED_IN, (name,))


def rehash(cursor: Cursor[TupleRow], name: str, password_hash: str) -> None:
    """The same password, kept with the effort that is asked now."""
    _change(cursor, _known(cursor, name, with_password=True), password_hash=password_hash)


def from_issuer(
    cursor: Cursor[TupleRow], issuer: str, subject: str, name: str, role: Duty, operators: Sequence[str]
) -> str:
    """The name of the person whom an issuer knows as `subject`, who has this role from now on.

    Who comes for the first time gets the name that is given. Raises AccessRefused where somebody else has it, and for
    who was disabled.
    """
    operators = checked_operators(role, operators)
    row = cursor.execute(_OF_SUBJECT, (issuer, subject)).fetchone()
    if row is not None:
        known = SealedPerson(*row)
        if known.disabled:
            raise AccessRefused(f"name: user {known.name!r} is disabled; ask who manages users here")
        return _change(cursor, known, role=str(role), operators=operators)
    kept = checked_person(name)
    try:
        _insert(
            cursor,
            SealedPerson(kept, folded_name(kept), str(role), operators, None, issuer, subject, False, 1, None),
        )
    except UniqueViolation:
        raise AccessRefused(
            f"name: somebody else is called {kept!r} here, so that what you did could be taken for theirs; have your "
            "name changed where you sign in, and sign in again"
        ) from None
    return kept


def developer(cursor: Cursor[TupleRow], name: str, role: Duty, operators: Sequence[str]) -> str:
    """Somebody without a password, for a development server's buttons."""
    operators = checked_operators(role, operators)
    person = SealedPerson(name, name, str(role), operators, None, None, None, False, 1, None)
    if _insert(cursor, person, unless_there=True):
        return name
    return _change(cursor, _known(cursor, name), operators=operators, disabled=False)


def end_developers(cursor: Cursor[TupleRow]) -> None:
    """End all sessions of people that only a development server's buttons let in."""
    cursor.execute(_END_DEVELOPERS)


def _insert(cursor: Cursor[TupleRow], person: SealedPerson, *, unless_there: bool = False) -> bool:
    sealed = person._replace(seal=seals_of(cursor).of_person(person))
    row = (*sealed[:7], sealed.version, sealed.seal)
    return cursor.execute(_ADD_UNLESS_THERE if unless_there else _ADD, row).rowcount == 1


def _known(cursor: Cursor[TupleRow], name: str, *, with_password: bool = False) -> SealedPerson:
    """The person of that name, whatever its capitals, for a change; raises AccessRefused where there is none."""
    row = cursor.execute(_OF_NAME, (folded_name(name),)).fetchone() if _can_be_kept(name) else None
    person = SealedPerson(*row) if row else None
    if person is None or (with_password and person.password_hash is None):
        what = "with a password of ours " if with_password else ""
        raise AccessRefused(f"name: no user {name[:NAME_MAX]!r} {what}is known; see `wattledger user list`")
    return person


def _change(cursor: Cursor[TupleRow], person: SealedPerson, **changes: Any) -> str:
    """Seal a person as she is from now on; raises AccessRefused for a row that was not sealed as it is."""
    if not is_believed(cursor, person):
        raise AccessRefused(f"name: user {person.name!r} {not_as_sealed(person.seal)}")
    changed = person._replace(**changes)
    if changed != person:
        newer = changed._replace(version=person.version + 1)
        cursor.execute(_CHANGE, newer._replace(seal=seals_of(cursor).of_person(newer))._asdict())
    return person.name


def _can_be_kept(name: str) -> bool:
    """Whether somebody could have this name; asked before PostgreSQL is, which refuses what is no text to it."""
    return len(name) <= NAME_MAX and name.isprintable()


def _present(cursor: Cursor[TupleRow], name: str) -> Person:
    found = find(cursor, name)
    assert found is not None
    return found
