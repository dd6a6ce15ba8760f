"""OCPI objects as they are stored for partners: a new state is made visible now, the same one stays as it is."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import utc_text
from ledger.events.codec import dump
from ledger.locks import Lock, hold
from projections.roaming.deliveries import await_answers
from projections.roaming.marks import Changed, mark
from projections.roaming.parts import stamped, statuses_alone, with_moments_of

EVERYBODY = ""
# Modules whose newest state is sent to partners, and those of which every object is one party's.
PUSHED = ("tariffs", "locations", "sessions")
OWN_ALONE = ("cdrs", "sessions")
# Who sees an object, its operator, and its id, folded since ids compare without case (OCPI types, CiString).
Key: TypeAlias = tuple[str, str, str]

# Behind the lock, so that moments grow as transactions follow each other, whatever the clock does meanwhile. Never
# before the clock: who asks by it, between the two, would not see what comes, and never again.
_MOMENT = """
INSERT INTO roaming.moment AS known (module, at)
VALUES (%s, date_trunc('milliseconds', clock_timestamp() + interval '999 microseconds'))
ON CONFLICT (module) DO UPDATE SET at = greatest(excluded.at, known.at + interval '1 millisecond')
RETURNING at
"""
_KNOWN = """
SELECT object.partner, object.operator_id, object.object_id, object.digest,
       CASE WHEN %s THEN coalesce(object.document_2_3_0, object.document) END
FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (partner, operator_id, object_id)
JOIN roaming.object ON (object.module, object.partner, object.operator_id, object.object_id)
    = (%s, asked.partner, asked.operator_id, asked.object_id)
"""
_STORED = """
SELECT object.partner, object.operator_id, object.object_id, object.last_updated, object.digest, object.document,
       object.document_2_3_0
FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (partner, operator_id, object_id)
JOIN roaming.object ON (object.module, object.partner, object.operator_id, object.object_id)
    = (%s, asked.partner, asked.operator_id, asked.object_id)
"""
# Where everybody's objects are, in whose place a partner will have its own: pages that somebody walks have all
# others where they were.
_PLACES = """
SELECT object.operator_id, object.object_id, object.created
FROM unnest(%s::text[], %s::text[]) AS asked (operator_id, object_id)
JOIN roaming.object ON (object.module, object.partner, object.operator_id, object.object_id)
    = (%s, '', asked.operator_id, asked.object_id)
"""
_PUT = """
INSERT INTO roaming.object
    (module, partner, operator_id, object_id, created, last_updated, digest, document, document_2_3_0)
OVERRIDING SYSTEM VALUE
VALUES (%(module)s, %(partner)s, %(operator_id)s, %(object_id)s,
        coalesce(%(place)s, nextval('roaming.object_created_seq')),
        %(at)s, %(digest)s, %(document)s, %(document_2_3_0)s)
ON CONFLICT (module, partner, operator_id, object_id) DO UPDATE
SET last_updated = excluded.last_updated, digest = excluded.digest, document = excluded.document,
    document_2_3_0 = excluded.document_2_3_0
"""

# What there is of some operators, visible, withheld or withdrawn.
_OF_OPERATORS = """
SELECT partner, operator_id, object_id FROM roaming.object
WHERE module = %(module)s AND operator_id = ANY(%(operators)s)
UNION
SELECT partner, operator_id, object_id FROM roaming.withheld
WHERE module = %(module)s AND operator_id = ANY(%(operators)s)
UNION
SELECT partner, operator_id, object_id FROM roaming.withdrawn
WHERE module = %(module)s AND operator_id = ANY(%(operators)s)
"""
_ALL_OPERATORS = """
SELECT operator_id FROM roaming.object WHERE module = %(module)s
UNION SELECT operator_id FROM roaming.withheld WHERE module = %(module)s
UNION SELECT operator_id FROM roaming.withdrawn WHERE module = %(module)s
"""
# What an object was is kept, since who is told that it is no more has to name it.
_WITHDRAW = """
WITH gone AS (
    DELETE FROM roaming.object
    USING unnest(%s::text[], %s::text[], %s::text[]) AS named (partner, operator_id, object_id)
    WHERE object.module = %s AND (object.partner, object.operator_id, object.object_id)
        = (named.partner, named.operator_id, named.object_id)
    RETURNING object.module, object.partner, object.operator_id, object.object_id, object.document
)
INSERT INTO roaming.withdrawn (module, partner, operator_id, object_id, document) SELECT * FROM gone
ON CONFLICT (module, partner, operator_id, object_id) DO UPDATE
SET document = excluded.document, at = clock_timestamp()
RETURNING partner, operator_id, object_id
"""
_BACK_AGAIN = """
DELETE FROM roaming.withdrawn
USING unnest(%s::text[], %s::text[], %s::text[]) AS seen (partner, operator_id, object_id)
WHERE module = %s AND (withdrawn.partner, withdrawn.operator_id, withdrawn.object_id)
    = (seen.partner, seen.operator_id, seen.object_id)
