"""The signs of life of EVSEs, a row for each EVSE and day of UTC: its silences, and numbers that never came.

What is later than all that was heard of an EVSE is added to its day by what the EVSE's row says of before. What comes
late is put in its place in its day, whose silences are found anew; days after it only where that changes what was
before them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.network.contacts import Before, Contact, Day, day_of_contacts, together
from ledger.arrays import array
from projections.network.contact_days import DAY_US, before_of, packed, unpacked

# Behind what is stored of the day.
_ADD = """
INSERT INTO projection.evse_contact_row AS kept (
    generation, operator_id, evse_key, day, contacts, before, after, silences, missing)
SELECT %s, operator_id, evse_key, day, contacts, before::bigint[], after::bigint[], silences::bigint[],
       missing::bigint[]
FROM unnest(%s::text[], %s::text[], %s::int[], %b::bytea[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS added (operator_id, evse_key, day, contacts, before, after, silences, missing)
ON CONFLICT (generation, operator_id, evse_key, day) DO UPDATE
SET (contacts, after, silences, missing)
  = (kept.contacts || excluded.contacts, excluded.after, kept.silences || excluded.silences,
     kept.missing || excluded.missing)
"""
# In place of what is stored of the day.
_REPLACE = (
    _ADD.partition("SET (")[0]
    + """
SET (contacts, before, after, silences, missing)
  = (excluded.contacts, excluded.before, excluded.after, excluded.silences, excluded.missing)
"""
)
# Days with what follows from the nearest day before each, and what the nearest day after each was told of before.
_LOOK = """
SELECT wanted.operator_id, wanted.evse_key, wanted.day, own.contacts, earlier.day, earlier.after, later.day,
       later.before
FROM unnest(%(operators)s::text[], %(keys)s::text[], %(days)s::int[]) AS wanted (operator_id, evse_key, day)
LEFT JOIN projection.evse_contact_row AS own
  ON own.generation = %(generation)s
 AND (own.operator_id, own.evse_key, own.day) = (wanted.operator_id, wanted.evse_key, wanted.day)
LEFT JOIN LATERAL (
    SELECT day, after FROM projection.evse_contact_row AS kept
    WHERE kept.generation = %(generation)s AND kept.operator_id = wanted.operator_id
      AND kept.evse_key = wanted.evse_key AND kept.day < wanted.day
    ORDER BY day DESC LIMIT 1
) AS earlier ON true
LEFT JOIN LATERAL (
    SELECT day, before FROM projection.evse_contact_row AS kept
    WHERE kept.generation = %(generation)s AND kept.operator_id = wanted.operator_id
      AND kept.evse_key = wanted.evse_key AND kept.day > wanted.day
    ORDER BY day LIMIT 1
) AS later ON true
ORDER BY 1, 2, 3
"""

Key = tuple[str, str]
_Days = Mapping[tuple[str, str, int], Sequence[Contact]]


class _Row(NamedTuple):
    """A day as it is stored."""

    key: Key
    day: int
    contacts: Sequence[Contact]
    before: Before
    found: Day


def add_contacts(
    cursor: Cursor[TupleRow],
    generation: int,
    after_of: Mapping[Key, Before],
    heard: Mapping[Key, Iterable[Contact]],
) -> dict[Key, Before]:
    """Store signs of life of EVSEs; what is known behind the last of each, by what was known before."""
    rows: list[_Row] = []
    late: dict[tuple[str, str, int], list[Contact]] = {}
    found: dict[Key, Before] = {}
    for key in sorted(heard):
        contacts = together(heard[key])
        if not contacts:
            continue
        after, last = after_of[key], after_of[key].last
        if last is not None and contacts[0][0] <= last:
            late |= {(*key, day): part for day, part in _by_day(contacts).items()}
            continue
        for day, part in _by_day(contacts).items():
            rows.append(_Row(key, day, part, after, day_of_contacts(after, part)))
            after = rows[-1].found.after
        found[key] = after
    _write(cursor, generation, _ADD, rows)
    while late:
        late = _put_in_place(cursor, generation, late, found)
    return found


def _by_day(contacts: Iterable[Contact]) -> dict[int, list[Contact]]:
    """Signs of life in order, by their days in order."""
    days: defaultdict[int, list[Contact]] = defaultdict(list)
    for contact in contacts:
        days[contact[0] // DAY_US].append(contact)
    return days


def _put_in_place(
    cursor: Cursor[TupleRow], generation: int, days: _Days, found: dict[Key, Before]
) -> dict[tuple[str, str, int], list[Contact]]:
    """Put signs of life into these days; the days after them of which what was before is another now."""
    operators, keys, numbers = ([place[part] for place in days] for part in range(3))
    named = {"operators": array(operators), "keys": array(keys), "days": array(numbers), "generation": generation}
    rows: list[_Row] = []
    following: dict[tuple[str, str, int], list[Contact]] = {}
    last: _Row | None = None
    looked = cursor.execute(_LOOK, named, binary=True).fetchall()
    for operator_id, evse_key, day, stored, earlier, after, later, later_before in looked:
        key = operator_id, evse_key
        before = before_of(after) if after is not None else Before()
        if last is not None and last.key == key and (earlier is None or last.day >= earlier):
            before = last.found.after
        known = unpacked(day, stored) if stored is not None else []
        contacts = together([*known, *days[operator_id, evse_key, day]])
        last = _Row(key, day, contacts, before, day_of_contacts(before, contacts))
        rows.append(last)
        if later is None:
            found[key] = last.found.after
        elif before_of(later_before) != last.found.after:
            following[operator_id, evse_key, later] = []
    _write(cursor, generation, _REPLACE, rows)
    for row in rows:
        # Those that were looked at with it have taken it into account already.
        following.pop((*row.key, row.day), None)
    return following


def _write(cursor: Cursor[TupleRow], generation: int, statement: str, rows: Sequence[_Row]) -> None:
    if not rows:
        return
    operators, keys = zip(*(row.key for row in rows), strict=True)
    cursor.execute(
        statement.encode(),
        (
            generation,
            array(operators),
            array(keys),
            array([row.day for row in rows]),
            [packed(row.day, row.contacts) for row in rows],
            array([_numbers(row.before) for row in rows]),
            array([_numbers(row.found.after) for row in rows]),
            array([_flat(row.found.silences) for row in rows]),
            array([_flat(row.found.missing) for row in rows]),
        ),
    )


def _numbers(values: Iterable[int | None]) -> str:
    """An array as PostgreSQL reads it."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def _flat(rows: Iterable[Iterable[Any]]) -> str:
    return _numbers(value for row in rows for value in row)
