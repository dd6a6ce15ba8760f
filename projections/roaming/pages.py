"""Pages of the objects that one partner sees, oldest first by creation (OCPI 2.2.1, § Pagination)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.roaming.objects import EVERYBODY, OWN_ALONE

_WAIT = "SELECT roaming.settle()"
# Conditions stand there only where they are asked for: of what is one party's the index has a page and its number as
# they are. What is there for one partner takes the place of what is there for everybody.
_OF_ONE: LiteralString = "module = %(module)s AND partner = %(partner)s"
_OF_SOME: LiteralString = "module = %(module)s AND partner = ANY(%(partners)s)"
_NOT_OWN: LiteralString = """
(partner <> '' OR NOT EXISTS (
    SELECT FROM roaming.object AS own
    WHERE own.module = %(module)s AND own.partner = %(partner)s
      AND (own.operator_id, own.object_id) = (object.operator_id, object.object_id)
))
"""
_FILTERS: tuple[tuple[str, LiteralString], ...] = (
    ("operators", "operator_id = ANY(%(operators)s)"),
    ("date_from", "last_updated >= %(date_from)s"),
    ("date_to", "last_updated < %(date_to)s"),
)
_COUNT: LiteralString = "SELECT count(*) FROM roaming.object WHERE"
_KEYS: LiteralString = "SELECT module, partner, created FROM roaming.object WHERE"
# The keys of a page come from the index alone; documents are looked up of that page only.
_PAGE: LiteralString = """
SELECT convert_from(CASE WHEN %(newer)s THEN coalesce(document_2_3_0, document) ELSE document END, 'UTF8')
FROM ({keys} {seen} ORDER BY created LIMIT %(limit)s OFFSET %(offset)s) AS page
JOIN roaming.object USING (module, partner, created)
ORDER BY created
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which objects of a module: seen by which partner, of which operators of ours (None: all), when they changed.

    Sessions and CDRs are those of `parties`: the partner itself, and of a hub those behind it. `newer` asks for the
    documents of 2.3.0. `date_from` is inclusive, `date_to` exclusive; `offset` and `limit` are positions in the order
    of creation.
    """

    module: str
    partner: str
    parties: Sequence[str]
    operators: Sequence[str] | None
    date_from: datetime | None
    date_to: datetime | None
    offset: int
    limit: int
    newer: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Objects as JSON, and how many there are of the same filters."""

    objects: tuple[str, ...]
    total: int


def wait_until_settled(cursor: Cursor[TupleRow]) -> None:
    """Wait for who makes objects visible: a snapshot that begins behind this has all whose moment is over."""
    cursor.execute(_WAIT)


def page(cursor: Cursor[TupleRow], wanted: Wanted) -> Page:
    """A page, and the total; both of one snapshot."""
    is_own = wanted.module in OWN_ALONE
    parties = list(wanted.parties) if is_own else [EVERYBODY, wanted.partner]
    given = {
        "module": wanted.module,
        "partner": parties[0] if len(parties) == 1 else wanted.partner,
        "partners": parties,
        "operators": None if wanted.operators is None else list(wanted.operators),
        "date_from": wanted.date_from,
        "date_to": wanted.date_to,
        "newer": wanted.newer,
        "offset": wanted.offset,
        "limit": wanted.limit,
    }
    conditions: list[LiteralString] = [_OF_ONE if len(parties) == 1 else _OF_SOME]
    conditions += [condition for name, condition in _FILTERS if given[name] is not None]
    conditions += [] if is_own else [_NOT_OWN]
    seen: LiteralString = " AND ".join(conditions)
    row = cursor.execute(f"{_COUNT} {seen}", given).fetchone()
    assert row is not None
    total: int = row[0]
    if wanted.offset >= total:
        return Page((), total)
    query: LiteralString = _PAGE.format(keys=_KEYS, seen=seen)
    return Page(tuple(text for (text,) in cursor.execute(query, given)), total)


# One object, of whichever operator, as a partner sees it.
_ONE: LiteralString = """
SELECT convert_from(CASE WHEN %(newer)s THEN coalesce(document_2_3_0, document) ELSE document END, 'UTF8')
FROM roaming.object
WHERE module = %(module)s AND partner = ANY(%(partners)s) AND object_id = %(object_id)s
  AND (%(operators)s::text[] IS NULL OR operator_id = ANY(%(operators)s))
ORDER BY operator_id, partner DESC
LIMIT 1
"""


def one(
    cursor: Cursor[TupleRow], module: str, partner: str, operators: Sequence[str] | None, id_: str, *, newer: bool
) -> str | None:
    """An object as JSON, where the partner sees it; of two operators' with one id that of the first."""
    given = {
        "module": module,
        "partners": [EVERYBODY, partner],
        "object_id": id_.casefold(),
        "operators": None if operators is None else list(operators),
        "newer": newer,
    }
    row = cursor.execute(_ONE, given).fetchone()
    return str(row[0]) if row is not None else None


_IS_OWN: LiteralString = """
SELECT EXISTS (
    SELECT FROM roaming.object
    WHERE module = %(module)s AND partner = ANY(%(parties)s) AND object_id = %(object_id)s
      AND (%(operators)s::text[] IS NULL OR operator_id = ANY(%(operators)s))
)
"""


def is_own(
    cursor: Cursor[TupleRow], module: str, parties: Sequence[str], operators: Sequence[str] | None, id_: str
) -> bool:
    """Whether one of these parties has an object of this id of its own."""
    given = {
        "module": module,
        "parties": list(parties),
        "object_id": id_.casefold(),
        "operators": None if operators is None else list(operators),
    }
    return cursor.execute(_IS_OWN, given).fetchone() == (True,)