"""
_WITHHOLD = """
INSERT INTO roaming.withheld AS known (module, partner, operator_id, object_id, reason) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (module, partner, operator_id, object_id) DO UPDATE
SET reason = excluded.reason, since = clock_timestamp() WHERE known.reason <> excluded.reason
"""
_WITHHELD = """
SELECT module, operator_id, object_id, partner, since, reason
FROM roaming.withheld ORDER BY operator_id, module, object_id
"""
_NO_MORE_WITHHELD = """
DELETE FROM roaming.withheld AS known
USING unnest(%s::text[], %s::text[]) AS seen (operator_id, object_id)
WHERE known.module = %s AND (known.operator_id, known.object_id) = (seen.operator_id, seen.object_id)
"""


@dataclass(frozen=True, slots=True)
class Withheld:
    """An object that is not sent, and the reason in words."""

    key: Key
    reason: str


@dataclass(frozen=True, slots=True)
class Made:
    """What comes of some objects: the seen, the withheld, those that are no more, and what the clock will change."""

    seen: "list[Seen]" = field(default_factory=list)
    withheld: list[Withheld] = field(default_factory=list)
    gone: list[Key] = field(default_factory=list)
    due: list[tuple[datetime, Key]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Seen:
    """An object and who sees it: `partner` is COUNTRY-PARTY in capitals, or EVERYBODY.

    The documents are those of 2.2.1 and of 2.3.0, None where that is the same; their `last_updated` is replaced.
    `parts` names lists within, each within the one before, whose members have a `last_updated` of their own.
    """

    partner: str
    operator_id: str
    object_id: str
    document: Mapping[str, Any]
    document_2_3_0: Mapping[str, Any] | None = None
    parts: tuple[str, ...] = ()

    @property
    def newest(self) -> Mapping[str, Any]:
        """The document in the newest version of OCPI."""
        return self.document if self.document_2_3_0 is None else self.document_2_3_0

    @property
    def key(self) -> Key:
        """Which object it is."""
        return (self.partner, self.operator_id, self.object_id.casefold())


def make_visible(cursor: Cursor[TupleRow], module: str, objects: Sequence[Seen], *, believed: bool = True) -> int:
    """Store objects in their order, each under the moment from which it is visible; how many are new or changed.

    Of two with one key the last one counts. What changed is marked for the connections that see it, a new CDR waits
    for its partner's answer. A stored document is `believed` to be that of its digest, or else read. Holds the lock
    of ROAMING to the end of the transaction.
    """
    latest = {each.key: each for each in objects}
    if not latest:
        return 0
    hold(cursor, Lock.ROAMING)
    partners, operators, ids = _columns(list(latest))
    known: dict[Key, bytes] = {}
    before: dict[Key, dict[str, Any]] = {}
    has_parts = any(each.parts for each in latest.values())
    for *key, digest, document in cursor.execute(_KNOWN, (has_parts, partners, operators, ids, module)):
        known[key[0], key[1], key[2]] = digest
        if document is not None:
            before[key[0], key[1], key[2]] = json.loads(document, parse_float=Decimal)
    digests = {key: _digest(each) for key, each in latest.items()}
    altered = set() if believed else {key for key, _ in altered_objects(cursor, module, list(latest.values()))}
    changed = [key for key in latest if known.get(key) != digests[key] or key in altered]
    if not changed:
        return 0
    row = cursor.execute(_MOMENT, (module,)).fetchone()
    assert row is not None
    at: datetime = row[0]
    places = _places(cursor, module, [key for key in changed if key not in known])
    cursor.executemany(
        _PUT,
        [
            {
                "module": module,
                "partner": key[0],
                "operator_id": key[1],
                "object_id": key[2],
                "place": places.get(key),
                "at": at,
                "digest": digests[key],
                **_written(latest[key], before.get(key), moment_text(at)),
            }
            for key in changed
        ],
    )
    if new := [key for key in changed if key not in known]:
        cursor.execute(_BACK_AGAIN, (*_columns(new), module))
    if module in PUSHED:
        told_of = [Changed(*key, parts=statuses_alone(latest[key].newest, before.get(key))) for key in changed]
        mark(cursor, module, told_of, own_alone=module in OWN_ALONE)
    if module == "cdrs":
        cdrs = {key: latest[key].document for key in changed}
        await_answers(cursor, [(*key, str(cdr["session_id"]), str(cdr["id"])) for key, cdr in cdrs.items()])
    return len(changed)


def altered_objects(
    cursor: Cursor[TupleRow], module: str, objects: Sequence[Seen]
) -> list[tuple[Key, tuple[str, ...]]]:
    """Of objects that have no parts, those whose rows are not what they make, each with the columns that differ.

    One that has no row is not among them; when an object became visible is believed.
    """
    latest = {each.key: each for each in objects if not each.parts}
    if not latest:
        return []
    found = []
    for *named, at, digest, document, newest in cursor.execute(_STORED, (*_columns(list(latest)), module)).fetchall():
        key = (named[0], named[1], named[2])
        made = {"digest": _digest(latest[key]), **_written(latest[key], None, moment_text(at))}
        kept = {"digest": digest, "document": document, "document_2_3_0": newest}
        if differ := tuple(name for name, value in made.items() if value != kept[name]):
            found.append((key, differ))
    return found


def withdraw(cursor: Cursor[TupleRow], module: str, keys: Sequence[Key]) -> int:
    """Make objects visible no more, and mark them for the connections that saw them; how many there were.

    Holds the lock of ROAMING to the end of the transaction.
    """
    if not keys:
        return 0
    hold(cursor, Lock.ROAMING)
    gone = cursor.execute(_WITHDRAW, (*_columns(keys), module)).fetchall()
    mark(cursor, module, [Changed(*key) for key in gone], own_alone=module in OWN_ALONE, gone=True)
    return len(gone)


def _places(cursor: Cursor[TupleRow], module: str, new: Sequence[Key]) -> dict[Key, int]:
    """Where new objects of single partners stand, which take the place of everybody's."""
    own = {key[1:] for key in new if key[0] != EVERYBODY} if module not in OWN_ALONE else set()
    if not own:
        return {}
    operators, ids = (list(column) for column in zip(*own, strict=True))
    found = {(row[0], row[1]): row[2] for row in cursor.execute(_PLACES, (operators, ids, module))}
    return {key: found[key[1:]] for key in new if key[0] != EVERYBODY and key[1:] in found}


