"""What a role may write, column by column: each is changed in a copy of a store, and somebody has to notice.

A `Walk` is data: a role, and of some tables by which checks of `verify` their changes are found. All else is read
from the system catalogue: a table or column that is new is tried like all others.

Where the role may change a column, the role itself does. Where it may only insert, the row is changed by somebody
with every right, as if the role had written it so in the first place. A row is added, and one taken away where
the role may do that.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from ledger.audit import AuditReport
from tests.audit.forgery import unguarded

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "security.md"
ADDED, GONE = "a row more", "a row less"
# Of a table of which no row decides anything.
ANY = "any row"

_RIGHTS = """
SELECT nspname || '.' || relname, attname, format_type(atttypid, atttypmod),
       has_column_privilege(%(role)s, pg_class.oid, attnum, 'INSERT'),
       has_column_privilege(%(role)s, pg_class.oid, attnum, 'UPDATE'),
       has_table_privilege(%(role)s, pg_class.oid, 'DELETE'),
       coalesce(array_position(indkey::int2[], attnum), -1)
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
LEFT JOIN pg_index ON indrelid = pg_class.oid AND indisprimary
WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped AND nspname !~ '^pg_'
ORDER BY 1, attnum
"""
# Another value of each type, whatever it was; of bytes, which are JSON or else a hash, a key or a signature, that of
# their first text.
_OTHER = {
    "text": "coalesce({0}, '') || 'X'",
    "timestamp(3) with time zone": "coalesce({0}, '2026-03-05') + interval '1 day'",
    "uuid": "md5(coalesce({0}::text, ''))::uuid",
    "smallint": "mod({0} + 77, 200)",
    "integer": "coalesce({0}, 0) + 1000",
    "bigint": "coalesce({0}, 0) + 1000",
    "numeric": "coalesce({0}, 0) + 1000",
    "boolean": "coalesce(NOT {0}, true)",
    "date": "coalesce({0} + 1, '2026-03-05')",
    "timestamp with time zone": (
        "CASE WHEN {0} < '9000-01-01' THEN {0} + interval '1 day 7 seconds' ELSE '2026-03-05 01:07Z'::timestamptz END"
    ),
    "double precision": "coalesce({0}, 0) + 1",
    "jsonb": """'[["a", "Yg=="]]'""",
    "text[]": "array_append({0}, 'X')",
    "bigint[]": "CASE WHEN {0} = '{{}}' THEN '{{{{1, 1}}}}'::bigint[] ELSE '{{}}' END",
    "bytea": (
        "CASE WHEN octet_length({0}) IN (32, 64) THEN set_byte({0}, 0, 255 - get_byte({0}, 0)) ELSE "
        r"""convert_to(regexp_replace(coalesce(convert_from({0}, 'LATIN1'), ''), '": ?"|$', '\&X'), 'LATIN1') END"""
    ),
}
_HARMLESS = re.compile(r"^\| `([a-z_]+\.[a-z_]+)`: ([^|]+) \| [^|]+ \|$", re.MULTILINE)


class Column(NamedTuple):
    """A column, and what a role may do to it; `key` is its place in the primary key, from 0, or -1."""

    name: str
    type: str
    may_insert: bool
    may_update: bool
    may_delete: bool
    key: int


class Attack(NamedTuple):
    """What is changed of a table: a column, or ADDED, or GONE."""

    table: str
    what: str


@dataclass(slots=True)
class Walk:
    """A walk as `role`; of some tables the checks that find changes of them, by name.

    A finding of such a check counts if it says a value of the row's key or of the columns in `known_by`; one of any
    check that names the table first, if it says the whole key.
    """

    role: str
    found_by: Mapping[str, Sequence[str]]
    known_by: Mapping[str, Sequence[str]] = field(default_factory=dict)
    # Tables of which a finding knows a row by something made of its key instead.
    named: Mapping[str, Callable[..., str]] = field(default_factory=dict)
    # Tables that one check compares with each other: they are not changed in one copy.
    apart: Sequence[frozenset[str]] = ()


@dataclass(slots=True)
class Outcome:
    """What became of each attack."""

    refused: set[Attack] = field(default_factory=set)
    found: set[Attack] = field(default_factory=set)
    missed: set[Attack] = field(default_factory=set)


def may_write(connection: psycopg.Connection[Any], role: str) -> dict[str, list[Column]]:
    """Every table of which a role may write something, with all its columns."""
    found: dict[str, list[Column]] = defaultdict(list)
    for table, *column in connection.execute(_RIGHTS, {"role": role}):
        found[table].append(Column(*column))
    return {
        table: columns
        for table, columns in found.items()
        if any(each.may_insert or each.may_update or each.may_delete for each in columns)
    }


def attacks_on(table: str, columns: Sequence[Column]) -> list[Attack]:
    """All that is tried on a table."""
    found = [Attack(table, each.name) for each in columns if each.may_insert or each.may_update]
    if any(each.may_insert for each in columns):
        found.append(Attack(table, ADDED))
    if columns[0].may_delete:
        found.append(Attack(table, GONE))
    return found


def harmless() -> set[Attack]:
    """What the page says does no harm."""
    return {
        Attack(table, what.strip("` "))
        for table, names in _HARMLESS.findall(PAGE.read_text(encoding="utf-8"))
        for what in names.split(",")
    }


class Changed(NamedTuple):
    """What was done in a copy: the row's keys before and after, and what else a finding may know it by."""

    attack: Attack
    keys: frozenset[tuple[str, ...]] = frozenset()
    told: frozenset[str] = frozenset()