def withhold(cursor: Cursor[TupleRow], module: str, made: Made) -> None:
    """Keep what is withheld and why, and forget it of what is seen."""
    still = {each.key[1:] for each in made.withheld}
    if keys := [key for key in (*(each.key for each in made.seen), *made.gone) if key[1:] not in still]:
        cursor.execute(_NO_MORE_WITHHELD, ([key[1] for key in keys], [key[2] for key in keys], module))
    if made.withheld:
        cursor.executemany(_WITHHOLD, [(module, *each.key, each.reason) for each in made.withheld])


def known_keys(cursor: Cursor[TupleRow], module: str, operator_ids: Iterable[str]) -> set[Key]:
    """The objects of a module that there are of some operators, seen, withheld or withdrawn."""
    wanted = list(operator_ids)
    if not wanted:
        return set()
    return {
        (row[0], row[1], row[2]) for row in cursor.execute(_OF_OPERATORS, {"module": module, "operators": wanted})
    }


def known_operators(cursor: Cursor[TupleRow], module: str) -> list[str]:
    """Whose objects there are of a module, whether they are seen or not."""
    return [operator_id for (operator_id,) in cursor.execute(_ALL_OPERATORS, {"module": module})]


def withheld(cursor: Cursor[TupleRow]) -> list[dict[str, Any]]:
    """What is withheld from partners, by operator, with the reason; `partner` is empty for what is everybody's."""
    rows = cursor.execute(_WITHHELD).fetchall()
    names = ("module", "operator_id", "object_id", "partner", "since", "reason")
    return [dict(zip(names, (*first, utc_text(since), reason), strict=True)) for *first, since, reason in rows]


def moment_text(at: datetime) -> str:
    """A moment as OCPI writes it, with milliseconds (types, DateTime: 25 characters at most)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1_000:03}Z"


def _columns(keys: Sequence[Key]) -> tuple[list[str], list[str], list[str]]:
    return [key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys]


def _written(each: Seen, before: Mapping[str, Any] | None, now: str) -> dict[str, bytes | None]:
    """Both documents with their moments; a part has in both that of its newest form."""
    told = {"last_updated": now}
    newest = stamped(each.newest, before, each.parts, now)
    if each.document_2_3_0 is None:
        return {"document": dump({**newest, **told}), "document_2_3_0": None}
    older = with_moments_of(each.document, newest, each.parts)
    return {"document": dump({**older, **told}), "document_2_3_0": dump({**newest, **told})}


def _digest(each: Seen) -> bytes:
    said = [{**document, "last_updated": ""} for document in (each.document, each.document_2_3_0) if document]
    return sha256(dump(said)).digest()