class Attacker:
    """Does attacks in a copy of a store, each on a row of its own; what is left waits for the next copy."""

    def __init__(self, walk: Walk, tables: Mapping[str, list[Column]]) -> None:
        self._walk = walk
        self._tables = tables
        self.waiting = [attack for table, columns in tables.items() for attack in attacks_on(table, columns)]
        self.outcome = Outcome()

    def attack(self, dsn: str) -> list[Changed]:
        """Do what can be done on rows that nothing else was done to."""
        done: list[Changed] = []
        later: list[Attack] = []
        used: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
        with psycopg.connect(dsn) as connection, ExitStack() as stack:
            # A change of a key may be found before the end; what holds for rows alone is not asked of the whole.
            connection.execute("SET TimeZone = 'UTC'")
            stack.enter_context(unguarded(connection, *self._tables))
            for attack in self.waiting:
                if any(
                    attack.table in group and used.keys() & (group - {attack.table}) for group in self._walk.apart
                ):
                    later.append(attack)
                    continue
                changed = self._one(connection, attack, used[attack.table])
                if changed is None:
                    later.append(attack)
                elif changed.keys:
                    done.append(changed)
                else:
                    self.outcome.refused.add(attack)
        assert len(later) < len(self.waiting), f"nothing can be done of {later}: the store has no rows for it"
        self.waiting = later
        return done

    def judge(self, done: Sequence[Changed], report: AuditReport) -> None:
        """Which of what was done the audit found."""
        texts = list(_texts(report))
        for attack, keys, told in done:
            checks = self._walk.found_by.get(attack.table, ())
            named = self._walk.named.get(attack.table)
            parts = {named(*key) for key in keys} if named else told.union(*keys)
            is_found = any(
                (check in checks and any(_stands_in(part, text) for part in parts))
                or (
                    text.startswith(f"{attack.table} ") and any(all(_stands_in(p, text) for p in key) for key in keys)
                )
                for check, text in texts
            )
            (self.outcome.found if is_found else self.outcome.missed).add(attack)

    def _one(self, connection: psycopg.Connection[Any], attack: Attack, used: set[tuple[Any, ...]]) -> Changed | None:
        """Do it; None where no row is left, and without texts where it is refused."""
        table, columns = attack.table, self._tables[attack.table]
        key = [each.name for each in sorted(columns, key=lambda each: each.key) if each.key >= 0]
        row = self._row(connection, attack, key, used)
        if row is None and attack.what != ADDED:
            count = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            # An empty table: what can be written there is what is added to it.
            return Changed(attack) if count == (0,) else None
        statement, parameters, as_role = _statement(attack, columns, key, row)
        try:
            with connection.transaction():
                if as_role:
                    connection.execute(f"SET LOCAL ROLE {self._walk.role}".encode())
                after = connection.execute(statement.encode(), parameters).fetchone()
                connection.execute("RESET ROLE")
        except (psycopg.errors.IntegrityError, psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException):
            return Changed(attack)
        assert after is not None, (attack, statement)
        used.update(each for each in (row, after[: len(key)]) if each is not None)
        names = self._walk.known_by.get(table, ())
        told = (
            connection.execute(
                f"SELECT {', '.join(names) or '1'} FROM {table} WHERE {_where(key)}".encode(), after[: len(key)]
            ).fetchone()
            if names
            else None
        )
        keys = frozenset(tuple(map(str, each)) for each in (row, after) if each is not None)
        return Changed(attack, keys, frozenset(str(each) for each in told or () if each is not None))

    def _row(
        self, connection: psycopg.Connection[Any], attack: Attack, key: list[str], used: set[tuple[Any, ...]]
    ) -> tuple[Any, ...] | None:
        """The key of a row to change that was not used: one that has a value, where any has."""
        of = attack.what if attack.what not in (ADDED, GONE) else key[0]
        rows = connection.execute(
            f"SELECT {', '.join(key)} FROM {attack.table} "
            f"ORDER BY {of} IS NULL, md5(concat_ws(' ', '{attack.table}', {', '.join(key)})) LIMIT 60".encode()
        )
        return next((row for row in rows if row not in used), None)


def _stands_in(part: str, text: str) -> bool:
    """Whether it stands there by itself, and not as a part of a longer number or word."""
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) is not None


def _where(key: Sequence[str]) -> str:
    return " AND ".join(f"{name} = %s" for name in key)


def _statement(
    attack: Attack, columns: Sequence[Column], key: Sequence[str], row: tuple[Any, ...] | None
) -> tuple[str, tuple[Any, ...], bool]:
    """A statement that gives the row's key, whether it is for the role."""
    table, by_name = attack.table, {each.name: each for each in columns}
    if attack.what == GONE:
        return f"DELETE FROM {table} WHERE {_where(key)} RETURNING {', '.join(key)}", row or (), True
    if attack.what == ADDED:
        mine = [each for each in columns if each.may_insert]
        values = [_OTHER[each.type].format(each.name) if each.name == key[-1] else each.name for each in mine]
        into = f"INSERT INTO {table} ({', '.join(each.name for each in mine)})"
        if row is not None:
            given = f"SELECT {', '.join(values)} FROM {table} WHERE {_where(key)}"
            return f"{into} {given} RETURNING {', '.join(key)}", row, True
        made = [_OTHER[each.type].format(f"NULL::{each.type}") for each in mine]
        return f"{into} VALUES ({', '.join(made)}) RETURNING {', '.join(key)}", (), True
    column = by_name[attack.what]
    other = _OTHER[column.type].format(column.name)
    statement = f"UPDATE {table} SET {column.name} = {other} WHERE {_where(key)} RETURNING {', '.join(key)}"
    return statement, row or (), column.may_update


def _texts(report: AuditReport) -> Iterator[tuple[str, str]]:
    for check in report.checks:
        for found in check.findings:
            yield check.name, f"{found.where} {found.sentence} {found.expected} {found.actual}"
